"""Matches, and objects that are like one of them."""

from __future__ import annotations

import numpy as np
from picture_desk import desk, spin
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from skimage import color, filters, measure, morphology

from napari_dinosim._napari.matches_section import MatchesSection
from napari_dinosim._napari.objects_section import ObjectsSection


def matches() -> None:
    """Click on one stained place, find its matches, and go to the second one."""
    with desk("tissue") as at:
        section = at.widget.section(MatchesSection)
        at.press_button(section.toggleButton())
        at.start()
        at.click(at.viewer.layers["immunohistochemistry"], (300, 170))
        section.count.setValue(8)
        section.apart.setValue(60)
        at.press(section.find)
        spin(until=lambda: not section.matching.task.running)
        at.viewer.scene.camera.zoom *= 1.4
        for _ in range(2):
            QTest.keyClick(at.viewer.window._qt_viewer.canvas.native, Qt.Key.Key_N)
            spin(0.3)
        at.widget.body.native.parent().parent().verticalScrollBar().setValue(10_000)
        at.photograph("matches")


def objects() -> None:
    """Measure the objects of a Labels layer, and show those that are like one of them."""
    with desk("tissue") as at:
        section = at.widget.section(ObjectsSection)
        at.press_button(section.toggleButton())
        at.start()
        image = at.viewer.layers["immunohistochemistry"]
        at.click(image, (300, 170))
        labels = at.viewer.add_labels(_cells(np.asarray(image.data)), name="cells")
        at.press(section.measure)
        spin(until=lambda: not section.measuring.task.running)
        means = labels.features.set_index("index")["similarity mean"]
        labels.selected_label = int(means.idxmax())
        at.press_button(section.like)
        labels.visible = False
        at.viewer.layers["similarity · immunohistochemistry"].visible = False
        at.widget.body.native.parent().parent().verticalScrollBar().setValue(10_000)
        at.photograph("objects")


def _cells(image: np.ndarray) -> np.ndarray:
    """Label blue nuclei, as another program would."""
    blue = filters.gaussian(color.rgb2hed(image)[..., 0], 2)
    found: np.ndarray = measure.label(morphology.remove_small_objects(blue > filters.threshold_otsu(blue), max_size=80))
    return found


SCENES = (matches, objects)
