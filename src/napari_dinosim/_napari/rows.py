"""What the list of images shows of one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_dinosim._napari.coordinates import plane_shape

if TYPE_CHECKING:
    from napari_dinosim._napari.searched import Searched
    from napari_dinosim.grid import PatchGrid
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
        (rows, cols), where the encoder's patch size is known and the image can be cut so.
    state : InputState
    composed : bool
        Whether it is made of several layers.
    """

    key: str
    name: str
    checked: bool
    pixels: tuple[int, int]
    patches: tuple[int, int] | None
    state: InputState
    composed: bool = False


def image_row(found: Searched, checked: bool, grid: PatchGrid | None, state: InputState, axes: Axes) -> ImageRow:
    """Say what the list shows of an image."""
    patches = None if grid is None else grid.shape
    return ImageRow(found.key, found.name, checked, plane_shape(found.image, axes), patches, state, found.composed)
