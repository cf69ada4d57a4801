"""What is searched: an image layer, or several composed into one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_dinosim._napari.roles import key_of

if TYPE_CHECKING:
    from napari.layers import Image


@dataclass(frozen=True, slots=True)
class Searched:
    """One row of the list of images.

    Parameters
    ----------
    layers : tuple of Image
        One, or the channels of a composition; the first gives the key, the size and the place.
    """

    layers: tuple[Image, ...]

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
        """``"DAPI + actin"``."""
        return " + ".join(layer.name for layer in self.layers)

    @property
    def visible(self) -> bool:
        """Whether anything of it is on screen."""
        return any(layer.visible for layer in self.layers)

    @property
    def composed(self) -> bool:
        """Whether it is made of several layers."""
        return len(self.layers) > 1
