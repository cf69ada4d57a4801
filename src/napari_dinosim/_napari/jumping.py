"""Bringing a place of a layer into the middle of the canvas: camera and sliders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_dinosim._napari.coordinates import to_world
from napari_dinosim.planes import axes_of, index_of, others

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_dinosim.planes import PlaneIndex


def point_in(ndim: int, plane: PlaneIndex, y: float, x: float) -> NDArray[np.float64]:
    """Give data coordinates, along all axes of a layer, of a place in one of its planes.

    Parameters
    ----------
    ndim : int
        Axes of the layer.
    plane : tuple of int
    y, x : float
        Pixels in the plane.

    Returns
    -------
    ndarray of shape (ndim,)
    """
    axes, point = axes_of(plane), np.zeros(ndim)
    for axis, index in zip(others(ndim, axes), index_of(plane), strict=True):
        point[axis] = index
    point[axes[0]], point[axes[1]] = y, x
    return point


def jump_to(viewer: ViewerModel, layer: Layer, point: NDArray[np.float64]) -> None:
    """Bring a place into the middle of the canvas; the zoom stays.

    Parameters
    ----------
    viewer : Viewer
    layer : Layer
    point : ndarray of shape (ndim,)
        In the data coordinates of the layer.
    """
    world, dims = to_world(layer, point, viewer.layers.units), viewer.dims
    place = np.array(dims.point, dtype=float)
    place[dims.ndim - layer.ndim :] = world
    beside = [axis for axis in dims.order if axis not in dims.displayed]
    if beside:
        dims.set_point(beside, [float(place[axis]) for axis in beside])
    camera = viewer.scene.camera
    centre = [float(place[axis]) for axis in dims.displayed]
    camera.center = tuple(centre) if dims.ndisplay == 3 else (0.0, *centre)
