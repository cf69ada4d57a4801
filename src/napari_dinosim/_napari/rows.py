"""What the list of images shows of one layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_dinosim._napari.coordinates import plane_shape
from napari_dinosim._napari.roles import key_of
from napari_dinosim.grid import PatchGrid

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_dinosim.planes import Axes
    from napari_dinosim.states import InputState


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One row.

    Parameters
    ----------
    key, name : str
    checked : bool
    pixels : tuple of int
        (height, width).
    patches : tuple of int, optional
        (rows, cols), where the encoder's patch size is known and the image is not empty.
    state : InputState
    """

    key: str
    name: str
    checked: bool
    pixels: tuple[int, int]
    patches: tuple[int, int] | None
    state: InputState


def image_row(layer: Image, checked: bool, patch_size: int | None, state: InputState, axes: Axes) -> ImageRow:
    """Say what the list shows of a layer."""
    height, width = plane_shape(layer, axes)
    patches = PatchGrid(height, width, patch_size).shape if patch_size and height and width else None
    return ImageRow(key_of(layer), layer.name, checked, (height, width), patches, state)
