"""What is in view, told to the session in pixels of each image."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image

from events import spin
from pictures import colours

SHAPE = (100, 150)


def view_of(bench, layer):
    return np.array(bench.controller._view.view(layer))


def look_at(bench, center, zoom, size=(200, 300)):
    bench.viewer.canvas.size = size
    bench.viewer.scene.camera.zoom = zoom
    bench.viewer.scene.camera.center = (0, *center)


def test_the_view_in_pixels_of_each_layer(bench):
    plain = bench.add(colours(*SHAPE), name="plain")
    fine = bench.add(colours(*SHAPE), name="fine", scale=(0.5, 0.25), translate=(10, 20))
    look_at(bench, (40, 60), 4)
    np.testing.assert_allclose(view_of(bench, plain), (40 - 25, 60 - 37.5, 40 + 25, 60 + 37.5))
    np.testing.assert_allclose(view_of(bench, fine), (10, 10, 110, 310))


def test_a_turned_layer_is_seen_by_its_bounding_box(bench):
    turned = bench.add(colours(*SHAPE), name="turned", rotate=90)
    look_at(bench, (0, 0), 4)
    top, left, bottom, right = view_of(bench, turned)
    np.testing.assert_allclose((bottom - top, right - left), (75, 50))


def test_axes_that_are_turned(bench):
    stack = bench.add(np.zeros((30, *SHAPE)), name="stack")
    bench.viewer.dims.order = (1, 0, 2)
    look_at(bench, (12, 70), 10)
    np.testing.assert_allclose(view_of(bench, stack), (2, 55, 22, 85))


@pytest.mark.parametrize(
    "enter", [lambda v: setattr(v.dims, "ndisplay", 3), lambda v: setattr(v.canvas.grid, "enabled", True)]
)
def test_there_is_no_view_in_3d_and_in_the_grid(bench, enter):
    layer = bench.add(colours(*SHAPE), name="a")
    enter(bench.viewer)
    assert bench.controller._view.view(layer) is None


def test_only_the_visible_field_is_embedded_and_panning_brings_the_rest(desk, encoders):
    layer = Image(np.tile(colours(500, 600), (5, 5, 1)), name="large")
    found = desk(layer)
    found.session.set_scope("field")
    found.show(layer, (150, 150))
    found.start()
    first = encoders.calls
    assert 0 < first < 6
    found.click(layer, (150, 150))
    data = np.asarray(found.map_of(layer).data)
    assert not np.isnan(data[140:160, 140:160]).any()
    assert np.isnan(data[2400, 2900])
    found.show(layer, (2400, 2900))
    spin(0.3)
    found.wait()
    assert encoders.calls > first
    data = np.asarray(found.map_of(layer).data)
    assert not np.isnan(data[2400, 2900])
    assert np.isnan(data[100, 2900])


def test_nothing_is_told_after_the_end(bench):
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    look_at(bench, (40, 60), 4)
    bench.controller.shutdown()
    told = []
    bench.session.show_view = lambda *arguments: told.append(arguments)
    look_at(bench, (10, 10), 2)
    bench.viewer.dims.order = (1, 0)
    spin(0.3)
    assert told == []
    assert layer in bench.viewer.layers
