"""What a person has made of a layer of ours: such a layer is left to them, and never removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels

from napari_dinosim._napari.feature_table import our_columns
from napari_dinosim._napari.inputs import fingerprint
from napari_dinosim._napari.object_colours import BY_NUMBER
from napari_dinosim._napari.roles import MARK
from napari_dinosim._napari.segment_looks import same_colours

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.layers import Layer
    from napari.utils.colormaps import DirectLabelColormap

NAMED, COLOURED, CALLED, WRITTEN = "named", "coloured", "called", "written"
"""Keys of the notes, in the mark of a layer, of what we gave it: its name, colours, names of labels, pixels."""


def note_looks(layer: Labels, colours: DirectLabelColormap, names: Mapping[int, str]) -> None:
    """Note which colours and names of labels are ours."""
    layer.metadata[MARK] = layer.metadata[MARK] | {COLOURED: colours, CALLED: dict(names)}


def drawn_in(layer: Layer) -> bool:
    """Whether somebody has drawn into a layer that we made."""
    return bool(fingerprint(layer.data) != layer.metadata[MARK][WRITTEN])


def note_drawing(event: Any) -> None:
    """Note that somebody has drawn: the checksum of a large array looks at some rows only. Outlives the widget."""
    noted = event.source.metadata.get(MARK)
    if noted is not None:
        noted[WRITTEN] = None


def taken_up(layer: Layer) -> bool:
    """Whether somebody has drawn into a layer that we made, or named or coloured it, or written in its features."""
    if drawn_in(layer) or layer.name != layer.metadata[MARK][NAMED]:
        return True
    return isinstance(layer, Labels) and (_coloured(layer) or _described(layer))


def leave(layer: Layer) -> None:
    """Leave a layer of ours to the person."""
    layer.metadata[MARK] = {**layer.metadata[MARK], "layer": ""}


def _coloured(layer: Labels) -> bool:
    ours = layer.metadata[MARK].get(COLOURED)
    return ours is not None and layer.colormap.name != BY_NUMBER and not same_colours(layer.colormap, ours)


def _described(layer: Labels) -> bool:
    """Whether there are columns that are not ours, or labels have other names."""
    held, ours = layer.features, our_columns(layer)
    if set(held) - {"index", *ours.values()} or "index" not in held:
        return True
    names = dict(zip(held["index"], held[ours["name"]], strict=True)) if "name" in ours else {}
    return any(names.get(label, name) != name for label, name in layer.metadata[MARK].get(CALLED, {}).items())
