"""Maps lie on their images: corner by corner in the world, pixel by pixel on the screen, whatever shape and place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from napari.layers import Image

import napari_dinosim as dinosim
from events import spin
from napari_dinosim._napari.coordinates import contains, placement, plane_of, to_data, to_world
from napari_dinosim._napari.lazy_map import LazyMap
from napari_dinosim._napari.resolution import Cover, Resolution
from napari_dinosim.similarity import extremes
from napari_dinosim.states import SimilarityMap
from pictures import as_rgb, colours, greys
from planted import MeanColourEncoder, planted_spec, seed_map

SHAPE, CLICK = (100, 150), (37, 120)
AFFINE = np.array([[0.9, -0.5, 12], [0.3, 1.1, -7], [0, 0, 1]])
PLACES = {
    "as it is": {},
    "anisotropic": {"scale": (0.3, 2.0)},
    "negative": {"scale": (-0.7, 0.4)},
    "rotated and sheared": {"scale": (0.5, 0.8), "rotate": 33, "shear": [0.4], "translate": (10, -20)},
    "affine": {"affine": AFFINE},
    "µm": {"scale": (0.2, 0.65), "units": ("um", "um"), "translate": (3, 5)},
}
CORNERS = np.array([(-0.5, -0.5), (-0.5, 149.5), (99.5, -0.5), (99.5, 149.5)])


def deeper(place: dict) -> dict:
    """Placement of a stack whose planes are placed so."""
    found = dict(place)
    if "affine" in place:
        found["affine"] = np.eye(4)
        found["affine"][1:, 1:] = place["affine"]
    if "rotate" in place:
        found |= {"rotate": (0, 0, place["rotate"]), "shear": [0, 0, *place["shear"]]}
    leading = {"scale": 2.5, "translate": -4, "units": "um"}
    return found | {name: (first, *found[name]) for name, first in leading.items() if name in found}


def upsampled(found, size: int = 16) -> np.ndarray:
    """Made by numpy alone."""
    height, width = found.grid.image_shape
    return np.repeat(np.repeat(found.values, size, axis=0), size, axis=1)[:height, :width]


# ---- on the screen -----------------------------------------------------------------------------------------------


def picture_of(found, layer) -> np.ndarray:
    """What napari draws of one layer alone."""
    for other in found.viewer.layers:
        other.visible = other is layer
    for factor in (0.125, 8):  # so that the part of a pyramid that was read does not depend on where the camera was
        found.viewer.scene.camera.zoom *= factor
        spin(0.15)
    return found.viewer.screenshot(canvas_only=True, flash=False)


def differing(found, layer, data) -> int:
    """Screen pixels in which a map differs from an array that lies on the image and looks like the map."""
    found.controller.cancel()  # so that the other array gets no map of its own
    made = found.map_of(layer)
    made.opacity = 1
    mine = picture_of(found, made)
    assert len(np.unique(mine.reshape(-1, 4), axis=0)) > 10, "hardly anything is drawn"
    looks = {"colormap": made.colormap, "contrast_limits": (0, 1), "interpolation2d": "nearest"}
    other = Image(data, multiscale=isinstance(data, list), **looks, **placement(layer))
    found.viewer.add_layer(other)
    theirs = picture_of(found, other)
    found.viewer.layers.remove(other)
    made.visible = True
    return int((mine != theirs).any(axis=-1).sum())


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_real_map_is_drawn_where_its_image_is(desk, place):
    layer = Image(colours(*SHAPE), name="a", **place)
    found = desk(layer)
    found.start()
    found.click(layer, CLICK)
    found.viewer.reset_view()
    data = upsampled(found.session.shown_map(str(layer.unique_id)))
    assert differing(found, layer, data) == 0
    assert differing(found, layer, np.roll(data, 1, axis=1)) > 100


@pytest.mark.parametrize(
    ("place", "covered", "finer"), [("rotated and sheared", 23, 1), ("µm", 40, 2), ("anisotropic", 7, 1)]
)
def test_a_map_of_other_patches_is_drawn_where_its_image_is(desk, place, covered, finer):
    layer = Image(colours(*SHAPE), name="a", **PLACES[place])
    found = desk(layer)
    found.controller.sample_by(Resolution(Cover.PIXELS, pixels=covered, finer=finer))
    found.start()
    found.click(layer, CLICK)
    found.viewer.reset_view()
    values = found.session.shown_map(str(layer.unique_id)).values
    resized = [round(pixels * 16 / covered) for pixels in SHAPE]
    rows, cols = (
        np.floor((np.arange(pixels) + 0.5) / pixels * size / (16 / finer)).astype(int)
        for pixels, size in zip(SHAPE, resized, strict=True)
    )
    assert values.shape == (rows[-1] + 1, cols[-1] + 1)
    data = values[rows][:, cols]
    assert differing(found, layer, data) == 0
    assert differing(found, layer, np.roll(data, 1, axis=1)) > 100


@pytest.mark.parametrize("place", ["negative", "rotated and sheared", "µm"])
def test_a_lazy_map_is_drawn_where_its_image_is(desk, encoders, place):
    encoders.complement = True
    stack = np.stack([greys(*SHAPE, seed) for seed in range(3)])
    layer = Image(stack, name="a", contrast_limits=(0, 1), **deeper(PLACES[place]))
    found = desk(layer)
    found.start()
    plane = found.controller.session._plan.shown[str(layer.unique_id)]
    found.click(layer, (*plane, *CLICK))
    found.wait()
    found.viewer.reset_view()
    data = np.full(stack.shape, np.nan, np.float32)
    data[plane] = upsampled(found.session.map(str(layer.unique_id), plane))
    assert isinstance(found.map_of(layer).data, LazyMap)
    assert differing(found, layer, data) == 0


@pytest.mark.parametrize("place", ["as it is", "rotated and sheared"])
def test_a_pyramid_is_drawn_where_its_image_is(desk, encoders, place):
    """Against a pyramid of real arrays, zoomed in and out; zoomed in and not rotated, against the whole array too."""
    encoders.complement = True
    layer = Image(np.tile(colours(500, 420)[..., 0], (9, 10)), name="a", contrast_limits=(0, 255), **PLACES[place])
    found = desk(layer)
    found.start()
    found.click(layer, (2345, 3999))
    found.wait()
    made = found.map_of(layer)
    full = upsampled(found.session.shown_map(str(layer.unique_id)))
    levels = []
    for level in made.data:
        sizes = zip(level.shape, full.shape, strict=True)
        levels.append(full[np.ix_(*(np.floor((np.arange(n) + 0.5) * (of / n)).astype(int) for n, of in sizes))])
    assert made.data_level == 0
    camera = found.viewer.scene.camera
    camera.zoom, camera.center = (
        camera.zoom * 1.037,
        np.add(camera.center, (0, 0.131, 0.217)),
    )  # no edge on a pixel's centre
    assert differing(found, layer, levels) == 0
    assert place != "as it is" or differing(found, layer, full) == 0
    found.viewer.reset_view()
    spin(0.2)
    assert differing(found, layer, levels) == 0
    assert made.data_level > 0


# ---- in the world ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("kind", ["flat", "stack", "pyramid"])
@pytest.mark.filterwarnings("ignore:.*nits.*")
def test_corners_beside_an_image_in_other_units(bench, place, kind):
    """World positions as drawn, units and all; another layer makes the world's units others."""
    image = colours(*SHAPE)[..., 0]
    data = {"flat": image, "stack": np.stack([image] * 2), "pyramid": [image, image[::2, ::2]]}[kind]
    layer = bench.add(data, name="a", contrast_limits=(0, 255), **(deeper(place) if kind == "stack" else place))
    bench.add(colours(60, 70), name="b", translate=(0, 500), units=("nm", "nm"))
    bench.start()
    shown = bench.session._plan.shown[str(layer.unique_id)]
    units = bench.viewer.layers.units
    bench.prompts.add(to_data(bench.prompts, to_world(layer, (*shown, *CLICK), units), units, bench.viewer.dims.point))
    bench.wait()
    made = bench.map_of(layer)
    for corner in CORNERS:
        there = to_world(layer, (*shown, *corner), units)
        np.testing.assert_allclose(to_world(made, (*shown, *corner), units), there, atol=1e-9 * np.abs(there).max())
    assert (made.units, made.axis_labels) == (layer.units, layer.axis_labels)
    assert [(round(prompt.y), round(prompt.x)) for prompt in bench.session.prompts] == [CLICK]


# ---- any shape, type, placement and patch ------------------------------------------------------------------------

TOPS = {"bool": 1, "uint8": 255, ">u2": 50_000, "int16": 30_000, "uint32": 4e9, "float32": 1, ">f8": 1e-3}
"""The largest number of each type's images, and upper contrast limit."""

number = st.floats(0.01, 100).flatmap(lambda size: st.sampled_from([size, -size]))
places = st.fixed_dictionaries(
    {
        "scale": st.tuples(number, number),
        "translate": st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)),
        "rotate": st.floats(-180, 180),
        "shear": st.floats(-1, 1).map(lambda shear: [shear]),
        "units": st.sampled_from([("pixel", "pixel"), ("um", "um"), ("mm", "nm")]),
    }
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(1, 80), st.integers(1, 80)),
    dtype=st.sampled_from(sorted(TOPS)),
    place=places,
    patch=st.sampled_from([1, 7, 14, 16, 32]),
    data=st.data(),
)
def test_the_patch_under_the_click_is_the_queried_one(shape, dtype, place, patch, data):
    plane, y, x = (data.draw(st.integers(0, n - 1)) for n in shape)
    within = data.draw(st.tuples(*[st.floats(-0.45, 0.45)] * 3))
    if patch == 1:
        shape, y, x = (shape[0], min(shape[1], 20), min(shape[2], 20)), y % 20 % shape[1], x % 20 % shape[2]
    stack = (np.stack([greys(*shape[1:], seed) for seed in range(shape[0])]) * TOPS[dtype]).astype(dtype)
    layer = Image(stack, contrast_limits=(0, TOPS[dtype]), **deeper(place))
    encoder = MeanColourEncoder(planted_spec(patch, dimension=6), complement=True)
    planes = [dinosim.embed(one, encoder, None if dtype in ("bool", "uint8") else (0, TOPS[dtype])) for one in stack]

    clicked = to_world(layer, np.add((plane, y, x), within), layer.units)
    place_in_data = to_data(layer, clicked, layer.units, (0, 0, 0))
    assert contains(layer, place_in_data)
    assert plane_of(layer, place_in_data) == (plane,)
    assert planes[plane].grid.patch_at(*place_in_data[1:]) == (y // patch, x // patch)

    query = planes[plane].query([tuple(place_in_data[1:])])
    maps = [one.similarity_map(query) for one in planes]
    for found, one, embeddings in zip(maps, stack, planes, strict=True):
        image, source = (as_rgb(each.astype(float) / TOPS[dtype]) for each in (one, stack[plane]))
        expected = seed_map(image, patch, [(y, x)], source, complement=True)
        if np.ptp(embeddings.cosine(query).numpy()) > 1e-3:  # else rounding is stretched to [0, 1]
            np.testing.assert_allclose(found, expected, atol=1e-3)

    def lookup(index):
        one = planes[index[0]]
        scores = one.cosine(query)
        return SimilarityMap(scores, one.grid, 1.0, extremes(scores))

    lazy = Image(LazyMap(shape, lookup), contrast_limits=(0, 1), **placement(layer))
    np.testing.assert_array_equal(np.asarray(lazy.data), maps)
    there = np.round(to_data(lazy, clicked, layer.units, (0, 0, 0))).astype(int)
    assert there.tolist() == [plane, y, x]
