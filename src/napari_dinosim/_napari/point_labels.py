"""Labels of the points: in the layer's features, with a look and a text for each; keys that switch and change them."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers.points._points_utils import coerce_symbols
from napari.utils.colormaps.standardize_color import transform_color
from napari.utils.key_bindings import coerce_keybinding
from psygnal import Signal

from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.label_book import CLASS_LOOKS, LOOKS, LabelBook, Look
from napari_dinosim._napari.roles import MARK
from napari_dinosim.errors import LabelError
from napari_dinosim.prompts import POSITIVE, clean_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from napari.components import ViewerModel
    from napari.layers import Points

COLUMN = "label"
"""Column of the layer's features that holds the labels."""

SWITCH, RELABEL = "T", "Shift-T"
"""Keys on the prompts layer, in napari's words."""

TEXT = {"string": "{label}", "size": 10, "color": "white", "anchor": "upper_left", "visible": False}

BOOK_KEY = "classes"
"""Where the layer's mark keeps the numbers of the classes, so that they outlive the widget."""


class PointLabels:
    """Follows the labels of a layer of points, and gives them their looks.

    Parameters
    ----------
    viewer : Viewer
    """

    counted = Signal()
    """The labels of the points are others."""
    told = Signal(str)
    """Something to tell the person."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self.book = LabelBook()
        self.labels: tuple[str, ...] = ()
        self._layer: Points | None = None
        self._on_defaults = guarded(self._keep_current)
        self._keys = {coerce_keybinding(SWITCH): self._switch, coerce_keybinding(RELABEL): self._relabel}
        self._several, self._meanwhile = False, ""
        self.book.changed.connect(self._book_changed)

    def attach(self, layer: Points) -> None:
        """Follow a layer; one that an earlier version left, without labels, holds positive points."""
        self._layer, self._several = layer, bool(layer.text.visible)
        if COLUMN not in layer.features:
            self._write([POSITIVE] * len(layer.data))
        if getattr(layer.text.string, "constant", None) == "":  # nobody has chosen a text
            layer.text = TEXT
        self.book.restore(layer.metadata[MARK].get(BOOK_KEY, {}))
        for key, action in self._keys.items():
            if key not in layer.keymap:  # else a person has bound it
                layer.bind_key(key, action)
        layer.events.feature_defaults.connect(self._on_defaults)
        self.look()

    def detach(self) -> None:
        """Follow it no more; its labels stay."""
        if self._layer is not None:
            self._layer.events.feature_defaults.disconnect(self._on_defaults)
            for key, action in self._keys.items():
                if self._layer.keymap.get(key) == action:
                    self._layer.bind_key(key, None)
        self._layer, self.labels = None, ()
        self.counted.emit()

    def look(self) -> tuple[str, ...]:
        """Read the label of each point, and give the points the looks of their labels."""
        if self._layer is None:
            return ()
        held = list(self._layer.features.get(COLUMN, ()))
        labels = _clean(self._layer)
        if held != labels:
            self._write(labels)
        self.book.meet(labels)
        self._show_looks(labels)
        self._show_texts(labels)
        self._keep_current()
        if tuple(labels) != self.labels:
            self.labels = tuple(labels)
            self.counted.emit()
        return self.labels

    def counts(self) -> Counter[str]:
        """How many points each label has."""
        return Counter(self.labels)

    @contextmanager
    def adding(self, label: str) -> Iterator[None]:
        """Let points that are added meanwhile have a label; the next ones of the person's have theirs again."""
        self.book.meet([label])
        self._meanwhile = label
        self._keep_current()
        try:
            yield
        finally:
            self._meanwhile = ""
            self._keep_current()

    def relabel(self, label: str, points: Iterable[int] | None = None) -> int:
        """Give points another label, by default the selected ones; returns how many."""
        if self._layer is None:
            return 0
        chosen = sorted(self._layer.selected_data if points is None else points)
        labels = list(self.look())
        for index in chosen:
            labels[index] = label
        if chosen:
            self._write(labels)
            self.look()
        return len(chosen)

    def rename(self, old: str, text: str) -> None:
        """Give a class another name, and its points with it."""
        here = [index for index, label in enumerate(self.look()) if label == old]
        new = self.book.rename(old, text)
        self.relabel(new, here)

    def remove(self, label: str) -> None:
        """Forget a class; its points become positive and are selected, so that nothing is lost unseen."""
        here = [index for index, held in enumerate(self.look()) if held == label]
        self.relabel(POSITIVE, here)
        self.book.remove(label)
        if here and self._layer is not None:
            self._layer.selected_data = set(here)
            few = "Its point is" if len(here) == 1 else f"Its {len(here)} points are"
            self.told.emit(
                f"Class {label!r} is gone. {few} positive now and selected: Delete removes, Shift+T relabels."
            )

    # ---- keys ----------------------------------------------------------------------------------------------------

    def _switch(self, _layer: object) -> None:
        guarded(self.book.choose_next)()

    def _relabel(self, _layer: object) -> None:
        guarded(self.relabel_selected)()

    def relabel_selected(self) -> None:
        """Give the selected points the label that the next ones get, and say so."""
        number = self.relabel(self.book.current)
        if number:
            self.told.emit(f"{number} point{'s' * (number > 1)} relabelled: {self.book.current}.")
        else:
            self.told.emit("No point is selected. Choose the select tool (S), select points, then relabel them.")

    # ---- what the layer shows ------------------------------------------------------------------------------------

    def _book_changed(self) -> None:
        if self._layer is None:
            return
        numbers = self.book.classes
        if numbers:
            self._layer.metadata[MARK][BOOK_KEY] = numbers
        else:
            self._layer.metadata[MARK].pop(BOOK_KEY, None)
        self._keep_current()
        self._viewer.status = f"Next points: {self.book.current} (T switches, Shift+T relabels the selected ones)"

    def _keep_current(self, _event: object = None) -> None:
        """Have the next points get the current label, whatever is selected: napari gives them that of the selection."""
        layer, current = self._layer, self._meanwhile or self.book.current
        if layer is None or COLUMN not in layer.features:
            return
        if list(layer.feature_defaults.get(COLUMN, ())) != [current]:
            layer.feature_defaults = {**layer.feature_defaults.to_dict("list"), COLUMN: [current]}
        look = self.book.look(current)
        if _pair(layer.current_face_color, layer.current_symbol) in OURS - {_pair(look.colour, look.symbol)}:
            with layer.block_update_properties():  # else the selected points would take it on
                layer.current_face_color, layer.current_symbol = look.colour, look.symbol

    def _show_looks(self, labels: Sequence[str]) -> None:
        """Give each point the look of its label, where it has that of another one; a person's own choice stays."""
        layer = self._layer
        assert layer is not None
        colours, symbols = np.array(layer.face_color), np.array(layer.symbol)
        changed = False
        for index, label in enumerate(labels):
            look = self.book.look(label)
            wanted, pair = _pair(look.colour, look.symbol), _pair(colours[index], symbols[index])
            if pair != wanted and pair in OURS:
                colours[index], symbols[index] = _rgba(look), coerce_symbols([look.symbol])[0]
                changed = True
        if changed:
            layer.face_color, layer.symbol = colours, symbols

    def _show_texts(self, labels: Sequence[str]) -> None:
        """Write each point's label beside it while there is more than one; a person may choose otherwise."""
        several = len(set(labels)) > 1 or any(label not in LOOKS for label in labels)
        if several != self._several and self._layer is not None:
            self._several = several
            self._layer.text.visible = several

    def _write(self, labels: Sequence[str]) -> None:
        assert self._layer is not None
        features = self._layer.features.copy()
        features[COLUMN] = np.array(labels, dtype=object)
        self._layer.features = features


def _clean(layer: Points) -> list[str]:
    """Labels of the points; where there is none, or nothing that is a name, it is positive."""
    if COLUMN not in layer.features:
        return [POSITIVE] * len(layer.data)
    column = layer.features[COLUMN]
    return [POSITIVE if missing else _read(value) for value, missing in zip(column, column.isna(), strict=True)]


def _read(value: Any) -> str:
    try:
        return clean_label(str(value))
    except LabelError:
        return POSITIVE


def _rgba(look: Look) -> Any:
    return transform_color(look.colour)[0]


def _pair(colour: Any, symbol: Any) -> tuple[bytes, str]:
    """Name of a look; colours are compared as napari keeps them."""
    rgba = np.asarray(transform_color(colour)[0])
    return (rgba * 255).round().astype(np.uint8).tobytes(), str(symbol)


OURS = frozenset(_pair(look.colour, look.symbol) for look in (*LOOKS.values(), *CLASS_LOOKS))
"""Looks that we give."""
