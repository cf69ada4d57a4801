"""napari's ×: the widget leaves its dock, the work stops, nothing is left; opened again, it goes on."""

from __future__ import annotations

import gc
import weakref

import numpy as np
from napari.layers import Image
from qtpy.QtWidgets import QWidget

from events import spin
from napari_dinosim._napari import registry
from napari_dinosim._napari.presence import Presence


def test_told_once(qtbot):
    told, outer, inner = [], QWidget(), QWidget()
    qtbot.addWidget(outer)
    inner.setParent(outer)
    Presence(inner, lambda: told.append(1))
    inner.setParent(outer)
    assert told == []
    inner.setParent(None)
    inner.setParent(outer)
    inner.setParent(None)
    assert told == [1]


def test_the_cross_stops_the_work_and_lets_go(desk, encoders):
    layer = Image(np.zeros((2048, 2048), np.uint8), name="large")
    found = desk(layer)
    encoders.delay = 0.05
    found.start(wait=False)
    assert spin(5, lambda: encoders.calls > 0)
    gone = weakref.ref(found.controller)
    found.dock.destroyOnClose()
    spin(0.3)
    calls = encoders.calls
    spin(0.3)
    assert encoders.calls == calls
    assert not registry._controllers
    viewer = found.viewer
    assert [layer.name for layer in viewer.layers] == ["large", "DINOSim prompts"]
    del found.controller, found.session, found.widget, found.dock
    assert spin(5, lambda: gc.collect() >= 0 and gone() is None)


def test_opened_again_it_goes_on_with_its_layers(desk):
    image = np.zeros((96, 160, 3), np.uint8)
    image[:, 80:] = 250, 20, 30
    image[:, :80] = 20, 250, 30
    layer = Image(image, name="a")
    found = desk(layer)
    found.start()
    found.click(layer, (20, 20))
    made, prompts = found.map_of(layer), found.prompts
    found.dock.destroyOnClose()
    spin(0.1)
    again = type(found)(found.viewer, found.encoders)
    again.choose("builtin")
    again.start()
    assert again.prompts is prompts
    assert again.map_of(layer) is made
    assert made.data[5, 5] == 1
    assert made.data[5, 150] == 0
