"""Labels of what lies in a layer, points or shapes: in its features, with a text for each; keys that change them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from napari.utils.key_bindings import coerce_keybinding
from psygnal import Signal

from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.label_book import LOOKS
from napari_dinosim._napari.sentences import counted
from napari_dinosim.errors import LabelError
from napari_dinosim.prompts import POSITIVE, clean_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_dinosim._napari.label_book import LabelBook, Look
    from napari_dinosim._napari.undoing import Undoing

COLUMN = "label"
"""Column of the layer's features that holds the labels."""

TEXT = {"string": "{label}", "size": 10, "color": "white", "anchor": "upper_left", "visible": False}


class LayerLabels:
    """Follows the labels of what lies in a layer, and gives it its looks; what these are is told by those derived.

    Parameters
    ----------
    book : LabelBook
        The labels there are, and the one that what comes next gets.
    undoing : Undoing
        The history of the layer: looks, and names of classes, are no steps of the person's.
    """

    told = Signal(str)
    """Something to tell the person."""

    noun: ClassVar[str]
    """What lies in the layer, as people call one of it."""
    keys: ClassVar[tuple[str, str]]
    """Keys on the layer, in napari's words: to the next label, and to relabel what is selected."""

    def __init__(self, book: LabelBook, undoing: Undoing[Any]) -> None:
        self.book, self._undoing = book, undoing
        self._layer: Any = None
        self._renamed = False
        self._several = False
        self._on_defaults = guarded(self._keep_current)
        switch, relabel = map(coerce_keybinding, self.keys)
        self._keys = {switch: self._switch, relabel: self._relabel}
        book.renamed.connect(guarded(self._rename))
        book.changed.connect(guarded(self._book_changed))

    # ---- what those derived say ----------------------------------------------------------------------------------

    def _show_looks(self, labels: Sequence[str]) -> None:
        """Give everything the look of its label, where it has that of another one; a person's own choice stays."""
        raise NotImplementedError

    def _keep_look(self, look: Look) -> None:
        """Have what comes next look so, unless a person chose otherwise."""
        raise NotImplementedError

    @property
    def _current(self) -> str:
        """Label that what comes next gets."""
        return self.book.current

    # ---- following -----------------------------------------------------------------------------------------------

    def attach(self, layer: Any) -> None:
        """Follow a layer; what has no label in it is positive."""
        self._layer, self._several = layer, bool(layer.text.visible)
        if COLUMN not in layer.features:
            self._write([POSITIVE] * len(layer.data))
        if getattr(layer.text.string, "constant", None) == "":  # nobody has chosen a text
            layer.text = TEXT
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
        self._layer = None

    def look(self) -> tuple[str, ...]:
        """Read the labels, in order, and give everything the look of its own."""
        if self._layer is None:
            return ()
        labels = self._clean()
        if not _holds(self._layer, labels) or _is_closed(self._layer):
            with self._undoing.amending():
                self._write(labels)
        self.book.meet(labels)
        self._show_looks(labels)
        self._show_texts(labels)
        self._keep_current()
        return tuple(labels)

    def relabel(self, label: str, chosen: Iterable[int] | None = None) -> int:
        """Give some another label, by default what is selected; returns how many."""
        if self._layer is None:
            return 0
        numbers = sorted(self._layer.selected_data if chosen is None else chosen)
        labels = self._clean()
        for index in numbers:
            labels[index] = label
        if numbers:
            self._write(labels)
            self.look()
        return len(numbers)

    def make_positive(self, label: str) -> int:
        """Let what has a label be positive, and select it, so that nothing is lost unseen; returns how many."""
        here = {index for index, held in enumerate(self._clean() if self._layer is not None else []) if held == label}
        if here:
            self.relabel(POSITIVE, here)
            self._layer.selected_data = here
        return len(here)

    def _rename(self, old: str, new: str) -> None:
        """Write the new name of a class here, and in all that can be undone.

        Nobody is told before the other layers have it too: what reads them all would meet the old one again.
        """
        if self._layer is not None:
            with self._layer.events.blocker_all():
                self._write([new if label == old else label for label in self._clean()])
            self._undoing.rename(COLUMN, old, new)
            self._renamed = True

    def _book_changed(self) -> None:
        """Look anew, where a class was renamed; have what comes next be as is chosen."""
        if self._renamed:
            self._renamed = False
            self._write(self._clean())  # and tell
        self._keep_current()

    def relabel_selected(self) -> None:
        """Give what is selected the label that comes next, and say so."""
        number = self.relabel(self.book.current)
        if number:
            self.told.emit(f"{counted(number, self.noun)} relabelled: {self.book.current}.")
        else:
            way = f"Choose the select tool, select {self.noun}s, then relabel them."
            self.told.emit(f"No {self.noun} is selected. {way}")

    def _switch(self, _layer: object) -> None:
        guarded(self.book.choose_next)()

    def _relabel(self, _layer: object) -> None:
        guarded(self.relabel_selected)()

    def _keep_current(self, _event: object = None) -> None:
        """Have what comes next get the current label, whatever is selected: napari gives it that of the selection."""
        layer, current = self._layer, self._current
        if layer is None or COLUMN not in layer.features or _is_closed(layer):  # look writes one that takes it
            return
        if list(layer.feature_defaults.get(COLUMN, ())) != [current]:
            layer.feature_defaults = {**layer.feature_defaults.to_dict("list"), COLUMN: [current]}
        self._keep_look(self.book.look(current))

    def _show_texts(self, labels: Sequence[str]) -> None:
        """Write each label beside its place while there is more than one; a person may choose otherwise."""
        several = len(set(labels)) > 1 or any(label not in LOOKS for label in labels)
        if several != self._several:
            self._several = several
            self._layer.text.visible = several

    def _clean(self) -> list[str]:
        """Labels of all; where there is none, or nothing that is a name, it is positive."""
        layer, count = self._layer, len(self._layer.data)
        if COLUMN not in layer.features:
            return [POSITIVE] * count
        column = layer.features[COLUMN].iloc[:count]  # where napari fails to add a shape, its row is there all the same
        known: dict[str, str] = {}  # few labels, many places
        labels = []
        for value, missing in zip(column.tolist(), column.isna().tolist(), strict=True):
            if missing:
                labels.append(POSITIVE)
                continue
            text = str(value)
            if text not in known:
                known[text] = _read(text)
            labels.append(known[text])
        return labels

    def _write(self, labels: Sequence[str]) -> None:
        features = self._layer.features.iloc[: len(labels)].copy()
        features[COLUMN] = np.array(labels, dtype=object)
        self._layer.features = features


def _holds(layer: Any, labels: Sequence[str]) -> bool:
    """Whether the column holds these labels; pandas' NA cannot be compared."""
    held = layer.features[COLUMN].tolist() if COLUMN in layer.features else []
    return all(isinstance(value, str) for value in held) and held == labels


def _is_closed(layer: Any) -> bool:
    """Whether the column takes no label but those that it has: pandas' categories, as seaborn and others make them."""
    return COLUMN in layer.features and hasattr(layer.features[COLUMN], "cat")


def _read(text: str) -> str:
    try:
        return clean_label(text)
    except LabelError:
        return POSITIVE
