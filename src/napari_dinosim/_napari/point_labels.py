"""Labels of the points: a colour and a symbol for each."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers.points._points_utils import coerce_symbols
from napari.utils.colormaps.standardize_color import transform_color
from psygnal import Signal

from napari_dinosim._napari.label_book import CLASS_LOOKS, LOOKS, LabelBook
from napari_dinosim._napari.layer_labels import LayerLabels
from napari_dinosim._napari.roles import MARK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari.components import ViewerModel
    from napari.layers import Points
    from numpy.typing import NDArray

    from napari_dinosim._napari.label_book import Look
    from napari_dinosim._napari.point_state import PointsState
    from napari_dinosim._napari.undoing import Undoing

BOOK_KEY = "classes"
"""Where the layer's mark keeps the numbers of the classes, so that they outlive the widget."""


class PointLabels(LayerLabels):
    """Follows the labels of the prompts, and owns the book of labels.

    Parameters
    ----------
    viewer : Viewer
    undoing : Undoing
        The history of the layer.
    """

    counted = Signal()
    """The labels of the points are others."""

    noun, keys = "point", ("T", "Shift-T")

    def __init__(self, viewer: ViewerModel, undoing: Undoing[PointsState]) -> None:
        super().__init__(LabelBook(), undoing)
        self._viewer = viewer
        self.labels: tuple[str, ...] = ()
        self._meanwhile = ""

    @property
    def _current(self) -> str:
        return self._meanwhile or self.book.current

    def attach(self, layer: Points) -> None:
        """Follow a layer, with the classes that an earlier widget left there."""
        self.book.restore(layer.metadata[MARK].get(BOOK_KEY, {}))
        super().attach(layer)
        self._note_classes()

    def detach(self) -> None:
        """Follow it no more; its labels stay."""
        super().detach()
        self.labels = ()
        self.counted.emit()

    def look(self) -> tuple[str, ...]:
        """Read the label of each point, and give the points the looks of their labels."""
        labels = super().look()
        if self._layer is not None and labels != self.labels:
            self.labels = labels
            self.counted.emit()
        return labels

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

    def _book_changed(self) -> None:
        super()._book_changed()
        if self._layer is not None:
            self._note_classes()
            self._viewer.status = f"Next points and regions: {self.book.current}"

    def _note_classes(self) -> None:
        """Note the numbers of the classes in the layer."""
        numbers = self.book.classes
        if numbers:
            self._layer.metadata[MARK][BOOK_KEY] = numbers
        else:
            self._layer.metadata[MARK].pop(BOOK_KEY, None)

    def _keep_look(self, look: Look) -> None:
        layer = self._layer
        if _pair(layer.current_face_color, layer.current_symbol) in OURS - {_pair(look.colour, look.symbol)}:
            with layer.block_update_properties():  # else the selected points would take it on
                layer.current_face_color, layer.current_symbol = look.colour, look.symbol

    def _show_looks(self, labels: Sequence[str]) -> None:
        colours, symbols = np.array(self._layer.face_color), np.array(self._layer.symbol)
        changed, looks = False, {label: self.book.look(label) for label in set(labels)}
        others = {label: OURS - {_pair(look.colour, look.symbol)} for label, look in looks.items()}
        names = {symbol: str(symbol) for symbol in set(symbols.tolist())}
        worn = zip(_in_bytes(colours), symbols.tolist(), labels, strict=False)
        for index, (rgba, symbol, label) in enumerate(worn):
            if (rgba.tobytes(), names[symbol]) in others[label]:
                look = looks[label]
                colours[index], symbols[index] = transform_color(look.colour)[0], coerce_symbols([look.symbol])[0]
                changed = True
        if changed:
            self._layer.face_color, self._layer.symbol = colours, symbols


def _pair(colour: Any, symbol: Any) -> tuple[bytes, str]:
    """Name of a look; colours are compared as napari keeps them."""
    rgba = np.asarray(transform_color(colour)[0] if isinstance(colour, str) else colour)
    return _in_bytes(rgba).tobytes(), str(symbol)


def _in_bytes(rgba: NDArray[Any]) -> NDArray[np.uint8]:
    return (rgba * 255).round().astype(np.uint8)


OURS = frozenset(_pair(look.colour, look.symbol) for look in (*LOOKS.values(), *CLASS_LOOKS))
"""Looks that we give."""
