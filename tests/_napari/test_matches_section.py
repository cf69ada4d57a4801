"""Matches in the viewer: found in order, gone through with camera and sliders, accepted, rejected, written."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog

from events import spin
from napari_dinosim._napari.corresponding import Corresponding
from napari_dinosim._napari.matches_section import MatchesSection
from napari_dinosim._napari.matching import Matching
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


def test_without_a_map_it_is_told(bench, matching):
    bench.add(seen(), name="seen")
    matching.find(MatchChoices())
    assert bench.told[-1][1]
    assert bench.told[-1][0].startswith("There is no map yet")
    matching.step(1)
    assert "Find matches first" in bench.told[-1][0]


def test_selected_points_are_found_in_the_other_image_with_lines(bench):
    one, two = planted(), planted(96, 160)[::-1, ::-1]
    first = bench.add(one, name="one", scale=(2, 1), units="um")
    second = bench.add(two, name="two", scale=(2, 1), translate=(0, 300), units="um")
    bench.start()
    for row, col in PLANTED:
        bench.point(first, (row * 16 + 4, col * 16 + 9))
    corresponding = Corresponding(bench.controller)
    corresponding.task.told.connect(bench.controller.told.emit)
    bench.prompts.selected_data = {0, 2}
    corresponding.find()
    assert spin(10, lambda: not corresponding.task.running)
    (lines,) = bench.ours("correspondence")
    assert len(lines.data) == 2
    assert set(lines.features["mutual"]) == {"mutual"}
    for line, (row, col) in zip(lines.data, [(1, 6), (3, 8)], strict=True):
        np.testing.assert_allclose(line[0], first.data_to_world((row * 16 + 7.5, col * 16 + 7.5)))
        y, x = second.world_to_data(line[1])
        assert two[int(y), int(x)].tolist() == list(PLANTED[row, col])
    bench.prompts.selected_data = set()
    corresponding.find()
    assert spin(10, lambda: not corresponding.task.running)
    assert len(bench.ours("correspondence")[0].data) == 3
    assert bench.told[-1][0].startswith("3 places found, 3 of them mutual")
    bench.controller.check(str(second.unique_id), False)
    corresponding.find()
    assert "found 3 points on embedded planes and 1 embedded images" in bench.told[-1][0]
    corresponding.shutdown()


def test_lines_to_an_image_that_is_gone_meanwhile_are_left_out(bench):
    layers = [bench.add(planted(), name=name) for name in ("one", "two", "three")]
    bench.start()
    bench.point(layers[0], (20, 100))
    corresponding = Corresponding(bench.controller)
    corresponding.task.told.connect(bench.controller.told.emit)
    corresponding.find()
    bench.viewer.layers.remove(layers[1])  # the points are those of the topmost image, the third
    assert spin(10, lambda: not corresponding.task.running)
    assert bench.told[-1][0].startswith("1 place found")
    assert len(bench.ours("correspondence")[0].data) == 1
    corresponding.shutdown()


# ---- the section -------------------------------------------------------------------------------------------------


def opened(desk):
    first, second = Image(seen(), name="seen"), Image(planted(), name="searched", translate=(0, 100))
    found = desk(first, second)
    section = found.unfold(MatchesSection)
    found.start()
    found.click(first, (20, 40))
    section.count.setValue(3)
    section.least.setValue(0.8)
    QTest.mouseClick(section.find.native, Qt.MouseButton.LeftButton)
    assert spin(10, lambda: len(section.matching.matches) == 3)
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
