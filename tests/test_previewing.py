"""A preview: the maps of one place in place of those of the prompts, which come back as they were."""

from __future__ import annotations

import numpy as np
import pytest

from desk import B, Desk, patchwork
from napari_dinosim import scoring
from napari_dinosim.errors import NotEmbeddedError, OutsideImageError
from napari_dinosim.prompts import Prompt, PromptSet
from planted import seed_map

ONE, TWO = patchwork(100, 150), patchwork(75, 61, seed=1)
STACK = np.stack([patchwork(60, 90, seed) for seed in range(3)])


@pytest.fixture
def desk():
    made = Desk()
    made.add("one", ONE)
    made.add("two", TWO)
    made.start()
    yield made
    made.gate.set()
    made.engine.shutdown()


def heats(desk) -> list[np.ndarray]:
    return [desk.heat(key) for key in ("one", "two")]


def assert_shows(desk, click, source) -> None:
    for heat, image in zip(heats(desk), (ONE, TWO), strict=True):
        np.testing.assert_allclose(heat, seed_map(image / 255, 16, [click], source / 255), atol=1e-5)


def test_a_preview_shows_one_place_in_all_images_and_leaves_the_prompts_alone(desk):
    desk.prompt(("one", 37, 120))
    held = [desk.session.shown_map(key) for key in ("one", "two")]
    prompts = desk.session.prompts
    desk.clear_notes()
    desk.session.preview(Prompt("two", 70, 20))
    assert_shows(desk, (70, 20), TWO)
    assert desk.session.previewed == ("two", (), 4, 1)
    assert desk.session.prompts is prompts
    assert desk.maps == ["one", "two"]
    assert desk.session.state("two").best == pytest.approx(1)
    desk.session.preview(None)
    assert [desk.session.shown_map(key) for key in ("one", "two")] == held  # the very maps, nothing computed anew
    assert desk.session.previewed is None


def test_without_a_prompt_there_is_no_map_before_and_after(desk):
    desk.session.preview(Prompt("one", 37, 120))
    assert_shows(desk, (37, 120), ONE)
    desk.session.preview(None)
    assert desk.session.shown_map("one") is None


def test_within_a_patch_nothing_happens(desk):
    desk.session.preview(Prompt("one", 37, 120))
    desk.clear_notes()
    desk.session.preview(Prompt("one", 47.4, 127.4))
    assert desk.maps == []
    desk.session.preview(Prompt("one", 47.6, 127.4))
    assert desk.maps == ["one", "two"]
    desk.session.preview(None)
    desk.clear_notes()
    desk.session.preview(None)
    assert desk.maps == []


def test_prompts_that_come_meanwhile_are_there_when_it_ends(desk):
    desk.session.preview(Prompt("two", 70, 20))
    desk.prompt(("one", 37, 120))
    assert_shows(desk, (70, 20), TWO)
    desk.session.preview(None)
    assert_shows(desk, (37, 120), ONE)


def test_a_place_without_embedding_is_refused_and_nothing_changes(desk):
    desk.session.set_scope("plane")
    desk.add("stack", STACK, plane=(1,))
    desk.wait()
    desk.session.preview(Prompt("one", 37, 120))
    with pytest.raises(NotEmbeddedError, match=r"found no embedding of plane \(2,\) of 'stack'"):
        desk.session.preview(Prompt("stack", 5, 5, (2,)))
    with pytest.raises(OutsideImageError, match="outside the image"):
        desk.session.preview(Prompt("one", 100, 5))
    with pytest.raises(NotEmbeddedError, match="of 'nowhere'"):
        desk.session.preview(Prompt("nowhere", 0, 0))
    assert_shows(desk, (37, 120), ONE)
    desk.session.preview(Prompt("stack", 5, 5, (1,)))
    expected = seed_map(ONE / 255, 16, [(5, 5)], STACK[1] / 255)
    np.testing.assert_allclose(desk.heat("one"), expected, atol=1e-5)


def test_it_ends_with_its_image_and_with_its_encoder(desk):
    desk.session.preview(Prompt("two", 70, 20))
    desk.session.remove_input("one")
    assert desk.session.previewed is not None
    desk.session.remove_input("two")
    assert desk.session.previewed is None
    desk.add("two", TWO)
    desk.wait()
    desk.session.preview(Prompt("two", 70, 20))
    desk.session.set_encoder(B)
    desk.wait()
    assert desk.session.previewed is None
    assert desk.session.shown_map("two") is None


def test_large_maps_of_a_preview_are_made_by_a_worker_and_the_last_place_wins(desk, monkeypatch):
    desk.prompt(("one", 37, 120))
    before = heats(desk)
    monkeypatch.setattr(scoring, "AT_ONCE", 0)
    desk.session.preview(Prompt("two", 70, 20))
    for heat, kept in zip(heats(desk), before, strict=True):  # those of the prompts, until the first is made
        np.testing.assert_array_equal(heat, kept)
    desk.session.preview(Prompt("one", 5, 5))
    desk.session.preview(Prompt("one", 90, 90))
    assert desk.session.previewed == ("two", (), 4, 1)
    shown = []
    desk.session.map_changed.connect(lambda key: shown.append((key, desk.session.previewed, desk.heat(key))))
    desk.wait()
    assert {previewed[2:] for _, previewed, _ in shown} == {(4, 1), (5, 5)}  # the one between was never made
    assert_shows(desk, (90, 90), ONE)
    desk.session.preview(Prompt("one", 5, 5))
    desk.session.preview(None)
    desk.wait()
    for heat, kept in zip(heats(desk), before, strict=True):
        np.testing.assert_array_equal(heat, kept)


def test_an_export_is_of_the_prompts(desk):
    desk.prompt(("one", 37, 120))
    desk.session.preview(Prompt("two", 70, 20))
    np.testing.assert_allclose(
        desk.session.frozen_maps("one")(()).values, seed_map(ONE / 255, 16, [(37, 120)])[::16, ::16], atol=1e-5
    )


def test_it_is_stretched_as_is_chosen_over_what_is_on_screen(desk):
    desk.add("stack", STACK, plane=(1,))
    desk.wait()
    desk.session.set_normalisation("shared")
    desk.session.preview(Prompt("one", 37, 120))
    keys = ("one", "two", "stack")
    scores = {key: desk.session.shown_map(key).scores.numpy() for key in keys}
    low, high = min(map(np.min, scores.values())), max(map(np.max, scores.values()))
    for key in keys:
        expected = (scores[key] - low) / (high - low)
        np.testing.assert_allclose(desk.session.shown_map(key).values, expected, atol=1e-6)
    desk.session.set_normalisation("cosine")
    for key in keys:
        np.testing.assert_array_equal(desk.session.shown_map(key).values, scores[key])


def test_maps_of_classes_and_winners_stay_those_of_the_prompts(desk):
    prompts = (Prompt("one", 37, 120, (), "root"), Prompt("two", 70, 20, (), "soil"))
    desk.session.set_prompts(PromptSet(prompts))
    before = [desk.session.shown_map("one", label) for label in (None, "root", "soil")]
    winner = desk.session.shown_winner("one")
    desk.session.preview(Prompt("two", 5, 5))
    assert_shows(desk, (5, 5), TWO)
    assert [desk.session.shown_map("one", label) for label in ("root", "soil")] == before[1:]
    assert desk.session.shown_winner("one") is winner
    desk.session.preview(None)
    assert desk.session.shown_map("one") is before[0]
