"""Planes of an n-dimensional image, along any two of its axes.

A plane is named by its index along the other axes, in their order: ``(3,)`` is the fourth (y, x) plane of a stack
(z, y, x). Where it lies along other axes than the last two, these follow, counted from the end: ``(5, -3, -1)`` is the
(z, x) plane at y = 5, and ``(-1, -2)`` a flat image with its axes exchanged.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

PlaneIndex = tuple[int, ...]
Axes = tuple[int, int]
"""Vertical and horizontal axis of a plane, counted from the end of the spatial axes: -1 is the last."""

LAST: Axes = (-2, -1)
"""Rows and columns, (y, x)."""


def plane_index(index: Sequence[int], axes: Axes = LAST) -> PlaneIndex:
    """Name of a plane.

    Parameters
    ----------
    index : sequence of int
        Along the other axes, in their order.
    axes : tuple of int
        Those of the plane.

    Examples
    --------
    >>> plane_index([5], (-3, -1))
    (5, -3, -1)
    """
    return tuple(index) if axes == LAST else (*index, *axes)


def axes_of(plane: PlaneIndex) -> Axes:
    """Axes of a plane."""
    return (plane[-2], plane[-1]) if plane and plane[-1] < 0 else LAST


def index_of(plane: PlaneIndex) -> tuple[int, ...]:
    """Index of a plane along the other axes."""
    return plane[:-2] if plane and plane[-1] < 0 else plane


def direction_of(plane: PlaneIndex) -> PlaneIndex:
    """Name that all planes along the same axes share: nothing for the last two, else the axes."""
    return plane[-2:] if plane and plane[-1] < 0 else ()


def others(ndim: int, axes: Axes) -> list[int]:
    """Axes that are not of the plane, in order, counted from the end."""
    return [axis for axis in range(-ndim, 0) if axis not in axes]


def split_shape(shape: Sequence[int], axes: Axes) -> tuple[tuple[int, ...], tuple[int, int]]:
    """Sizes along the other axes, and (height, width) of the planes, in pixels."""
    return tuple(shape[axis] for axis in others(len(shape), axes)), (shape[axes[0]], shape[axes[1]])


def at_position(plane: PlaneIndex, ndim: int, axis: int, position: int) -> PlaneIndex:
    """Name of the plane at another position along one axis; the same one where it lies along that axis itself.

    Parameters
    ----------
    plane : tuple of int
    ndim : int
        Axes of the image.
    axis : int
        Counted from the end.
    position : int

    Examples
    --------
    >>> at_position((4, 2), 4, axis=-3, position=0)
    (4, 0)
    """
    beside = others(ndim, axes_of(plane))
    if axis not in beside:
        return plane
    index = list(index_of(plane))
    index[beside.index(axis)] = position
    return plane_index(index, axes_of(plane))


def without_axis(plane: PlaneIndex, ndim: int, axis: int) -> PlaneIndex:
    """Name of the same plane of an image that lacks an axis beside the plane.

    Parameters
    ----------
    plane : tuple of int
    ndim : int
        Axes of the image that has it.
    axis : int
        Counted from the end.

    Examples
    --------
    >>> without_axis((4, 2), 4, axis=-3)
    (4,)
    """
    axes = axes_of(plane)
    index = [i for beside, i in zip(others(ndim, axes), index_of(plane), strict=True) if beside != axis]
    down, across = (shown if shown > axis else shown + 1 for shown in axes)
    return plane_index(index, (down, across))


def is_plane(plane: PlaneIndex, shape: Sequence[int]) -> bool:
    """Whether a name is that of a plane of an image.

    Parameters
    ----------
    plane : tuple of int
    shape : sequence of int
        Of all its spatial axes.

    Examples
    --------
    >>> is_plane((2,), (3, 48, 80)), is_plane((3,), (3, 48, 80)), is_plane((), (3, 48, 80))
    (True, False, False)
    """
    if len(plane) == 1 and plane[0] < 0:
        return False
    axes, ndim = axes_of(plane), len(shape)
    if axes[0] == axes[1] or not all(-ndim <= axis < 0 for axis in axes):
        return False
    sizes = split_shape(shape, axes)[0]
    return len(index_of(plane)) == len(sizes) and all(0 <= i < n for i, n in zip(index_of(plane), sizes, strict=True))


class AxisSlice:
    """An array at one position of one axis, that reads only what is asked of it.

    Parameters
    ----------
    data : array
        Anything that slices to numpy.
    axis : int
        Counted from the end.
    position : int
    """

    def __init__(self, data: Any, axis: int, position: int) -> None:
        self._data, self._axis, self._position = data, data.ndim + axis, position
        self.dtype, self.ndim = data.dtype, data.ndim - 1
        self.shape = (*data.shape[: self._axis], *data.shape[self._axis + 1 :])
        self.size = math.prod(self.shape)

    def __getitem__(self, key: tuple[int | slice, ...]) -> np.ndarray[Any, Any]:
        """Integers and slices, for the first axes or for all."""
        import numpy as np

        parts = [*key, *[slice(None)] * (self.ndim - len(key))]
        return np.asarray(self._data[(*parts[: self._axis], self._position, *parts[self._axis :])])


class PlaneView:
    """A plane of an array, that reads only what is asked of it.

    Parameters
    ----------
    data : array
        Anything that slices to numpy: numpy, dask, zarr, …, of shape (…) or (…, C).
    plane : tuple of int
        Which plane; see :func:`plane_index`.
    channels : bool
        Whether the last axis of the array holds channels.
    """

    def __init__(self, data: Any, plane: PlaneIndex, channels: bool = False) -> None:
        self._data, self._axes, self._index = data, axes_of(plane), index_of(plane)
        spatial = data.shape[:-1] if channels else data.shape
        self._others = others(len(spatial), self._axes)
        self._ndim = len(spatial)
        self.dtype = data.dtype
        self.shape = split_shape(spatial, self._axes)[1] + tuple(data.shape[len(spatial) :])
        self.ndim = len(self.shape)

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray[Any, Any]:
        """Rows and columns, as slices; channels follow."""
        import numpy as np

        parts: list[Any] = [0] * self._ndim
        for axis, position in zip(self._others, self._index, strict=True):
            parts[axis] = position
        parts[self._axes[0]], parts[self._axes[1]] = key
        found = np.asarray(self._data[tuple(parts)])
        return found if self._axes[0] < self._axes[1] else found.swapaxes(0, 1)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        found = self[slice(None), slice(None)]
        return found if dtype is None else found.astype(dtype)
