"""The channels along an axis of one layer as one image, in the colours that napari gives to channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.utils.colormaps import CMYBGR, MAGENTA_GREEN, ensure_colormap

from napari_dinosim._napari.coordinates import leading_shape, plane_shape, spatial_shape
from napari_dinosim._napari.levels import levels_of, pyramid_plane
from napari_dinosim.composition import STEPS, Channel, Composition
from napari_dinosim.errors import ImageError
from napari_dinosim.planes import AxisSlice, axes_of, without_axis
from napari_dinosim.states import ImageInput

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_dinosim._napari.limits import Finder
    from napari_dinosim._napari.searched import Searched
    from napari_dinosim.image import Plane
    from napari_dinosim.planes import PlaneIndex, PlaneView

MOST_CHANNELS = 12
"""An axis that is longer is taken for z or t."""

NAMES = ("c", "ch", "channel", "channels")
"""Labels of an axis that say it holds channels."""


def channel_axes(layer: Image) -> list[int]:
    """Axes of a layer that may hold channels, counted from the end: those that say so, else the shortest first."""
    if layer.rgb:
        return []
    sizes = leading_shape(layer)
    axes = [axis - layer.ndim for axis, size in enumerate(sizes) if 2 <= size <= MOST_CHANNELS]
    named = [axis for axis in axes if layer.axis_labels[axis].lower() in NAMES]
    return named or sorted(axes, key=lambda axis: spatial_shape(layer)[axis])


def colours_of(count: int) -> list[NDArray[np.float64]]:
    """Tables of colours of so many channels, as napari gives them to a ``channel_axis``."""
    names = MAGENTA_GREEN if count == 2 else CMYBGR
    return [ensure_colormap(names[i % len(names)]).map(np.linspace(0, 1, STEPS)) for i in range(count)]


def axis_input(found: Searched, revision: int, limits: tuple[Hashable, Sequence[Finder]]) -> ImageInput:
    """Describe a layer to the session whose channels along an axis are one image.

    Parameters
    ----------
    found : Searched
        With its channel axis.
    revision : int
        Another number after each change of its pixels.
    limits : (hashable, sequence of callable() -> (low, high) or None)
        Version, and a finder of limits for each channel; called in the worker.
    """
    layer, axis = found.image, found.channel_axis
    assert axis is not None
    levels = levels_of(layer)
    version, finders = limits
    tables, ndim = colours_of(len(finders)), layer.ndim

    def make(views: list[PlaneView]) -> Plane:
        return Composition(
            Channel(view, table, find(), name=f"channel {i}")
            for i, (view, table, find) in enumerate(zip(views, tables, finders, strict=True))
        )

    def read(plane: PlaneIndex) -> Plane:
        if axis in axes_of(plane):
            raise ImageError(
                f"channels: found them along an axis on screen, expected them beside it, in {layer.name!r}. Put the "
                "axes back (Ctrl+E rolls them), or separate the channels."
            )
        channels = [[AxisSlice(level, axis, i) for level in levels] for i in range(len(finders))]
        return pyramid_plane(channels, without_axis(plane, ndim, axis), make)

    planes = list(leading_shape(layer))
    planes[ndim + axis] = 1
    return ImageInput(found.name, plane_shape(layer), read, (revision, axis, version), tuple(planes))
