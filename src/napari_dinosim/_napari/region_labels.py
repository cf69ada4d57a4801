"""Labels of the shapes: in the layer's features, with a colour and a text for each; keys that change them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps.standardize_color import transform_color
from napari.utils.key_bindings import coerce_keybinding
from psygnal import Signal

from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.label_book import CLASS_LOOKS, LOOKS, LabelBook
from napari_dinosim._napari.point_labels import COLUMN
from napari_dinosim.errors import LabelError
from napari_dinosim.prompts import POSITIVE, clean_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari.layers import Shapes

SWITCH, RELABEL = "K", "Shift-K"
"""Keys on the regions layer, in napari's words: those of the points are napari's own here, for drawing paths."""

FACE_ALPHA = 0.15
"""Of the colour that fills a shape: the image shows through."""

TEXT = {"string": "{label}", "size": 10, "color": "white", "anchor": "upper_left", "visible": False}


class RegionLabels:
    """Follows the labels of a layer of shapes; those of the points are theirs too.

    Parameters
    ----------
    book : LabelBook
        The labels there are, and the one that the next points and shapes get.
    """

    told = Signal(str)
    """Something to tell the person."""

    def __init__(self, book: LabelBook) -> None:
        self._book = book
        self._layer: Shapes | None = None
        self._several = False
        self._known = set(book.labels)
        self._keep, self._on_book = guarded(self._keep_current), guarded(self._book_changed)
        self._keys = {coerce_keybinding(SWITCH): self._switch, coerce_keybinding(RELABEL): self._relabel}
        book.changed.connect(self._on_book)
        book.renamed.connect(guarded(self._rename))

    def attach(self, layer: Shapes) -> None:
        """Follow a layer; shapes without a label are positive."""
        self._layer, self._several = layer, bool(layer.text.visible)
        if COLUMN not in layer.features:
            self._write([POSITIVE] * layer.nshapes)
        if getattr(layer.text.string, "constant", None) == "":  # nobody has chosen a text
            layer.text = TEXT
        for key, action in self._keys.items():
            if key not in layer.keymap:  # else a person has bound it
                layer.bind_key(key, action)
        layer.events.feature_defaults.connect(self._keep)
        self.look()

    def detach(self) -> None:
        """Follow it no more; its labels stay."""
        if self._layer is not None:
            self._layer.events.feature_defaults.disconnect(self._keep)
            for key, action in self._keys.items():
                if self._layer.keymap.get(key) == action:
                    self._layer.bind_key(key, None)
        self._layer = None

    def look(self) -> tuple[str, ...]:
        """Read the label of each shape, and give the shapes the colours of their labels."""
        if self._layer is None:
            return ()
        labels = _clean(self._layer)
        if list(self._layer.features.get(COLUMN, ())) != labels:
            self._write(labels)
        self._book.meet(labels)
        self._show_colours(labels)
        several = len(set(labels)) > 1 or any(label not in LOOKS for label in labels)
        if several != self._several:
            self._several = several
            self._layer.text.visible = several
        self._keep_current()
        return tuple(labels)

    def relabel(self, label: str, shapes: Iterable[int] | None = None) -> int:
        """Give shapes another label, by default the selected ones; returns how many."""
        if self._layer is None:
            return 0
        labels, chosen = list(self.look()), sorted(self._layer.selected_data if shapes is None else shapes)
        for index in chosen:
            labels[index] = label
        if chosen:
            self._write(labels)
            self.look()
        return len(chosen)

    def relabel_selected(self) -> None:
        """Give the selected shapes the label that the next ones get, and say so."""
        number = self.relabel(self._book.current)
        if number:
            self.told.emit(f"{number} region{'s' * (number > 1)} relabelled: {self._book.current}.")
        else:
            self.told.emit("No region is selected. Choose the select tool, select regions, then relabel them.")

    def _switch(self, _layer: object) -> None:
        guarded(self._book.choose_next)()

    def _relabel(self, _layer: object) -> None:
        guarded(self.relabel_selected)()

    def _rename(self, old: str, new: str) -> None:
        if self._layer is not None:
            here = [index for index, label in enumerate(_clean(self._layer)) if label == old]
            self.relabel(new, here)

    def _book_changed(self) -> None:
        """Make regions positive whose class was removed, and select them, so that nothing is lost unseen."""
        gone, self._known = self._known.difference(self._book.labels), set(self._book.labels)
        if self._layer is None:
            return
        here = [index for index, label in enumerate(_clean(self._layer)) if label in gone]
        if here:
            self.relabel(POSITIVE, here)
            self._layer.selected_data = set(here)
        self._keep_current()

    def _keep_current(self, _event: object = None) -> None:
        """Have the next shapes get the current label and its colour, whatever is selected."""
        layer, current = self._layer, self._book.current
        if layer is None or COLUMN not in layer.features:
            return
        if list(layer.feature_defaults.get(COLUMN, ())) != [current]:
            layer.feature_defaults = {**layer.feature_defaults.to_dict("list"), COLUMN: [current]}
        colour = self._book.look(current).colour
        if _name(layer.current_edge_color) in OURS - {_name(colour)}:
            with layer.block_update_properties():  # else the selected shapes would take it on
                layer.current_edge_color, layer.current_face_color = colour, faint(colour)

    def _show_colours(self, labels: Sequence[str]) -> None:
        """Give each shape the colours of its label where it has those of another one; a person's own choice stays."""
        layer = self._layer
        assert layer is not None
        edges, faces = np.array(layer.edge_color), np.array(layer.face_color)
        changed = False
        for index, label in enumerate(labels):
            colour = self._book.look(label).colour
            if _name(edges[index]) in OURS - {_name(colour)}:
                edges[index], faces[index] = transform_color(colour)[0], faint(colour)
                changed = True
        if changed:
            layer.edge_color, layer.face_color = edges, faces

    def _write(self, labels: Sequence[str]) -> None:
        assert self._layer is not None
        features = self._layer.features.iloc[: len(labels)].copy()
        features[COLUMN] = np.array(labels, dtype=object)
        self._layer.features = features


def faint(colour: str) -> Any:
    """Return the colour that fills a shape with such an edge, (4,)."""
    rgba = np.array(transform_color(colour)[0])
    rgba[3] = FACE_ALPHA
    return rgba


def _clean(layer: Shapes) -> list[str]:
    """Labels of the shapes; where there is none, or nothing that is a name, it is positive."""
    if COLUMN not in layer.features:
        return [POSITIVE] * layer.nshapes
    column = layer.features[COLUMN].iloc[: layer.nshapes]  # where napari fails to add a shape, its row is there
    return [POSITIVE if missing else _read(value) for value, missing in zip(column, column.isna(), strict=True)]


def _read(value: Any) -> str:
    try:
        return clean_label(str(value))
    except LabelError:
        return POSITIVE


def _name(colour: Any) -> bytes:
    """Name of a colour; they are compared as napari keeps them."""
    return bytes((np.asarray(transform_color(colour)[0]) * 255).round().astype(np.uint8).tobytes())


OURS = frozenset(_name(look.colour) for look in (*LOOKS.values(), *CLASS_LOOKS))
"""Colours that we give."""
