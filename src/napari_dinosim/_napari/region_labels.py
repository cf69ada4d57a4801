"""Labels of the shapes: a colour for each; they are those of the points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps.standardize_color import transform_color

from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.label_book import CLASS_LOOKS, LOOKS
from napari_dinosim._napari.layer_labels import LayerLabels
from napari_dinosim.prompts import POSITIVE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from napari_dinosim._napari.label_book import LabelBook, Look

FACE_ALPHA = 0.15
"""Of the colour that fills a shape: the image shows through."""


class RegionLabels(LayerLabels):
    """Follows the labels of a layer of shapes.

    Parameters
    ----------
    book : LabelBook
        That of the points.
    amending : callable() -> context manager
        What is written within it is no step of the person's, for undo.
    """

    noun, keys = "region", ("K", "Shift-K")  # those of the points are napari's own here, for drawing paths

    def __init__(self, book: LabelBook, amending: Callable[[], AbstractContextManager[None]]) -> None:
        super().__init__(book, amending)
        self._known = set(book.labels)
        self._on_book = guarded(self._book_changed)
        book.changed.connect(self._on_book)
        book.renamed.connect(guarded(self._rename))

    def _rename(self, old: str, new: str) -> None:
        if self._layer is not None:
            self.relabel(new, [index for index, label in enumerate(self._clean()) if label == old])

    def _book_changed(self) -> None:
        """Make regions positive whose class was removed, and select them, so that nothing is lost unseen."""
        gone, self._known = self._known.difference(self.book.labels), set(self.book.labels)
        if self._layer is None:
            return
        here = [index for index, label in enumerate(self._clean()) if label in gone]
        if here:
            self.relabel(POSITIVE, here)
            self._layer.selected_data = set(here)
        self._keep_current()

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
    return bytes((np.asarray(transform_color(colour)[0]) * 255).round().astype(np.uint8).tobytes())


OURS = frozenset(_name(look.colour) for look in (*LOOKS.values(), *CLASS_LOOKS))
"""Colours that we give."""
