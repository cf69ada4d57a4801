"""Stacks: the plane on screen is embedded, the slider brings the next, a prompt belongs to its plane."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image

from events import spin
from napari_dinosim import samples
from pictures import as_rgb, colours, greys
from planted import seed_map

SHAPE = (100, 150)
HIGH, LIMIT = 40_000, 41_000
"""The brightest pixel, and what a person set as white."""
"""Contrast limit; the pixels do not reach it: limits that are the ends of the data are taken for napari's own."""


def stack_layer() -> tuple[np.ndarray, Image]:
    stack = np.stack([(greys(*SHAPE, seed) * 0.9 * HIGH).astype(np.uint16) for seed in range(3)])
    place = {"scale": (2.5, 0.65, 0.65), "units": ("um", "um", "um"), "axis_labels": ("z", "y", "x")}
    return stack, Image(stack, name="stack", contrast_limits=(0, HIGH), **place)


def expected(stack, plane, click, source) -> np.ndarray:
    return seed_map(as_rgb(stack[plane] / HIGH), 16, [click], as_rgb(stack[source] / HIGH), complement=True)


def test_map_follows_the_slider(desk, encoders):
    encoders.complement = True
    stack, layer = stack_layer()
    found = desk(layer)
    found.session.set_scope("plane")
    found.viewer.dims.set_current_step(0, 1)
    spin(0.05)
    found.start()
    assert encoders.calls == 1
    found.click(layer, (1, 37, 120))
    made = found.map_of(layer)
    assert made.data.shape == stack.shape
    np.testing.assert_allclose(made.data[1], expected(stack, 1, (37, 120), 1), atol=1e-5)
    assert np.isnan(np.asarray(made.data)[[0, 2]]).all()
    found.viewer.dims.set_current_step(0, 2)
    found.wait()
    assert encoders.calls == 2
    np.testing.assert_allclose(made.data[2], expected(stack, 2, (37, 120), 1), atol=1e-5)
    np.testing.assert_allclose(made._slice.image.view, made.data[2])
    assert np.isnan(made.data[0]).all()
    found.viewer.dims.set_current_step(0, 1)
    found.wait()
    assert encoders.calls == 2
    assert found.map_of(layer) is made
    assert made.units == layer.units
    np.testing.assert_array_equal(made.scale, layer.scale)


def test_prompt_belongs_to_its_plane(desk, encoders):
    encoders.complement = True
    stack, layer = stack_layer()
    found = desk(layer)
    found.viewer.dims.set_current_step(0, 0)
    spin(0.05)
    found.start()
    found.click(layer, (0, 5, 70))
    found.viewer.dims.set_current_step(0, 2)
    found.wait()
    found.prompts.selected_data = set()
    found.click(layer, (2, 99, 149))
    assert [(prompt.plane, round(prompt.y), round(prompt.x)) for prompt in found.session.prompts] == [
        ((0,), 5, 70),
        ((2,), 99, 149),
    ]
    found.prompts.data = found.prompts.data[1:]
    found.wait()
    np.testing.assert_allclose(found.map_of(layer).data[0], expected(stack, 0, (99, 149), 2), atol=1e-5)


def test_stack_beside_a_flat_image(bench):
    bench.encoders.complement = True
    stack, layer = stack_layer()
    bench.viewer.add_layer(layer)
    flat = bench.add(greys(75, 61, 9), name="flat", contrast_limits=(0, 1), translate=(0, 200), units=("um", "um"))
    bench.viewer.dims.set_current_step(0, 2)
    bench.wait()
    bench.start()
    assert bench.prompts.ndim == 3
    bench.point(layer, (2, 37, 120))
    bench.assert_map(flat, as_rgb(greys(75, 61, 9)), [(37, 120)], as_rgb(stack[2] / HIGH))
    bench.prompts.data = []
    bench.prompts.add(bench.prompts.world_to_data((5.0, *flat.data_to_world((70, 20)))))
    bench.wait()
    np.testing.assert_allclose(
        bench.map_of(layer).data[2],
        seed_map(as_rgb(stack[2] / HIGH), 16, [(70, 20)], as_rgb(greys(75, 61, 9)), complement=True),
        atol=1e-5,
    )


def test_sliders_beyond_a_shorter_stack(bench):
    bench.add(np.stack([greys(*SHAPE)] * 2), name="short")
    bench.add(np.stack([greys(*SHAPE)] * 5), name="long", translate=(0, 0, 200))
    bench.start()
    for step in (4, 0, 3):
        bench.viewer.dims.set_current_step(0, step)
        bench.wait()
    assert bench.states() == {"short": "ready · 2 of 2 planes", "long": "ready · 5 of 5 planes"}
    assert bench.encoders.calls == 2 + 5


def test_rgb_stack(bench):
    stack = np.stack([colours(*SHAPE, seed) for seed in range(3)])
    layer = bench.add(stack, name="rgb", rgb=True)
    bench.start()
    plane = int(bench.viewer.dims.point[0])
    bench.point(layer, (plane, 37, 120))
    np.testing.assert_allclose(
        bench.map_of(layer).data[plane], seed_map(stack[plane] / 255, 16, [(37, 120)]), atol=1e-5
    )


def test_sample_stack(bench):
    layer = bench.add(samples.stack(), name="spots", scale=samples.STACK_SCALE)
    bench.start()
    assert bench.states() == {"spots": "ready · 3 of 3 planes"}
    assert bench.controller.row(str(layer.unique_id)).pixels == samples.stack().shape[1:]


def test_all_planes_follow_the_one_on_screen(desk, encoders):
    encoders.complement = True
    stack, layer = stack_layer()
    found = desk(layer)
    found.start()
    found.click(layer, (1, 37, 120))
    made = found.map_of(layer)
    for plane in range(3):
        np.testing.assert_allclose(made.data[plane], expected(stack, plane, (37, 120), 1), atol=1e-5)
    assert encoders.calls == 3
    assert found.states()["stack"] == "ready · 3 of 3 planes · best match 1.00"
    found.viewer.dims.set_current_step(0, 2)
    np.testing.assert_allclose(made._slice.image.view, made.data[2])  # at once: nothing is left to do
    assert encoders.calls == 3


@pytest.mark.parametrize(
    ("order", "plane"), [((1, 0, 2), (40, -3, -1)), ((2, 1, 0), (120, -2, -3)), ((0, 2, 1), (1, -1, -2))]
)
def test_planes_along_any_two_axes_are_seen_as_shown(bench, order, plane):
    """The map of what is on screen, cut and turned as it is, equals the formulas over that very picture."""
    bench.encoders.complement = True
    stack = np.stack([(greys(*SHAPE, seed) * HIGH).astype(np.uint16) for seed in range(40)])
    layer = bench.add(stack, name="stack", contrast_limits=(0, LIMIT), scale=(2, 0.5, 0.5))
    bench.session.set_scope("plane")
    bench.viewer.dims.set_point((0, 1, 2), (2, 20, 60))
    bench.viewer.dims.order = order
    bench.start()
    bench.point(layer, (1, 40, 120))
    (prompt,) = bench.session.prompts
    assert prompt.plane == plane
    picture = stack.transpose(order)[plane[0]] / LIMIT
    click = tuple(np.array((1, 40, 120))[list(order)][1:])
    assert (prompt.y, prompt.x) == click
    made = bench.map_of(layer)
    shown = np.asarray(made.data).transpose(order)[plane[0]]
    np.testing.assert_allclose(shown, seed_map(as_rgb(picture), 16, [click], complement=True), atol=1e-5)
    np.testing.assert_allclose(made._slice.image.view, shown)


def test_a_point_stays_in_the_plane_it_was_placed_in_when_the_axes_turn(bench):
    bench.encoders.complement = True
    stack = np.stack([(greys(*SHAPE, seed) * HIGH).astype(np.uint16) for seed in range(40)])
    layer = bench.add(stack, name="stack", contrast_limits=(0, LIMIT))
    bench.session.set_scope("plane")
    bench.viewer.dims.set_point((0, 1, 2), (1, 40, 120))
    bench.start()
    bench.point(layer, (1, 40, 120))
    bench.viewer.dims.order = (1, 0, 2)
    bench.wait()
    assert [prompt.plane for prompt in bench.session.prompts] == [(1,)]
    shown = np.asarray(bench.map_of(layer).data)[:, 40]
    queried = as_rgb(stack[1] / LIMIT)
    np.testing.assert_allclose(
        shown, seed_map(as_rgb(stack[:, 40] / LIMIT), 16, [(40, 120)], queried, complement=True), atol=1e-5
    )
    bench.viewer.dims.order = (0, 1, 2)
    bench.wait()
    np.testing.assert_allclose(
        bench.map_of(layer).data[1], seed_map(queried, 16, [(40, 120)], complement=True), atol=1e-5
    )


def test_a_flat_image_with_its_axes_exchanged(bench):
    bench.encoders.complement = True
    image = greys(*SHAPE, 3) * 1.9
    layer = bench.add(image, name="flat", contrast_limits=(0, 2))
    bench.viewer.dims.order = (1, 0)
    bench.start()
    bench.point(layer, (37, 120))
    expected_map = seed_map(as_rgb(image.T / 2), 16, [(120, 37)], complement=True).T
    np.testing.assert_allclose(bench.map_of(layer).data, expected_map, atol=1e-5)
    bench.viewer.dims.order = (0, 1)
    bench.wait()
    other = seed_map(as_rgb(image / 2), 16, [(120, 37)], as_rgb(image.T / 2), complement=True)
    np.testing.assert_allclose(bench.map_of(layer).data, other, atol=1e-5)
