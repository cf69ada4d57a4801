"""Bad input: a clear message, nothing lost, napari stays alive."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image

from napari_dinosim.errors import WeightsNotFoundError
from pictures import as_rgb, colours, greys

SHAPE = (100, 150)
WAYS_ON = "Weights are not here. Choose a local file, choose the built-in encoder, or try again."


def texts(bench) -> list[str]:
    return [text for text, _ in bench.told]


def test_no_image(bench):
    bench.start()
    assert bench.told == [("No image is checked. Open an image, or check one in the list.", True)]


def test_image_smaller_than_a_patch(bench):
    image = colours(7, 5)
    a, b = bench.add(image, name="a", rgb=True), bench.add(colours(*SHAPE), name="b", translate=(0, 50))
    bench.start()
    bench.point(a, (6, 4))
    bench.assert_map(b, colours(*SHAPE) / 255, [(6, 4)], image / 255)
    assert bench.map_of(a).data.shape == (7, 5)
    np.testing.assert_allclose(bench.map_of(a).data, bench.map_of(a).data[0, 0])


def test_one_pixel(bench):
    a = bench.add(np.full((1, 1), 0.5), name="a")
    bench.start()
    bench.point(a, (0, 0))
    assert bench.states() == {"a": "ready · best match 1.00"}
    assert np.isfinite(bench.map_of(a).data).all()


@pytest.mark.parametrize("value", [0, 0.5, 255])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_constant_image(bench, value, dtype):
    a = bench.add(np.full(SHAPE, value, dtype), name="a")
    bench.start()
    bench.point(a, (37, 120))
    data = bench.map_of(a).data
    assert np.isfinite(data).all()
    assert 0 <= data.min() <= data.max() <= 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.filterwarnings("ignore:.*encountered in.*:RuntimeWarning")
def test_nonfinite_pixels_are_black_and_said_once(bench, bad):
    bench.encoders.complement = True
    image = greys(*SHAPE)
    hole = np.zeros(SHAPE, bool)
    hole[20:60, 30:80] = True
    a = bench.add(np.where(hole, bad, image), name="a", contrast_limits=(0, 1))
    bench.start()
    bench.point(a, (90, 120))
    bench.assert_map(a, as_rgb(np.where(hole, 0, image)), [(90, 120)])
    a.contrast_limits = (0, 2)
    bench.start()
    assert [text for text in texts(bench) if "NaN" in text] == ["a holds NaN or ±inf; they are treated as black."]


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
def test_all_nan(bench):
    a = bench.add(np.full(SHAPE, np.nan), name="a", contrast_limits=(0, 1))
    bench.start()
    bench.point(a, (37, 120))
    assert np.isfinite(bench.map_of(a).data).all()


@pytest.mark.parametrize(
    ("data", "reason"),
    [(np.zeros((0, 10, 3), np.uint8), "empty image"), (np.ones((40, 50), np.complex64), "complex64")],
    ids=["zero size", "complex"],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::numpy.exceptions.ComplexWarning")
def test_unreadable_data_are_refused_by_name_and_others_go_on(bench, data, reason):
    """napari itself raises where it draws them; the layer is there all the same."""
    first = colours(*SHAPE) if data.ndim == 3 else greys(*SHAPE)
    a, b = bench.add(first, name="a"), bench.add(colours(*SHAPE), name="b", translate=(0, 200))
    with pytest.raises((ValueError, TypeError)):
        a.data = data
    a.events.data()
    bench.start()
    bench.show_patches(True)
    state = bench.session.state(str(a.unique_id))
    assert (state.text, bench.states()["b"]) == ("error", "ready")
    assert reason in state.reason
    assert (state.reason, True) in bench.told
    bench.point(b, (37, 120))
    assert bench.map_of(b) is not None
    assert bench.map_of(a) is None


@pytest.mark.filterwarnings("ignore:.*encountered in.*:RuntimeWarning")
def test_points_with_nan_are_left_out_and_told(bench):
    image = colours(*SHAPE)
    a = bench.add(image, name="a")
    bench.start()
    bench.prompts.data = [(37, 120), (np.nan, 20), (np.inf, 3)]
    bench.wait()
    assert bench.told[-1] == ("2 points with NaN coordinates: left out. Delete or move them.", True)
    bench.assert_map(a, image / 255, [(37, 120)])


def test_prompts_of_fewer_axes_than_the_image(bench):
    """A 2-D prompts layer over a stack that came later: a point lies on the plane it was placed on."""
    bench.encoders.complement = True
    flat = bench.add(colours(40, 40), name="flat", translate=(0, 300))
    bench.start()
    assert bench.prompts.ndim == 2
    stack = np.stack([greys(*SHAPE, seed) for seed in range(3)])
    a = bench.add(stack, name="a", contrast_limits=(0, 1))
    bench.viewer.dims.set_point(0, 2)
    bench.wait()
    bench.point(a, (2, 37, 120))
    (prompt,) = bench.session.prompts
    assert (prompt.source, prompt.plane) == (str(a.unique_id), (2,))
    bench.viewer.dims.set_point(0, 0)
    bench.wait()
    bench.point(flat, (20, 20))
    assert [prompt.plane for prompt in bench.session.prompts] == [(2,), ()]


def test_point_of_two_axes_stays_on_the_plane_of_the_stack_that_was_shown(bench):
    stack = bench.add(np.stack([greys(*SHAPE, seed) for seed in range(3)]), name="stack")
    flat = bench.add(colours(*SHAPE), name="flat")
    bench.controller.check(str(stack.unique_id), False)
    bench.start()
    assert bench.prompts.ndim == 2
    bench.controller.check(str(stack.unique_id), True)
    flat.visible = False
    shown = bench.controller.offering.plane(stack)
    bench.point(flat, (37, 120))
    (prompt,) = bench.session.prompts
    assert (prompt.source, prompt.plane) == (str(stack.unique_id), shown)
    bench.viewer.dims.set_current_step(0, 2)
    bench.controller.read_prompts()
    (prompt,) = bench.session.prompts
    assert prompt.plane == shown


def test_an_encoder_that_fails_on_one_image(bench):
    bench.encoders.fails_on = lambda batch: batch.shape[1] == 80
    a, b = bench.add(colours(75, 61), name="a"), bench.add(colours(*SHAPE), name="b", translate=(0, 200))
    bench.start()
    state = bench.session.state(str(a.unique_id))
    assert (state.text, bench.states()["b"]) == ("error", "ready")
    assert "RuntimeError: planted failure" in state.reason
    bench.point(b, (37, 120))
    bench.assert_map(b, colours(*SHAPE) / 255, [(37, 120)])
    bench.encoders.fails_on = None
    bench.start()
    assert bench.states()["a"].startswith("ready")
    assert bench.encoders.calls == 3


def test_weights_that_cannot_be_had(desk, encoders):
    """Said with the three ways on; Start goes on when they are there."""
    encoders.load_error = WeightsNotFoundError(WAYS_ON)
    image = colours(*SHAPE)
    a, b = Image(image, name="a"), Image(colours(75, 61, 1), name="b", translate=(0, 200))
    found = desk(a, b)
    found.start()
    assert all(way in found.widget.message.value for way in ("Download…", "From file…", "Built-in"))
    assert set(found.states().values()) <= {"error", "not embedded"}
    assert found.viewer.layers.selection.active is found.prompts
    found.click(a, (37, 120))
    assert found.ours("similarity map") == []
    encoders.load_error = None
    found.start()
    found.assert_map(a, image / 255, [(37, 120)])
    assert found.map_of(b) is not None


def test_a_failure_stays_in_sight(desk, encoders):
    encoders.fails_on = lambda batch: batch.shape[1] == 80
    a, b = Image(colours(75, 61), name="a"), Image(colours(*SHAPE), name="b", translate=(0, 200))
    found = desk(a, b)
    found.start()
    assert "planted failure" in found.widget.message.value
    assert "planted failure" in found.item("a").toolTip()
    assert found.item("a").text().split("\n")[2].startswith("error")


def test_nan_stays_in_sight(desk):
    image = np.where(greys(*SHAPE) > 0.9, np.nan, greys(*SHAPE))
    found = desk(Image(image, name="a", contrast_limits=(0, 1)))
    found.start()
    assert "NaN" in found.widget.message.value
