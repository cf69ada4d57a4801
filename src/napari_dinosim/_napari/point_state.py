"""All points of a layer at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from napari_dinosim._napari.layer_state import LayerState, numbered

if TYPE_CHECKING:
    from napari.layers import Points
    from numpy.typing import NDArray

LOOKS = ("symbol", "size", "border_width", "shown")
"""What each point looks like, colours left out: those may follow from the features."""

COLOURS = ("face_color", "border_color")


@dataclass(frozen=True, eq=False)
class PointsState(LayerState):
    """All points of a layer at one moment.

    Parameters
    ----------
    data : ndarray of shape (n, d)
        Where they are, in data coordinates of the layer.
    """

    data: NDArray[np.float64]

    noun = "point"

    @classmethod
    def of(cls, layer: Points) -> Self:
        """Copy what a layer holds now."""
        looks = {name: np.array(getattr(layer, name)) for name in (*LOOKS, *COLOURS)}
        return cls(layer.features.copy(), looks, np.array(layer.data))

    def fill(self, layer: Points) -> None:
        """Make a layer hold these points; its events are blocked."""
        layer.data = self.data.copy()
        layer.features = self.features.copy()
        for name in (*LOOKS, *COLOURS) if len(self) else ():
            if name in LOOKS or getattr(layer, f"{name}_mode") == "direct":  # else it follows from the features
                setattr(layer, name, self.looks[name].copy())

    def _places(self) -> list[bytes]:
        return places_of(self.data)


def places_of(points: NDArray[np.float64]) -> list[bytes]:
    """Say where points, (n, d), lie."""
    return [point.tobytes() for point in np.asarray(points, dtype=float)]


def place_names(points: NDArray[np.float64]) -> list[bytes]:
    """Name the place of each point, (n, d): no two are of one name, also where they lie on each other."""
    return numbered(places_of(points))
