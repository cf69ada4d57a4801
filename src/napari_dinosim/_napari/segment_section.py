"""The section that makes labels of the maps: a threshold with a preview, sizes, holes, objects, edges."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QWidget,
)
from superqt import QLabeledDoubleSlider
from superqt.utils import signals_blocked

from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.laying import allow, describe
from napari_dinosim._napari.section import Section
from napari_dinosim._napari.segmenting import Segmenting
from napari_dinosim._napari.task import TaskButton
from napari_dinosim.analysis.areas import PIXEL, parse_size
from napari_dinosim.analysis.recipe import Segmentation
from napari_dinosim.errors import SegmentationError

if TYPE_CHECKING:
    from napari_dinosim._napari.controller import Controller

METHODS: list[tuple[str, dict[str, Any]]] = [
    ("by hand", {"method": "fixed"}),
    ("Otsu", {"method": "otsu"}),
    ("the highest of 3 classes", {"method": "multi-otsu", "classes": 3, "upper": 1}),
    ("the upper 2 of 3 classes", {"method": "multi-otsu", "classes": 3, "upper": 2}),
    ("the highest of 4 classes", {"method": "multi-otsu", "classes": 4, "upper": 1}),
]
SCALES = [("as shown, 0 to 1", "shown"), ("cosine, −1 to 1", "cosine")]
DECIMALS = 2
"""Of a threshold: those that can be read."""
THRESHOLD = "What scores at least this is found."
FOUND = "Choose 'by hand' above to set it: now it is found from the scores."
LOWEST = {"shown": 0.0, "cosine": -1.0}
OBJECTS = [("all together", "together"), ("connected parts", "components"), ("peaks (watershed)", "watershed")]
DETAILS = [("the patches", 1), ("4 × finer", 4), ("8 × finer", 8)]


class SegmentSection(Section):
    """How maps become labels.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__("Make Labels layers of what is similar, or of each class.")
        self._controller = controller
        self.segmenting = Segmenting(controller)
        self.slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self.method, self.scale, self.objects, self.detail = QComboBox(), QComboBox(), QComboBox(), QComboBox()
        self.smoothing, self.size = QDoubleSpinBox(), QLineEdit()
        self.holes, self.edges = QCheckBox("Fill holes"), QCheckBox("Edges of the image")
        self.preview, self.said = QCheckBox("Preview"), QLabel()
        self.make = TaskButton(
            self.segmenting.task,
            "Make labels",
            "Write one Labels layer over each checked image, for all embedded planes. The layers are yours: one that "
            "you have painted in is never written over.",
            self._make,
        )
        self._unreadable = ""
        self._fill()
        self._arrange()
        self._connect()
        self.show_choices()
        self.entitle("Segment: map to labels")

    def _fill(self) -> None:
        for box, choices in ((self.scale, SCALES), (self.objects, OBJECTS), (self.detail, DETAILS)):
            for text, value in choices:
                box.addItem(text, value)
        for text, values in METHODS:
            self.method.addItem(text, values)
        self.slider.setRange(0, 1)
        self.slider.setDecimals(DECIMALS)
        self.slider.setValue(Segmentation().threshold)
        self.smoothing.setRange(0, 10)
        self.smoothing.setSingleStep(0.5)
        self.smoothing.setSuffix(" patches")
        self.size.setPlaceholderText("120, or 25 µm²")
        self.said.setWordWrap(True)
        tips: list[tuple[QWidget, str, str]] = [
            (self.slider, "Threshold", THRESHOLD),
            (
                self.method,
                "How the threshold is found",
                "By hand, or from the scores of each plane: Otsu's.",
            ),
            (self.scale, "Score", "The values on screen, or the cosines, which mean the same in every image."),
            (self.smoothing, "Smoothing", "Standard deviation of a Gaussian over the scores, in patches."),
            (self.detail, "Outlines", "Along the patches, or along scores interpolated between them."),
            (self.size, "Minimum size", "Smaller parts are left out: pixels, or an area in a unit such as µm²."),
            (self.holes, "Fill holes", "What one class encloses becomes part of it."),
            (self.objects, "Objects", "One label for all, one per connected part, or one per peak of the score."),
            (self.edges, "Edges of the image", "Move outlines to edges of the image nearby (random walker); slower."),
            (self.preview, "Preview", "Show what the labels of the planes on screen would be, as you choose."),
        ]
        describe(tips)
        for part in self._slider_parts():
            part.setAccessibleName("Threshold")

    def _arrange(self) -> None:
        panel = QWidget()
        grid = QGridLayout(panel)
        grid.setContentsMargins(0, 0, 0, 0)
        labelled: list[tuple[str, QWidget]] = [
            ("Threshold", self.method),
            ("", self.slider),
            ("Score", self.scale),
            ("Smoothing", self.smoothing),
            ("Outlines", self.detail),
            ("Min. size", self.size),
            ("Objects", self.objects),
        ]
        for row, (text, control) in enumerate(labelled):
            grid.addWidget(QLabel(text), row, 0)
            grid.addWidget(control, row, 1)
        last = len(labelled)
        grid.addWidget(self.holes, last, 0)
        grid.addWidget(self.edges, last, 1)
        grid.addWidget(self.preview, last + 1, 0)
        grid.addWidget(self.make.native, last + 1, 1)
        grid.addWidget(self.said, last + 2, 0, 1, 2)
        self.said.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.MinimumExpanding)
        self.said.setMinimumHeight(2 * self.said.fontMetrics().lineSpacing())
        grid.setColumnStretch(1, 1)
        self.addWidget(panel)

    def _connect(self) -> None:
        change = guarded(self._choose)
        self.slider.valueChanged.connect(change)
        self.smoothing.valueChanged.connect(change)
        self.size.editingFinished.connect(change)
        for box in (self.method, self.scale, self.objects, self.detail):
            box.activated.connect(change)
        for switch in (self.holes, self.edges):
            switch.clicked.connect(change)
        self.preview.clicked.connect(guarded(self.segmenting.preview.switch))
        self.segmenting.preview.told.connect(self._say)
        self.segmenting.made.connect(self._made)
        self.segmenting.task.told.connect(self._tell)
        self._show = guarded(self.show_choices)
        self._controller.tools.restored.connect(self._show)

    def _say(self, text: str) -> None:
        """Tell what a preview found; a size that cannot be read stays in sight."""
        self.said.setText(f"⚠ {self._unreadable}\n{text}" if self._unreadable else text)

    def _tell(self, text: str, is_error: bool) -> None:
        self._controller.told.emit(text, is_error)
        self.said.setText(f"⚠ {text}" if is_error else text)

    def _made(self) -> None:
        """Take the preview away: what was made takes its place."""
        self.preview.setChecked(False)
        self.segmenting.preview.switch(False)

    def _make(self) -> None:
        self._choose()  # what is typed, too, where a button does not take the focus
        if self._unreadable:
            self._tell(self._unreadable, True)
        else:
            self.segmenting.make()

    def _choose(self, *_changed: object) -> None:
        scale = self.scale.currentData()
        if self.slider.minimum() != LOWEST[scale]:
            self.slider.setRange(LOWEST[scale], 1)
        threshold = round(self.slider.value(), DECIMALS)
        with signals_blocked(self.slider):  # it holds what it shows
            self.slider.setValue(threshold)
        by_hand = self.method.currentData()["method"] == "fixed"
        for part in self._slider_parts():
            allow(part, THRESHOLD, "" if by_hand else FOUND)
        size, unit = self._size()
        recipe = Segmentation(
            threshold=threshold,
            on=scale,
            smoothing=self.smoothing.value(),
            detail=self.detail.currentData(),
            fill_holes=self.holes.isChecked(),
            minimum_size=size,
            unit=unit,
            objects=self.objects.currentData(),
            edges="image" if self.edges.isChecked() else "patches",
        )
        self.segmenting.follow(replace(recipe, **self.method.currentData()))

    def _slider_parts(self) -> list[QWidget]:
        """Slider and number, each of which can be pointed at."""
        return [self.slider, *self.slider.findChildren(QWidget)]

    def _size(self) -> tuple[float, str]:
        """Smallest size; the last one that could be read while this one cannot, which is told."""
        before, self._unreadable = self._unreadable, ""
        held = self.segmenting.recipe.minimum_size, self.segmenting.recipe.unit
        try:
            held = parse_size(self.size.text())
        except SegmentationError as error:
            self._unreadable = str(error)
        if self._unreadable and self._unreadable != before:
            self._tell(self._unreadable, True)
        elif before and not self._unreadable:
            self.said.setText("")
        return held

    def show_choices(self) -> None:
        """Show how maps become labels; what cannot be shown here becomes what comes nearest."""
        recipe = self._controller.tools.choices.segmentation
        fitting = (
            number
            for number, (_, values) in enumerate(METHODS)
            if all(getattr(recipe, name) == value for name, value in values.items())
        )
        self.method.setCurrentIndex(next(fitting, 0))
        for box, value in ((self.scale, recipe.on), (self.objects, recipe.objects), (self.detail, recipe.detail)):
            box.setCurrentIndex(max(box.findData(value), 0))
        with signals_blocked(self.slider), signals_blocked(self.smoothing):
            self.slider.setRange(LOWEST[recipe.on], 1)
            self.slider.setValue(recipe.threshold)
            self.smoothing.setValue(recipe.smoothing)
        unit = "" if recipe.unit == PIXEL else f" {recipe.unit}"
        self.size.setText(f"{recipe.minimum_size:g}{unit}" if recipe.minimum_size else "")
        self.holes.setChecked(recipe.fill_holes)
        self.edges.setChecked(recipe.edges == "image")
        self._choose()

    def shutdown(self) -> None:
        """Stop what runs; labels stay, previews go."""
        self._controller.tools.restored.disconnect(self._show, missing_ok=True)
        self.segmenting.shutdown()
