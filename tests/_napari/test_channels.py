"""Channels composed into one image: as napari draws them, one map, stale when they look otherwise; without a window."""

from __future__ import annotations

import numpy as np
import pytest

from events import spin
from napari_dinosim._napari.channels import composed_input
from pictures import colours, greys
from planted import seed_map

SHAPE = (100, 150)
CLICK = (37, 120)
DAPI, ACTIN = (greys(*SHAPE) * 3000).astype(np.uint16), greys(*SHAPE, 1) * 50


def key_of(layer) -> str:
    return str(layer.unique_id)


def add_channels(bench, **place):
    dapi = bench.add(DAPI, name="DAPI", colormap="blue", contrast_limits=(100, 2500), **place)
    actin = bench.add(
        ACTIN,
        name="actin",
        colormap="green",
        contrast_limits=(5, 40),
        blending="additive",
        gamma=0.7,
        opacity=0.8,
        **place,
    )
    return dapi, actin


def composed_rgb() -> np.ndarray:
    """The sum, by hand."""
    rgb = np.zeros((*SHAPE, 3))
    rgb[..., 2] = np.clip((DAPI - 100.0) / 2400, 0, 1)
    rgb[..., 1] = np.clip((ACTIN - 5) / 35, 0, 1) ** 0.7 * 0.8
    return rgb


def compose(bench, *layers) -> None:
    bench.controller.compose([key_of(layer) for layer in layers])
    bench.wait()


def assert_composed(bench, dapi, rgb, clicks) -> None:
    found = np.asarray(bench.map_of(dapi).data)
    np.testing.assert_allclose(found, seed_map(rgb, 16, clicks), atol=4e-3)  # 1024 steps of colour


def test_one_map_over_two_channels(bench):
    dapi, actin = add_channels(bench)
    compose(bench, actin, dapi)
    assert bench.states() == {"DAPI + actin": "not embedded"}
    bench.start()
    bench.point(dapi, CLICK)
    (made,) = bench.ours("similarity map")
    assert made.name == "similarity · DAPI + actin"
    assert made.metadata["napari_dinosim"]["source"] == key_of(dapi)
    assert made.metadata["napari_dinosim"]["sources"] == [key_of(dapi), key_of(actin)]
    layers = bench.viewer.layers
    assert layers.index(made) == layers.index(actin) + 1
    assert_composed(bench, dapi, composed_rgb(), [CLICK])
    assert bench.encoders.calls == 1


def test_composed_while_maps_are_there_and_separated_again(bench):
    bench.encoders.complement = True
    dapi, actin = add_channels(bench, scale=(2, 0.5), translate=(7, -3))
    bench.start()
    bench.point(actin, CLICK)
    bench.map_of(dapi).colormap = "magma"
    compose(bench, dapi, actin)
    (made,) = bench.ours("similarity map")
    assert (made.name, made.colormap.name) == ("similarity · DAPI + actin", "magma")
    np.testing.assert_array_equal(made.scale, (2, 0.5))
    (prompt,) = bench.session.prompts
    assert prompt.source == key_of(dapi)
    expected = seed_map(composed_rgb(), 16, [CLICK], complement=True)
    np.testing.assert_allclose(made.data, expected, atol=4e-3)
    assert [row.name for row in bench.controller.rows()] == ["DAPI + actin"]
    bench.controller.separate(key_of(dapi))
    bench.wait()
    assert [row.name for row in bench.controller.rows()] == ["actin", "DAPI"]
    assert all(state.startswith("ready") for state in bench.states().values())
    assert bench.map_of(dapi).name == "similarity · DAPI"
    assert bench.map_of(actin) is not None
    assert "sources" in bench.map_of(actin).metadata["napari_dinosim"]
    assert "images of their own again" in bench.told[-1][0]


def test_a_click_belongs_to_the_composition_even_where_its_first_channel_is_hidden(bench):
    dapi, actin = add_channels(bench)
    below = bench.add(colours(*SHAPE), name="below")
    bench.viewer.layers.move(bench.viewer.layers.index(below), 0)
    compose(bench, dapi, actin)
    dapi.visible = False
    bench.start()
    bench.point(dapi, CLICK)
    assert [prompt.source for prompt in bench.session.prompts] == [key_of(dapi)]
    green = composed_rgb()
    green[..., 2] = 0
    assert bench.map_of(dapi) is not None
    actin.visible = False
    bench.prompts.data = np.empty((0, 2))
    bench.wait()
    bench.point(dapi, (5, 5))
    assert [prompt.source for prompt in bench.session.prompts] == [key_of(below)]


@pytest.mark.parametrize(
    ("name", "value"),
    [("colormap", "red"), ("contrast_limits", (0, 900)), ("gamma", 2), ("opacity", 0.3), ("visible", False)],
)
def test_a_channel_that_looks_otherwise_makes_stale(bench, name, value):
    dapi, actin = add_channels(bench)
    compose(bench, dapi, actin)
    bench.start()
    before = getattr(actin, name)
    setattr(actin, name, value)
    state = bench.session.state(key_of(dapi))
    assert state.text == "stale"
    assert "Its channels look otherwise now; press Start" in state.reason
    setattr(actin, name, before)
    assert bench.states() == {"DAPI + actin": "ready"}
    setattr(actin, name, value)
    bench.start()
    assert bench.states() == {"DAPI + actin": "ready"}
    assert bench.encoders.calls == 2


def test_colours_of_an_image_by_itself_make_nothing_stale(bench):
    _, actin = add_channels(bench)
    bench.start()
    actin.colormap, actin.gamma, actin.opacity = "red", 2, 0.1
    assert bench.states() == {"actin": "ready", "DAPI": "ready"}


@pytest.mark.parametrize("gone", [0, 1])
def test_removing_a_channel_dissolves_the_composition_and_says_so(bench, gone):
    channels = add_channels(bench)
    compose(bench, *channels)
    bench.start()
    bench.point(channels[0], CLICK)
    bench.viewer.layers.remove(channels[gone])
    bench.wait()
    left = channels[1 - gone]
    assert [row.name for row in bench.controller.rows()] == [left.name]
    assert bench.states()[left.name].startswith("ready")
    assert any("A channel was removed" in text for text, _ in bench.told)
    assert len(bench.ours("similarity map")) == (0 if gone == 0 else 1)
    bench.viewer.layers.clear()
    bench.wait()
    assert bench.controller.rows() == []


def test_renaming_a_channel_renames_row_and_map(bench):
    dapi, actin = add_channels(bench)
    compose(bench, dapi, actin)
    bench.start()
    bench.point(dapi, CLICK)
    actin.name = "phalloidin"
    assert list(bench.states()) == ["DAPI + phalloidin"]
    assert bench.map_of(dapi).name == "similarity · DAPI + phalloidin"
    assert bench.encoders.calls == 1


def test_other_pixels_of_a_channel_are_embedded_anew(bench):
    dapi, actin = add_channels(bench)
    compose(bench, dapi, actin)
    bench.start()
    bench.point(dapi, CLICK)
    actin.data = np.zeros(SHAPE)
    bench.wait()
    blue = composed_rgb()
    blue[..., 1] = 0
    assert bench.encoders.calls == 2
    dapi.data = DAPI[::-1].copy()
    bench.wait()
    assert bench.encoders.calls == 3


def test_pixels_changed_in_place_are_noticed_at_start(bench):
    dapi, actin = add_channels(bench)
    compose(bench, dapi, actin)
    bench.start()
    actin.data[:] = 0
    bench.start()
    assert bench.encoders.calls == 2
    actin.data[:] = ACTIN


def test_channels_of_a_stack_plane_by_plane(bench):
    stack = np.stack([greys(*SHAPE, seed) for seed in range(3)])
    first = bench.add(stack, name="first", colormap="red", contrast_limits=(0.1, 0.9))
    second = bench.add(stack[::-1], name="second", colormap="green", contrast_limits=(0.1, 0.9), blending="additive")
    compose(bench, first, second)
    bench.viewer.dims.set_current_step(0, 2)
    bench.wait()
    bench.start()
    bench.point(first, (2, *CLICK))
    rgb = np.clip((np.stack([stack[2], stack[0], stack[0] * 0], axis=-1) - 0.1) / 0.8, 0, 1)
    np.testing.assert_allclose(bench.map_of(first).data[2], seed_map(rgb, 16, [CLICK]), atol=4e-3)


def test_three_channels_and_a_composition_made_larger(bench):
    dapi, actin = add_channels(bench)
    third = bench.add(greys(*SHAPE, 2), name="third", colormap="red", blending="additive")
    compose(bench, dapi, actin)
    compose(bench, dapi, third)
    assert list(bench.states()) == ["DAPI + actin + third"]


def test_unchecked_channels_make_an_unchecked_image(bench):
    dapi, actin = add_channels(bench)
    bench.controller.check(key_of(dapi), False)
    bench.controller.check(key_of(actin), False)
    compose(bench, dapi, actin)
    (row,) = bench.controller.rows()
    assert (row.checked, row.composed) == (False, True)
    bench.controller.check(key_of(dapi), True)
    bench.start()
    assert bench.states() == {"DAPI + actin": "ready"}


# --- told


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"data": DAPI[:90]}, r"found shape (100, 150) of 'DAPI' and (90, 150) of 'other', expected one shape"),
        ({"data": np.stack([DAPI] * 2)}, r"found shape (100, 150) of 'DAPI' and (2, 100, 150) of 'other'"),
        ({"data": colours(*SHAPE)}, "found 'other', which is RGB, expected single-channel images"),
        ({"data": DAPI, "scale": (1, 2)}, "found 'other' at another place than 'DAPI', expected one scale and place"),
    ],
)
def test_what_cannot_be_composed_is_told_and_changes_nothing(bench, other, message):
    dapi, _ = add_channels(bench)
    layer = bench.add(**other, name="other")
    bench.start()
    bench.controller.compose([key_of(dapi), key_of(layer)])
    text, is_error = bench.told[-1]
    assert message in text
    assert is_error
    bench.wait()
    assert {name: text.partition(" ·")[0] for name, text in bench.states().items()} == dict.fromkeys(
        ("other", "actin", "DAPI"), "ready"
    )


def test_one_image_is_not_composed(bench):
    dapi, _ = add_channels(bench)
    bench.controller.compose([key_of(dapi)])
    assert "found 1 image, expected two or more" in bench.told[-1][0]


def test_channels_moved_apart_are_stale_then_refused_and_come_back(bench):
    dapi, actin = add_channels(bench)
    compose(bench, dapi, actin)
    bench.start()
    actin.translate = (0, 5)
    state = bench.session.state(key_of(dapi))
    assert (state.text, "no longer lie on each other" in state.reason) == ("stale", True)
    bench.start()
    assert "'actin' at another place than 'DAPI'" in bench.session.state(key_of(dapi)).reason
    actin.translate = (0, 0)
    bench.start()
    assert bench.states() == {"DAPI + actin": "ready"}


def test_channel_that_gets_another_shape_is_told_with_both_shapes(bench):
    dapi, actin = add_channels(bench)
    compose(bench, dapi, actin)
    bench.start()
    actin.data = ACTIN[:, :90]
    bench.wait()
    assert bench.states() == {"DAPI + actin": "error"}
    assert "shape (100, 150) of 'DAPI' and (100, 90) of 'actin'" in bench.session.state(key_of(dapi)).reason


def test_all_channels_hidden_is_told_at_start(bench):
    dapi, actin = add_channels(bench)
    compose(bench, dapi, actin)
    dapi.visible = actin.visible = False
    bench.start()
    assert "none of them visible" in bench.session.state(key_of(dapi)).reason


# --- as on screen


@pytest.mark.parametrize("lookup", ["plain", "gamma and opacity", "stepped"])
def test_it_is_what_napari_draws(make_napari_viewer, lookup):
    viewer = make_napari_viewer(show=True)
    height, width = 120, 200
    ramp = np.linspace(0, 4000, height * width).reshape(height, width).astype(np.uint16)
    other = np.ascontiguousarray(ramp.astype(np.float32).T.reshape(height, width)[:, ::-1])
    looks = {
        "plain": ({"colormap": "magenta"}, {"colormap": "green"}),
        "gamma and opacity": (
            {"colormap": "viridis", "gamma": 1.7},
            {"colormap": "bop orange", "opacity": 0.6, "gamma": 0.6},
        ),
        "stepped": ({"colormap": "HiLo", "opacity": 0.7}, {"colormap": "turbo", "opacity": 0.5}),
    }[lookup]
    limits = 300.5, 3500.5  # no pixel's value: a graphics card's rounding decides on which side it falls
    first = viewer.add_image(ramp, contrast_limits=limits, blending="additive", **looks[0])
    second = viewer.add_image(other, contrast_limits=(100, 4200), blending="additive", **looks[1])
    viewer.window.resize(700, 600)
    spin(0.1)
    tall, wide = viewer.window._qt_viewer.canvas.size
    top, left = (tall - height) // 2, (wide - width) // 2
    viewer.scene.camera.zoom = 1
    viewer.scene.camera.center = (0, tall / 2 - top - 0.5, wide / 2 - left - 0.5)  # pixels on pixels of the screen
    shot = viewer.screenshot(canvas_only=True, flash=False)[top : top + height, left : left + width, :3].astype(int)
    image = composed_input([first, second], "both", [0, 0], viewer.layers.units)
    expected = (image.read(()).window(0, 0, height, width)[0] * 255).round().astype(int)
    assert len(np.unique(expected.reshape(-1, 3), axis=0)) > 1000
    np.testing.assert_allclose(shot, expected, atol=2)
