"""The section that says what is meant by the points: positive, negative, or of a class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox, QInputDialog, QLabel, QLineEdit, QPushButton, QSizePolicy, QWidget

from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.label_book import LOOKS
from napari_dinosim._napari.label_icon import label_icon
from napari_dinosim._napari.laying import allow, laid_out
from napari_dinosim._napari.names_box import NamesBox
from napari_dinosim._napari.section import Section
from napari_dinosim._napari.sentences import brief
from napari_dinosim.errors import LabelError

if TYPE_CHECKING:
    from napari_dinosim._napari.controller import Controller

COMBINE = [("like any (maximum)", "max"), ("like all (mean)", "mean"), ("like the nearest few", "top")]
LABEL_TIP = "Label of the next points. T on the prompts layer goes on to the next one."
COMBINE_TIP = (
    "The score of several points of one label: the maximum of their cosines (like any of them), their mean (like all), "
    "or the soft mean of the three highest (like the nearest few; the steadiest for many points)."
)


class PromptsSection(Section):
    """Which label the next points get, the classes, and how several points become one score.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__("What is meant by the points: this, not this, or one of several classes.")
        self._controller, self._labels = controller, controller.prompts.labels
        self._book = self._labels.book
        self.label = NamesBox("Label of the next points", LABEL_TIP)
        self.combine, self.name = QComboBox(), QLineEdit()
        self.relabel = QPushButton("Relabel selected points")
        self.rename, self.remove = QPushButton("Rename class"), QPushButton("Remove class")
        self.counts = QLabel()
        self._fill()
        self._arrange()
        self.label.activated.connect(guarded(self._choose))
        self.combine.activated.connect(guarded(self._combine))
        self.name.returnPressed.connect(guarded(self._add))
        self.relabel.clicked.connect(guarded(self._relabel))
        self.rename.clicked.connect(guarded(self._rename))
        self.remove.clicked.connect(guarded(self._remove))
        self._show = guarded(self.show_choices)
        for signal in self._signals():
            signal.connect(self._show)
        self.show_choices()

    def _signals(self) -> list:  # type: ignore[type-arg]
        return [
            self._book.changed,
            self._labels.counted,
            self._controller.choices_changed,
            self._controller.regions.changed,
        ]

    def _fill(self) -> None:
        for text, value in COMBINE:
            self.combine.addItem(text, value)
        self.combine.setToolTip(COMBINE_TIP)
        self.combine.setAccessibleName("Several points of one label")
        self.name.setPlaceholderText("New class: its name, then Enter")
        self.name.setAccessibleName("Name of a new class")
        self.name.setToolTip("With classes, each has a map of its own, and a Labels layer says which wins where.")
        self.relabel.setToolTip("Give the selected points the label chosen above (Shift+T on the prompts layer).")
        self.counts.setWordWrap(True)

    def _arrange(self) -> None:
        rows: list[list[tuple[QWidget, int]]] = [
            [(QLabel("Next points"), 1), (self.label, 3)],
            [(self.name, 4)],
            [(self.relabel, 4)],
            [(self.rename, 2), (self.remove, 2)],
            [(QLabel("Several are"), 1), (self.combine, 3)],
            [(self.counts, 4)],
        ]
        for part in (self.label, self.name, self.relabel, self.rename, self.remove, self.combine, self.counts):
            part.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.counts.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.MinimumExpanding)
        self.addWidget(laid_out(rows, 4))

    def show_choices(self) -> None:
        """Show what is chosen, here or by a key, and how many points each label has."""
        book, counts = self._book, self._labels.counts()
        held = [(self.label.itemText(i), self.label.itemData(i)) for i in range(self.label.count())]
        if held != [(label, label) for label in book.labels]:
            self.label.clear()
            for label in book.labels:
                self.label.addItem(label_icon(book.look(label)), label, label)
        self.label.setCurrentIndex(self.label.findData(book.current))
        self.combine.setCurrentIndex(self.combine.findData(self._controller.combined_by))
        no_class = f"Choose a class above first: {book.current} is none." if book.current in LOOKS else ""
        allow(self.rename, "Give the class chosen above another name; its points keep it.", no_class)
        allow(self.remove, "Forget the class chosen above; its points become positive, and are selected.", no_class)
        words = [f"{label} {counts[label]}" for label in book.labels if counts[label] or label not in LOOKS]
        sought = self._controller.session.prompts.sought  # regions may be of a class too
        empty = [label for label in book.classes if not counts[label] and label not in sought]
        text = f"Points: {', '.join(words)}." if words else ""
        if empty:
            text += f" No map yet of {', '.join(empty)}: click on one."
        self.counts.setText(text)
        self.counts.setVisible(bool(text))
        self.entitle(f"Points: the next is {brief(book.current)}")
        if self.isExpanded():
            self.expand(animate=False)  # to its new height

    def shutdown(self) -> None:
        """Listen no more."""
        for signal in self._signals():
            signal.disconnect(self._show, missing_ok=True)

    # ---- what the person does ------------------------------------------------------------------------------------

    def _choose(self, _index: int) -> None:
        self._book.choose(self.label.currentData())

    def _combine(self, _index: int) -> None:
        self._controller.combine(self.combine.currentData())

    def _relabel(self, _checked: bool) -> None:
        self._labels.relabel_selected()

    def _remove(self, _checked: bool) -> None:
        self._controller.remove_class(self._book.current)

    def _add(self) -> None:
        try:
            self._book.add(self.name.text())
        except LabelError as error:
            self._controller.told.emit(str(error), True)
        else:
            self.name.clear()

    def _rename(self, _checked: bool) -> None:
        old = self._book.current
        text, wanted = QInputDialog.getText(self, "Rename a class", f"Another name for {old!r}:", text=old)
        if not wanted:
            return
        try:
            self._book.rename(old, text)
        except LabelError as error:
            self._controller.told.emit(str(error), True)
