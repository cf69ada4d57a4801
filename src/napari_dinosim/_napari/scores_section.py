"""The section on how scores are shown: over what maps are stretched, their colours in numbers, and what is no match."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QGridLayout, QLabel, QSizePolicy, QWidget
from superqt.utils import qdebounced

from napari_dinosim._napari.colour_bar import ColourBar
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.laying import allow
from napari_dinosim._napari.patch_overlay import image_to_draw
from napari_dinosim._napari.roles import CLASS_MAP, MAP, MARK, is_ours, key_of
from napari_dinosim._napari.section import Section
from napari_dinosim._napari.sentences import counted

if TYPE_CHECKING:
    from napari_dinosim._napari.controller import Controller

STRETCHES = {
    "plane": ("each image by itself", "The lowest cosine of each plane becomes 0, the highest 1. Every image has a 1."),
    "stack": ("each stack by itself", "One range for all embedded planes of a stack, so that planes can be compared."),
    "shared": ("all images together", "One range for all checked images and planes: equal colours are equal cosines."),
    "cosine": (
        "as they are, −1 to 1",
        "The cosines themselves on a fixed scale, in a diverging colormap. With negative points, whose cosines are "
        "taken off, a score may lie beyond the scale: it has the colour of its end.",
    ),
}
LIMIT_TIP = (
    "An image whose best cosine is lower says 'no match here' in the list. Its map stays as it is. "
    "With negative points it is the score that counts: the cosine less that with what is negative."
)
FIRST_THRESHOLD = 0.6
QUIET_MS = 60


class ScoresSection(Section):
    """How scores are shown, for all images of a viewer.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__("What the colours of the maps mean, and which best score is no match.")
        self._controller = controller
        self.stretch, self.limited, self.threshold = QComboBox(), QCheckBox("No match under"), QDoubleSpinBox()
        self.bar, self.said = ColourBar(), QLabel()
        self._arrange()
        self.stretch.activated.connect(guarded(self._choose_stretch))
        self.limited.clicked.connect(guarded(self._choose_threshold))
        self.threshold.valueChanged.connect(guarded(self._choose_threshold))
        self._look = qdebounced(guarded(self.look), timeout=QUIET_MS)
        self._on_change = lambda *_: self._look()
        for signal in self._signals():
            signal.connect(self._on_change)
        controller.viewer.layers.selection.events.active.connect(self._on_change)
        self._layer: Any = None
        self.look()

    def _arrange(self) -> None:
        for value, (text, _) in STRETCHES.items():
            self.stretch.addItem(f"Colours: {text}", value)
        self.stretch.setAccessibleName("Over what maps are stretched")
        self.threshold.setRange(-2, 2)
        self.threshold.setSingleStep(0.05)
        self.threshold.setValue(FIRST_THRESHOLD)
        self.threshold.setKeyboardTracking(False)
        self.threshold.setAccessibleName("Score under which the best is no match")
        self.limited.setToolTip(LIMIT_TIP)
        panel = QWidget()
        grid = QGridLayout(panel)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self.stretch, 0, 0, 1, 2)
        grid.addWidget(self.bar, 1, 0, 1, 2)
        grid.addWidget(self.limited, 2, 0)
        grid.addWidget(self.threshold, 2, 1)
        grid.addWidget(self.said, 3, 0, 1, 2)
        self.said.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        grid.setColumnStretch(1, 1)
        for control in (self.stretch, self.threshold):
            control.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.addWidget(panel)

    def _signals(self) -> list[Any]:
        return [self._controller.row_changed, self._controller.rows_changed, self._controller.choices_changed]

    def look(self) -> None:
        """Show what is chosen, here or in another widget of the same viewer, and the colours of the map looked at."""
        session = self._controller.session
        value = session.normalisation
        self.stretch.setCurrentIndex(self.stretch.findData(value))
        self.stretch.setToolTip(STRETCHES[value][1])
        limited = session.threshold is not None
        self.limited.setChecked(limited)
        allow(self.threshold, LIMIT_TIP, "" if limited else "Check No match under first.")
        if session.threshold is not None:
            self.threshold.blockSignals(True)
            self.threshold.setValue(session.threshold)
            self.threshold.blockSignals(False)
        self._show_bar()
        self._count_matches()
        self.entitle(f"Scores: {STRETCHES[value][0]}")
        if self.isExpanded():
            self.expand(animate=False)  # to its new height

    def _show_bar(self) -> None:
        controller = self._controller
        session, images = controller.session, controller.checked()
        active, shown, label = controller.viewer.layers.selection.active, None, None
        if active is not None and (is_ours(active, MAP) or is_ours(active, CLASS_MAP)):
            label, shown = active.metadata[MARK].get("label"), active
        image = image_to_draw(images, active, session.prompts)
        layer = heat = None
        if image is not None:
            layer = controller.maps[key_of(image)] if label is None else shown
            heat = session.shown_map(key_of(image), label)
        self._follow(layer)
        names = [name for name in (label, image.name if image is not None and len(images) > 1 else None) if name]
        against = session.prompts.against and (label is not None or session.previewed is None)
        self.bar.show_map(layer, heat, " · ".join(names), against=against)

    def _count_matches(self) -> None:
        """Say how many images have a match, where there is a threshold."""
        session = self._controller.session
        states = [state for key in session.inputs if (state := session.state(key)).best is not None]
        found = sum(not state.no_match for state in states)
        images = counted(len(states), "image")
        if found == len(states) and len(states) > 1:
            text = f"A match in all {images}."
        else:
            text = f"A match in {found or 'none'} of {images}."
        self.said.setText(text)
        self.said.setVisible(session.threshold is not None and bool(states))

    def _follow(self, layer: Any) -> None:
        """Listen to the looks of the layer that the bar is of."""
        if layer is self._layer:
            return
        for before, join in ((self._layer, False), (layer, True)):
            for name in ("colormap", "contrast_limits", "gamma") if before is not None else ():
                emitter = getattr(before.events, name)
                (emitter.connect if join else emitter.disconnect)(self._on_change)
        self._layer = layer

    def shutdown(self) -> None:
        """Listen no more."""
        self._look.cancel()
        self._follow(None)
        self._controller.viewer.layers.selection.events.active.disconnect(self._on_change)
        for signal in self._signals():
            signal.disconnect(self._on_change, missing_ok=True)

    # ---- what the person does ------------------------------------------------------------------------------------

    def _choose_stretch(self, _index: int) -> None:
        self._controller.stretch_over(self.stretch.currentData())

    def _choose_threshold(self, _value: object) -> None:
        self._controller.limit_matches(self.threshold.value() if self.limited.isChecked() else None)
