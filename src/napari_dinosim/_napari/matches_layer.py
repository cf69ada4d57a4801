"""The Points layers that show matches, one per image; made once, written anew, gone with the last match."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Points

from napari_dinosim._napari.coordinates import place_like, placement, plane_of, plane_shape
from napari_dinosim._napari.jumping import point_in
from napari_dinosim._napari.results import find, put
from napari_dinosim._napari.roles import MATCHES, is_ours, key_of, mark
from napari_dinosim.analysis.matches import Match

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel

    from napari_dinosim._napari.searched import Searched

SYMBOL, COLOUR, CURRENT_COLOUR = "disc", "#00d5ff", "#ffffff"
"""Rings, where prompts are pink crosses; the match in hand is white and larger."""

SIZE_FRACTION = 0.025
"""Size of a ring, as a share of the image's longer side."""

LARGER = 1.6
"""How much larger the match in hand is."""

BESIDE = 0.6
"""How far above and to the right of the middle of a ring its number begins, as a share of the ring's size."""

MOST_TEXTS = 100
"""With more matches, their numbers would cover the image."""


class MatchLayers:
    """Shows the matches of each image.

    Parameters
    ----------
    viewer : Viewer
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer

    def find(self, key: str) -> Points | None:
        """Layer of an image, where there is one."""
        found = find(self._viewer, MATCHES, key)
        return found if isinstance(found, Points) else None

    def all(self) -> list[Points]:
        """Layers of all images."""
        return [layer for layer in self._viewer.layers if isinstance(layer, Points) and is_ours(layer, MATCHES)]

    def show(self, found: Searched, matches: Sequence[Match], current: Match | None) -> None:
        """Bring the layer of an image up to date.

        Parameters
        ----------
        found : Searched
        matches : sequence of Match
            Of that image.
        current : Match, optional
            The one in hand.
        """
        layer, image = self.find(found.key), found.image
        if layer is not None and (not matches or layer.ndim != image.ndim):
            self._viewer.layers.remove(layer)
            layer = None
        if not matches:
            return
        points = np.array([point_in(image.ndim, match.plane, match.y, match.x) for match in matches])
        features = {
            "rank": [match.rank for match in matches],
            "score": [match.score for match in matches],
            "image": [found.name] * len(matches),
        }
        if layer is None:
            layer = self._make(found, points, features)
            put(self._viewer, layer, self._covering())
        elif not np.array_equal(layer.data, points):
            layer.selected_data = set()  # before fewer points: napari keeps the numbers of those that are gone
            layer.data = points
        layer.features = features
        layer.text.visible = len(matches) <= MOST_TEXTS
        self._style(layer, image, [match == current for match in matches])
        self._raise(layer)
        layer.editable = False  # the list is the truth; writing data makes it editable again

    def read(self, found: Searched) -> list[Match]:
        """Read the matches that the layer of an image shows: an earlier widget left it."""
        layer, image = self.find(found.key), found.image
        if layer is None or layer.ndim != image.ndim or not {"rank", "score"} <= set(layer.features):
            return []
        rows = zip(layer.data, layer.features["score"], layer.features["rank"], strict=True)
        read = [(plane_of(image, point), point, score, rank) for point, score, rank in rows]
        return [
            Match(found.key, float(point[-2]), float(point[-1]), float(score), int(rank), plane)
            for plane, point, score, rank in read
            if plane is not None
        ]

    def follow(self, image: Image) -> None:
        """Move the layer to where its image lies."""
        layer = self.find(key_of(image))
        if layer is not None and layer.ndim == image.ndim:
            place_like(layer, image)

    def remove(self, key: str) -> None:
        """Remove the layer of an image."""
        layer = self.find(key)
        if layer is not None:
            self._viewer.layers.remove(layer)

    def _covering(self) -> list[Image | Labels]:
        """Layers that rings would be covered or tinted by: all images, maps and labels."""
        return [layer for layer in self._viewer.layers if isinstance(layer, Image | Labels)]

    def _raise(self, layer: Points) -> None:
        """Bring a layer above images and labels that came later."""
        layers = self._viewer.layers
        top = max(layers.index(other) for other in self._covering())
        if layers.index(layer) < top:
            layers.move(layers.index(layer), top + 1)

    def _make(self, found: Searched, points: np.ndarray[Any, Any], features: dict[str, Any]) -> Points:
        beside = np.full(found.image.ndim, -BESIDE * _size(found.image))
        beside[-1] *= -1
        return Points(
            points,
            name=f"matches · {found.name}",
            ndim=found.image.ndim,
            features=features,
            symbol=SYMBOL,
            face_color="transparent",
            border_color=COLOUR,
            border_width=0.25,
            text={"string": "{rank}", "color": COLOUR, "size": 12, "anchor": "upper_left", "translation": beside},
            metadata=mark(MATCHES, source=found.key),
            **placement(found.image),
        )

    @staticmethod
    def _style(layer: Points, image: Image, current: list[bool]) -> None:
        size = _size(image)
        layer.size = np.where(current, LARGER * size, size)
        layer.border_color = [CURRENT_COLOUR if one else COLOUR for one in current]


def _size(image: Image) -> float:
    """Size of a ring, in pixels of the image."""
    return max(3.0, SIZE_FRACTION * max(plane_shape(image)))
