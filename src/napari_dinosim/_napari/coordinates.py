"""World ↔ data coordinates. Nothing outside this folder knows the world.

napari draws a layer at ``ratio · data_to_world(p)``, where ``ratio`` is one layer unit in world units, axis by axis;
``layer.world_to_data`` does not know of it. World coordinates are aligned at their last axes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from napari.utils.transforms import Affine
from pint import DimensionalityError, get_application_registry

from napari_dinosim.planes import LAST, others, plane_index, split_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image, Labels, Layer
    from numpy.typing import ArrayLike, NDArray

    from napari_dinosim.planes import Axes, PlaneIndex


def unit_ratio(layer: Layer, world_units: Sequence[object] | None) -> NDArray[np.float64]:
    """One unit of a layer in units of the world, per axis of the layer.

    Parameters
    ----------
    layer : Layer
    world_units : sequence of pint.Unit, optional
        ``viewer.layers.units``; None where the layers' units are of different kinds, which napari draws as if
        all were pixels.

    Returns
    -------
    ndarray of shape (ndim,)
    """
    if world_units is None:
        return np.ones(layer.ndim)
    registry = get_application_registry()  # type: ignore[no-untyped-call]
    ratio = np.ones(layer.ndim)
    common = min(layer.ndim, len(world_units))
    for axis in range(1, common + 1):
        try:
            ratio[-axis] = registry.Quantity(1.0, layer.units[-axis]).to(world_units[-axis]).magnitude
        except DimensionalityError:  # napari draws such a layer as if it were in pixels
            return np.ones(layer.ndim)
    return ratio


def to_world(layer: Layer, data_point: ArrayLike, world_units: Sequence[object] | None) -> NDArray[np.float64]:
    """World coordinates of a point of a layer, as drawn; one point, of shape (ndim,)."""
    return np.asarray(layer.data_to_world(np.asarray(data_point, dtype=float))) * unit_ratio(layer, world_units)


def world_matrix(layer: Layer, world_units: Sequence[object] | None) -> NDArray[np.float64]:
    """Affine matrix from a layer's data to the world as drawn, of shape (ndim + 1, ndim + 1)."""
    matrix = np.eye(layer.ndim + 1)
    origin = matrix[:-1, -1] = to_world(layer, np.zeros(layer.ndim), world_units)
    for axis, step in enumerate(np.eye(layer.ndim)):
        matrix[:-1, axis] = to_world(layer, step, world_units) - origin
    return matrix


def to_data(
    layer: Layer, world_points: ArrayLike, world_units: Sequence[object] | None, shown: Sequence[float]
) -> NDArray[np.float64]:
    """Convert world points to data coordinates of a layer.

    Parameters
    ----------
    layer : Layer
    world_points : array_like of shape (n,) or (m, n)
        Leading axes that they lack are taken from ``shown``.
    world_units : sequence of pint.Unit, optional
    shown : sequence of float
        ``viewer.dims.point``: where the sliders stand.

    Returns
    -------
    ndarray of shape (ndim,) or (m, ndim)
    """
    world = np.asarray(world_points, dtype=float)
    missing = layer.ndim - world.shape[-1]
    if missing > 0:
        filler = np.asarray(shown, dtype=float)[-layer.ndim :][:missing]
        leading = np.broadcast_to(np.r_[np.zeros(missing - len(filler)), filler], (*world.shape[:-1], missing))
        world = np.concatenate([leading, world], axis=-1)
    inverse: NDArray[np.float64] = np.linalg.inv(world_matrix(layer, world_units)).astype(np.float64)
    return apply(inverse, world[..., -layer.ndim :])


def apply(matrix: NDArray[np.float64], points: ArrayLike) -> NDArray[np.float64]:
    """Put points, (n,) or (m, n), through an affine matrix of shape (n + 1, n + 1)."""
    found: NDArray[np.float64] = np.asarray(points, dtype=float) @ matrix[:-1, :-1].T + matrix[:-1, -1]
    return found


def shown_axes(layer: Layer, order: Sequence[int]) -> Axes:
    """Axes of a layer that the screen shows, vertical and horizontal; the last two where it lacks one of them.

    Parameters
    ----------
    layer : Layer
    order : sequence of int
        ``viewer.dims.order``.
    """
    down, across = (axis - len(order) for axis in order[-2:])
    return (down, across) if min(down, across) >= -layer.ndim else LAST


def plane_of(layer: Image, data_point: NDArray[np.float64], axes: Axes = LAST) -> PlaneIndex | None:
    """Plane of a data point, along these axes, or None where it lies beyond the image along another one."""
    place = data_point.tolist()  # asked for each of many points: numpy is slow for so few numbers
    if not all(map(math.isfinite, place)):
        return None
    index = [math.floor(place[axis] + 0.5) for axis in others(layer.ndim, axes)]
    if any(not 0 <= i < n for i, n in zip(index, split_shape(spatial_shape(layer), axes)[0], strict=True)):
        return None
    return plane_index(index, axes)


def shown_plane(
    layer: Image | Labels, world_units: Sequence[object] | None, shown: Sequence[float], axes: Axes = LAST
) -> PlaneIndex:
    """Plane that the sliders show, the nearest one where they stand beyond the image."""
    point = to_data(layer, shown, world_units, shown)
    nearest = np.floor(np.nan_to_num(point[others(layer.ndim, axes)]) + 0.5).astype(int)
    sizes = split_shape(spatial_shape(layer), axes)[0]
    return plane_index([int(np.clip(i, 0, max(n - 1, 0))) for i, n in zip(nearest, sizes, strict=True)], axes)


def full_resolution(layer: Image | Labels) -> object:
    """Return the layer's array, level 0 of a multiscale one."""
    return layer.data[0] if layer.multiscale else layer.data


def spatial_shape(layer: Image | Labels) -> tuple[int, ...]:
    """Sizes along all axes but that of colours."""
    shape = full_resolution(layer).shape  # type: ignore[attr-defined]
    return tuple(int(n) for n in (shape[:-1] if getattr(layer, "rgb", False) else shape))


def leading_shape(layer: Image) -> tuple[int, ...]:
    """Sizes along the axes before (y, x)."""
    return spatial_shape(layer)[:-2]


def plane_shape(layer: Image, axes: Axes = LAST) -> tuple[int, int]:
    """(height, width) of a plane in pixels."""
    return split_shape(spatial_shape(layer), axes)[1]


def contains(layer: Image, data_point: NDArray[np.float64]) -> bool:
    """Whether a data point lies in a pixel of a layer."""
    inside = zip(data_point.tolist(), spatial_shape(layer), strict=True)
    return all(-0.5 <= place < size - 0.5 for place, size in inside)


def placement(layer: Layer) -> dict[str, object]:
    """Where a layer lies, as keywords for another one of the same number of axes."""
    return {
        "scale": layer.scale,
        "translate": layer.translate,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine,
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }


def place_like(layer: Layer, other: Layer) -> None:
    """Move a layer to where another one lies."""
    for name, value in placement(other).items():
        setattr(layer, name, value)


def fit(layer: Image, image: Image) -> None:
    """Stretch a layer of fewer pixels, placed like an image, over this image, edge on edge."""
    ratio = np.divide(spatial_shape(image), spatial_shape(layer))
    own = Affine(scale=image.scale, translate=image.translate, rotate=image.rotate, shear=image.shear)
    for name, value in (("scale", image.scale * ratio), ("translate", own((ratio - 1) / 2))):
        if not np.allclose(getattr(layer, name), value, rtol=1e-12, atol=0):
            setattr(layer, name, value)


def placement_in_world(layer: Layer, world_units: Sequence[object] | None) -> dict[str, object]:
    """Where a layer lies, in the units of the world: a click on a layer in other units goes astray.

    Returns
    -------
    dict
        Keywords for another layer of the same number of axes.
    """
    if world_units is None or np.allclose(unit_ratio(layer, world_units), 1):
        return placement(layer)
    return {
        "affine": world_matrix(layer, world_units),
        "units": world_units[-layer.ndim :],
        "axis_labels": layer.axis_labels,
    }


def realign(layer: Layer, world_units: Sequence[object] | None) -> None:
    """Keep a layer where it is drawn, in the units of the world, which change with the layers."""
    if world_units is None or np.allclose(unit_ratio(layer, world_units), 1):
        return
    matrix, ndim = world_matrix(layer, world_units), layer.ndim
    layer.scale, layer.translate, layer.rotate = np.ones(ndim), np.zeros(ndim), np.eye(ndim)
    layer.shear = np.zeros(ndim * (ndim - 1) // 2)
    layer.affine = matrix
    layer.units = world_units[-ndim:]
