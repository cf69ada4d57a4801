"""The section that writes a figure: the images, their maps and what was clicked, for a paper or a talk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, ComboBox, Container, SpinBox
from qtpy.QtWidgets import QFileDialog, QSizePolicy
from superqt.utils import qdebounced

from napari_dinosim._napari.export import completed, suggested
from napari_dinosim._napari.figures import FigureExport
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.section import Section
from napari_dinosim._napari.task import TaskButton
from napari_dinosim.errors import ExportError, FigureError
from napari_dinosim.figure.saving import FORMATS
from napari_dinosim.records.tools import FigureChoices

if TYPE_CHECKING:
    from napari_dinosim._napari.controller import Controller

BESIDE, OVER = "beside the images", "over the images"
HIGHEST = "highest of all classes"
LEAST_DPI, MOST_DPI = 50, 400
"""Dots per inch: what can be chosen. Above, the window would stand still now and then while it is drawn."""

FILTERS = {f"{ending[1:].upper()} (*{ending})": ending for ending in FORMATS}
LOOK_MS = 150
"""Which classes there are is looked at when nothing has changed for so long."""


class FigureSection(Section):
    """Chooses how a figure looks, and where it is written.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__("A picture of all checked images with their maps, for a paper or a talk.")
        self._controller = controller
        self.export = FigureExport(controller)
        self.place = ComboBox(
            label="Maps",
            choices=[(BESIDE, BESIDE), (OVER, OVER)],
            tooltip="Each map beside its image, or over it, as opaque as on screen. "
            "Colours and contrast limits are those of the map layers.",
        )
        self.label = ComboBox(
            label="Of", choices=[(HIGHEST, "")], tooltip="The class whose maps are drawn.", visible=False
        )
        self.dpi = SpinBox(
            label="Dots per inch",
            value=FigureChoices().dpi,
            min=LEAST_DPI,
            max=MOST_DPI,
            tooltip="Resolution: 300 for print, 100 for a screen. The figure is about 10 inches wide.",
        )
        self.bars = CheckBox(
            text="Scale bars",
            value=True,
            tooltip="A bar of a round length in each image, by the layer's scale and units; in pixels without a unit.",
        )
        self.caption = CheckBox(
            text="Encoder below",
            value=True,
            tooltip="A line below the figure that names what the maps were made with.",
        )
        self.save = TaskButton(
            self.export,
            "Save figure…",
            "Write the images, their maps, the prompts and a colour bar as PNG, SVG or PDF. "
            "Of a stack, the plane on screen.",
            self._choose_file,
        )
        self._arrange()
        self.entitle("Figure")
        self._look = qdebounced(guarded(self._list_classes), timeout=LOOK_MS)
        self._on_change = lambda *_changed: self._look()
        controller.row_changed.connect(self._on_change)
        choose, self._show = guarded(self._choose), guarded(self.show_choices)
        self.show_choices()
        for control in (self.place, self.dpi, self.bars, self.caption):
            control.changed.connect(choose)
        controller.tools.restored.connect(self._show)
        self.export.told.connect(controller.told.emit)

    def shutdown(self) -> None:
        """Stop what runs, and look at the classes no more."""
        self._look.cancel()
        self._controller.row_changed.disconnect(self._on_change)
        self._controller.tools.restored.disconnect(self._show, missing_ok=True)
        self.export.cancel()

    def _arrange(self) -> None:
        choices = Container(widgets=[self.place, self.label, self.dpi], labels=True)
        rows: list[Any] = [choices, self.bars, self.caption, self.save]
        panel = Container(widgets=rows, labels=False)
        choices.margins = panel.margins = (0, 0, 0, 0)
        for box in (self.place, self.label):  # a long name of a class widens no dock
            box.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            box.native.setMinimumContentsLength(8)
        self.addWidget(panel.native)

    def _choose(self, _value: object) -> None:
        chosen = FigureChoices(self.place.value == OVER, self.dpi.value, self.bars.value, self.caption.value)
        self._controller.tools.choose(figure=chosen)

    def show_choices(self) -> None:
        """Show how a figure looks."""
        chosen = self._controller.tools.choices.figure
        self.place.value = OVER if chosen.over else BESIDE
        self.dpi.value = min(max(chosen.dpi, LEAST_DPI), MOST_DPI)
        self.bars.value, self.caption.value = chosen.scale_bars, chosen.caption

    def _list_classes(self) -> None:
        """Offer the classes that there are; the choice stays while its class does."""
        classes = self._controller.session.classes
        choices = [(HIGHEST, ""), *((name, name) for name in classes)]
        if [choice for _, choice in choices] != list(self.label.choices):
            chosen = self.label.value
            self.label.choices = choices
            self.label.value = chosen if chosen in classes else ""
        if self.label.visible != bool(classes):
            self.label.visible = bool(classes)
            if self.isExpanded():
                self.expand(animate=False)  # to its new height

    def _choose_file(self) -> None:
        try:
            self.export.freeze(self.label.value or None)
        except FigureError as error:  # before a name is asked for
            self._controller.told.emit(str(error), True)
            return
        images = self._controller.checked()
        beginning = suggested(images[-1], ".png") if images else ""
        path, chosen = QFileDialog.getSaveFileName(self, "Save a figure", beginning, ";;".join(FILTERS))
        if path:
            self.write(path, FILTERS.get(chosen, ".png"))

    def write(self, path: str, ending: str = ".png") -> None:
        """Write the figure to a path from the file dialog, which may lack its ending; say why it cannot be written."""
        more = {} if self.caption.value else {"caption": ""}
        try:
            self.export.write(
                completed(path, ending, tuple(FORMATS), self._controller.viewer.layers),
                self.dpi.value,
                over=self.place.value == OVER,
                label=self.label.value or None,
                scale_bars=self.bars.value,
                **more,
            )
        except (ExportError, FigureError) as error:
            self._controller.told.emit(str(error), True)
