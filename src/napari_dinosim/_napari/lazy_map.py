"""A similarity map at the image's resolution that holds nothing but the patch grid."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import DTypeLike, NDArray

    from napari_dinosim.states import PlaneIndex, SimilarityMap


class LazyMap:
    """An array that upsamples what is asked of it.

    Parameters
    ----------
    shape : tuple of int
        Shape of the image, leading axes first: (…, height, width).
    lookup : callable(plane index) -> SimilarityMap or None
        The map of a plane; pixels of a plane without one are NaN, which napari draws transparent.
    step : int
        Level of a pyramid: one value for ``step`` pixels along y and x.
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self, shape: tuple[int, ...], lookup: Callable[[PlaneIndex], SimilarityMap | None], step: int = 1
    ) -> None:
        *leading, height, width = shape
        self._full = height, width
        self._lookup = lookup
        self.shape = (*leading, -(-height // step), -(-width // step))
        self.ndim = len(shape)
        self.size = int(np.prod(self.shape))

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return self[...].astype(dtype or self.dtype, copy=False)

    def __getitem__(self, key: Any) -> NDArray[np.float32]:
        """Values at integers, slices, an ellipsis or index lists, one per axis, combined as numpy's ``ix_`` does."""
        picks = [np.arange(n)[part] for n, part in zip(self.shape, _complete(key, self.ndim), strict=True)]
        flat = [np.atleast_1d(pick) for pick in picks]
        ys, xs = (
            np.floor((index + 0.5) * (full / n)).astype(np.intp)  # the pixel under the centre of a level's pixel
            for index, full, n in zip(flat[-2:], self._full, self.shape[-2:], strict=True)
        )
        values = np.full([len(pick) for pick in flat], np.nan, dtype=np.float32)
        for place in itertools.product(*(range(len(pick)) for pick in flat[:-2])):
            found = self._lookup(tuple(int(pick[i]) for pick, i in zip(flat, place, strict=False)))
            if found is not None:
                values[place] = found.grid.upsample_at(found.values, ys, xs)
        return values.reshape([len(pick) for pick in picks if pick.ndim])


def _complete(key: Any, ndim: int) -> tuple[Any, ...]:
    """One part of the key per axis."""
    parts = key if isinstance(key, tuple) else (key,)
    if any(part is Ellipsis for part in parts):
        at = next(i for i, part in enumerate(parts) if part is Ellipsis)
        return (*parts[:at], *[slice(None)] * (ndim - len(parts) + 1), *parts[at + 1 :])
    return (*parts, *[slice(None)] * (ndim - len(parts)))
