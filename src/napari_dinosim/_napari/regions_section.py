"""The section to look for regions: drawn shapes, and objects of Labels layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QSpinBox, QWidget

from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.labels_box import LabelsBox
from napari_dinosim._napari.laying import allow
from napari_dinosim._napari.region_labels import RegionLabels
from napari_dinosim._napari.section import Section
from napari_dinosim.representatives import MOST_REPRESENTATIVES

if TYPE_CHECKING:
    from napari_dinosim._napari.controller import Controller

OFFERED = min(8, MOST_REPRESENTATIVES)
"""More representatives than this are found by no eye."""

DRAW_TIP = (
    "Make the layer 'DINOSim regions', or take it up again, and draw: polygon, rectangle, ellipse or path. What looks "
    "like the inside is searched for, together with the points (Alt+R). On the layer, "
    f"{RegionLabels.keys[0]} switches the label of the next region and {RegionLabels.keys[1].replace('-', '+')} "
    "relabels the selected ones."
)
OBJECT_TIP = (
    "Make the object whose number is selected in the Labels layer a region: pick it with the dropper (5), then press "
    "this (Alt+O). Its outline joins the regions layer; delete it there. Your Labels layer stays as it is."
)
COUNT_TIP = (
    "How many vectors stand for each region. 1 is the mean of its patches: for what looks the same all over. More are "
    "the centres of groups of its patches (k-means): for a region of several textures."
)


class RegionsSection(Section):
    """Two buttons and a choice.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__("Look for what is in a region: a shape that you draw, or an object of a Labels layer.")
        self._controller, self._regions = controller, controller.regions
        self.draw, self.use = QPushButton("Draw regions"), QPushButton("Use selected object")
        self.labels = LabelsBox(controller.viewer.layers, "The Labels layer that the object is taken from.")
        self.count = QSpinBox()
        self._arrange()
        self.draw.clicked.connect(guarded(self._draw))
        self.use.clicked.connect(guarded(self._use))
        self.count.valueChanged.connect(guarded(self._regions.represent_by))
        self._show = guarded(self.show_choices)
        self._regions.changed.connect(self._show)
        self.labels.currentIndexChanged.connect(self._show)
        self.show_choices()

    def _arrange(self) -> None:
        self.draw.setShortcut("Alt+R")
        self.use.setShortcut("Alt+O")
        self.draw.setToolTip(DRAW_TIP)
        self.count.setRange(1, OFFERED)
        self.count.setToolTip(COUNT_TIP)
        self.count.setAccessibleName("Representatives of each region")
        panel = QWidget()
        grid = QGridLayout(panel)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self.draw, 0, 0, 1, 2)
        for row, (text, control) in enumerate((("Objects of", self.labels), ("Representatives", self.count)), 1):
            label = QLabel(text)
            label.setBuddy(control)
            label.setToolTip(control.toolTip())
            grid.addWidget(label, row + (row > 1), 0)
            grid.addWidget(control, row + (row > 1), 1)
        grid.addWidget(self.use, 2, 0, 1, 2)
        grid.setColumnStretch(1, 1)
        self.addWidget(panel)
        for before, after in ((self.draw, self.labels), (self.labels, self.use), (self.use, self.count)):
            QWidget.setTabOrder(before, after)

    def show_choices(self, _change: object = None) -> None:
        """Show whether there is an object to take, and how many regions."""
        allow(self.use, OBJECT_TIP, self.labels.why_not)
        self.count.blockSignals(True)
        self.count.setValue(self._regions.representatives)
        self.count.blockSignals(False)
        layer = self._regions.layer
        number = 0 if layer is None else layer.nshapes
        self.entitle("Regions" + (f": {number}" if number else ""))

    def _draw(self, _checked: bool) -> None:
        self._controller.draw_regions()

    def _use(self, _checked: bool) -> None:
        layer = self.labels.layer
        if layer is not None:
            self.labels.keep()
            self._controller.use_object(layer)

    def shutdown(self) -> None:
        """Listen no more."""
        self._regions.changed.disconnect(self._show, missing_ok=True)
        self.labels.shutdown()
