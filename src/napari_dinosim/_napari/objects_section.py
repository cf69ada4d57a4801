"""The section that measures the objects of a Labels layer, from whichever program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QDoubleSpinBox, QLabel, QPushButton, QSizePolicy, QWidget
from superqt.utils import qdebounced

from napari_dinosim._napari.feature_table import our_columns
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.labels_box import NO_LABELS, LabelsBox
from napari_dinosim._napari.laying import allow, describe, laid_out
from napari_dinosim._napari.measuring import Measuring
from napari_dinosim._napari.names_box import NamesBox
from napari_dinosim._napari.roles import key_of
from napari_dinosim._napari.section import Section
from napari_dinosim._napari.task import TaskButton
from napari_dinosim.errors import SelectionError

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_dinosim._napari.controller import Controller

NOT_MEASURED = "Press Measure objects first: what is measured of them is used here."
NO_NUMBERS = "These objects have no score yet: click on what you look for, then press Measure objects again."
OUTDATED = "⚠ Scores are of earlier prompts: measure again."
AUTOMATIC = "automatic"
LOOK_MS = 60

IMAGE_TIP = (
    "The image that the objects are measured over; automatic is the one that the labels were made of, or that lies at "
    "their place."
)
COLUMN_TIP = "A number of the objects; purple is the lowest, yellow the highest."
COLOUR_TIP = "Colour the objects of the layer by the number chosen."
LIKE_TIP = (
    "Show the objects that are like the selected label, in all measured layers. To select one, use the layer's picker "
    "(key 5 or L) or type its number."
)


class ObjectsSection(Section):
    """Scores of objects, and objects like one of them.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__("Measure the objects of a Labels layer: their scores, and which are like one of them.")
        self._controller = controller
        self.measuring = Measuring(controller)
        self.layer = LabelsBox(
            controller.viewer.layers, "The layer whose objects are measured; it has the shape of a checked image."
        )
        self.image, self.column = NamesBox("Image", IMAGE_TIP), NamesBox("Number to colour by", COLUMN_TIP)
        self.least, self.said = QDoubleSpinBox(), QLabel(OUTDATED)
        self.colour, self.like = QPushButton("Colour by it"), QPushButton("Objects like the selected one")
        tip = "Write each object's scores and mean embedding into the features of the layer; columns of yours stay."
        self.measure = TaskButton(self.measuring.task, "Measure objects", tip, self._measure)
        self._arrange()
        self.layer.currentIndexChanged.connect(guarded(self.look))
        self.image.activated.connect(guarded(self._choose_image))
        self.colour.clicked.connect(guarded(self._colour))
        self.like.clicked.connect(guarded(self._rank))
        self.measuring.task.told.connect(controller.told.emit)
        self.least.valueChanged.connect(guarded(self._choose))
        self._show = guarded(self.show_choices)
        controller.tools.restored.connect(self._show)
        self._look = guarded(self.look)
        self.measuring.changed.connect(self._look)
        self._soon = qdebounced(self._look, timeout=LOOK_MS)
        self._on_rows = lambda *_: self._soon()
        controller.row_changed.connect(self._on_rows)
        controller.rows_changed.connect(self._on_rows)
        self.entitle("Objects: measure labels")
        self.look()

    def _arrange(self) -> None:
        tips: list[tuple[QWidget, str, str]] = [
            (self.colour, "Colour by it", COLOUR_TIP),
            (self.least, "Least likeness", "Cosine of two objects' mean embeddings, from which they are alike."),
            (self.like, "Like the selected object", LIKE_TIP),
        ]
        describe(tips)
        self.said.setWordWrap(True)
        self.said.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.said.hide()
        self.least.setRange(-1, 1)
        self.least.setSingleStep(0.05)
        self.least.setValue(self._controller.tools.choices.likeness)
        rows: list[list[tuple[QWidget, int]]] = [
            [(QLabel("Labels"), 1), (self.layer, 3)],
            [(QLabel("Image"), 1), (self.image, 3)],
            [(self.measure.native, 4)],
            [(self.said, 4)],
            [(self.column, 2), (self.colour, 2)],
            [(QLabel("Alike from"), 2), (self.least, 2)],
            [(self.like, 4)],
        ]
        self.addWidget(laid_out(rows, 4))

    def look(self, _change: object = None) -> None:
        """Show which layers there are, and what is known of the chosen one."""
        layer = self.layer.layer
        offered: dict[str | None, str] = {None: AUTOMATIC}
        if layer is not None:
            offered |= {found.key: found.name for found in self.measuring.images(layer)}
        self.image.offer(offered, None if layer is None else self.measuring.chosen.get(key_of(layer)))
        numbers, why_not = [], self.layer.why_not
        if layer is not None and key_of(layer) in self.measuring.measured:
            numbers = _numbers(layer)
        elif layer is not None:
            why_not = NOT_MEASURED
        no_numbers = why_not or ("" if numbers else NO_NUMBERS)
        self.column.offer({name: name for name in numbers}, self.column.currentData(), no_numbers)
        allow(self.colour, COLOUR_TIP, no_numbers)
        allow(self.like, LIKE_TIP, why_not)
        self.said.setVisible(layer is not None and self.measuring.outdated(layer))

    def shutdown(self) -> None:
        """Stop what runs, and listen no more."""
        self.layer.shutdown()
        self._soon.cancel()
        self._controller.row_changed.disconnect(self._on_rows, missing_ok=True)
        self._controller.rows_changed.disconnect(self._on_rows, missing_ok=True)
        self._controller.tools.restored.disconnect(self._show, missing_ok=True)
        self.measuring.shutdown()

    # ---- what the person does ------------------------------------------------------------------------------------

    def _choose_image(self, _index: int) -> None:
        layer, key = self.layer.layer, self.image.currentData()
        if layer is not None and key is None:
            self.measuring.chosen.pop(key_of(layer), None)
        elif layer is not None:
            self.measuring.chosen[key_of(layer)] = key

    def _choose(self, likeness: float) -> None:
        self._controller.tools.choose(likeness=likeness)

    def show_choices(self) -> None:
        """Show from which cosine objects are alike."""
        self.least.setValue(self._controller.tools.choices.likeness)

    def _measure(self) -> None:
        layer = self.layer.layer
        if layer is None:
            self._controller.told.emit(NO_LABELS, True)
        else:
            self.layer.keep()
            self.measuring.measure(layer)

    def _colour(self, _checked: bool) -> None:
        layer = self.layer.layer
        if layer is not None and self.column.currentText() in layer.features:
            self.measuring.colour_by(layer, self.column.currentText())

    def _rank(self, _checked: bool) -> None:
        layer = self.layer.layer
        if layer is None:
            return
        try:
            text = self.measuring.rank(layer, layer.selected_label, self.least.value())
        except SelectionError as error:
            self._controller.told.emit(str(error), True)
        else:
            self._controller.told.emit(text, False)


def _numbers(layer: Labels) -> list[str]:
    """Columns of the layer's features to colour by."""
    ours = our_columns(layer)
    left_out = ("index", ours.get("pixels embedded"), ours.get("embedding"))
    kinds = {name: layer.features[name].dtype.kind for name in layer.features if name not in left_out}
    return [name for name, kind in kinds.items() if kind in "fiu"]
