"""The table of matches: rows are made when they are drawn, and only those that are other are told of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qtpy.QtCore import QItemSelection

    from napari_dinosim.analysis.matches import Match

ROWS_SEEN = 6
COLUMNS = ("#", "Score", "Image")
WIDTHS = (34, 58)
"""Of the first columns, in pixels; the last one takes what is left."""

RANK = "Rank of the match within its image: 1 is the best of each image."
LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft


class MatchRows(QAbstractTableModel):
    """Gives the texts of the rows that are on screen."""

    def __init__(self) -> None:
        super().__init__()
        self._matches: tuple[Match, ...] = ()
        self._names: Mapping[str, str] = {}

    def show(self, matches: Sequence[Match], names: Mapping[str, str]) -> None:
        """List other matches: rows are taken out and put in where they differ.

        Parameters
        ----------
        matches : sequence of Match
        names : mapping of key to name
            What images are called.
        """
        new, old, nowhere = tuple(matches), self._matches, QModelIndex()
        shorter = min(len(old), len(new))
        same = next((row for row in range(shorter) if old[row] is not new[row]), shorter)
        after = next((row for row in range(shorter - same) if old[-1 - row] is not new[-1 - row]), shorter - same)
        if len(old) > same + after:
            self.beginRemoveRows(nowhere, same, len(old) - after - 1)
            self._matches = old[:same] + old[len(old) - after :]
            self.endRemoveRows()
        if len(new) > same + after:
            self.beginInsertRows(nowhere, same, len(new) - after - 1)
            self._matches = new
            self.endInsertRows()
        if names != self._names and new:
            self._names = names
            self.dataChanged.emit(self.index(0, 2), self.index(len(new) - 1, 2))

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008  (Qt's signature)
        """Count the matches; cells have no rows."""
        return 0 if parent.isValid() else len(self._matches)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008  (Qt's signature)
        """Count the columns: rank, score, and image with plane."""
        return 0 if parent.isValid() else len(COLUMNS)

    def data(self, index: QModelIndex, asked: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Give the text of a cell, or where in the cell it stands."""
        if asked == Qt.ItemDataRole.TextAlignmentRole:
            return LEFT
        if asked != Qt.ItemDataRole.DisplayRole:
            return None
        match = self._matches[index.row()]
        if index.column() < 2:
            return f"{match.score:z.2f}" if index.column() else str(match.rank)
        plane = f" [{', '.join(map(str, match.plane))}]" if match.plane else ""
        return f"{self._names.get(match.source, '')}{plane}"

    def headerData(self, section: int, way: Qt.Orientation, asked: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Give the name of a column; of the first one, also what it means."""
        if way == Qt.Orientation.Horizontal and asked == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        return RANK if (section, asked) == (0, Qt.ItemDataRole.ToolTipRole) else None


class MatchesTable(QTableView):
    """Lists matches; a person chooses one."""

    chosen = Signal(int)
    """A person chose a row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = MatchRows()
        self.setModel(self.rows)
        if (numbers := self.verticalHeader()) is not None:
            numbers.setVisible(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        if (header := self.horizontalHeader()) is not None:
            header.setSectionResizeMode(len(WIDTHS), QHeaderView.ResizeMode.Stretch)
        for column, width in enumerate(WIDTHS):
            self.setColumnWidth(column, width)
        self.setFixedHeight((ROWS_SEEN + 1) * 26)

    def show_matches(self, matches: Sequence[Match], names: Mapping[str, str], current: Match | None) -> None:
        """List matches, and select the row of the one in hand; nothing is chosen by that.

        Parameters
        ----------
        matches : sequence of Match
        names : mapping of key to name
            What images are called.
        current : Match, optional
        """
        blocked = self.blockSignals(True)
        self.rows.show(matches, names)
        if current in matches:
            self.selectRow(matches.index(current))
        else:
            self.clearSelection()
        self.blockSignals(blocked)

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        """Tell of the row that is selected now."""
        super().selectionChanged(selected, deselected)
        rows = {index.row() for index in self.selectedIndexes()}
        if rows:
            self.chosen.emit(rows.pop())
