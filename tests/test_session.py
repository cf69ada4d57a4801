"""The heart, from what is chosen to what is known, with the worker thread that it has in earnest."""

import gc
import math
import tracemalloc
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch

from desk import SOON, A, B, Desk, patchwork
from napari_dinosim.cache import EmbeddingCache
from napari_dinosim.engine import Engine
from napari_dinosim.errors import EncodingError, ImageError, OutOfMemoryError, WeightsNotFoundError
from napari_dinosim.image import image_plane
from napari_dinosim.loading import EncoderChoice, EncoderSlot
from napari_dinosim.prompts import PromptSet
from napari_dinosim.session import SimilaritySession
from napari_dinosim.states import ImageInput, InputState, Stage
from planted import MeanColourEncoder, seed_map

ONE, TWO = patchwork(100, 150), patchwork(75, 61, seed=1)


@pytest.fixture
def desk():
    made = Desk()
    yield made
    made.gate.set()
    made.engine.shutdown()


@pytest.fixture
def ready(desk) -> Desk:
    """Two images, embedded."""
    desk.add("one", ONE)
    desk.add("two", TWO)
    desk.start()
    desk.clear_notes()
    return desk


def assert_shows(desk: Desk, key: str, image, clicks, source=None, patch_size=16, mean=False) -> None:
    """The map of an input is that of the seeds, for clicks in a source image."""
    expected = seed_map(image / 255, patch_size, clicks, None if source is None else source / 255, mean=mean)
    np.testing.assert_allclose(desk.heat(key), expected, atol=1e-5)


# --- at rest


def test_a_new_session_knows_nothing(desk):
    session = desk.session
    assert (session.encoder, session.inputs, len(session.prompts)) == (A, {}, 0)
    assert (session.started, session.busy) == (False, False)
    assert session.state("nowhere") == InputState(Stage.ABSENT)
    assert session.shown_map("nowhere") is None
    assert session.map("nowhere", ()) is None


def test_adding_an_image_embeds_nothing_before_the_start(desk):
    desk.add("one", ONE)
    desk.wait()
    assert desk.states == ["one"]
    assert desk.session.state("one") == InputState(Stage.ABSENT)
    assert (desk.read, desk.loaded) == ([], [])


def test_inputs_are_a_copy_in_order(ready):
    assert list(ready.session.inputs) == ["one", "two"]
    ready.session.inputs.clear()
    assert list(ready.session.inputs) == ["one", "two"]


# --- embedding


def test_starting_embeds_every_image_once(desk):
    desk.add("one", ONE)
    desk.add("two", TWO)
    desk.session.start()
    assert desk.session.busy
    assert desk.stages() == {"one": Stage.RUNNING, "two": Stage.WAITING}
    desk.wait()
    assert (desk.session.started, desk.session.busy) == (True, False)
    assert desk.stages() == {"one": Stage.READY, "two": Stage.READY}
    assert desk.session.state("one") == InputState(Stage.READY, 1.0)
    assert desk.read == [("a", "one", ()), ("a", "two", ())]
    assert len(desk.loaded) == 1
    desk.start()
    desk.session.set_prompts(PromptSet())
    desk.wait()
    assert len(desk.read) == 2


def test_an_image_that_is_added_later_is_embedded_at_once_and_alone(ready):
    ready.add("three", patchwork(30, 40))
    ready.wait()
    assert ready.read == [("a", "three", ())]
    assert ready.stages()["three"] == Stage.READY


def test_readiness_is_told(desk):
    desk.add("one", ONE)
    desk.add("two", TWO)
    seen = []
    desk.session.state_changed.connect(lambda key: seen.append((key, desk.session.state(key).stage)))
    desk.start()
    for key in ("one", "two"):
        stages = [stage for told, stage in seen if told == key]
        assert stages[-1] == Stage.READY
        assert Stage.RUNNING in stages


def test_a_large_image_tells_how_far_it_is(desk):
    desk.add("large", np.full((1100, 1900, 3), 90, dtype=np.uint8))
    told = []
    desk.session.state_changed.connect(lambda key: told.append(desk.session.state(key)))
    desk.start()
    fractions = [state.fraction for state in told if state.stage is Stage.RUNNING]
    assert fractions == sorted(fractions)
    assert 0 in fractions
    assert any(0 < fraction < 1 for fraction in fractions)


def test_overall_progress_only_grows_and_ends(desk):
    for name, width in (("small", 40), ("large", 1900), ("middle", 900)):
        desk.add(name, np.full((800, width, 3), 90, dtype=np.uint8))
    desk.clear_notes()
    desk.start()
    assert desk.progress.pop() is None
    fractions = [overall.fraction for overall in desk.progress]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == pytest.approx(1)
    assert len(set(fractions)) >= 4
    left = [overall.seconds_left for overall in desk.progress if overall.seconds_left is not None]
    assert all(seconds >= 0 for seconds in left)
    assert left[-1] == pytest.approx(0, abs=1e-9)
    assert {overall.text for overall in desk.progress} == {
        f"{word} image {name}" for word in ("Preparing", "Embedding") for name in ("small", "large", "middle")
    }


# --- cancelling


def test_cancelling_takes_effect_within_one_window_and_keeps_what_is_ready(desk):
    desk.add("one", ONE)
    desk.start()
    desk.add("large", np.zeros((1100, 1900, 3), dtype=np.uint8))
    desk.close_gate()
    desk.wait_until_encoding()
    desk.session.cancel()
    assert (desk.session.started, desk.session.busy) == (False, False)
    assert desk.stages() == {"one": Stage.READY, "large": Stage.ABSENT}
    assert desk.progress[-1] is None
    desk.clear_notes()
    desk.open_gate()
    assert desk.loaded[0]().calls == 2  # one image, and the window that ran
    assert desk.stages() == {"one": Stage.READY, "large": Stage.ABSENT}
    assert (desk.progress, desk.states, desk.failures) == ([], [], [])


def test_starting_after_cancelling_embeds_what_is_missing(desk):
    desk.add("one", ONE)
    desk.start()
    desk.close_gate()
    desk.add("two", TWO)
    desk.wait_until_encoding()
    desk.session.cancel()
    desk.clear_notes()
    desk.session.start()
    desk.open_gate()
    assert desk.read == [("a", "two", ())]
    assert desk.stages() == {"one": Stage.READY, "two": Stage.READY}


# --- prompts and maps


def test_a_click_makes_a_map_of_every_image(ready):
    ready.prompt(("one", 99, 20))
    assert sorted(ready.maps) == ["one", "two"]
    assert_shows(ready, "one", ONE, [(99, 20)])
    assert_shows(ready, "two", TWO, [(99, 20)], ONE)
    for key, image in (("one", ONE), ("two", TWO)):
        found = ready.session.map(key, ())
        assert found is ready.session.shown_map(key)
        assert found.values.dtype == np.float32
        assert found.grid.image_shape == image.shape[:2]
        assert found.best == float(found.scores.max())
    assert ready.session.state("one").best == pytest.approx(1)
    assert ready.session.state("one").text == "ready · best match 1.00"
    assert ready.session.state("two").best == ready.session.map("two", ()).best < 1
    assert ready.read == []


@pytest.mark.parametrize("combine", ["max", "mean"])
def test_clicks_in_one_image_are_combined(ready, combine):
    clicks = [(5, 5), (60, 120), (99, 149)]
    ready.prompt(*(("one", *click) for click in clicks), combine=combine)
    assert_shows(ready, "two", TWO, clicks, ONE, mean=combine == "mean")


@pytest.mark.parametrize("combine", ["max", "mean"])
def test_clicks_in_several_images_are_combined(ready, combine):
    ready.prompt(("two", 70, 3), ("one", 5, 5), ("two", 10, 60), combine=combine)
    beside = np.zeros((112, 300, 3))  # one picture of both, so that one click list tells all
    beside[:100, :150], beside[:75, 160:221] = ONE, TWO
    assert_shows(ready, "one", ONE, [(70, 163), (5, 5), (10, 220)], beside, mean=combine == "mean")


def test_maps_follow_when_a_click_moves(ready):
    ready.prompt(("one", 5, 5))
    first = ready.heat("two")
    ready.maps.clear()
    ready.prompt(("one", 60, 120))
    assert sorted(ready.maps) == ["one", "two"]
    assert np.abs(ready.heat("two") - first).max() > 0.1
    assert_shows(ready, "two", TWO, [(60, 120)], ONE)


def test_with_the_last_click_the_maps_go(ready):
    ready.prompt(("one", 5, 5))
    ready.maps.clear()
    ready.session.set_prompts(PromptSet())
    assert sorted(ready.maps) == ["one", "two"]
    assert ready.session.shown_map("one") is None
    assert ready.session.shown_map("two") is None
    assert ready.session.state("one").best is None


def test_a_click_may_come_before_its_image_is_embedded(desk):
    desk.add("one", ONE)
    desk.add("two", TWO)
    desk.prompt(("two", 60, 20))
    assert desk.session.shown_map("one") is None
    desk.maps.clear()
    desk.start()
    assert {"one", "two"} <= set(desk.maps)
    assert_shows(desk, "one", ONE, [(60, 20)], TWO)
    assert_shows(desk, "two", TWO, [(60, 20)])


def test_a_click_joins_the_query_when_its_image_is_ready(ready):
    ready.prompt(("one", 5, 5), ("three", 10, 10))
    assert_shows(ready, "two", TWO, [(5, 5)], ONE)
    third = np.zeros((20, 30, 3), dtype=np.uint8)
    third[..., 2] = 200
    ready.maps.clear()
    ready.add("three", third)
    ready.wait()
    assert {"one", "two", "three"} <= set(ready.maps)
    beside = np.zeros((100, 200, 3))
    beside[:100, :150], beside[:20, 160:190] = ONE, third
    assert_shows(ready, "two", TWO, [(5, 5), (10, 170)], beside)


def test_an_image_that_becomes_ready_tells_of_its_own_map_only(ready):
    ready.prompt(("one", 5, 5))
    ready.add("three", patchwork(30, 40, seed=3))
    ready.maps.clear()
    ready.wait()
    assert ready.maps == ["three"]
    assert_shows(ready, "three", patchwork(30, 40, seed=3), [(5, 5)], ONE)


@pytest.mark.parametrize("place", [(120, 20), (20, 150), (-1, 5), (math.nan, 5), (5, math.inf)])
def test_a_click_outside_is_told_and_the_others_count(ready, place):
    ready.prompt(("one", 5, 5), ("one", *place), ("two", 10, 10))
    assert ready.messages[0].startswith(f"image one: ({place[0]:g}, {place[1]:g}) lies outside the image of 100 × 150")
    assert len(ready.messages) == 1
    beside = np.zeros((100, 230, 3))
    beside[:100, :150], beside[:75, 160:221] = ONE, TWO
    assert_shows(ready, "two", TWO, [(5, 5), (10, 170)], beside)


def test_clicks_that_are_all_outside_make_no_map(ready):
    ready.prompt(("one", 500, 5))
    assert ready.session.shown_map("one") is None
    assert len(ready.messages) == 1


@pytest.mark.parametrize("value", [0, 130])
def test_a_constant_image_has_a_map_without_nan(desk, value):
    desk.add("flat", np.full((50, 40), value, dtype=np.uint8))
    desk.start()
    desk.prompt(("flat", 3, 3))
    found = desk.heat("flat")
    assert np.isfinite(found).all()
    assert found.min() == 0
    assert found.max() <= 1
    assert desk.session.state("flat").best == pytest.approx(1 if value else 0)


# --- encoders


def test_going_back_to_an_encoder_embeds_nothing_twice(ready):
    for encoder in (B, A, B, A):
        ready.session.set_encoder(encoder)
        ready.wait()
        assert set(ready.stages().values()) == {Stage.READY}
    assert ready.read == [("b", "one", ()), ("b", "two", ())]


def test_maps_are_those_of_the_encoder_that_is_chosen(ready):
    ready.prompt(("one", 99, 20))
    ready.close_gate()
    ready.session.set_encoder(B)
    assert ready.session.encoder == B
    assert ready.session.shown_map("one") is None  # nothing of the old encoder is shown, or asked
    assert ready.stages() == {"one": Stage.RUNNING, "two": Stage.WAITING}
    ready.open_gate()
    assert_shows(ready, "two", TWO, [(99, 20)], ONE, patch_size=14)
    ready.maps.clear()
    ready.session.set_encoder(A)
    assert sorted(ready.maps) == ["one", "two"]
    assert_shows(ready, "two", TWO, [(99, 20)], ONE, patch_size=16)


def test_choosing_the_same_encoder_changes_nothing(ready):
    ready.session.set_encoder(EncoderChoice("a"))
    assert (ready.maps, ready.states) == ([], [])


def test_what_the_old_encoder_was_at_is_dropped(desk):
    desk.add("one", ONE)
    desk.close_gate()
    desk.session.start()
    desk.wait_until_encoding()
    desk.session.set_encoder(B)
    desk.open_gate()
    assert desk.read == [("a", "one", ()), ("b", "one", ())]
    desk.prompt(("one", 99, 20))
    assert_shows(desk, "one", ONE, [(99, 20)], patch_size=14)
    desk.session.set_encoder(A)
    desk.wait()
    assert_shows(desk, "one", ONE, [(99, 20)], patch_size=16)


def test_only_one_encoder_is_in_memory(ready):
    for encoder in (B, A, B):
        ready.session.set_encoder(encoder)
        ready.add("more", patchwork(20, 20), version=encoder.name + str(len(ready.loaded)))
        ready.wait()
    assert ready.alive_while_loading == [0, 0, 0, 0]
    assert sum(encoder() is not None for encoder in ready.loaded) == 1


def test_a_cancelled_image_keeps_no_encoder_in_memory(desk):
    desk.add("one", ONE)
    desk.close_gate()
    desk.session.start()
    desk.wait_until_encoding()
    desk.session.set_encoder(B)
    desk.open_gate()
    assert desk.alive_while_loading == [0, 0]


def test_a_failed_image_keeps_no_encoder_in_memory(desk):
    desk.add_failing("bad", RuntimeError("out of memory"))
    desk.start()
    assert desk.stages() == {"bad": Stage.FAILED}
    desk.add("one", ONE)
    desk.session.set_encoder(B)
    desk.wait()
    assert desk.alive_while_loading == [0, 0]


def test_the_patch_size_is_known_when_an_encoder_has_embedded_something(desk):
    desk.add("one", ONE)
    assert desk.session.patch_size is None
    desk.start()
    assert desk.session.patch_size == 16
    desk.close_gate()
    desk.session.set_encoder(B)
    assert desk.session.patch_size is None
    desk.open_gate()
    assert desk.session.patch_size == 14
    desk.session.set_encoder(A)
    assert desk.session.patch_size == 16


# --- pixels that change, images that come and go


def test_new_pixels_are_embedded_and_the_old_are_never_shown(ready):
    ready.prompt(("two", 60, 20))
    ready.clear_notes()
    ready.close_gate()
    changed = patchwork(90, 120, seed=9)
    ready.add("one", changed, version=1)
    assert ready.session.shown_map("one") is None
    assert ready.stages() == {"one": Stage.RUNNING, "two": Stage.READY}
    ready.open_gate()
    assert ready.read == [("a", "one", ())]
    assert_shows(ready, "one", changed, [(60, 20)], TWO)


def test_new_pixels_under_a_click_make_another_query(ready):
    ready.prompt(("one", 99, 20))
    changed = patchwork(100, 150, seed=9)
    ready.add("one", changed, version=1)
    assert ready.session.shown_map("two") is None
    ready.wait()
    assert_shows(ready, "two", TWO, [(99, 20)], changed)


def test_the_result_of_an_older_ticket_is_dropped(desk):
    desk.add("one", ONE)
    desk.close_gate()
    desk.session.start()
    desk.wait_until_encoding()
    changed = patchwork(64, 64, seed=9)
    desk.add("one", changed, version=1)
    desk.open_gate()
    desk.prompt(("one", 60, 20))
    assert_shows(desk, "one", changed, [(60, 20)])
    assert len(desk.read) == 2


def test_a_result_that_was_already_on_its_way_is_dropped(desk):
    desk.add("one", ONE)
    desk.session.start()
    desk.wait_until_encoding()
    while desk.engine._jobs:  # the worker has finished; what it told lies in the queue
        pass
    changed = patchwork(64, 64, seed=9)
    desk.add("one", changed, version=1)
    desk.wait()
    desk.prompt(("one", 60, 20))
    assert_shows(desk, "one", changed, [(60, 20)])


def test_the_same_version_is_not_embedded_again(ready):
    ready.add("one", ONE)
    ready.wait()
    assert ready.read == []


def test_going_back_to_an_older_version_embeds_it_again(ready):
    ready.add("one", TWO, version=1)
    ready.add("one", ONE, version=0)
    assert ready.stages()["one"] == Stage.RUNNING  # what is outdated takes no memory
    ready.wait()
    ready.prompt(("one", 99, 20))
    assert_shows(ready, "one", ONE, [(99, 20)])


def test_an_image_that_goes_takes_its_map_and_its_clicks_along(ready):
    ready.prompt(("one", 5, 5), ("two", 10, 10))
    ready.maps.clear()
    ready.session.remove_input("one")
    assert set(ready.maps) == {"one", "two"}
    assert list(ready.session.inputs) == ["two"]
    assert ready.session.shown_map("one") is None
    assert ready.session.state("one") == InputState(Stage.ABSENT)
    assert_shows(ready, "two", TWO, [(10, 10)])


@pytest.mark.parametrize(("forget", "read"), [(False, []), (True, [("a", "one", ())])])
def test_an_image_that_returns_is_known_unless_it_was_forgotten(ready, forget, read):
    ready.session.remove_input("one", forget=forget)
    ready.add("one", ONE)
    ready.wait()
    assert ready.read == read
    assert ready.stages() == {"one": Stage.READY, "two": Stage.READY}


def test_forgetting_may_come_later(ready):
    ready.session.remove_input("one")
    ready.maps.clear()
    ready.session.remove_input("one", forget=True)
    assert ready.maps == []
    ready.add("one", ONE)
    ready.wait()
    assert ready.read == [("a", "one", ())]


def test_removing_what_is_not_there_is_nothing(ready):
    ready.session.remove_input("nowhere", forget=True)
    assert (ready.maps, ready.states) == ([], [])


def test_an_image_that_goes_while_it_is_embedded_makes_way_for_the_next(desk):
    desk.add("one", ONE)
    desk.add("two", TWO)
    desk.close_gate()
    desk.session.start()
    desk.wait_until_encoding()
    desk.session.remove_input("one", forget=True)
    assert desk.stages() == {"two": Stage.RUNNING}
    desk.open_gate()
    assert desk.stages() == {"two": Stage.READY}
    assert desk.failures == []


# --- planes of a stack


def stack() -> np.ndarray:
    return np.stack([patchwork(60, 80, seed=seed) for seed in range(4)])


def test_the_plane_on_screen_is_embedded_and_no_other(desk):
    desk.session.set_scope("plane")
    desk.add("stack", stack(), plane=(2,))
    desk.start()
    assert desk.read == [("a", "stack", (2,))]
    assert desk.session.map("stack", (0,)) is None
    assert desk.session.state("stack").stage == Stage.READY


def test_scrolling_embeds_the_plane_that_comes_and_keeps_the_others(desk):
    desk.session.set_scope("plane")
    desk.add("stack", stack(), plane=(2,))
    desk.start()
    desk.clear_notes()
    desk.session.show_plane("stack", (0,))
    assert desk.states[0] == "stack"
    desk.wait()
    desk.session.show_plane("stack", (2,))
    desk.wait()
    assert desk.read == [("a", "stack", (0,))]
    assert desk.session.state("stack").stage == Stage.READY


def test_each_plane_has_a_map_of_its_own(desk):
    desk.session.set_scope("plane")
    planes = stack()
    desk.add("stack", planes, plane=(2,))
    desk.add("one", ONE)
    desk.prompt(("stack", 50, 70, (1,)))
    desk.start()
    assert [plane for _, _, plane in desk.read] == [(2,), (), (1,)]  # on screen first, then where the clicks are
    assert_shows(desk, "stack", planes[2], [(50, 70)], planes[1])
    assert_shows(desk, "one", ONE, [(50, 70)], planes[1])
    desk.session.show_plane("stack", (1,))
    assert_shows(desk, "stack", planes[1], [(50, 70)])
    desk.session.show_plane("stack", (3,))
    assert desk.session.shown_map("stack") is None
    desk.wait()
    assert_shows(desk, "stack", planes[3], [(50, 70)], planes[1])


def test_a_plane_that_is_scrolled_past_is_not_finished(desk):
    desk.session.set_scope("plane")
    desk.add("stack", stack(), plane=(0,))
    desk.close_gate()
    desk.session.start()
    desk.wait_until_encoding()
    for index in (1, 2, 3):
        desk.session.show_plane("stack", (index,))
    desk.open_gate()
    assert [plane for _, _, plane in desk.read] == [(0,), (3,)]


def test_showing_the_same_plane_or_of_no_input_is_nothing(ready):
    ready.session.show_plane("one", ())
    ready.session.show_plane("nowhere", (3,))
    assert ready.states == []


# --- what goes wrong


def test_an_image_that_fails_is_passed_over_and_told(desk):
    desk.add_failing("bad", ImageError("no image"))
    desk.add_failing("worse", RuntimeError("CUDA error"))
    desk.add("one", ONE)
    desk.start()
    assert desk.stages() == {"bad": Stage.FAILED, "worse": Stage.FAILED, "one": Stage.READY}
    assert desk.session.state("bad").reason == "no image"
    assert [type(error) for error in desk.failures] == [ImageError, EncodingError]
    assert "RuntimeError: CUDA error" in desk.session.state("worse").reason
    assert desk.session.started
    assert desk.progress[-1] is None
    assert len(desk.read) == 3
    desk.clear_notes()
    desk.start()
    assert [key for _, key, _ in desk.read] == ["bad", "worse"]


def test_an_image_that_was_mended_is_embedded(desk):
    desk.add_failing("one", ImageError("no image"))
    desk.start()
    desk.add("one", ONE, version=1)
    desk.wait()
    assert desk.stages() == {"one": Stage.READY}


def test_an_encoder_that_cannot_be_had_stops_and_is_tried_again_at_the_next_start(desk):
    desk.add("one", ONE)
    desk.add("two", TWO)
    desk.load_error = WeightsNotFoundError("the weights are not on this computer")
    desk.start()
    assert desk.failures == [desk.load_error]
    assert (desk.session.started, desk.session.busy) == (False, False)
    assert desk.stages() == {"one": Stage.FAILED, "two": Stage.ABSENT}
    assert desk.session.state("one").reason == "the weights are not on this computer"
    assert len(desk.alive_while_loading) == 1
    desk.load_error = None
    desk.start()
    assert desk.stages() == {"one": Stage.READY, "two": Stage.READY}


def test_another_encoder_is_a_way_on(desk):
    desk.add("one", ONE)
    desk.load_error = WeightsNotFoundError("the weights are not on this computer")
    desk.start()
    desk.load_error = None
    desk.session.set_encoder(B)  # goes on by itself: the person has pressed Start
    assert desk.engine.wait(SOON)
    assert desk.stages() == {"one": Stage.READY}
    assert desk.read == [("b", "one", ())]


def test_what_is_not_finite_is_told_once(desk):
    spoilt = np.ones((4, 20, 30), dtype=np.float32)
    spoilt[:, 3, 3] = np.nan
    desk.add("bad", spoilt, plane=(0,))
    desk.start()
    told = "image bad holds NaN or ±inf; they are treated as black."
    assert desk.messages == [told]
    desk.session.show_plane("bad", (1,))
    desk.session.set_encoder(B)
    desk.wait()
    assert desk.messages == [told]
    desk.add("bad", spoilt, version=1, plane=(0,))
    desk.wait()
    assert desk.messages == [told]
    desk.add("worse", spoilt, plane=(0,))
    desk.wait()
    assert desk.messages == [told, told.replace("bad", "worse")]


# --- stale


def test_what_is_seen_otherwise_than_embedded_says_so(ready):
    ready.prompt(("one", 5, 5))
    ready.states.clear()
    ready.session.mark_stale("one", "other contrast")
    assert ready.states == ["one"]
    state = ready.session.state("one")
    assert (state.stage, state.reason, state.fraction) == (Stage.STALE, "other contrast", 1.0)
    assert state.text == "stale · best match 1.00"
    assert ready.session.shown_map("one") is not None
    assert ready.stages()["two"] == Stage.READY


def test_giving_the_input_anew_renews_it(ready):
    ready.session.mark_stale("one", "other contrast")
    ready.add("one", TWO, version=1)
    ready.wait()
    assert ready.session.state("one") == InputState(Stage.READY, 1.0)


def test_what_is_not_there_is_not_stale(desk):
    desk.session.mark_stale("nowhere", "other contrast")
    desk.add("one", ONE)
    desk.session.mark_stale("one", "other contrast")
    assert desk.session.state("nowhere") == InputState(Stage.ABSENT)
    assert desk.session.state("one") == InputState(Stage.ABSENT)


def test_an_input_that_changed_while_it_was_embedded_is_stale_when_it_is_ready(desk):
    desk.add("one", ONE)
    desk.close_gate()
    desk.session.start()
    desk.wait_until_encoding()
    desk.session.mark_stale("one", "other contrast")
    assert desk.stages() == {"one": Stage.RUNNING}
    desk.open_gate()
    assert desk.stages() == {"one": Stage.STALE}


def test_another_encoder_does_not_make_it_fresh(ready):
    ready.session.mark_stale("one", "other contrast")
    ready.session.set_encoder(B)
    ready.wait()
    assert ready.stages() == {"one": Stage.STALE, "two": Stage.READY}


def test_going_back_to_how_it_was_makes_it_fresh(ready):
    ready.session.mark_stale("one", "other contrast")
    ready.session.mark_stale("one", "")
    assert ready.session.state("one") == InputState(Stage.READY, 1.0)


# --- shared, and memory


def test_sessions_share_encoders_and_embeddings(desk):
    slot, cache = EncoderSlot(desk.load), EmbeddingCache()
    first, second = Desk(slot=slot, cache=cache), Desk(slot=slot, cache=cache)
    for one in (first, second):
        one.add("one", ONE)
        one.start()
        assert one.stages() == {"one": Stage.READY}
        one.engine.shutdown()
    assert (len(first.read), len(second.read), len(desk.loaded)) == (1, 0, 1)


def test_an_empty_cache_of_ones_own_is_used():
    cache = EmbeddingCache()
    desk = Desk(cache=cache)
    desk.add("one", ONE)
    desk.start()
    assert cache._held
    desk.engine.shutdown()


def test_a_budget_that_is_too_small_for_what_is_wanted_embeds_nothing_twice():
    desk = Desk(cache=EmbeddingCache(budget=1))
    for index in range(4):
        desk.add(str(index), patchwork(30, 40, seed=index))
    desk.start()
    assert len(desk.read) == 4
    assert set(desk.stages().values()) == {Stage.READY}
    desk.session.set_encoder(B)
    desk.wait()
    assert set(desk.stages().values()) == {Stage.READY}
    desk.engine.shutdown()


def test_nothing_is_kept_at_pixel_resolution(desk):
    """An image that is made when it is read is gone when it is embedded; the session holds vectors and small maps."""
    arrays, height, width = [], 1024, 1024

    def read(plane):
        array = np.ones((height, width, 3), dtype=np.float32) * 0.5
        arrays.append(weakref.ref(array))
        return image_plane(array)

    desk.add("warm-up", ONE)
    desk.start()
    tensors = {id(one) for one in gc.get_objects() if issubclass(type(one), torch.Tensor)}
    tracemalloc.start()
    desk.session.set_input("large", ImageInput("large", (height, width), read))
    desk.wait()
    desk.prompt(("large", 500, 500))
    assert desk.session.shown_map("large") is not None
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [array() for array in arrays] == [None]
    new = [one for one in gc.get_objects() if issubclass(type(one), torch.Tensor) and id(one) not in tensors]
    storages = {one.untyped_storage().data_ptr(): one.untyped_storage().nbytes() for one in new}
    kept = sum(storages.values())
    patches = 64 * 64
    assert kept <= patches * 4 * (3 + 3) + 12  # vectors of 3 numbers and their lengths, scores, the map, and one query
    assert held < patches * 4 * 10


@pytest.mark.parametrize("order", [(A, EncoderChoice("a", centre=True)), (EncoderChoice("a", centre=True), A)])
def test_what_is_done_after_the_encoder_embeds_nothing_again(desk, order):
    desk.session.set_encoder(order[0])
    desk.add("one", ONE)
    desk.add("two", TWO)
    desk.start()
    desk.prompt(("one", 99, 20))
    before = desk.heat("two")
    desk.session.set_encoder(order[1])
    desk.wait()
    assert len(desk.read) == 2
    assert len(desk.alive_while_loading) == 1
    assert np.abs(desk.heat("two") - before).max() > 0.01
    desk.session.set_encoder(A)
    assert_shows(desk, "two", TWO, [(99, 20)], ONE)


def test_a_session_makes_an_encoder_slot_and_a_cache_of_its_own():
    engine = Engine()
    session = SimilaritySession(engine, EncoderChoice("builtin", device="cpu"))
    session.set_input("one", ImageInput("one", ONE.shape[:2], lambda plane: image_plane(ONE)))
    session.start()
    assert engine.wait(SOON)
    assert session.state("one").stage == Stage.READY
    engine.shutdown()


# --- little memory


def test_that_less_was_asked_of_a_device_is_told_once():
    class Short(MeanColourEncoder):
        def encode(self, batch):
            if len(batch) > 1:
                raise OutOfMemoryError("too little")
            return super().encode(batch)

    desk = Desk(slot=EncoderSlot(lambda choice: Short(windows_per_batch=2)))
    desk.add("one", patchwork(1100, 1100))
    desk.add("two", patchwork(1100, 1100, seed=1))
    desk.start()
    assert desk.stages() == {"one": Stage.READY, "two": Stage.READY}
    assert desk.messages == ["cpu has too little memory for 2 windows at once: going on with 1 at a time."]
    assert desk.failures == []


def test_after_cancel_another_encoder_embeds_nothing(desk):
    desk.add("one", ONE)
    desk.start()
    desk.session.cancel()
    desk.session.set_encoder(B)
    assert desk.engine.wait(SOON)
    assert desk.stages() == {"one": Stage.ABSENT}


def test_prepared_is_loaded_once_and_embeds_nothing(desk):
    desk.add("one", ONE)
    desk.session.prepare()
    assert desk.engine.wait(SOON)
    assert (len(desk.loaded), desk.read) == (1, [])
    desk.start()
    assert len(desk.loaded) == 1


def test_what_goes_wrong_in_preparing_is_told_at_the_start(desk):
    desk.add("one", ONE)
    desk.load_error = WeightsNotFoundError("the weights are not on this computer")
    desk.session.prepare()
    assert desk.engine.wait(SOON)
    assert desk.failures == []
    desk.start()
    assert desk.failures == [desk.load_error]


def test_an_option_works_after_another_encoder_was_in_memory(desk):
    desk.add("one", ONE)
    desk.start()
    desk.session.set_encoder(B)
    assert desk.engine.wait(SOON)
    desk.session.set_encoder(replace(A, debias=True))  # the plain embeddings of A are kept, its encoder is not
    assert desk.engine.wait(SOON)
    assert desk.stages() == {"one": Stage.READY}
    assert desk.failures == []
    assert len(desk.read) == 2
