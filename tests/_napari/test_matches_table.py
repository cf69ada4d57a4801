"""The table of matches: what it shows, and what it tells Qt of."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from events import spin
from napari_dinosim._napari.matches_table import MatchesTable
from napari_dinosim.analysis.matches import Match

MATCHES = [Match("a", 7.5, 23.5, 0.876, rank, (rank, 4)) for rank in range(1, 30)] + [Match("b", 1, 2, -0.5, 1)]
NAMES = {"a": "tissue", "b": "other"}


@pytest.fixture
def table(qtbot):
    made = MatchesTable()
    qtbot.addWidget(made)
    made.resize(300, 200)
    made.show()
    return made


def texts(table) -> list[list[str]]:
    rows = table.rows
    return [[rows.index(row, column).data() for column in range(3)] for row in range(rows.rowCount())]


def test_it_says_what_a_match_is(table, qtmodeltester):
    table.show_matches(MATCHES, NAMES, None)
    assert texts(table)[1] == ["2", "0.88", "tissue [2, 4]"]
    assert texts(table)[-1] == ["1", "-0.50", "other"]
    header = [table.rows.headerData(column, Qt.Orientation.Horizontal) for column in range(3)]
    assert header == ["#", "Score", "Image"]
    tip = table.rows.headerData(0, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
    assert tip == "Rank of the match within its image: 1 is the best of each image."
    told = []
    table.rows.dataChanged.connect(lambda *cells: told.append([(cell.row(), cell.column()) for cell in cells[:2]]))
    table.show_matches(MATCHES, NAMES, None)
    assert told == []
    table.show_matches(MATCHES, {**NAMES, "b": "renamed"}, None)
    assert told == [[(0, 2), (len(MATCHES) - 1, 2)]]
    assert texts(table)[-1][2] == "renamed"
    qtmodeltester.check(table.rows)


def test_only_rows_that_are_other_come_and_go(table, qtmodeltester):
    told = []
    table.rows.rowsRemoved.connect(lambda _parent, first, last: told.append(("gone", first, last)))
    table.rows.rowsInserted.connect(lambda _parent, first, last: told.append(("come", first, last)))
    table.rows.modelReset.connect(lambda: told.append("reset"))
    qtmodeltester.check(table.rows)
    generator, shown = np.random.default_rng(0), []
    for case in range(40):
        left = [match for match in MATCHES if generator.random() < (0.9 if case % 4 else 0.1)]
        table.show_matches(left, NAMES, None)
        assert [row[0] for row in texts(table)] == [str(match.rank) for match in left]
    for shown, expected in [
        (MATCHES, None),
        (MATCHES, []),
        (MATCHES[:4] + MATCHES[5:], [("gone", 4, 4)]),
        (MATCHES, [("come", 4, 4)]),
        (MATCHES[1:], [("gone", 0, 0)]),
        (MATCHES[1:-1], [("gone", 28, 28)]),
        (MATCHES, [("gone", 0, 27), ("come", 0, 29)]),
        ([], [("gone", 0, 29)]),
    ]:
        table.show_matches(shown, NAMES, None)
        assert expected is None or told == expected
        told.clear()


def test_a_row_is_chosen_by_a_person_only(table):
    chosen = []
    table.chosen.connect(chosen.append)
    table.show_matches(MATCHES, NAMES, MATCHES[3])
    assert {index.row() for index in table.selectedIndexes()} == {3}
    table.show_matches(MATCHES[:3] + MATCHES[4:], NAMES, None)  # Qt would select the one below by itself
    assert table.selectedIndexes() == []
    table.show_matches(MATCHES, NAMES, MATCHES[20])
    assert table.visualRect(table.rows.index(20, 0)).top() >= 0
    assert chosen == []
    spin(0.02)
    middle = table.visualRect(table.rows.index(19, 1)).center()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle)
    QTest.keyClick(table, Qt.Key.Key_Down)
    assert chosen == [19, 20]
