"""All shapes of a layer at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from napari_dinosim._napari.layer_state import LayerState

if TYPE_CHECKING:
    from napari.layers import Shapes
    from numpy.typing import NDArray

LOOKS = ("edge_width", "edge_color", "face_color", "z_index")


@dataclass(frozen=True, eq=False)
class ShapesState(LayerState):
    """All shapes of a layer at one moment.

    Parameters
    ----------
    data : list of ndarray of shape (k, d)
        Their vertices, in data coordinates of the layer.
    kinds : list of str
        What each is drawn as.
    """

    data: list[NDArray[np.float64]]
    kinds: list[str]

    noun = "region"

    @classmethod
    def of(cls, layer: Shapes) -> Self:
        """Copy what a layer holds now."""
        data = [np.array(vertices, dtype=float) for vertices in layer.data]
        looks = {name: list(np.array(getattr(layer, name))) for name in LOOKS}
        # where napari fails to add a shape, its row of the features is there all the same
        return cls(layer.features.iloc[: len(data)].copy(), looks, data, [str(kind) for kind in layer.shape_type])

    def fill(self, layer: Shapes) -> None:
        """Make a layer hold these shapes; its events are blocked."""
        layer.data = []
        if self.data:
            layer.add([one.copy() for one in self.data], shape_type=list(self.kinds), **self.looks)
        layer.features = self.features.copy()

    def _places(self) -> list[bytes]:
        return list(map(place_of, self.kinds, self.data))


def place_of(kind: str, vertices: NDArray[np.float64]) -> bytes:
    """Say where a shape is, and as what it is drawn."""
    return kind.encode() + vertices.tobytes()
