"""An image layer as an input of the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_dinosim._napari.coordinates import full_resolution, plane_shape
from napari_dinosim.image import ImagePlane, image_plane
from napari_dinosim.states import ImageInput

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_dinosim.states import PlaneIndex


def stretch(layer: Image) -> tuple[float, float] | None:
    """Contrast limits by which a layer is read; None where its type has a fixed range or the limits are of no use."""
    if layer.rgb or np.dtype(layer.dtype) in (np.dtype(bool), np.dtype(np.uint8)):
        return None
    low, high = (float(limit) for limit in layer.contrast_limits)
    return (low, high) if np.isfinite([low, high]).all() and low < high else None


def image_input(layer: Image, revision: int) -> ImageInput:
    """Describe a layer to the session, as it is now.

    Parameters
    ----------
    layer : Image
    revision : int
        Another number after each change of its pixels.
    """
    data, rgb, limits = full_resolution(layer), bool(layer.rgb), stretch(layer)

    def read(plane: PlaneIndex) -> ImagePlane:
        return image_plane(data[plane] if plane else data, rgb=rgb, contrast_limits=limits)  # type: ignore[index, arg-type]

    return ImageInput(layer.name, plane_shape(layer), read, (revision, limits))
