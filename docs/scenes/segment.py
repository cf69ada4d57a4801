"""Labels made of maps."""

from __future__ import annotations

from picture_desk import desk, spin
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_dinosim._napari.segment_section import SegmentSection


def segment() -> None:
    """Click twice in stained tissue, and turn the map into objects with outlines between the patches."""
    with desk("tissue") as at:
        section = at.widget.section(SegmentSection)
        at.press_button(section.toggleButton())
        at.start()
        image = at.viewer.layers["immunohistochemistry"]
        for place in ((300, 170), (150, 480)):
            at.click(image, place)
        section.slider.setValue(0.72)
        for box in (section.objects, section.detail):
            QTest.keyClick(box, Qt.Key.Key_Down)
        section.holes.click()
        section.size.setText("600")
        section.size.editingFinished.emit()
        at.press(section.make)
        spin(until=lambda: not section.segmenting.task.running)
        at.viewer.layers["similarity · immunohistochemistry"].visible = False
        at.widget.body.native.parent().parent().verticalScrollBar().setValue(10_000)
        at.photograph("segment")


SCENES = (segment,)
