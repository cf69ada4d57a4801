"""Matches in the viewer: found in order, gone through with camera and sliders, accepted, rejected, written."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from napari.layers import Image, Labels, Shapes
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog

from events import spin
from napari_dinosim._napari.matches_section import MatchesSection
from napari_dinosim._napari.matching import Matching
from napari_dinosim.prompts import LoosePrompt, PromptSet
from napari_dinosim.records.tools import MatchChoices

GREY, RED = (90, 90, 90), (250, 10, 10)
PLANTED = {(1, 6): (250, 40, 10), (4, 1): (250, 70, 30), (3, 8): (250, 110, 60)}
"""Patches (row, col) in the order of their likeness to red."""


def planted(height: int = 90, width: int = 157) -> np.ndarray:
    image = np.full((height, width, 3), GREY, np.uint8)
    for (row, col), colour in PLANTED.items():
        image[row * 16 : row * 16 + 16, col * 16 : col * 16 + 16] = colour
    return image


def seen() -> np.ndarray:
    image = np.full((64, 64, 3), GREY, np.uint8)
    image[16:32, 32:48] = RED
    return image


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


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        ({"threshold": 0.9999}, "No place has a score of 1.00 or more. The best on screen is"),
        ({"k": 500, "radius": 0.0, "threshold": 0.999}, "There are no more with these settings."),
    ],
)
def test_too_few_matches_are_told(bench, matching, choices, told):
    first = bench.add(seen(), name="seen")
    bench.add(planted(), name="searched", translate=(0, 300))
    bench.start()
    bench.point(first, (20, 40))
    find(matching, **choices) if "k" not in choices else find(matching, **{**choices, "threshold": 0.8})
    assert told in bench.told[-1][0]


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


# ---- the section -------------------------------------------------------------------------------------------------


def opened(desk, *more, active=None):
    first, second = Image(seen(), name="seen"), Image(planted(), name="searched", translate=(0, 100))
    found = desk(first, second, *more)
    section = found.unfold(MatchesSection)
    found.start()
    found.click(first, (20, 40))
    section.count.setValue(3)
    section.least.setValue(0.8)
    if active is not None:
        found.viewer.layers.selection.active = found.viewer.layers[active]
    QTest.mouseClick(section.find.native, Qt.MouseButton.LeftButton)
    assert spin(10, lambda: len(section.matching.matches) >= 3)
    return found, section


def test_the_table_and_the_keys(desk):
    found, section = opened(desk)
    assert section.text() == "▾ Matches: 3 found"
    rows = [[section.table.item(row, column).text() for column in range(3)] for row in range(3)]
    assert [row[0] for row in rows] == ["1", "2", "3"]
    assert [row[2] for row in rows] == ["searched"] * 3
    assert not section.buttons["yes"].isEnabled()
    found.key(Qt.Key.Key_N)
    assert section.matching.current.rank == 1
    found.key(Qt.Key.Key_N)
    assert section.table.selectedItems()[0].text() == "2"
    found.key(Qt.Key.Key_B)
    assert section.matching.current.rank == 1
    found.key(Qt.Key.Key_Y)
    assert len(found.prompts.data) == 2
    assert list(found.prompts.features["label"]) == ["positive", "positive"]
    assert spin(2, lambda: section.text() == "▾ Matches: 2 found, of other points")
    found.key(Qt.Key.Key_X)
    assert list(found.prompts.features["label"]) == ["positive", "positive", "negative"]
    section.table.selectRow(0)
    spin(0.1)
    assert section.matching.current.rank == 3
    section.table.setFocus()
    QTest.keyClick(section.table, Qt.Key.Key_X)
    assert list(found.prompts.features["label"])[2:] == ["negative", "negative"]
    assert section.matching.matches == ()


def other_layer(kind: str):
    """A layer of another kind, beside the images."""
    if kind == "labels":
        return Labels(np.ones((30, 40), int), name="other", translate=(200, 0))
    if kind == "shapes":
        paths = [[(0, 0), (9, 0), (9, 20)], [(2, 2), (9, 9)]]
        return Shapes(paths, shape_type="path", name="other", translate=(200, 0))
    return Image(np.zeros((30, 40)), name="other", translate=(200, 0))


@pytest.mark.parametrize("kind", ["image", "labels", "shapes", "prompts"])
def test_the_keys_work_whatever_layer_was_in_hand(desk, kind):
    found, section = opened(desk, other_layer(kind), active="DINOSim prompts" if kind == "prompts" else "other")
    other, matching = found.viewer.layers["other"], section.matching
    assert (found.viewer.layers.selection.active is found.prompts) == (kind == "prompts")
    before = getattr(other, "preserve_labels", None), getattr(other, "selected_label", None), len(other.data)
    found.key(Qt.Key.Key_N)
    found.key(Qt.Key.Key_N)
    found.key(Qt.Key.Key_B)
    assert matching.current.rank == 1
    found.key(Qt.Key.Key_Y)
    found.key(Qt.Key.Key_X)
    assert list(found.prompts.features["label"]) == ["positive", "positive", "negative"]
    assert before == (getattr(other, "preserve_labels", None), getattr(other, "selected_label", None), len(other.data))
    if kind == "image":
        np.testing.assert_array_equal(other.plane.normal, (1, 0, 0))
    found.viewer.layers.selection.active = other
    QTest.mouseClick(section.buttons["next"], Qt.MouseButton.LeftButton)
    found.key(Qt.Key.Key_X)
    assert list(found.prompts.features["label"])[3:] == ["negative"]


def test_undo_brings_a_match_back_and_redo_takes_it_again(desk):
    found, section = opened(desk, active="seen")
    matching = section.matching
    ranks = lambda: [match.rank for match in matching.matches]  # noqa: E731
    for key in (Qt.Key.Key_N, Qt.Key.Key_Y, Qt.Key.Key_X):
        found.key(key)
    assert ranks() == [3]
    found.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)  # on the layer of matches
    assert spin(2, lambda: ranks() == [2, 3])
    assert matching.current.rank == 3
    found.key(Qt.Key.Key_Y)  # the last of the list; then what is left of it
    assert ranks() == [2]
    found.viewer.layers.selection.active = found.prompts
    for left in ([2, 3], [1, 2, 3]):
        found.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert spin(2, lambda left=left: ranks() == left)
    assert section.table.rowCount() == 3
    assert len(found.ours("matches")[0].data) == 3
    found.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert spin(2, lambda: ranks() == [2, 3])


def test_matches_of_an_image_that_goes_during_the_search_are_left_out(desk, monkeypatch, tmp_path):
    found, section = opened(desk, Image(planted(96, 140), name="third", translate=(0, 300)))
    QTest.mouseClick(section.find.native, Qt.MouseButton.LeftButton)
    found.viewer.layers.remove("third")
    assert spin(10, lambda: not section.matching.task.running)
    assert {section.table.item(row, 2).text() for row in range(section.table.rowCount())} == {"searched"}
    assert "3 matches in 1 image," in found.widget.message.value
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "m"), ""))
    QTest.mouseClick(section.buttons["csv"], Qt.MouseButton.LeftButton)
    assert len((tmp_path / "m.csv").read_text(encoding="utf-8").splitlines()) == 4
    for rank in (1, 2, 3, 1):
        found.key(Qt.Key.Key_N)
        assert section.matching.current.rank == rank


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


def test_the_matches_are_written_to_a_table(desk, monkeypatch, tmp_path):
    found, section = opened(desk)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "m"), ""))
    QTest.mouseClick(section.buttons["csv"], Qt.MouseButton.LeftButton)
    with (tmp_path / "m.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["rank"] for row in rows] == ["1", "2", "3"]
    *_, world_y, world_x = (float(value) for value in list(rows[0].values())[-2:])
    assert (world_y, world_x) == (float(rows[0]["y_pixel"]), float(rows[0]["x_pixel"]) + 100)
    QTest.mouseClick(section.buttons["csv"], Qt.MouseButton.LeftButton)
    assert "is there already" in found.widget.message.value
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "gone" / "m.csv"), ""))
    QTest.mouseClick(section.buttons["csv"], Qt.MouseButton.LeftButton)
    assert found.widget.message.value.startswith("⚠")
