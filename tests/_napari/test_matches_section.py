"""The section of matches: its table, its keys and buttons, and the file that it writes."""

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
from reddish import planted, seen


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
    assert spin(10, lambda: not section.matching.task.running)
    assert len(section.matching.matches) >= 3
    return found, section


def test_the_table_and_the_keys(desk):
    found, section = opened(desk)
    assert section.text() == "▾ Matches: 3 found"
    rows = [[section.table.rows.index(row, column).data() for column in range(3)] for row in range(3)]
    assert [row[0] for row in rows] == ["1", "2", "3"]
    assert [row[2] for row in rows] == ["searched"] * 3
    assert not section.buttons["yes"].isEnabled()
    found.key(Qt.Key.Key_N)
    assert section.matching.current.rank == 1
    found.key(Qt.Key.Key_N)
    assert section.table.selectedIndexes()[0].data() == "2"
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


def test_buttons_say_what_they_do_or_why_they_cannot(desk):
    found = desk(Image(planted(), name="a"))
    section = found.unfold(MatchesSection)
    assert {button.toolTip() for button in section.buttons.values()} == {"Find matches first."}
    assert not any(button.isEnabled() for button in section.buttons.values())
    found.start()
    found.click(found.viewer.layers["a"], (20, 100))
    section.least.setValue(0.8)
    QTest.mouseClick(section.find.native, Qt.MouseButton.LeftButton)
    assert spin(10, lambda: not section.matching.task.running)
    tips = {name: button.toolTip() for name, button in section.buttons.items()}
    assert {name for name, button in section.buttons.items() if button.isEnabled()} == {"back", "next", "csv"}
    assert tips["next"].startswith("Go to the next match (N)")
    assert tips["csv"].startswith("Write the matches to a table")
    assert {tips["yes"], tips["no"]} == {"Choose a match first: in the table, or with N."}
    found.key(Qt.Key.Key_N)
    assert section.buttons["yes"].isEnabled()
    assert section.buttons["yes"].toolTip().startswith("Accept the match in hand")
    assert section.buttons["no"].toolTip().startswith("Reject the match in hand")
    while section.matching.matches:
        found.key(Qt.Key.Key_X)
    assert {button.toolTip() for button in section.buttons.values()} == {"Find matches first."}


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
    assert matching.current.rank == 2, "the one of which no was said is in hand again"
    found.key(Qt.Key.Key_N)
    found.key(Qt.Key.Key_Y)  # the last of the list; then what is left of it
    assert ranks() == [2]
    found.viewer.layers.selection.active = found.prompts
    for left in ([2, 3], [1, 2, 3]):
        found.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert spin(2, lambda left=left: ranks() == left)
    assert section.table.rows.rowCount() == 3
    assert len(found.ours("matches")[0].data) == 3
    found.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert spin(2, lambda: ranks() == [2, 3])


def test_matches_of_an_image_that_goes_during_the_search_are_left_out(desk, monkeypatch, tmp_path):
    found, section = opened(desk, Image(planted(96, 140), name="third", translate=(0, 300)))
    QTest.mouseClick(section.find.native, Qt.MouseButton.LeftButton)
    found.viewer.layers.remove("third")
    assert spin(10, lambda: not section.matching.task.running)
    assert {section.table.rows.index(row, 2).data() for row in range(section.table.rows.rowCount())} == {"searched"}
    assert "3 matches in 1 image," in found.widget.message.value
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "m"), ""))
    QTest.mouseClick(section.buttons["csv"], Qt.MouseButton.LeftButton)
    assert spin(5, lambda: not section.file.running)
    assert len((tmp_path / "m.csv").read_text(encoding="utf-8").splitlines()) == 4
    for rank in (1, 2, 3, 1):
        found.key(Qt.Key.Key_N)
        assert section.matching.current.rank == rank


def test_the_matches_are_written_to_a_table(desk, monkeypatch, tmp_path):
    found, section = opened(desk)

    def write(path) -> str:
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
        QTest.mouseClick(section.buttons["csv"], Qt.MouseButton.LeftButton)
        assert spin(5, lambda: not section.file.running)
        return found.widget.message.value

    assert write(tmp_path / "m") == f"3 matches are in {tmp_path / 'm.csv'}."
    with (tmp_path / "m.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["rank"] for row in rows] == ["1", "2", "3"]
    for row in rows:
        assert float(row["world_y [pixel]"]) == float(row["y_pixel"])
        assert float(row["world_x [pixel]"]) == float(row["x_pixel"]) + 100
    assert "is there already" in write(tmp_path / "m")
    assert write(tmp_path / "gone" / "m.csv").startswith("⚠ folder: found no")
