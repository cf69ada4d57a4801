"""The similarity layers say what they are, are made once, and come back as the person left them."""

from __future__ import annotations

import numpy as np

from napari_dinosim._napari.maps import LOOKS
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
