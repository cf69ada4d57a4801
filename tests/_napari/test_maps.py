"""The similarity layers say what they are, are made once, and come back as the person left them."""

from __future__ import annotations

import numpy as np
from napari.layers import Image

from events import spin
from napari_dinosim._napari.map_looks import LOOKS
from pictures import colours

SHAPE = (100, 150)


def test_a_map_says_what_it_is(bench):
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    bench.point(layer, (37, 120))
    (made,) = bench.ours("similarity map")
    assert made.metadata["napari_dinosim"]["source"] == str(layer.unique_id)
    assert made.name == "similarity · a"
    assert isinstance(made.data, np.ndarray)
    assert (made.data.dtype, made.data.shape, made.rgb) == (np.float32, SHAPE, False)


def test_maps_lie_right_above_their_images(bench):
    a, b = bench.add(colours(*SHAPE), name="a"), bench.add(colours(*SHAPE), name="b", translate=(0, 200))
    bench.start()
    bench.point(a, (37, 120))
    assert [layer.name for layer in bench.viewer.layers][:4] == ["a", "similarity · a", "b", "similarity · b"]
    assert bench.map_of(b) is not None


def test_the_array_is_written_in_place(bench):
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    bench.point(layer, (37, 120))
    data = bench.map_of(layer).data
    before = data.copy()
    bench.point(layer, (5, 5))
    assert bench.map_of(layer).data is data
    assert not np.array_equal(data, before)


def test_looks_outlive_the_map(bench):
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    bench.point(layer, (37, 120))
    made = bench.map_of(layer)
    set_by_person = {"colormap": "magma", "opacity": 0.3, "blending": "additive", "contrast_limits": (0.2, 0.9)}
    for name, value in set_by_person.items():
        setattr(made, name, value)
    looks = {name: str(getattr(made, name)) for name in LOOKS}
    bench.prompts.data = []
    bench.wait()
    assert bench.map_of(layer) is None
    bench.point(layer, (5, 5))
    assert bench.map_of(layer) is not made
    assert {name: str(getattr(bench.map_of(layer), name)) for name in LOOKS} == looks


def test_a_map_that_was_removed_comes_with_the_next_click(bench):
    image = colours(*SHAPE)
    layer = bench.add(image, name="a")
    bench.start()
    bench.point(layer, (37, 120))
    bench.viewer.layers.remove(bench.map_of(layer))
    bench.wait()
    assert bench.map_of(layer) is None
    bench.point(layer, (5, 5))
    bench.assert_map(layer, image / 255, [(37, 120), (5, 5)])


def test_best_match_of_each_image(bench):
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[:16, :16], picture[16:, 16:] = (255, 0, 0), (255, 255, 0)
    a, b = bench.add(picture, name="a"), bench.add(picture[16:, 16:], name="b", rgb=True, translate=(0, 50))
    bench.start()
    bench.point(a, (3, 4))
    assert bench.states() == {"a": "ready · best match 1.00", "b": "ready · best match 0.71"}
    assert bench.map_of(b) is not None


def test_what_is_written_is_drawn(desk):
    """The screen itself, at the first click and at one that rewrites the map in place."""
    low, high = (68, 1, 84), (253, 231, 37)  # the ends of viridis
    image = np.full((96, 160, 3), (10, 10, 250), np.uint8)
    image[:80, :80], image[:80, 80:] = (10, 250, 10), (250, 10, 10)
    layer = Image(image, name="a")
    found = desk(layer)
    found.start()
    for clicked, left, right in (((20, 20), high, low), ((70, 140), high, high)):
        found.click(layer, clicked)
        found.map_of(layer).opacity = 1
        found.prompts.visible = False
        found.viewer.reset_view()
        spin(0.3)
        picture = found.viewer.screenshot(canvas_only=True, flash=False)
        found.prompts.visible = True
        np.testing.assert_allclose(colour_at(found, picture, layer, (50, 20)), left, atol=3)
        np.testing.assert_allclose(colour_at(found, picture, layer, (50, 140)), right, atol=3)


def colour_at(found, picture, layer, place):
    """Colour on the screenshot at a place of a layer."""
    x, y = found._drawn(layer, [place])[0] * picture.shape[1] / found.canvas.native.width()
    return picture[round(float(y)), round(float(x)), :3]
