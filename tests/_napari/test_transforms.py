"""Layers at any place, in any units: the map lies exactly on its image, a click means what is drawn under it."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image

from pictures import as_rgb, colours, greys

CLICK = (37, 120)
SHAPE = (100, 150)
PLACES = {
    "scale": {"scale": (0.3, 2.0)},
    "translate": {"translate": (-40.5, 300.25)},
    "rotate": {"rotate": 33},
    "shear": {"shear": [0.4]},
    "affine": {"affine": np.array([[0.9, -0.5, 12], [0.3, 1.1, -7], [0, 0, 1]])},
    "flip": {"scale": (1, -1)},
    "all": {
        "scale": (0.5, 1.5),
        "translate": (10, -20),
        "rotate": 25,
        "shear": [0.2],
        "affine": np.array([[1, 0.1, 3], [0.2, 1, 4], [0, 0, 1]]),
    },
    "µm": {"scale": (0.2, 0.65), "units": ("um", "um")},
}


def assert_same_place(map_layer, layer) -> None:
    for point in [(0, 0), (10, 0), (0, 10)]:
        np.testing.assert_allclose(map_layer.data_to_world(point), layer.data_to_world(point), atol=1e-9)
    assert map_layer.units == layer.units
    assert map_layer.axis_labels == layer.axis_labels


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_click_on_a_placed_image(desk, place):
    image = colours(*SHAPE)
    layer = Image(image, name="a", **place)
    found = desk(layer)
    found.start()
    found.click(layer, CLICK)
    found.assert_map(layer, image / 255, [CLICK])
    assert_same_place(found.map_of(layer), layer)


def test_click_on_a_second_image_placed_otherwise(desk):
    """The prompts layer lies like the first image; the click is on the other."""
    a, b = colours(*SHAPE), colours(75, 61, 1)
    first = Image(a, name="a", **PLACES["all"])
    second = Image(b, name="b", scale=(3, 0.7), translate=(0, 500), rotate=70)
    found = desk(first, second)
    found.start()
    found.click(second, (72, 20))
    found.assert_map(first, a / 255, [(72, 20)], b / 255)
    found.assert_map(second, b / 255, [(72, 20)])


def test_grey_rotated_and_anisotropic(desk, encoders):
    encoders.complement = True
    image = (greys(*SHAPE) * 900).astype(np.uint16)
    layer = Image(image, name="a", contrast_limits=(0, 900), scale=(2, 0.4), rotate=-50)
    found = desk(layer)
    found.start()
    found.click(layer, CLICK)
    found.assert_map(layer, as_rgb(image / 900), [CLICK])


@pytest.mark.parametrize(
    ("units", "clicked"),
    [(("um", "nm"), 0), (("um", "nm"), 1), (("mm", "um"), 1), (("um", "pixel"), 0), (("um", "pixel"), 1)],
)
@pytest.mark.filterwarnings("ignore:.*nits.*")
def test_two_images_in_different_units(desk, units, clicked):
    """Units of different kinds are drawn as if they were pixels; those of one kind to scale."""
    size = {"mm": 1e-3, "um": 1, "nm": 1000, "pixel": 1}
    pictures = [colours(*SHAPE), colours(75, 61, 1)]
    layers = [
        Image(
            picture,
            name=name,
            scale=(0.5 * size[unit], 0.8 * size[unit]),
            translate=(0, 150 * i * size[unit]),
            units=(unit, unit),
        )
        for i, (picture, name, unit) in enumerate(zip(pictures, "ab", units, strict=True))
    ]
    found = desk(*layers)
    found.start()
    click = [CLICK, (72, 20)][clicked]
    found.click(layers[clicked], click)
    assert len(found.session.prompts) == 1
    for layer, picture in zip(layers, pictures, strict=True):
        found.assert_map(layer, picture / 255, [click], pictures[clicked] / 255)
        assert_same_place(found.map_of(layer), layer)


@pytest.mark.filterwarnings("ignore:.*nits.*")
def test_units_change_between_clicks(desk):
    """An image in other units comes, the world's units change; points already placed keep their place."""
    image = colours(*SHAPE)
    layer = Image(image, name="a", scale=(0.5, 0.8), units=("um", "um"))
    found = desk(layer)
    found.start()
    found.click(layer, CLICK)
    other = Image(colours(75, 61, 1), name="b", scale=(500, 800), translate=(0, 150_000), units=("nm", "nm"))
    found.viewer.add_layer(other)
    found.wait()
    found.start()
    found.click(layer, (5, 70))
    found.assert_map(layer, image / 255, [CLICK, (5, 70)])
    found.click(other, (72, 20))
    assert [prompt.source for prompt in found.session.prompts] == [str(x.unique_id) for x in (layer, layer, other)]
    layer.units = ("mm", "mm")
    found.click(layer, (80, 20))
    (*_, last) = found.session.prompts
    assert np.floor((last.y + 0.5, last.x + 0.5)).tolist() == [80, 20]


def test_map_follows_when_the_image_is_moved(desk):
    """The point stays where it is in the world, so that it lies on another pixel of the moved image."""
    image = colours(*SHAPE)
    layer = Image(image, name="a")
    found = desk(layer)
    found.start()
    found.click(layer, (37, 90))
    layer.translate = (0, 32)
    found.wait()
    assert_same_place(found.map_of(layer), layer)
    found.assert_map(layer, image / 255, [(37, 58)])
    layer.scale = (1, 2)
    found.wait()
    assert_same_place(found.map_of(layer), layer)
    found.assert_map(layer, image / 255, [(37, 29)])
