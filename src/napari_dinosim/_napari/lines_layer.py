"""The Shapes layer whose lines join a point and the place where it was found again."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Shapes
from napari.layers.utils.color_encoding import NominalColorEncoding
from napari.utils.colormaps.categorical_colormap import CategoricalColormap

from napari_dinosim._napari.coordinates import to_world
from napari_dinosim._napari.jumping import point_in
from napari_dinosim._napari.results import find, put, take_away
from napari_dinosim._napari.roles import LINES, MARK, key_of, mark
from napari_dinosim.planes import axes_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.components import ViewerModel
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_dinosim.analysis.correspondence import Correspondence
    from napari_dinosim.planes import PlaneIndex

MUTUAL, ONE_WAY = "#00c853", "#ff9100"
"""Colours of pairs that find each other, and of those that do not, seen on dark and light; the text says so too."""

NAME = "correspondence"
TEXT = {"string": "{score:.2f} {mutual}", "size": 13}
TEXT_COLOUR = NominalColorEncoding(
    feature="mutual", colormap=CategoricalColormap(colormap={"mutual": MUTUAL, "one way": ONE_WAY})
)
LOOKS = ("name", "opacity", "blending", "visible")
"""What a layer of other axes takes over from the one before; one of as many axes is filled anew and keeps all."""

WIDTH = 1 / 120
"""Width of the lines, as a share of their median length."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One point, its image and plane, and where it was found."""

    key: str
    plane: PlaneIndex
    other: str
    other_plane: PlaneIndex
    found: Correspondence


class LinesLayer:
    """Shows pairs as lines, in the world as it is on screen.

    Parameters
    ----------
    viewer : Viewer
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer

    def find(self) -> Shapes | None:
        """Layer of lines that is ours, where there is one."""
        layer = find(self._viewer, LINES, NAME)
        return layer if isinstance(layer, Shapes) else None

    @property
    def edited(self) -> bool:
        """Whether a person drew, moved, deleted or coloured lines; looks of the whole layer do not count."""
        layer = self.find()
        return layer is not None and _checksum(layer) != layer.metadata[MARK].get("written")

    def give_away(self) -> None:
        """Leave the layer to the person: from now on it is theirs."""
        layer = self.find()
        if layer is not None:
            layer.metadata[MARK] = {**layer.metadata[MARK], "layer": ""}

    def remove(self) -> None:
        """Remove the layer."""
        layer = self.find()
        if layer is not None:
            take_away(self._viewer, layer)

    def show(self, pairs: Sequence[Pair], images: Mapping[str, Image]) -> str:
        """Bring the layer up to date; its looks stay as a person chose them.

        Parameters
        ----------
        pairs : sequence of Pair
            One at least.
        images : mapping of str to Image
            Those of the pairs, by key.

        Returns
        -------
        str
            Name of the layer.
        """
        dims, units = self._viewer.dims, self._viewer.layers.units
        scale, translate = self._steps(), np.array([extent.start for extent in dims.range])
        lines = [(self._ends(pair, images) - translate) / scale for pair in pairs]
        width = WIDTH * float(np.median([np.linalg.norm(line[1] - line[0]) for line in lines])) or 1.0
        place = {"scale": scale, "translate": translate} | ({} if units is None else {"units": units[-dims.ndim :]})
        layer, looks = self.find(), dict[str, Any](name=NAME, opacity=1)
        if layer is not None and layer.ndim != dims.ndim:
            looks = {name: getattr(layer, name) for name in LOOKS}
            self._viewer.layers.remove(layer)
            layer = None
        if new := layer is None:
            layer = Shapes(ndim=dims.ndim, metadata=mark(LINES, source=NAME), **looks, **place)
            put(self._viewer, layer)
        elif len(set(layer.edge_width)) == 1 and layer.edge_width[0] != layer.metadata[MARK]["width"]:
            width = layer.edge_width[0]
        for name, value in place.items():
            setattr(layer, name, value)
        _fill(layer, lines, pairs, width)
        if new:  # not before there are features that the text names
            layer.text = TEXT
            layer.text.color = TEXT_COLOUR
            layer.refresh_text()
        return str(layer.name)

    def _steps(self) -> NDArray[np.float64]:
        """Size of one unit of the layer: a step of the sliders, that a line is seen in one plane only."""
        dims = self._viewer.dims
        steps = np.array([extent.step or 1.0 for extent in dims.range])
        shown = list(dims.displayed)
        steps[shown] = steps[shown].min()  # of one size along both, else lines are wider one way than the other
        return steps

    def _ends(self, pair: Pair, images: Mapping[str, Image]) -> NDArray[np.float64]:
        """Both ends in the world, (2, ndim): in one plane, where the place was found."""
        dims, units, found = self._viewer.dims, self._viewer.layers.units, pair.found
        ends = np.full((2, dims.ndim), np.nan)
        places = (pair.key, pair.plane, found.y, found.x), (pair.other, pair.other_plane, found.found_y, found.found_x)
        for end, (key, plane, y, x) in zip(ends, places, strict=True):
            image = images[key]
            end[dims.ndim - image.ndim :] = to_world(image, point_in(image.ndim, plane, y, x), units)
        beside = np.ones(dims.ndim, dtype=bool)
        beside[list(axes_of(pair.other_plane))] = False
        ends[1] = np.where(np.isnan(ends[1]), ends[0], ends[1])  # an image without that axis is seen in all its planes
        ends[0, beside] = ends[1, beside]
        return np.where(np.isnan(ends), np.asarray(dims.point, dtype=float), ends)


def _fill(layer: Shapes, lines: Sequence[NDArray[np.float64]], pairs: Sequence[Pair], width: float) -> None:
    """Put lines in the place of all that are there."""
    layer.selected_data = set()
    layer.data = []
    colours = [MUTUAL if pair.found.mutual else ONE_WAY for pair in pairs]
    layer.add(list(lines), shape_type="line", edge_width=width, edge_color=colours)
    layer.features = {
        "score": [pair.found.score for pair in pairs],
        "mutual": ["mutual" if pair.found.mutual else "one way" for pair in pairs],
    }
    layer.metadata[MARK] |= {"written": _checksum(layer), "width": layer.edge_width[0], "layer": key_of(layer)}


def _checksum(layer: Shapes) -> int:
    """Checksum of what the lines are: where, of which colour, and what is noted of each."""
    parts = [np.asarray(vertices, dtype=float).tobytes() for vertices in layer.data]
    noted = repr((layer.features.to_dict("list"), [str(kind) for kind in layer.shape_type]))
    return zlib.crc32(b"".join([*parts, np.asarray(layer.edge_color).tobytes(), noted.encode()]))
