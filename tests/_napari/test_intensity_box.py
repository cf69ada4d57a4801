"""The section for intensities: what a person does there, and what it shows, in a real window."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from events import spin
from napari_dinosim._napari.intensity_box import IntensityBox
from napari_dinosim._napari.widget import DinosimWidget
from napari_dinosim.intensity import Intensity, Mode
from pictures import as_rgb, colours, greys

SHAPE = (100, 150)
CLICK = (37, 120)
DATA = (greys(*SHAPE) * 3000).astype(np.uint16)


def choose(box, mode: str) -> None:
    """Choose in the combo box with the keyboard."""
    box.mode.setFocus()
    while box.mode.currentText() != mode:
        down = box.mode.findText(mode) > box.mode.currentIndex()
        QTest.keyClick(box.mode, Qt.Key.Key_Down if down else Qt.Key.Key_Up)
    spin(0.05)


def write(line, text: str) -> None:
    line.selectAll()
    QTest.keyClicks(line, text)
    QTest.keyClick(line, Qt.Key.Key_Return)
    spin(0.05)


def opened(found):
    box = found.intensity
    QTest.mouseClick(box.toggleButton(), Qt.MouseButton.LeftButton)
    spin(0.4)
    assert box.isExpanded()
    return box


def test_fixed_numbers_begin_with_what_is_on_screen_and_are_what_the_map_is_made_with(desk, encoders):
    encoders.complement = True
    layer = Image(DATA, name="a", contrast_limits=(100, 3500))
    found = desk(layer)
    box = opened(found)
    assert not box.low.isVisible()
    choose(box, "fixed")
    assert (box.low.text(), box.high.text()) == ("100", "3500")
    assert box.low.isVisible()
    write(box.high, "1500")
    found.start()
    found.click(layer, CLICK)
    found.assert_map(layer, as_rgb(np.clip((DATA.astype(float) - 100) / 1400, 0, 1)), [CLICK])
    write(box.low, "500")
    assert found.lines()[0][2].startswith("stale")
    assert "intensities are read otherwise" in found.item("a").toolTip()
    found.start()
    found.assert_map(layer, as_rgb(np.clip((DATA.astype(float) - 500) / 1000, 0, 1)), [CLICK])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("3600", "fixed intensities: found (3600, 3500), expected two finite numbers, low < high"),
        ("abc", "intensities: found 'abc' and '3500', expected two numbers"),
        ("nan", "fixed intensities: found (nan, 3500)"),
    ],
)
def test_numbers_that_make_no_sense_are_told_and_change_nothing(desk, text, told):
    found = desk(Image(DATA, name="a", contrast_limits=(100, 3500)))
    box = opened(found)
    choose(box, "fixed")
    write(box.low, text)
    assert told in found.widget.message.value
    assert found.widget.message.value.startswith("⚠")
    assert found.controller.offering.intensities.default == Intensity("fixed", fixed=(100, 3500))
    assert box.low.text() == text


def test_the_selected_images_have_their_own(desk):
    found = desk(Image(DATA, name="a"), Image(DATA, name="b"), Image(DATA, name="c"))
    box = opened(found)
    assert box.subject.text() == "Of all images:"
    choose(box, "percentiles")
    images = found.widget.images
    images.item(0).setSelected(True)
    assert box.subject.text() == "Of c:"
    choose(box, "full range of the type")
    images.item(1).setSelected(True)
    assert box.subject.text() == "Of 2 images:"
    images.clearSelection()
    assert (box.subject.text(), box.mode.currentText()) == ("Of all images:", "percentiles")
    assert box.text() == "▾ Intensity: percentiles"
    keys = {layer.name: str(layer.unique_id) for layer in found.viewer.layers}
    intensities = found.controller.offering.intensities
    assert [intensities.of(keys[name]).mode for name in "abc"] == [Mode.PERCENTILES, Mode.PERCENTILES, Mode.FULL]
    images.item(0).setSelected(True)
    QTest.mouseClick(box.shared, Qt.MouseButton.LeftButton, pos=QPoint(8, box.shared.height() // 2))
    assert found.controller.offering.intensities.shared
    assert box.subject.text() == "Of all images:"
    assert found.controller.offering.intensities.of(keys["c"]).mode is Mode.PERCENTILES


def test_two_widgets_of_one_viewer_stay_in_step(desk):
    found = desk(Image(DATA, name="a", contrast_limits=(100, 3500)))
    second = DinosimWidget(found.viewer)
    box = opened(found)
    choose(box, "fixed")
    write(box.low, "7")
    other = second.section(IntensityBox)
    assert (other.mode.currentText(), other.low.text(), other.text()) == ("fixed", "7", "▸ Intensity: fixed")
    other.shared.click()
    assert box.shared.isChecked()
    second.native.deleteLater()
    spin(0.1)
    choose(box, "percentiles")


def test_nothing_is_cut_off_at_300_pixels(desk):
    found = desk(Image(DATA, name="a" * 90), Image(colours(*SHAPE), name="b"))
    found.widget.native.setFixedWidth(300)
    box = opened(found)
    choose(box, "fixed")
    found.widget.images.item(1).setSelected(True)
    spin(0.2)
    width = box.width()
    assert width <= 300
    for part in (box.subject, box.mode, box.caption, box.low, box.high, box.shared):
        assert part.isVisible()
        left = part.mapTo(box, part.rect().topLeft()).x()
        assert 0 <= left < left + part.width() <= width
        assert part.mapTo(box, part.rect().bottomLeft()).y() <= box.height()
        assert part.toolTip() or part in (box.caption, box.subject)
    for part in (box.shared, box.caption):
        assert part.width() >= part.sizeHint().width()
    assert min(box.low.width(), box.high.width()) >= box.low.fontMetrics().horizontalAdvance("65535.25") + 8
