"""The section where a person chooses how intensities are read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox, QComboBox, QGridLayout, QLabel, QLineEdit, QSizePolicy, QWidget
from superqt import QElidingLabel

from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.laying import allow
from napari_dinosim._napari.section import Section
from napari_dinosim.errors import ImageError
from napari_dinosim.intensity import Intensity, Limits, Mode

if TYPE_CHECKING:
    from napari_dinosim._napari.controller import Controller
    from napari_dinosim._napari.image_list import ImageList

TIPS = {
    Mode.AUTOMATIC: "Contrast limits where you or the file set them; else percentiles 1 to 99, and for 8 bits all.",
    Mode.CONTRAST: "From the layer's lower contrast limit to its upper one, as on screen.",
    Mode.PERCENTILES: "From one percentile of the image or stack to another: robust against hot pixels.",
    Mode.FULL: "All that the type can hold: nothing is clipped, dim images stay dim.",
    Mode.FIXED: "Between two numbers.",
}
NUMBERS = {Mode.PERCENTILES: ("Percentiles", "from 0 to 100"), Mode.FIXED: ("From, to", "in the image's own numbers")}
ON_SCREEN = "Channels that are composed are read as they are on screen."


class IntensityBox(Section):
    """Shows the choice for the selected images, for all where none is, and passes on what the person chooses.

    Parameters
    ----------
    controller : Controller
    images : ImageList
    """

    def __init__(self, controller: Controller, images: ImageList) -> None:
        super().__init__("Which intensities the encoder sees as black and white.")
        self._controller, self._images = controller, images
        self.subject = QElidingLabel()
        self.mode = QComboBox()
        for mode in Mode:
            self.mode.addItem(str(mode), mode)
        self.caption, self.low, self.high = QLabel(), QLineEdit(), QLineEdit()
        self.shared = QCheckBox("Same for all images")
        self._arrange()
        self.mode.activated.connect(guarded(self._choose_mode))
        for number in (self.low, self.high):
            number.editingFinished.connect(guarded(self._choose_numbers))
        self.shared.clicked.connect(guarded(self._share))
        self._show = guarded(self.show_choice)
        images.itemSelectionChanged.connect(self._show)
        controller.choices_changed.connect(self._show)
        self.show_choice()

    def _arrange(self) -> None:
        self.shared.setToolTip(
            "One range of intensities for all checked images, so that a query means the same in each: from the lowest "
            "to the highest that any of them would have by itself."
        )
        self.mode.setAccessibleName("How intensities are read")
        self.low.setAccessibleName("Intensity that becomes black")
        self.high.setAccessibleName("Intensity that becomes white")
        for control in (self.mode, self.low, self.high, self.subject):
            control.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        panel = QWidget()
        grid = QGridLayout(panel)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self.subject, 0, 0, 1, 3)
        grid.addWidget(self.mode, 1, 0, 1, 3)
        for column, control in enumerate((self.caption, self.low, self.high)):
            grid.addWidget(control, 2, column)
        grid.addWidget(self.shared, 3, 0, 1, 3)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(2, 1)
        self.addWidget(panel)

    # ---- what is chosen ------------------------------------------------------------------------------------------

    def _keys(self) -> list[str]:
        """Images that the choice is for; none for all."""
        return [row.key for row in self._images.picked() if not row.composed]

    def _chosen(self) -> Intensity:
        return self._controller.offering.intensities.of_all(self._keys())

    def show_choice(self) -> None:
        """Show what is chosen, here or in another widget of the same viewer."""
        chosen, picked = self._chosen(), self._images.picked()
        shared = self._controller.offering.intensities.shared
        as_on_screen = bool(picked) and not self._keys() and not shared
        whose = "all images" if shared or not picked else picked[0].name
        self.subject.setText(f"Of {whose if shared or len(picked) < 2 else f'{len(picked)} images'}:")
        self.mode.setCurrentIndex(self.mode.findData(chosen.mode))
        why_not = ON_SCREEN if as_on_screen else ""
        allow(self.mode, TIPS[chosen.mode], why_not)
        self.shared.setChecked(shared)
        self.entitle(f"Intensity: {'as on screen' if as_on_screen else chosen.mode}")
        caption, unit = NUMBERS.get(chosen.mode, ("", ""))
        pair = self._numbers(chosen)
        self.caption.setText(caption)
        for control, value, which in ((self.low, pair[0], "black"), (self.high, pair[1], "white")):
            control.setText(f"{value:.10g}")
            allow(control, f"Becomes {which}; {unit}.", why_not)
        for shown in (self.caption, self.low, self.high):
            shown.setVisible(bool(caption))
        if self.isExpanded():
            self.expand(animate=False)  # to its new height

    def shutdown(self) -> None:
        """Listen no more."""
        self._controller.choices_changed.disconnect(self._show, missing_ok=True)

    @staticmethod
    def _numbers(chosen: Intensity) -> Limits:
        return chosen.percentiles if chosen.mode is Mode.PERCENTILES else chosen.fixed

    # ---- what the person does ------------------------------------------------------------------------------------

    def _choose_mode(self, _index: int) -> None:
        mode, chosen = Mode(self.mode.currentData()), self._chosen()
        if mode is Mode.FIXED and chosen.fixed == Intensity().fixed:  # begin with what is on screen
            chosen = replace(chosen, fixed=self._controller.offering.seen_limits(self._keys()) or chosen.fixed)
        self._choose(replace(chosen, mode=mode))

    def _choose_numbers(self) -> None:
        chosen = self._chosen()
        name = "percentiles" if chosen.mode is Mode.PERCENTILES else "fixed"
        texts = self.low.text(), self.high.text()
        try:
            pair = float(texts[0]), float(texts[1])
            self._choose(replace(chosen, **{name: pair}))  # type: ignore[arg-type]
        except ImageError as error:
            self._controller.told.emit(str(error), True)
        except ValueError:
            told = f"intensities: found {texts[0]!r} and {texts[1]!r}, expected two numbers. Write them as 0.5 or 1200."
            self._controller.told.emit(told, True)

    def _choose(self, intensity: Intensity) -> None:
        intensities = self._controller.offering.intensities
        chosen = intensities.chosen(intensity, self._keys())
        if chosen != intensities:
            self._controller.read_by(chosen)

    def _share(self, shared: bool) -> None:
        self._controller.read_by(replace(self._controller.offering.intensities, shared=shared))
