"""A similarity map at the image's resolution that holds nothing but the patch grid."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dinosim.planes import LAST, others, plane_index

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import DTypeLike, NDArray

    from napari_dinosim.planes import Axes, PlaneIndex
    from napari_dinosim.states import SimilarityMap


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
    axes : callable() -> tuple of int, optional
        Axes of the planes that are looked up: those on screen; by default the last two.
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self,
        shape: tuple[int, ...],
        lookup: Callable[[PlaneIndex], SimilarityMap | None],
        step: int = 1,
        axes: Callable[[], Axes] = lambda: LAST,
    ) -> None:
        *leading, height, width = shape
        self._full = shape
        self._lookup, self._axes = lookup, axes
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
        pixels = [
            np.floor((np.atleast_1d(pick) + 0.5) * (full / n)).astype(np.intp)  # under the centre of a level's pixel
            for pick, full, n in zip(picks, self._full, self.shape, strict=True)
        ]
        axes = self._axes()
        beside = others(self.ndim, axes)
        values = np.full([len(part) for part in pixels], np.nan, dtype=np.float32)
        planes = np.moveaxis(values, [*beside, *axes], range(self.ndim))  # a view: the plane's axes come last
        for place in itertools.product(*(range(len(pixels[axis])) for axis in beside)):
            index = [int(pixels[axis][i]) for axis, i in zip(beside, place, strict=True)]
            found = self._lookup(plane_index(index, axes))
            if found is not None:
                planes[place] = found.grid.upsample_at(found.values, pixels[axes[0]], pixels[axes[1]])
        return values.reshape([len(part) for part, pick in zip(pixels, picks, strict=True) if pick.ndim])


def _complete(key: Any, ndim: int) -> tuple[Any, ...]:
    """One part of the key per axis."""
    parts = key if isinstance(key, tuple) else (key,)
    if any(part is Ellipsis for part in parts):
        at = next(i for i, part in enumerate(parts) if part is Ellipsis)
        return (*parts[:at], *[slice(None)] * (ndim - len(parts) + 1), *parts[at + 1 :])
    return (*parts, *[slice(None)] * (ndim - len(parts)))
