"""The Points layers that show matches, one per image; made once, written anew, gone with the last match."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Points
from napari.utils.colormaps.standardize_color import transform_color

from napari_dinosim._napari.coordinates import place_like, placement, plane_of, plane_shape
from napari_dinosim._napari.jumping import point_in
from napari_dinosim._napari.results import find, lift, put, take_away
from napari_dinosim._napari.roles import MATCHES, is_ours, key_of, mark
from napari_dinosim.analysis.matches import Match

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from numpy.typing import NDArray

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


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What was last written into a layer.

    Parameters
    ----------
    layer : Points
    name : str
        Of the image.
    matches : tuple of Match
        One for each point.
    current : Match, optional
        The one in hand, of this image or another.
    """

    layer: Points
    name: str
    matches: tuple[Match, ...]
    current: Match | None

    def gone(self, layer: Points | None, name: str, matches: tuple[Match, ...]) -> list[int] | None:
        """Rows of matches that are no longer among those wanted; None where that is not all that is other."""
        if layer is not self.layer or name != self.name or len(layer.data) != len(self.matches):
            return None
        if matches == self.matches:
            return []
        wanted = set(matches)
        gone = [row for row, match in enumerate(self.matches) if match not in wanted]
        return gone if matches == tuple(match for match in self.matches if match in wanted) else None


class MatchLayers:
    """Shows the matches of each image.

    Parameters
    ----------
    viewer : Viewer
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._shown: dict[str, Shown] = {}

    def find(self, key: str) -> Points | None:
        """Layer of an image, where there is one."""
        found = find(self._viewer, MATCHES, key)
        return found if isinstance(found, Points) else None

    def all(self) -> list[Points]:
        """Layers of all images."""
        return [layer for layer in self._viewer.layers if isinstance(layer, Points) and is_ours(layer, MATCHES)]

    def show(self, found: Searched, matches: Sequence[Match], current: Match | None) -> None:
        """Bring the layer of an image up to date; only what is other than before is written.

        Parameters
        ----------
        found : Searched
        matches : sequence of Match
            Of that image.
        current : Match, optional
            The one in hand.
        """
        key, there = found.key, tuple(matches)
        layer, before = self.find(key), self._shown.pop(key, None)
        if layer is not None and (not there or layer.ndim != found.image.ndim):
            take_away(self._viewer, layer)
            layer = None
        if not there:
            return
        gone = before.gone(layer, found.name, there) if before is not None else None
        if layer is None or before is None or gone is None:
            layer, rows = self._write(found, layer, there), list(range(len(there)))
        else:
            layer.remove(gone)
            other = {before.current} ^ {current}
            rows = [row for row, match in enumerate(there) if match in other] if other else []
        if rows:
            in_hand = there.index(current) if current in there else -1
            _style(layer, _size(found.image), np.array(rows), in_hand)
        layer.text.visible = len(there) <= MOST_TEXTS
        self._shown[key] = Shown(layer, found.name, there, current)
        lift(self._viewer, layer)
        layer.editable = False  # the list is the truth; writing data makes it editable again

    def _write(self, found: Searched, layer: Points | None, matches: Sequence[Match]) -> Points:
        """Write all matches of an image into its layer, which is made where there is none."""
        points = np.array([point_in(found.image.ndim, match.plane, match.y, match.x) for match in matches])
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
        return layer

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
        """Remove the layer of an image, and forget what was in it."""
        layer = self.find(key)
        self._shown.pop(key, None)
        if layer is not None:
            take_away(self._viewer, layer)

    def _covering(self) -> list[Image | Labels]:
        """Layers that rings would be covered or tinted by: all images, maps and labels."""
        return [layer for layer in self._viewer.layers if isinstance(layer, Image | Labels)]

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


def _style(layer: Points, size: float, rows: NDArray[np.intp], in_hand: int) -> None:
    """Give some rings their size and colour."""
    sizes, colours, this = layer.size.astype(float), layer.border_color.copy(), rows == in_hand
    sizes[rows] = np.where(this, LARGER * size, size)
    colours[rows] = np.where(this[:, None], transform_color(CURRENT_COLOUR), transform_color(COLOUR))
    layer.size, layer.border_color = sizes, colours


def _size(image: Image) -> float:
    """Size of a ring, in pixels of the image."""
    return max(3.0, SIZE_FRACTION * max(plane_shape(image)))
