"""Matches and objects."""

from __future__ import annotations

import numpy as np
from picture_desk import desk, spin
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from skimage.measure import label

from napari_dinosim._napari.matches_section import MatchesSection
from napari_dinosim._napari.objects_section import ObjectsSection
from napari_dinosim.demo import CLICK


def matches() -> None:
    """Find the best places of two photographs and go to the first."""
    with desk("pair") as at:
        right = at.viewer.layers["motorcycle right"]
        right.translate = (right.data.shape[0] + 20, 0)  # below the left one: the canvas is high, not wide
        at.viewer.reset_view()
        section = at.widget.section(MatchesSection)
        at.press_button(section.toggleButton())
        at.start()
        at.click(at.viewer.layers["motorcycle left"], CLICK)
        section.count.setValue(6)
        section.apart.setValue(90)
        at.press(section.find)
        spin(until=lambda: bool(section.matching.matches))
        QTest.keyClick(at.viewer.window._qt_viewer.canvas.native, Qt.Key.Key_N)
        at.viewer.reset_view()
        at.widget.body.native.parent().parent().verticalScrollBar().setValue(330)
        at.photograph("matches")


def objects() -> None:
    """Measure the squares of a mosaic of textures, and show those that are like one."""
    with desk("textures") as at:
        image = at.viewer.layers["brick, grass, gravel"]
        height, width = image.data.shape[:2]
        ys, xs = np.mgrid[:height, :width]
        spots = ((ys % 64 - 32) ** 2 + (xs % 64 - 32) ** 2) < 20**2
        layer = at.viewer.add_labels(label(spots), name="objects")
        section = at.widget.section(ObjectsSection)
        at.press_button(section.toggleButton())
        at.start()
        at.press(section.measure)
        spin(until=section.like.isEnabled)
        layer.selected_label = 5
        at.press_button(section.like)
        layer.visible = False
        at.widget.body.native.parent().parent().verticalScrollBar().setValue(10_000)
        at.photograph("objects")


SCENES = (matches, objects)
