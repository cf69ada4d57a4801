"""The main road, with a real mouse: an image, a click, the pixels of the map against the seeds' formulas."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import Qt

from pictures import colours

BESIDE = (0, 200)


@pytest.mark.parametrize(
    ("encoder", "shape", "click"),
    [
        ("builtin", (100, 150), (37, 120)),
        ("builtin", (100, 150), (99, 149)),
        ("builtin", (100, 150), (20, 147)),
        ("builtin", (15, 200), (7, 130)),
        ("dinov2_vits14", (75, 61), (40, 20)),
        ("dinov2_vits14", (75, 61), (74, 30)),
    ],
)
def test_map_equals_the_formulas(desk, encoder, shape, click):
    image = colours(*shape)
    layer = Image(image, name="a", rgb=True)
    found = desk(layer, encoder=encoder)
    found.start()
    found.click(layer, click)
    found.assert_map(layer, image / 255, [click])
    assert found.map_of(layer).data.shape == shape


@pytest.mark.parametrize("offset", [-0.4, 0.4])
def test_pixel_is_centred_at_its_integer(desk, offset):
    """Pixel 16 begins at 15.5: just left of it lies patch 0, just right of it patch 1."""
    image = colours(64, 96)
    layer = Image(image, name="a")
    found = desk(layer)
    found.start()
    found.click(layer, (31.5 + offset, 47.5 + offset))
    pixel = (31, 47) if offset < 0 else (32, 48)
    found.assert_map(layer, image / 255, [pixel])


def test_query_from_one_image_maps_all(desk):
    pictures = [colours(100, 150), colours(75, 61, 1), colours(130, 33, 2)]
    layers = [
        Image(picture, name=name, translate=(0, 200 * i))
        for i, (picture, name) in enumerate(zip(pictures, "abc", strict=True))
    ]
    found = desk(*layers)
    found.start()
    found.click(layers[1], (74, 20))
    for layer, picture in zip(layers, pictures, strict=True):
        found.assert_map(layer, picture / 255, [(74, 20)], pictures[1] / 255)
    assert all("best match" in state for state in found.states().values())
    assert found.states()["b"] == "ready · best match 1.00"


def test_looks_of_a_new_map(desk):
    layer = Image(colours(100, 150), name="a")
    found = desk(layer)
    found.start()
    found.click(layer, (37, 120))
    made = found.map_of(layer)
    assert (made.colormap.name, made.opacity, made.interpolation2d) == ("viridis", 0.6, "nearest")
    assert made.contrast_limits == [0, 1]
    assert made.data.dtype == np.float32
    assert list(found.viewer.layers).index(made) == list(found.viewer.layers).index(layer) + 1
    assert found.viewer.layers.selection.active is found.prompts
    assert found.prompts.mode == "add"


def test_add_move_and_delete(desk):
    image = colours(100, 150)
    layer = Image(image, name="a")
    found = desk(layer)
    found.start()
    found.click(layer, (37, 120))
    made = found.map_of(layer)
    found.click(layer, (80, 20))
    found.assert_map(layer, image / 255, [(37, 120), (80, 20)])
    found.prompts.mode = "select"
    found.drag(layer, (80, 20), (60, 50))
    np.testing.assert_allclose(found.prompts.data[1], (60, 50), atol=0.5)
    found.assert_map(layer, image / 255, [(37, 120), (60, 50)])
    found.click(layer, (37, 120))
    found.key(Qt.Key.Key_Delete)
    assert len(found.prompts.data) == 1
    found.assert_map(layer, image / 255, [(60, 50)])
    assert found.map_of(layer) is made
    found.click(layer, (60, 50))
    found.key(Qt.Key.Key_Delete)
    assert len(found.prompts.data) == 0
    assert found.map_of(layer) is None
    assert found.states() == {"a": "ready"}


def test_mean_of_several_points(desk):
    image = colours(100, 150)
    layer = Image(image, name="a")
    found = desk(layer)
    found.start()
    clicks = [(37, 120), (80, 20), (5, 70)]
    for click in clicks:
        found.click(layer, click)
    found.assert_map(layer, image / 255, clicks)
    found.controller.combine("mean")
    found.assert_map(layer, image / 255, clicks, mean=True)
    found.controller.combine("max")
    found.assert_map(layer, image / 255, clicks)


def test_paste(desk):
    image = colours(100, 150)
    layer = Image(image, name="a")
    found = desk(layer)
    found.start()
    found.click(layer, (37, 120))
    found.prompts.mode = "select"
    found.click(layer, (37, 120))
    found.key(Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    found.key(Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert len(found.prompts.data) == 2
    assert len(found.session.prompts) == 2
    found.assert_map(layer, image / 255, [(37, 120)])


@pytest.mark.parametrize("place", [(-3, 20), (50, 150.7)])
def test_click_outside_changes_nothing(desk, place):
    image = colours(100, 150)
    layer = Image(image, name="a")
    found = desk(layer)
    found.start()
    found.click(layer, (37, 120))
    found.click(layer, place)
    assert "outside every checked image" in found.viewer.status
    assert "outside every checked image" in found.widget.message.value
    found.assert_map(layer, image / 255, [(37, 120)])


def test_click_on_an_unchecked_image_is_outside(desk):
    image = colours(100, 150)
    a, b = Image(image, name="a"), Image(colours(75, 61, 1), name="b", translate=BESIDE)
    found = desk(a, b)
    found.tick("b", False)
    found.start()
    found.click(a, (37, 120))
    found.click(b, (20, 20))
    assert "outside every checked image" in found.viewer.status
    found.assert_map(a, image / 255, [(37, 120)])
    assert found.map_of(b) is None


def test_click_before_embedding_has_finished(desk, encoders):
    encoders.delay = 0.6
    a, b = colours(100, 150), colours(75, 61, 1)
    layers = Image(a, name="a"), Image(b, name="b", translate=BESIDE)
    found = desk(*layers)
    found.start(wait=False)
    found.click(layers[0], (37, 120))
    assert found.map_of(layers[0]) is None
    assert len(found.prompts.data) == 1
    found.wait()
    found.assert_map(layers[0], a / 255, [(37, 120)])
    found.assert_map(layers[1], b / 255, [(37, 120)], a / 255)


def test_map_is_made_once_and_keeps_its_looks(desk):
    image = colours(100, 150)
    layer = Image(image, name="a")
    found = desk(layer)
    found.start()
    clicks = [(8 + 18 * i, 8 + 28 * i) for i in range(5)]
    found.click(layer, clicks[0])
    made, inserted = found.map_of(layer), []
    found.viewer.layers.events.inserted.connect(lambda event: inserted.append(event.value))
    made.colormap, made.opacity, made.gamma = "magma", 0.35, 0.8
    for click in clicks[1:]:
        found.click(layer, click)
        assert found.viewer.layers.selection.active is found.prompts
    assert found.map_of(layer) is made
    assert not inserted
    found.assert_map(layer, image / 255, clicks)
    found.prompts.selected_data = set(range(len(clicks)))
    found.key(Qt.Key.Key_Delete)
    assert found.map_of(layer) is None
    found.click(layer, clicks[3])
    again = found.map_of(layer)
    assert (again.colormap.name, again.opacity, again.gamma) == ("magma", 0.35, 0.8)


def test_layers_of_the_person_are_left_alone(desk):
    image = colours(100, 150)
    layer, other = Image(image.copy(), name="a", opacity=0.9), Image(colours(40, 40), name="b", translate=BESIDE)
    found = desk(layer, other)
    points, labels = found.viewer.add_points(name="mine"), found.viewer.add_labels(np.zeros((9, 9), int))
    before = [mine.as_layer_data_tuple()[1] for mine in (layer, other, points, labels)]
    found.start()
    found.patches.value = True
    found.click(layer, (37, 120))
    found.patches.value = False
    after = [mine.as_layer_data_tuple()[1] for mine in (layer, other, points, labels)]
    assert str(before) == str(after)
    np.testing.assert_array_equal(layer.data, image)
    assert len(points.data) == 0
