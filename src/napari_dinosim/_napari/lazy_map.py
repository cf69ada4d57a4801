"""A similarity map, or what else there is for each patch, at the image's resolution; kept as its patch grid only."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_dinosim.planes import LAST, others, plane_index

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels
    from numpy.typing import DTypeLike, NDArray

    from napari_dinosim.grid import PatchGrid
    from napari_dinosim.planes import Axes, PlaneIndex

SMALLEST_LEVEL = 1024
"""Longest side, in pixels, of the smallest level of a large map's pyramid."""

UNKNOWN = np.array(np.nan, dtype=np.float32)
"""Value of a pixel without a map, which napari draws transparent."""


class Gridded(Protocol):
    """Something for each patch: a similarity map, colours, labels."""

    def upsample_at(self, ys: NDArray[np.intp], xs: NDArray[np.intp]) -> NDArray[Any]:
        """Of shape (n, m, …), at n pixel rows and m pixel columns."""


@dataclass(frozen=True, slots=True, eq=False)
class PatchValues:
    """Something for each patch of one plane.

    Parameters
    ----------
    grid : PatchGrid
    values : ndarray of shape (rows, cols, …)
    """

    grid: PatchGrid
    values: NDArray[Any]

    def upsample_at(self, ys: NDArray[np.intp], xs: NDArray[np.intp]) -> NDArray[Any]:
        """Values at chosen pixel rows and columns, of shape (n, m, …)."""
        return self.grid.upsample_at(self.values, ys, xs)


def pyramid_steps(shape: tuple[int, int]) -> list[int]:
    """Pixels that one value of each level of a pyramid stands for, along y and x, for a plane of some shape."""
    steps = [1]
    while max(shape) > steps[-1] * SMALLEST_LEVEL:
        steps.append(steps[-1] * 2)
    return steps


def pixels_under(picks: NDArray[np.intp], size: int, full: int) -> NDArray[np.intp]:
    """Pixels, along an axis of ``full``, under the centres of these of the ``size`` pixels of a level."""
    found: NDArray[np.intp] = np.floor((picks + 0.5) * (full / size)).astype(np.intp)
    return found


class LazyMap:
    """An array that upsamples what is asked of it.

    Parameters
    ----------
    shape : tuple of int
        Shape of the image, leading axes first: (…, height, width).
    lookup : callable(plane index) -> SimilarityMap, PatchValues or None
        The map of a plane.
    step : int
        Level of a pyramid: one value for ``step`` pixels along the axes on screen, as they are now.
    axes : callable() -> tuple of int, optional
        Axes of the planes that are looked up: those on screen; by default the last two.
    blank : ndarray of shape (…), optional
        Value of a pixel of a plane without a map, such as a colour; its axes follow those of the image.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        lookup: Callable[[PlaneIndex], Gridded | None],
        step: int = 1,
        axes: Callable[[], Axes] = lambda: LAST,
        blank: NDArray[Any] = UNKNOWN,
    ) -> None:
        self._full = shape
        stepped = [axis % len(shape) for axis in axes()]
        level = [-(-size // step) if axis in stepped else size for axis, size in enumerate(shape)]
        self._lookup, self._axes, self._blank = lookup, axes, blank
        self.dtype = blank.dtype
        self.shape = (*level, *blank.shape)
        self.ndim = len(self.shape)
        self.size = int(np.prod(self.shape))

    def __len__(self) -> int:
        return int(self.shape[0])

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return self[...].astype(dtype or self.dtype, copy=False)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Values at integers, slices, an ellipsis or index lists, one per axis, combined as numpy's ``ix_`` does."""
        spatial = len(self._full)
        parts = _complete(key, self.ndim)
        picks = [np.arange(n)[part] for n, part in zip(self.shape[:spatial], parts[:spatial], strict=True)]
        pixels = [
            pixels_under(np.atleast_1d(pick), n, full)
            for pick, full, n in zip(picks, self._full, self.shape, strict=False)
        ]
        axes = self._axes()
        beside = others(spatial, axes)
        sizes = [len(part) for part in pixels]
        values = np.broadcast_to(self._blank, (*sizes, *self._blank.shape)).copy()
        planes = np.moveaxis(values, [axis + spatial for axis in (*beside, *axes)], range(spatial))  # a view
        for place in itertools.product(*(range(len(pixels[axis])) for axis in beside)):
            index = [int(pixels[axis][i]) for axis, i in zip(beside, place, strict=True)]
            found = self._lookup(plane_index(index, axes))
            if found is not None:
                planes[place] = found.upsample_at(pixels[axes[0]], pixels[axes[1]])
        kept = [len(part) for part, pick in zip(pixels, picks, strict=True) if pick.ndim]
        return values.reshape([*kept, *self._blank.shape])[(*[slice(None)] * len(kept), *parts[spatial:])]


def refuse_drawing(layer: Labels) -> None:
    """Let nobody draw in labels that are made when they are looked at, and hold no pixels of their own.

    To be called whenever their data are replaced: napari lets people draw in them again then.
    """
    if isinstance(layer.data, LazyMap):
        layer.editable = False


def _complete(key: Any, ndim: int) -> tuple[Any, ...]:
    """One part of the key per axis."""
    parts = key if isinstance(key, tuple) else (key,)
    if any(part is Ellipsis for part in parts):
        at = next(i for i, part in enumerate(parts) if part is Ellipsis)
        return (*parts[:at], *[slice(None)] * (ndim - len(parts) + 1), *parts[at + 1 :])
    return (*parts, *[slice(None)] * (ndim - len(parts)))
