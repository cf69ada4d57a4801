"""What is searched: an image layer, or channels composed into one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_dinosim._napari.coordinates import spatial_shape
from napari_dinosim._napari.roles import key_of
from napari_dinosim.planes import at_position

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_dinosim.planes import PlaneIndex


@dataclass(frozen=True, slots=True)
class Searched:
    """One row of the list of images.

    Parameters
    ----------
    layers : tuple of Image
        One, or the channels of a composition; the first gives the key, the size and the place.
    channel_axis : int, optional
        Axis of the only layer, counted from the end, that holds channels which are composed.
    """

    layers: tuple[Image, ...]
    channel_axis: int | None = None

    @property
    def image(self) -> Image:
        """The first layer."""
        return self.layers[0]

    @property
    def key(self) -> str:
        """Its key in the session."""
        return key_of(self.image)

    @property
    def name(self) -> str:
        """``"DAPI + actin"``, ``"cells (3 channels)"``."""
        if self.channel_axis is not None:
            return f"{self.image.name} ({spatial_shape(self.image)[self.channel_axis]} channels)"
        return " + ".join(layer.name for layer in self.layers)

    @property
    def visible(self) -> bool:
        """Whether anything of it is on screen."""
        return any(layer.visible for layer in self.layers)

    @property
    def composed(self) -> bool:
        """Whether it is made of several channels."""
        return len(self.layers) > 1 or self.channel_axis is not None

    def plane(self, plane: PlaneIndex) -> PlaneIndex:
        """Name of a plane of the layer in the session, where all channels are one plane."""
        axis = self.channel_axis
        return plane if axis is None else at_position(plane, self.image.ndim, axis, 0)
