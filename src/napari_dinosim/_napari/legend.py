"""The legend of the clusters: a swatch, a number and a share of the area for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QListWidget, QListWidgetItem

from napari_dinosim._napari.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dinosim._napari.features import LegendRow

SWATCH = 14
"""Side of a swatch, in screen pixels."""

MOST_ROWS = 8
"""Rows that are seen without scrolling."""

ALL = "all clusters"
NUMBER = Qt.ItemDataRole.UserRole


class Legend(QListWidget):
    """A list of clusters; the chosen one is drawn alone."""

    chosen = Signal(int)
    """Number of the cluster that shall be drawn alone; 0 for all."""

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip(
            "The clusters, with their share of the embedded area of all images. Choose one to see it alone."
        )
        self.setAccessibleName("Clusters")
        self.setIconSize(QSize(SWATCH, SWATCH))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVisible(False)
        self.currentItemChanged.connect(guarded(self._choose))

    def show_rows(self, rows: Sequence[LegendRow]) -> None:
        """Show clusters, all of them drawn."""
        blocked = self.blockSignals(True)
        self.clear()
        self.addItem(self._item(ALL, 0))
        for row in rows:
            swatch = QPixmap(SWATCH, SWATCH)
            swatch.fill(QColor.fromRgbF(*row.colour))
            item = self._item(row.text, row.number)
            item.setIcon(QIcon(swatch))
            self.addItem(item)
        self.setCurrentRow(0)
        self.blockSignals(blocked)
        shown = min(len(rows) + 1, MOST_ROWS)
        self.setFixedHeight(shown * max(self.sizeHintForRow(0), self.sizeHintForRow(1)) + 2 * self.frameWidth())
        self.setVisible(bool(rows))

    def texts(self) -> list[str]:
        """Return what the rows say."""
        return [item.text() for i in range(self.count()) if (item := self.item(i)) is not None]

    def _item(self, text: str, number: int) -> QListWidgetItem:
        item = QListWidgetItem(text)
        item.setData(NUMBER, number)
        return item

    def _choose(self, item: QListWidgetItem | None, _before: QListWidgetItem | None) -> None:
        if item is not None:
            self.chosen.emit(int(item.data(NUMBER)))
