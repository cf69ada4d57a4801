"""The preview of labels: live while a slider is dragged, dropped where it is not wanted, never stale."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from events import spin
from napari_dinosim._napari.segment_section import SegmentSection
from napari_dinosim._napari.segmenting import Segmenting
from napari_dinosim.analysis import segment as core
from napari_dinosim.analysis.recipe import Segmentation

SOON = 20.0
"""Seconds that nothing here takes."""


def gradient(height: int = 96, width: int = 160) -> np.ndarray:
    """From grey to red, so that each threshold finds something else."""
    image = np.full((height, width, 3), 90, np.uint8)
    image[..., 0] = np.linspace(90, 250, width, dtype=np.uint8)
    return image


class Gate:
    """Segments nothing until it is opened."""

    def __init__(self) -> None:
        self.calls, self._open, self._real = 0, threading.Event(), core.segment

    def __call__(self, *args, **kwargs):
        self.calls += 1
        assert self._open.wait(SOON)
        return self._real(*args, **kwargs)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def segmenting(bench):
    made = Segmenting(bench.controller)
    yield made
    made.shutdown()


@pytest.fixture
def gate(monkeypatch):
    made = Gate()
    monkeypatch.setattr(core, "segment", made)
    yield made
    made.open()


def previews(found) -> list[str]:
    return [layer.name for layer in found.ours("preview of labels")]


def test_it_is_live_while_the_slider_is_dragged(desk):
    layer = Image(gradient(), name="a")
    found = desk(layer)
    section = found.unfold(SegmentSection)
    found.start()
    found.click(layer, (40, 150))
    QTest.mouseClick(section.preview, Qt.MouseButton.LeftButton)
    assert spin(5, lambda: previews(found))
    told = []
    section.segmenting.preview.told.connect(told.append)
    slider = section.slider._slider
    middle, left = QPoint(slider.width() // 2, slider.height() // 2), Qt.MouseButton.LeftButton
    QTest.mousePress(slider, left, pos=middle)
    for step in range(40):  # never at rest for as long as a debouncer waits
        QTest.mouseMove(slider, middle + QPoint(step, 0))
        spin(0.01)
    assert len(set(told)) >= 3
    QTest.mouseRelease(slider, left, pos=middle + QPoint(39, 0))
    value = section.slider.value()
    assert value == round(value, 2) == section.segmenting.recipe.threshold > 0.5
    assert spin(5, lambda: f"from {value:.2f} on" in section.said.text())
    (preview,) = found.ours("preview of labels")
    np.testing.assert_array_equal(np.asarray(preview.data) > 0, np.asarray(found.map_of(layer).data) >= value)


def test_while_one_is_under_way_the_last_change_waits(bench, segmenting, gate):
    layer = bench.add(gradient(), name="a")
    bench.start()
    bench.point(layer, (40, 150))
    told = []
    segmenting.preview.told.connect(told.append)
    segmenting.preview.switch(True)
    for threshold in (0.6, 0.7, 0.8):
        segmenting.follow(Segmentation(threshold))
        spin(0.1)
    assert spin(5, lambda: told == ["Previewing …"])
    gate.open()
    assert spin(5, lambda: told[-1].endswith("from 0.80 on."))
    assert ["0.50" in told[1], len(told)] == [True, 3]
    assert gate.calls == 2


def test_one_that_waits_for_labels_is_made_when_these_are_cancelled(bench, segmenting, gate):
    layer = bench.add(gradient(), name="a")
    bench.start()
    bench.point(layer, (40, 150))
    told = []
    segmenting.preview.told.connect(told.append)
    segmenting.preview.switch(True)
    assert spin(5, lambda: gate.calls == 1)
    segmenting.make()
    segmenting.follow(Segmentation(0.8))
    spin(0.1)
    segmenting.task.cancel()
    gate.open()
    assert spin(5, lambda: bool(told) and told[-1].endswith("from 0.80 on."))
    assert previews(bench) == ["labels (preview) · a"]


@pytest.mark.parametrize("how", ["switched off", "another recipe", "labels are made", "no points"])
def test_one_that_is_no_longer_wanted_stops(bench, segmenting, gate, how):
    for name in "abc":
        bench.add(gradient(), name=name)
    bench.start()
    bench.point(bench.viewer.layers["c"], (40, 150))
    segmenting.preview.switch(True)
    assert spin(5, lambda: gate.calls == 1)
    if how == "switched off":
        segmenting.preview.switch(False)
    elif how == "another recipe":
        segmenting.follow(Segmentation(detail=4))
        spin(0.1)
    elif how == "labels are made":
        segmenting.make()
    else:
        bench.prompts.data = np.empty((0, 2))
        spin(0.2)
    gate.open()
    assert spin(5, lambda: not segmenting.task.running and not segmenting.preview._task.running)
    spin(0.1)
    assert gate.calls == 1 + {"another recipe": 3, "labels are made": 3 + 3}.get(how, 0)


def test_none_is_shown_over_an_image_that_is_unchecked_meanwhile(bench, segmenting, gate):
    first, second = bench.add(gradient(), name="a"), bench.add(gradient(112, 96), name="b", translate=(120, 0))
    bench.start()
    bench.point(first, (40, 150))
    shown = []
    bench.viewer.layers.events.inserted.connect(lambda event: shown.append(event.value.name))
    segmenting.preview.switch(True)
    assert spin(5, lambda: gate.calls == 1)
    bench.controller.check(str(second.unique_id), False)
    spin(0.1)
    assert segmenting.preview._task.running
    gate.open()
    assert spin(5, lambda: gate.calls == 3 and not segmenting.preview._task.running)
    spin(0.1)
    assert shown == ["labels (preview) · a"]


def test_it_goes_with_the_last_point_and_where_an_image_is_unticked_or_closed(desk):
    layers = [Image(gradient(), name="a"), Image(gradient(112, 96), name="b", translate=(120, 0))]
    layers.append(Image(gradient(80, 128), name="c", translate=(250, 0)))
    found = desk(*layers)
    section = found.unfold(SegmentSection)
    found.start()
    found.click(layers[0], (40, 150))
    QTest.mouseClick(section.preview, Qt.MouseButton.LeftButton)
    assert spin(5, lambda: len(previews(found)) == 3)
    found.tick("b", False)
    assert spin(5, lambda: previews(found) == ["labels (preview) · a", "labels (preview) · c"])
    found.viewer.layers.remove(layers[2])
    assert spin(5, lambda: previews(found) == ["labels (preview) · a"])
    found.viewer.layers.selection.active = found.prompts
    found.prompts.selected_data = {0}
    found.key(Qt.Key.Key_Delete)
    assert len(found.prompts.data) == 0
    assert spin(5, lambda: previews(found) == [])
    assert section.said.text().startswith("There is no map to make labels of.")
    found.click(layers[0], (40, 150))
    assert spin(5, lambda: previews(found) == ["labels (preview) · a"])
    (preview,) = found.ours("preview of labels")
    assert not preview.editable
    assert spin(5, lambda: bool(np.asarray(preview.data).any()))
