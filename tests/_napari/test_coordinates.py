"""World ↔ data coordinates, against matrices written out."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_dinosim._napari.coordinates import (
    contains,
    leading_shape,
    place_like,
    plane_of,
    plane_shape,
    shown_plane,
    to_data,
    to_world,
    unit_ratio,
    world_matrix,
)

PLACE = {"scale": (0.5, 2.0), "rotate": 30, "shear": [0.2], "translate": (7, -3)}


def pixels(units) -> ViewerModel:
    viewer = ViewerModel()
    for unit in units:
        viewer.add_image(np.zeros((100, 150)), units=(unit, unit))
    return viewer


@pytest.mark.parametrize(
    ("units", "ratios"),
    [(("um", "um"), (1, 1)), (("um", "nm"), (1, 1e-3)), (("mm", "um"), (1, 1e-3)), (("pixel", "pixel"), (1, 1))],
)
def test_unit_ratio(units, ratios):
    """Of two layers the world takes one unit; the ratio of the ratios is what counts."""
    viewer = pixels(units)
    found = [unit_ratio(layer, viewer.layers.units) for layer in viewer.layers]
    np.testing.assert_allclose(found[1] / found[0], ratios[1] / ratios[0])


@pytest.mark.filterwarnings("ignore:.*nits.*")
def test_units_of_different_kinds_are_drawn_as_pixels():
    viewer = pixels(("um", "pixel"))
    assert viewer.layers.units is None
    for layer in viewer.layers:
        np.testing.assert_array_equal(unit_ratio(layer, viewer.layers.units), 1)


@pytest.mark.parametrize("unit", ["pixel", "um"])
def test_there_and_back(unit):
    viewer = ViewerModel()
    viewer.add_image(np.zeros((9, 9)), units=("nm", "nm") if unit == "um" else ("pixel", "pixel"))
    layer = viewer.add_layer(Image(np.zeros((100, 150)), units=(unit, unit), **PLACE))
    units = viewer.layers.units
    for point in [(0, 0), (37.3, 120.9), (-4, 8)]:
        world = to_world(layer, point, units)
        np.testing.assert_allclose(to_data(layer, world, units, viewer.dims.point), point, atol=1e-9)
        np.testing.assert_allclose((world_matrix(layer, units) @ [*point, 1])[:-1], world, atol=1e-6)
    if unit == "um":
        ratio = np.linalg.norm(np.subtract(to_world(layer, (1, 0), units), to_world(layer, (0, 0), units)))
        plain = np.linalg.norm(np.subtract(layer.data_to_world((1, 0)), layer.data_to_world((0, 0))))
        one_um = (1 * layer.units[0]).to(units[0]).magnitude
        np.testing.assert_allclose(ratio / plain, one_um)


def test_missing_axes_are_where_the_sliders_stand():
    layer = Image(np.zeros((4, 5, 100, 150)), scale=(2, 3, 1, 1))
    np.testing.assert_allclose(to_data(layer, (10, 20), None, (4.0, 6.0, 0.0, 0.0)), (2, 2, 10, 20))
    np.testing.assert_allclose(to_data(layer, (6, 10, 20), None, (4.0, 9.0, 0.0, 0.0)), (2, 2, 10, 20))
    np.testing.assert_allclose(to_data(layer, (1, 4, 6, 10, 20), None, (0.0,) * 5), (2, 2, 10, 20))


@pytest.mark.parametrize(
    ("point", "inside"),
    [
        ((1, -0.5, -0.5), True),
        ((1, 99.49, 149.49), True),
        ((1, -0.51, 0), False),
        ((1, 99.5, 0), False),
        ((1, 0, 149.5), False),
        ((-0.5, 5, 5), True),
        ((2.5, 5, 5), False),
        ((-0.6, 5, 5), False),
        ((np.nan, 5, 5), False),
        ((1, np.inf, 5), False),
    ],
)
def test_contains(point, inside):
    assert contains(Image(np.zeros((3, 100, 150))), np.array(point, dtype=float)) is inside


def test_plane_of():
    layer = Image(np.zeros((3, 4, 10, 15)))
    assert plane_of(layer, np.array([0.4, 2.6, 5, 5])) == (0, 3)
    assert plane_of(layer, np.array([0.4, 3.6, 5, 5])) is None
    assert plane_of(Image(np.zeros((10, 15))), np.array([5.0, 5.0])) == ()


def test_shown_plane_is_the_nearest():
    layer = Image(np.zeros((3, 10, 15)), scale=(2.5, 1, 1), translate=(10, 0, 0))
    for world, plane in [(10.0, 0), (12.6, 1), (15.0, 2), (-99.0, 0), (99.0, 2)]:
        assert shown_plane(layer, None, (world, 0.0, 0.0)) == (plane,)


@pytest.mark.parametrize(
    ("data", "rgb", "plane", "leading"),
    [
        (np.zeros((10, 15)), False, (10, 15), ()),
        (np.zeros((10, 15, 3)), True, (10, 15), ()),
        (np.zeros((2, 3, 10, 15)), False, (10, 15), (2, 3)),
        (np.zeros((2, 10, 15, 4)), True, (10, 15), (2,)),
        ([np.zeros((100, 150)), np.zeros((50, 75))], False, (100, 150), ()),
    ],
)
def test_shapes(data, rgb, plane, leading):
    layer = Image(data, rgb=rgb, multiscale=isinstance(data, list))
    assert (plane_shape(layer), leading_shape(layer)) == (plane, leading)


def test_place_like():
    model, layer = Image(np.zeros((9, 9)), units=("um", "nm"), axis_labels=("v", "u"), **PLACE), Image(np.zeros((5, 5)))
    place_like(layer, model)
    np.testing.assert_allclose(layer.data_to_world((3, 4)), model.data_to_world((3, 4)))
    assert (layer.units, layer.axis_labels) == (model.units, model.axis_labels)
