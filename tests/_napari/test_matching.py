"""Matches in the viewer: found in order, laid in layers, gone through, accepted, rejected."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QTimer

from events import spin
from napari_dinosim._napari.matching import Matching
from napari_dinosim.prompts import LoosePrompt, PromptSet
from napari_dinosim.records.tools import MatchChoices
from reddish import GREY, PLANTED, planted, seen


@pytest.fixture
def matching(bench):
    made = Matching(bench.controller)
    made.told.connect(bench.controller.told.emit)
    yield made
    made.shutdown()


def find(matching, **choices) -> None:
    matching.find(MatchChoices(**{"k": 3, "threshold": 0.8, **choices}))
    assert spin(20, lambda: not matching.task.running)
    spin(0.05)


def test_the_planted_matches_are_found_in_order_and_jumped_to(bench, matching):
    first = bench.add(seen(), name="seen", scale=(2, 2), units="um")
    second = bench.add(planted(), name="searched", scale=(1.5, 0.5), rotate=30, translate=(0, 300), units="um")
    bench.start()
    bench.point(first, (20, 40))
    find(matching)
    assert [match.source for match in matching.matches] == [str(second.unique_id)] * 3
    assert [(match.y // 16, match.x // 16) for match in matching.matches] == list(PLANTED)
    assert [match.rank for match in matching.matches] == [1, 2, 3]
    (layer,) = bench.ours("matches")
    order = [*bench.viewer.layers]
    assert order.index(bench.map_of(second)) < order.index(layer) < order.index(bench.prompts)
    assert list(layer.features) == ["rank", "score", "image"]
    assert list(layer.features["image"]) == ["searched"] * 3
    np.testing.assert_allclose(layer.data, [(match.y, match.x) for match in matching.matches])
    np.testing.assert_allclose(layer.data_to_world(layer.data[0]), second.data_to_world(layer.data[0]))
    for row, col in PLANTED:
        matching.step(1)
        centre = np.array(bench.viewer.scene.camera.center)[-2:]
        np.testing.assert_allclose(centre, second.data_to_world((row * 16 + 7.5, col * 16 + 7.5)), atol=1e-6)
    matching.step(1)
    assert matching.current == matching.matches[0]
    matching.step(-1)
    assert matching.current == matching.matches[-1]


def three_searched(bench) -> list:
    """An image that is clicked, and three that have matches; returns the keys of these, in the order of the matches."""
    first = bench.add(seen(), name="seen")
    layers = [bench.add(planted(), name=f"searched {i}", translate=(0, 100 + 200 * i)) for i in range(3)]
    bench.start()
    bench.point(first, (20, 40))
    return [str(layer.unique_id) for layer in reversed(layers)]


def written(layer) -> list[str]:
    """Note which of its events a layer emits from now on."""
    told: list[str] = []
    for name in ("data", "features", "size", "border_color", "set_data"):
        getattr(layer.events, name).connect(lambda _event, name=name: told.append(name))
    return told


def assert_rings(matching) -> None:
    """Each layer has a ring for each match of its image, and the one in hand is larger, and white."""
    for layer in matching.layers.all():
        key = layer.metadata["napari_dinosim"]["source"]
        here = [match for match in matching.matches if match.source == key]
        np.testing.assert_allclose(layer.data, [(match.y, match.x) for match in here])
        assert list(layer.features["rank"]) == [match.rank for match in here]
        assert layer.text.values.tolist() == [str(match.rank) for match in here]
        in_hand = np.array([match == matching.current for match in here])
        np.testing.assert_allclose(layer.size, np.where(in_hand, 1.6, 1) * 0.025 * 157)
        np.testing.assert_allclose(layer.border_color[in_hand], np.ones((in_hand.sum(), 4)))
        np.testing.assert_allclose(layer.border_color[~in_hand], [(0, 0xD5 / 255, 1, 1)] * (~in_hand).sum(), atol=1e-6)
        assert not layer.editable


def test_only_what_is_other_is_written_into_the_layers(bench, matching):
    keys = three_searched(bench)
    find(matching)
    assert [match.source for match in matching.matches] == [key for key in keys for _ in PLANTED]
    notes = {key: written(matching.layers.find(key)) for key in keys}
    for match in (matching.matches[1], matching.matches[4], matching.matches[5]):
        earlier = matching.current
        for note in notes.values():
            note.clear()
        matching.choose(match)
        assert_rings(matching)
        touched = {match.source} | ({earlier.source} if earlier else set())
        for key, note in notes.items():
            assert set(note) == ({"border_color", "set_data"} if key in touched else set())
    for note in notes.values():
        note.clear()
    matching.reject()  # the last one of the second image; the first of the third is in hand then
    assert_rings(matching)
    assert notes[keys[0]] == []
    assert notes[keys[1]].count("features") == 1
    assert set(notes[keys[2]]) == {"border_color", "set_data"}
    assert (matching.current.source, matching.current.rank) == (keys[2], 1)
    bench.viewer.layers["searched 1"].name = "renamed"
    matching.step(-1)
    assert set(matching.layers.find(keys[1]).features["image"]) == {"renamed"}
    bench.wait()
    bench.controller.prompts.undoing.undo()
    bench.wait()
    assert len(matching.matches) == 9
    assert (matching.current.source, matching.current.rank) == (keys[1], 3), "the one that came back is in hand"
    assert_rings(matching)


def test_numbers_are_drawn_where_they_are_few(bench, matching, monkeypatch):
    monkeypatch.setattr("napari_dinosim._napari.matches_layer.MOST_TEXTS", 2)
    (key, *_others) = three_searched(bench)
    find(matching)
    matching.step(1)
    assert not matching.layers.find(key).text.visible
    matching.accept()
    assert matching.layers.find(key).text.visible


def test_the_layers_come_one_after_the_other_and_can_be_gone_through_meanwhile(bench, matching):
    keys = three_searched(bench)
    find(matching)
    layers = [matching.layers.find(key) for key in keys]
    layers[1].opacity = 0.3
    steps: list[tuple] = []

    def note() -> None:
        steps.append((len({match.source for match in matching.matches}), matching.current, matching.task.running))
        if len(steps) == 1:
            QTimer.singleShot(0, lambda: matching.step(1))

    matching.changed.connect(note)
    find(matching, k=2)
    assert [images for images, *_ in steps] == [1, 1, 2, 3, 3]
    assert all(running for *_, running in steps)
    assert [current for _, current, _ in steps] == [None, *[matching.matches[0]] * 4]
    assert [matching.layers.find(key) for key in keys] == layers
    assert layers[1].opacity == 0.3
    assert "Found 6 matches in 3 images" in bench.told[-1][0]
    assert_rings(matching)


def test_when_laying_is_cancelled_only_what_was_laid_is_left(bench, matching):
    keys = three_searched(bench)
    find(matching)
    cancel = iter([lambda: QTimer.singleShot(0, matching.task.cancel)])
    matching.changed.connect(lambda: next(cancel, lambda: None)())
    find(matching, k=2)
    assert bench.told[-1][0] == "Cancelled: some images were left out."
    assert [match.source for match in matching.matches] == [keys[0]] * 2
    assert len(bench.ours("matches")) == 1
    assert_rings(matching)
    matching.step(-1)
    assert matching.current.rank == 2
    find(matching)
    assert len(matching.matches) == 9


def test_rings_come_above_labels_that_were_made_later(bench, matching):
    first = bench.add(seen(), name="seen")
    bench.add(planted(), name="searched", translate=(0, 300))
    bench.start()
    bench.point(first, (20, 40))
    find(matching)
    (layer,) = bench.ours("matches")
    later = bench.viewer.add_labels(np.ones((40, 60), int), name="later")
    later.mode = "paint"
    bench.viewer.layers.selection.active = bench.prompts
    matching.step(1)
    order = [*bench.viewer.layers]
    assert order.index(layer) == order.index(later) + 1
    assert bench.viewer.layers.selection.active is bench.prompts
    middle, number = layer.data[0], layer._view_text_coords[0][0]
    assert number[0] < middle[0] - layer.size[1] / 2
    assert number[1] > middle[1] + layer.size[1] / 2


def test_a_match_in_another_plane_moves_the_slider(bench, matching):
    stack = np.full((3, 90, 157, 3), GREY, np.uint8)
    stack[0], stack[2] = np.pad(seen(), ((0, 26), (0, 93), (0, 0)), constant_values=90), planted()
    layer = bench.add(stack, name="a", rgb=True)
    bench.viewer.dims.set_current_step(0, 0)
    bench.start()
    bench.point(layer, (0, 20, 40))
    find(matching)
    assert [match.plane for match in matching.matches] == [(2,)] * 3
    matching.step(1)
    assert bench.viewer.dims.current_step[0] == 2


def test_yes_and_no_become_points_of_the_matched_image(bench, matching):
    first = bench.add(seen(), name="seen")
    second = bench.add(planted(), name="searched", translate=(0, 300))
    bench.add(np.full((40, 40, 3), 90, np.uint8), name="above", translate=(0, 380))
    bench.start()
    bench.point(first, (20, 40))
    find(matching)
    matching.step(1)
    matching.accept()
    bench.wait()
    assert len(matching.matches) == 2
    matching.reject()
    bench.wait()
    key = str(second.unique_id)
    assert [(prompt.source, prompt.label) for prompt in bench.session.prompts][1:] == [
        (key, "positive"),
        (key, "negative"),
    ]
    assert matching.outdated
    bench.controller.prompts.undoing.undo()
    bench.wait()
    assert [prompt.label for prompt in bench.session.prompts] == ["positive", "positive"]


def test_after_a_yes_or_no_the_following_match_is_in_hand(bench, matching):
    three_searched(bench)
    find(matching)
    every = list(matching.matches)
    for at, decide in ((4, matching.accept), (4, matching.reject), (0, matching.reject), (5, matching.accept)):
        matching.choose(matching.matches[at])
        following = matching.matches[(at + 1) % len(matching.matches)]
        gone = matching.current
        decide()
        assert gone not in matching.matches
        assert matching.current == following
        every.remove(gone)
        assert list(matching.matches) == every
    assert matching.current == matching.matches[0]  # after the last comes the first


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        ({"threshold": 0.9999}, "No place has a score of 1.00 or more. The best on screen is"),
        (
            {"k": 500, "radius": 0.0, "threshold": 0.999},
            "There are no more in searched (3) and seen (none) with these settings.",
        ),
    ],
)
def test_too_few_matches_are_told(bench, matching, choices, told):
    first = bench.add(seen(), name="seen")
    bench.add(planted(), name="searched", translate=(0, 300))
    bench.start()
    bench.point(first, (20, 40))
    find(matching, **choices) if "k" not in choices else find(matching, **{**choices, "threshold": 0.8})
    assert told in bench.told[-1][0]


def test_images_with_fewer_matches_than_asked_for_are_named(bench, matching):
    three_searched(bench)
    bench.add(np.full((40, 40, 3), 90, np.uint8), name="plain", translate=(0, 700))
    bench.start()
    find(matching, k=3)
    assert bench.told[-1][0].startswith("Found 9 matches in 3 images")
    assert "There are no more in plain (none) and seen (none) with these settings." in bench.told[-1][0]
    find(matching, k=2)
    assert "no more in plain (none)" in bench.told[-1][0]
    assert "searched" not in bench.told[-1][0]
    find(matching, k=4)
    assert "There are no more in plain (none), searched 2 (3), searched 1 (3) and 2 more with" in bench.told[-1][0]


def test_a_mistaken_yes_is_taken_back_and_no_is_said_of_the_same_match(bench, matching):
    three_searched(bench)
    find(matching)
    matching.step(1)
    matching.step(1)
    meant, every = matching.current, matching.matches
    for _again in range(2):
        matching.accept()
        bench.wait()
        assert matching.current != meant
        centre = np.array(bench.viewer.scene.camera.center)
        bench.controller.prompts.undoing.undo()
        bench.wait()
        assert (matching.current, matching.matches) == (meant, every)
        assert not np.allclose(np.array(bench.viewer.scene.camera.center), centre), "it is not what is looked at"
    matching.reject()
    bench.wait()
    assert set(every) - set(matching.matches) == {meant}
    assert [(prompt.label, round(prompt.y), round(prompt.x)) for prompt in bench.session.prompts][1:] == [
        ("negative", round(meant.y), round(meant.x))
    ]


@pytest.mark.parametrize("away", ["moved", "deleted", "cleared", "replaced"])
def test_what_comes_back_otherwise_than_by_undo_moves_no_camera(bench, matching, away):
    three_searched(bench)
    find(matching)
    matching.step(1)
    gone = matching.current
    matching.accept()
    bench.wait()
    bench.viewer.scene.camera.center = (0, 11, 12)
    in_hand, points = matching.current, bench.prompts
    if away == "moved":
        points.data = np.concatenate([points.data[:1], points.data[1:] + 3])
    elif away == "deleted":
        points.selected_data = {1}
        points.remove_selected()
    elif away == "cleared":
        points.data = np.empty((0, 2))
    else:
        points.data = points.data[:1] + 4
    bench.wait()
    assert gone in matching.matches
    assert matching.current == in_hand
    assert tuple(bench.viewer.scene.camera.center) == (0, 11, 12)


def region_on(bench, layer, corners) -> None:
    """Draw a rectangle on an image, given by its first and last pixel row and column."""
    (top, left), (bottom, right) = corners
    shape = np.array([(top, left), (top, right), (bottom, right), (bottom, left)], dtype=float)
    bench.controller.draw_regions()
    (drawn,) = bench.ours("regions")
    drawn.add_rectangles(shape + layer.translate)
    bench.wait()


def test_a_region_is_left_out_as_points_are_and_anchors_the_mutual_check(bench, matching):
    home, away = seen(), planted()
    home[48:64, 0:16] = (201, 61, 60)
    away[64:80, 96:112] = (201, 61, 62)  # like red, but more like another place of the first image
    first = bench.add(home, name="seen")
    second = bench.add(away, name="searched", translate=(0, 300))
    bench.start()
    region_on(bench, first, ((16, 32), (31, 47)))
    find(matching, k=4, threshold=0.9)
    keys = {str(layer.unique_id): layer.name for layer in (first, second)}
    places = {(keys[match.source], match.y // 16, match.x // 16) for match in matching.matches}
    assert ("searched", 4, 6) in places
    assert {place for place in places if place[0] == "seen"} == {("seen", 3, 0)}
    find(matching, k=4, threshold=0.9, mutual=True)
    places = {(keys[match.source], match.y // 16, match.x // 16) for match in matching.matches}
    assert ("searched", 4, 6) not in places
    assert ("searched", 1, 6) in places
    assert "Not checked for being mutual in seen: what was pointed at lies there." in bench.told[-1][0]
    vector = LoosePrompt((1.0, 0.0, 0.0), bench.encoders[-1].identity)
    bench.session.set_prompts(PromptSet(loose=(vector,)))
    bench.wait()
    find(matching, k=4, threshold=0.9, mutual=True)
    assert "Not checked for being mutual: found no point or region" in bench.told[-1][0]


def test_without_a_map_it_is_told(bench, matching):
    bench.add(seen(), name="seen")
    matching.find(MatchChoices())
    assert bench.told[-1][1]
    assert bench.told[-1][0].startswith("There is no map yet")
    matching.step(1)
    assert "Find matches first" in bench.told[-1][0]


def test_matches_of_a_channel_that_is_searched_with_another_now_go(bench, matching):
    first = bench.add(seen(), name="seen")
    channels = [bench.add(planted()[..., 0], name=name, translate=(0, 300)) for name in ("red", "more")]
    bench.start()
    bench.point(first, (20, 40))
    find(matching, threshold=0.2)
    assert {match.source for match in matching.matches} >= {str(layer.unique_id) for layer in channels}
    bench.controller.compose([str(layer.unique_id) for layer in channels])
    assert len({match.source for match in matching.matches} & {str(layer.unique_id) for layer in channels}) == 1
    for _ in range(len(matching.matches)):
        matching.step(1)
        assert matching.current is not None
