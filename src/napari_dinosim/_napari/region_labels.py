"""Labels of the shapes: a colour for each; they are those of the points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps.standardize_color import transform_color

from napari_dinosim._napari.label_book import CLASS_LOOKS, LOOKS
from napari_dinosim._napari.layer_labels import LayerLabels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dinosim._napari.label_book import Look

FACE_ALPHA = 0.15
"""Of the colour that fills a shape: the image shows through."""


class RegionLabels(LayerLabels):
    """Follows the labels of a layer of shapes.

    Parameters
    ----------
    book : LabelBook
        That of the points.
    undoing : Undoing
        The history of the layer.
    """

    noun, keys = "region", ("K", "Shift-K")  # those of the points are napari's own here, for drawing paths

    def _keep_look(self, look: Look) -> None:
        layer = self._layer
        if _name(layer.current_edge_color) in OURS - {_name(look.colour)}:
            with layer.block_update_properties():  # else the selected shapes would take it on
                layer.current_edge_color, layer.current_face_color = look.colour, faint(look.colour)

    def _show_looks(self, labels: Sequence[str]) -> None:
        edges, faces = np.array(self._layer.edge_color), np.array(self._layer.face_color)
        changed = False
        for index, label in enumerate(labels):
            colour = self.book.look(label).colour
            if _name(edges[index]) in OURS - {_name(colour)}:
                edges[index], faces[index] = transform_color(colour)[0], faint(colour)
                changed = True
        if changed:
            self._layer.edge_color, self._layer.face_color = edges, faces


def faint(colour: str) -> Any:
    """Return the colour that fills a shape with such an edge, (4,)."""
    rgba = np.array(transform_color(colour)[0])
    rgba[3] = FACE_ALPHA
    return rgba


def _name(colour: Any) -> bytes:
    """Name of a colour; they are compared as napari keeps them."""
    rgba = np.asarray(transform_color(colour)[0] if isinstance(colour, str) else colour)
    return bytes((rgba * 255).round().astype(np.uint8).tobytes())


OURS = frozenset(_name(look.colour) for look in (*LOOKS.values(), *CLASS_LOOKS))
"""Colours that we give."""
