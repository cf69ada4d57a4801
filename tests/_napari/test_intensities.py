"""What a person chooses for intensities, seen in the maps; without a window."""

from __future__ import annotations

from dataclasses import replace

import dask.array
import numpy as np
import pytest

from napari_dinosim._napari import limits
from napari_dinosim._napari.limits import Intensities
from napari_dinosim.intensity import Intensity
from pictures import as_rgb, colours, greys
from planted import seed_map

SHAPE = (100, 150)
CLICK = (37, 120)


@pytest.fixture
def grey(bench):
    """A bench whose encoder tells greys apart."""
    bench.encoders.complement = True
    return bench


def key_of(layer) -> str:
    return str(layer.unique_id)


def choose(bench, layers=(), shared=False, **choice) -> None:
    chosen = replace(bench.controller.offering.intensities, shared=shared)
    bench.controller.read_by(chosen.chosen(Intensity(**choice), [key_of(layer) for layer in layers]))


def stretched(data, low, high):
    return as_rgb(np.clip((data.astype(float) - low) / (high - low), 0, 1))


CHOICES = [
    ({"mode": "percentiles", "percentiles": (5, 80)}, lambda data: np.percentile(data, (5, 80))),
    ({"mode": "contrast limits"}, lambda _data: (2000, 50_000)),
    ({"mode": "automatic"}, lambda _data: (2000, 50_000)),
    ({"mode": "full range of the type"}, lambda _data: (0, 65535)),
    ({"mode": "fixed", "fixed": (14_000, 18_000)}, lambda _data: (14_000, 18_000)),
]


@pytest.mark.parametrize(("choice", "expected"), CHOICES, ids=[choice["mode"] for choice, _ in CHOICES])
def test_each_choice(grey, choice, expected):
    data = (greys(*SHAPE) * 60_000).astype(np.uint16)
    a = grey.add(data, name="a", contrast_limits=(2000, 50_000))
    choose(grey, **choice)
    grey.start()
    grey.point(a, CLICK)
    grey.assert_map(a, stretched(data, *expected(data)), [CLICK])


def test_another_choice_is_stale_until_start(grey):
    data = (greys(*SHAPE) * 3000).astype(np.uint16)
    a = grey.add(data, name="a", contrast_limits=(0, 3500))
    photograph = grey.add(colours(75, 61), name="photograph", translate=(0, 200))
    grey.start()
    grey.point(a, CLICK)
    choose(grey, mode="fixed", fixed=(500, 1500))
    assert grey.states()["a"].startswith("stale")
    assert grey.states()["photograph"].startswith("ready")
    assert "intensities are read otherwise now; press Start" in grey.session.state(key_of(a)).reason
    grey.assert_map(a, stretched(data, 0, 3500), [CLICK])
    choose(grey)
    assert grey.states()["a"].startswith("ready")
    choose(grey, mode="fixed", fixed=(500, 1500))
    grey.start()
    assert grey.states()["a"].startswith("ready")
    grey.assert_map(a, stretched(data, 500, 1500), [CLICK])
    source = stretched(data, 500, 1500)
    grey.assert_map(photograph, colours(75, 61) / 255, [CLICK], source)
    assert grey.encoders.calls == 3


def test_one_image_can_have_its_own(grey):
    data, other = (greys(*SHAPE) * 3000).astype(np.uint16), (greys(75, 61, 3) * 800).astype(np.uint16)
    a = grey.add(data, name="a", contrast_limits=(0, 3500))
    b = grey.add(other, name="b", contrast_limits=(0, 1000), translate=(0, 200))
    choose(grey, [b], mode="fixed", fixed=(200, 600))
    grey.start()
    grey.point(a, CLICK)
    grey.assert_map(b, stretched(other, 200, 600), [CLICK], stretched(data, 0, 3500))


def test_one_pair_of_limits_for_all_checked_images(grey):
    data, other = (greys(*SHAPE) * 3000).astype(np.uint16), (greys(75, 61, 3) * 800 + 1000).astype(np.uint16)
    a, b = grey.add(data, name="a"), grey.add(other, name="b", translate=(0, 200))
    photograph = grey.add(colours(80, 90), name="photograph", translate=(200, 0))
    apart = grey.add(np.full(SHAPE, 60_000, np.uint16), name="apart", translate=(0, 400))
    grey.controller.check(key_of(apart), False)
    choose(grey, shared=True, mode="percentiles", percentiles=(2, 98))
    grey.start()
    grey.point(a, CLICK)
    lows, highs = zip(*[np.percentile(image, (2, 98)) for image in (data, other)], strict=True)
    pair = min(lows), max(highs)
    grey.assert_map(a, stretched(data, *pair), [CLICK])
    grey.assert_map(b, stretched(other, *pair), [CLICK], stretched(data, *pair))
    grey.assert_map(photograph, colours(80, 90) / 255, [CLICK], stretched(data, *pair))


def test_a_further_image_changes_the_pair_for_all(grey):
    data, other = (greys(*SHAPE) * 3000).astype(np.uint16), (greys(75, 61, 3) * 9000).astype(np.uint16)
    a, b = grey.add(data, name="a"), grey.add(other, name="b", translate=(0, 200))
    grey.controller.check(key_of(b), False)
    choose(grey, shared=True)
    grey.start()
    grey.point(a, CLICK)
    assert grey.states()["a"].startswith("ready")
    grey.controller.check(key_of(b), True)
    grey.wait()
    assert grey.states()["a"].startswith("stale")
    assert grey.states()["b"].startswith("ready")
    grey.start()
    pair = 0, np.percentile(other, 99)
    grey.assert_map(a, stretched(data, *pair), [CLICK])
    assert grey.states()["a"].startswith("ready")
    grey.controller.check(key_of(b), False)
    assert grey.states()["a"].startswith("stale")
    grey.viewer.layers.remove(b)
    choose(grey, shared=False)
    assert grey.states()["a"].startswith("stale")


def test_limits_are_those_of_the_whole_stack(grey):
    stack = np.stack([(greys(*SHAPE, seed) * high).astype(np.uint16) for seed, high in enumerate((1500, 900, 3000))])
    layer = grey.add(stack, name="a")
    grey.viewer.dims.set_current_step(0, 0)
    grey.start()
    grey.point(layer, (0, *CLICK))
    expected = seed_map(stretched(stack[0], *np.percentile(stack, (1, 99))), 16, [CLICK], complement=True)
    np.testing.assert_allclose(grey.map_of(layer).data[0], expected, atol=1e-5)


def test_a_sample_is_read_once_for_each_choice(grey, monkeypatch):
    found = []
    original = Intensity.limits
    monkeypatch.setattr(Intensity, "limits", lambda *args, **kwargs: found.append(1) or original(*args, **kwargs))
    stack = np.stack([(greys(*SHAPE, seed) * 3000).astype(np.uint16) for seed in range(3)])
    layer = grey.add(dask.array.from_array(stack, chunks=(1, 50, 50)), name="a")
    grey.start()
    for plane in range(3):
        grey.viewer.dims.set_current_step(0, plane)
        grey.wait()
    grey.start()
    assert grey.encoders.calls == 3
    assert len(found) == 1
    choose(grey, mode="percentiles", percentiles=(3, 97))
    grey.start()
    assert len(found) == 2
    layer.data = stack + 1
    grey.wait()
    assert len(found) == 3


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("given", [None, (0, 3500)])
def test_limits_of_lazy_and_pyramidal_layers(grey, lazy, given):
    data = (greys(*SHAPE) * 3000).astype(np.uint16)
    levels = [dask.array.from_array(level, chunks=40) if lazy else level for level in (data, data[::2, ::2])]
    a = grey.add(levels, name="a", multiscale=True, contrast_limits=given)
    grey.start()
    grey.point(a, CLICK)
    expected = np.percentile(data, (1, 99)) if given is None else given
    grey.assert_map(a, stretched(data, *expected), [CLICK])


def test_limits_that_napari_sets_anew_at_every_plane_are_not_the_persons(grey):
    stack = np.stack([(greys(*SHAPE, seed) * high).astype(np.uint16) for seed, high in enumerate((300, 900))])
    layer = grey.add(stack, name="a")
    layer.auto_contrast = True
    layer._auto_contrast_source = "slice"
    grey.start()
    layer.contrast_limits = (0, 500)
    assert grey.states()["a"].startswith("ready")


def test_very_large_planes_are_not_read_whole_to_find_out_who_set_the_limits(monkeypatch):
    monkeypatch.setattr(limits, "MOST_COMPARED", 1000)
    monkeypatch.setattr(limits, "calc_data_range", None)
    data = (greys(*SHAPE) * 3000).astype(np.uint16)
    assert limits._set_by_napari(data, (0, 3000))
    assert not limits._set_by_napari(data, (100, 3000))
    assert not limits._set_by_napari(data, (0, 65535))


def test_limits_the_wrong_way_round_are_told_in_the_row(grey):
    a = grey.add((greys(*SHAPE) * 3000).astype(np.uint16), name="a", contrast_limits=(0, 3500))
    a._contrast_limits = (900, 200)  # napari refuses to set them
    grey.start()
    assert grey.states() == {"a": "error"}
    assert "contrast limits: found (900, 200), expected two finite" in grey.session.state(key_of(a)).reason
    a.contrast_limits = (200, 900)
    grey.start()
    assert grey.states()["a"].startswith("ready")


def test_choices_are_values():
    fixed, full = Intensity("fixed"), Intensity("full range of the type")
    chosen = Intensities().chosen(fixed, ["a"])
    assert (chosen.of("a"), chosen.of("b"), chosen.of_all([])) == (fixed, Intensity(), Intensity())
    assert chosen.chosen(full, []).of("a") == full
    shared = replace(chosen, shared=True).chosen(full, ["b"])
    assert (shared.of("a"), shared.of("b")) == (full, full)
    assert replace(shared, shared=False).of("a") == fixed
