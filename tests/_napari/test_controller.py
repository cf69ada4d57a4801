"""What the controller makes of changes in the viewer, without a window."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dinosim.loading import EncoderChoice
from pictures import as_rgb, colours, greys

SHAPE = (100, 150)


def test_checking_a_further_image_embeds_it_alone(bench):
    a, b = bench.add(colours(*SHAPE), name="a"), bench.add(colours(75, 61, 1), name="b")
    bench.controller.check(str(b.unique_id), False)
    bench.start()
    assert (bench.encoders.calls, bench.states()) == (1, {"a": "ready", "b": "not embedded"})
    bench.controller.check(str(b.unique_id), True)
    bench.wait()
    assert (bench.encoders.calls, bench.states()) == (2, {"a": "ready", "b": "ready"})
    for checked in (False, True):
        bench.controller.check(str(a.unique_id), checked)
    bench.wait()
    assert bench.encoders.calls == 2


def test_changed_data_is_embedded_anew(bench):
    first, second = colours(*SHAPE), colours(*SHAPE, 3)
    a, b = bench.add(first, name="a"), bench.add(colours(75, 61, 1), name="b", translate=(0, 200))
    bench.start()
    bench.point(a, (37, 120))
    made = bench.map_of(a)
    a.data = second
    bench.wait()
    assert bench.encoders.calls == 3
    assert bench.map_of(a) is made
    bench.assert_map(a, second / 255, [(37, 120)])
    bench.assert_map(b, colours(75, 61, 1) / 255, [(37, 120)], second / 255)


def test_stale_map_is_blank_until_the_new_one_is_there(bench):
    a = bench.add(colours(*SHAPE), name="a")
    bench.start()
    bench.point(a, (37, 120))
    bench.encoders.delay = 0.3
    a.data = colours(*SHAPE, 3)
    assert np.isnan(bench.map_of(a).data).all()
    bench.wait()
    assert np.isfinite(bench.map_of(a).data).all()


def test_data_of_another_size(bench):
    a = bench.add(colours(*SHAPE), name="a")
    bench.start()
    bench.point(a, (37, 50))
    larger = colours(210, 170, 4)
    a.data = larger
    bench.wait()
    bench.assert_map(a, larger / 255, [(37, 50)])
    smaller = colours(20, 30, 5)
    a.data = smaller
    bench.wait()
    assert bench.states() == {"a": "ready"}
    assert bench.map_of(a) is None
    assert any("outside every checked image" in text for text, _ in bench.told)


def test_data_with_another_number_of_axes(bench):
    bench.encoders.complement = True
    plane, stack = greys(*SHAPE), np.stack([greys(*SHAPE, seed) for seed in (1, 2, 3)])
    a = bench.add(plane, name="a", contrast_limits=(0, 1))
    bench.start()
    bench.point(a, (37, 50))
    a.data = stack
    bench.wait()
    shown = int(bench.viewer.dims.point[0])
    made = bench.map_of(a)
    assert made.data.shape == stack.shape
    expected = bench.map_of(a).data[shown]
    assert np.isfinite(expected).all()
    a.data = plane
    bench.wait()
    bench.assert_map(a, as_rgb(plane), [(37, 50)])


def test_large_data_in_place_of_small(bench):
    a = bench.add(colours(*SHAPE)[..., 0], name="a")
    bench.start()
    bench.point(a, (37, 50))
    a.data = np.tile(colours(500, 420)[..., 0], (10, 10))
    bench.wait()
    assert bench.map_of(a).multiscale
    assert bench.map_of(a).data[0].shape == (5000, 4200)
    a.data = colours(*SHAPE)[..., 0]
    bench.wait()
    assert bench.map_of(a).data.shape == SHAPE


def test_another_encoder_embeds_all_anew_and_the_first_is_remembered(bench):
    image = colours(75, 61)
    a = bench.add(image, name="a")
    bench.start()
    bench.point(a, (72, 20))
    bench.controller.choose_encoder(EncoderChoice("dinov2_vits14"))
    bench.wait()
    assert [encoder.spec.patch_size for encoder in bench.encoders] == [16, 14]
    bench.assert_map(a, image / 255, [(72, 20)])
    calls = bench.encoders.calls
    bench.controller.choose_encoder(EncoderChoice("builtin"))
    bench.wait()
    assert bench.encoders.calls == calls


def test_contrast_makes_stale_and_start_renews(bench):
    bench.encoders.complement = True
    image = (greys(*SHAPE) * 1000).astype(np.uint16)
    a = bench.add(image, name="a", contrast_limits=(0, 1000))
    bench.start()
    bench.point(a, (37, 120))
    a.contrast_limits = (0, 400)
    assert bench.states()["a"].startswith("stale")
    assert "contrast" in bench.session.state(str(a.unique_id)).reason
    bench.assert_map(a, as_rgb(image / 1000), [(37, 120)])
    bench.start()
    assert bench.states()["a"].startswith("ready")
    bench.assert_map(a, as_rgb(np.clip(image / 400, 0, 1)), [(37, 120)])
    assert bench.encoders.calls == 2


def test_contrast_put_back_is_no_longer_stale(bench):
    a = bench.add((greys(*SHAPE) * 1000).astype(np.uint16), name="a", contrast_limits=(0, 1000))
    bench.start()
    a.contrast_limits = (0, 400)
    a.contrast_limits = (0, 1000)
    assert bench.states() == {"a": "ready"}
    bench.start()
    assert bench.encoders.calls == 1


def test_contrast_changed_while_embedding_is_stale_afterwards(bench):
    bench.encoders.delay = 0.2
    a = bench.add((greys(*SHAPE) * 1000).astype(np.uint16), name="a", contrast_limits=(0, 1000))
    bench.start(wait=False)
    a.contrast_limits = (0, 400)
    bench.wait()
    assert bench.states() == {"a": "stale"}
    bench.controller.choose_encoder(EncoderChoice("dinov2_vits14"))
    bench.wait()
    assert bench.states() == {"a": "stale"}
    bench.start()
    assert bench.states() == {"a": "ready"}


def test_contrast_of_bool_and_rgb_makes_nothing_stale(bench):
    a = bench.add(greys(*SHAPE) > 0.5, name="a")
    b = bench.add(colours(*SHAPE).astype(np.uint16), name="b", rgb=True)
    bench.start()
    a.contrast_limits = (0.2, 0.6)
    b.contrast_limits = (3, 9)
    assert bench.states() == {"a": "ready", "b": "ready"}


def test_cancel_and_go_on(bench):
    bench.encoders.delay = 0.15
    bench.add(colours(*SHAPE), name="b")
    bench.add(colours(*SHAPE), name="a")
    bench.start(wait=False)
    assert sorted(bench.states().values()) == ["0 %", "waiting"]
    bench.controller.cancel()
    assert bench.states() == {"a": "not embedded", "b": "not embedded"}
    assert bench.told[-1] == ("Cancelled. What is ready stays; press Start to go on.", False)
    bench.start()
    assert bench.states() == {"a": "ready", "b": "ready"}


@pytest.mark.parametrize("role", ["image", "map", "prompts", "patch grid"])
@pytest.mark.parametrize("working", [False, True], ids=["ready", "embedding"])
def test_layer_is_removed(bench, role, working):
    image, other = colours(*SHAPE), colours(75, 61, 1)
    a, b = bench.add(image, name="a"), bench.add(other, name="b", translate=(0, 200))
    bench.start()
    bench.show_patches(True)
    bench.point(a, (37, 120))
    if working:
        bench.encoders.delay = 0.3
        a.data = b.data = colours(*SHAPE, 7)
    ours = {"map": "similarity map", "prompts": "prompts", "patch grid": "patch grid"}
    bench.viewer.layers.remove(a if role == "image" else bench.ours(ours[role])[0])
    bench.wait()
    maps = bench.ours("similarity map")
    left = {"image": 0, "map": 2 if working else 1, "prompts": 0, "patch grid": 2}
    assert len(maps) == left[role]  # a map that was away comes when its image is embedded
    assert bench.session.prompts.prompts == () if role in ("image", "prompts") else len(bench.session.prompts) == 1
    bench.start()
    bench.point(b, (72, 20))
    assert bench.map_of(b) is not None


def test_all_layers_removed_at_once(bench):
    a = bench.add(colours(*SHAPE), name="a")
    bench.start()
    bench.show_patches(True)
    bench.point(a, (37, 120))
    bench.viewer.layers.clear()
    bench.wait()
    assert len(bench.viewer.layers) == 0
    assert bench.controller.rows() == []


def test_no_image(bench):
    bench.start()
    assert bench.told == [("No image is checked. Open an image, or check one in the list.", True)]
    assert bench.prompts is None
