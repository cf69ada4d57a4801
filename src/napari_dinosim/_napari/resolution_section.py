"""The section where a person chooses how much of the sample a patch covers, and how fine maps are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QGridLayout, QLabel, QSizePolicy, QWidget

from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.resolution import Cover, short, unit_of_length
from napari_dinosim._napari.section import Section

if TYPE_CHECKING:
    from napari_dinosim._napari.controller import Controller

COVERS = {
    Cover.NATIVE: ("its own pixels", "Each pixel as it is: a patch covers as many as the encoder takes, 14, 16 or 32."),
    Cover.PIXELS: (
        "a number of pixels",
        "Images are shrunk or enlarged: a patch then covers so many of their pixels.",
    ),
    Cover.LENGTH: (
        "a length",
        "Images are resized so that a patch covers so much of the sample in each: one taken at 20× and one at 60× then "
        "mean the same. By the scale and units of the layers.",
    ),
}
UNITS = ("nanometer", "micrometer", "millimeter", "centimeter", "meter")
FINER = [("1 per patch", 1), ("2 × 2 per patch", 2), ("4 × 4 per patch", 4)]
FINER_TIP = (
    "Finer maps, by averaging embeddings over shifted windows: four or sixteen times the work and memory. "
    "They show edges better; what a patch means stays the same."
)


class AmountBox(QDoubleSpinBox):
    """A box for a number, that shows no more digits than the number has."""

    def textFromValue(self, value: float) -> str:
        """Write ``4.5`` where Qt would write ``4.500``."""
        return self.locale().toString(value, "g", 8)


class ResolutionSection(Section):
    """Three choices, for all images of a viewer; they hold from the next Start.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__("How much of the sample one patch covers, and how fine the maps are.")
        self._controller = controller
        self.cover, self.unit, self.finer = QComboBox(), QComboBox(), QComboBox()
        self.amount = AmountBox()
        self._fill()
        self._arrange()
        self.cover.activated.connect(guarded(self._choose_cover))
        self.amount.valueChanged.connect(guarded(self._choose_amount))
        self.unit.activated.connect(guarded(self._choose_unit))
        self.finer.activated.connect(guarded(self._choose_finer))
        self._show = guarded(self.show_choices)
        controller.choices_changed.connect(self._show)
        self.show_choices()

    def _fill(self) -> None:
        for cover, (text, _) in COVERS.items():
            self.cover.addItem(text, cover)
        for unit in UNITS:
            self.unit.addItem(short(unit), unit)
        for text, count in FINER:
            self.finer.addItem(text, count)
        self.amount.setRange(0.001, 100_000)
        self.amount.setDecimals(3)
        self.amount.setKeyboardTracking(False)  # a number is taken when it is finished, not digit by digit
        self.amount.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)

    def _arrange(self) -> None:
        self.cover.setAccessibleName("In what it is said how much a patch covers")
        self.amount.setAccessibleName("How much a patch covers along each side")
        self.unit.setAccessibleName("Unit of length")
        self.finer.setAccessibleName("Values per patch")
        self.finer.setToolTip(FINER_TIP)
        self.amount.setToolTip("Along each side of a patch. Takes effect with the next Start.")
        self.unit.setToolTip("Layers in another unit of length are converted; those without are told so.")
        for control in (self.cover, self.amount, self.finer):
            control.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        panel = QWidget()
        grid = QGridLayout(panel)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(QLabel("A patch covers"), 0, 0)
        grid.addWidget(self.cover, 0, 1, 1, 2)
        grid.addWidget(self.amount, 1, 1)
        grid.addWidget(self.unit, 1, 2)
        grid.addWidget(QLabel("Maps have"), 2, 0)
        grid.addWidget(self.finer, 2, 1, 1, 2)
        grid.setColumnStretch(1, 1)
        self.addWidget(panel)

    def show_choices(self) -> None:
        """Show what is chosen, here or in another widget of the same viewer."""
        chosen = self._controller.offering.resolution
        self.cover.setCurrentIndex(self.cover.findData(chosen.cover))
        self.cover.setToolTip(COVERS[chosen.cover][1])
        self.unit.setCurrentIndex(self.unit.findData(chosen.unit))
        self.finer.setCurrentIndex(self.finer.findData(chosen.finer))
        in_length = chosen.cover is Cover.LENGTH
        self.amount.blockSignals(True)
        self.amount.setValue(chosen.length if in_length else chosen.pixels)
        self.amount.setSuffix("" if in_length else " px")
        self.amount.blockSignals(False)
        self.amount.setVisible(chosen.cover is not Cover.NATIVE)
        self.unit.setVisible(in_length)
        self.entitle(f"Resolution: {chosen.text}")
        if self.isExpanded():
            self.expand(animate=False)  # to its new height

    def shutdown(self) -> None:
        """Listen no more."""
        self._controller.choices_changed.disconnect(self._show, missing_ok=True)

    # ---- what the person does ------------------------------------------------------------------------------------

    def _choose_cover(self, _index: int) -> None:
        cover, chosen = Cover(self.cover.currentData()), self._controller.offering.resolution
        if cover is Cover.LENGTH and chosen.cover is not Cover.LENGTH:  # begin in the unit that the images have
            units = (unit_of_length(found.image) for found in self._controller.offering.checked())
            known = next((unit for unit in units if unit in UNITS), chosen.unit)
            chosen = replace(chosen, unit=known)
        self._controller.sample_by(replace(chosen, cover=cover))

    def _choose_amount(self, amount: float) -> None:
        chosen = self._controller.offering.resolution
        name = "length" if chosen.cover is Cover.LENGTH else "pixels"
        self._controller.sample_by(replace(chosen, **{name: amount}))  # type: ignore[arg-type]

    def _choose_unit(self, _index: int) -> None:
        self._controller.sample_by(replace(self._controller.offering.resolution, unit=self.unit.currentData()))

    def _choose_finer(self, _index: int) -> None:
        self._controller.sample_by(replace(self._controller.offering.resolution, finer=self.finer.currentData()))
