"""The checkable list of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem

from napari_dinosim.states import Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from napari_dinosim._napari.rows import ImageRow

KEY = Qt.ItemDataRole.UserRole
VISIBLE_ROWS = 4


class ImageList(QListWidget):
    """One entry per image: a check box, its name, its sizes, its state in words.

    The list holds no truth: it shows rows and tells what the person does.
    """

    check_requested = Signal(str, bool)
    """A person ticks an image, or takes the tick away: its key, and which."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("dinosim_images")
        self.setAccessibleName("Images that are searched")
        self.setToolTip("Images that are embedded and searched. Tick with the mouse, or select and press Space.")
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setUniformItemSizes(True)
        self.setSpacing(2)
        self.itemChanged.connect(self._on_item_changed)

    def sizeHint(self) -> QSize:
        """Room for a few images."""
        line = self.fontMetrics().lineSpacing()
        return QSize(280, VISIBLE_ROWS * (3 * line + 12) + 8)

    def set_rows(self, rows: Sequence[ImageRow]) -> None:
        """Show these images, in this order; the selection stays."""
        current = self.currentItem()
        selected = None if current is None else current.data(KEY)
        self.blockSignals(True)
        self.clear()
        for row in rows:
            item = QListWidgetItem(self)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setData(KEY, row.key)
            self._fill(item, row)
            if row.key == selected:
                self.setCurrentItem(item)
        self.blockSignals(False)

    def set_row(self, row: ImageRow) -> None:
        """Show what has become of one image."""
        item = self._item(row.key)
        if item is not None:
            self.blockSignals(True)
            self._fill(item, row)
            self.blockSignals(False)

    def _item(self, key: str) -> QListWidgetItem | None:
        items = (self.item(i) for i in range(self.count()))
        return next((item for item in items if item is not None and item.data(KEY) == key), None)

    def _fill(self, item: QListWidgetItem, row: ImageRow) -> None:
        height, width = row.pixels
        patches = "" if row.patches is None else f" · {row.patches[0]} × {row.patches[1]} patches"
        item.setText(f"{row.name}\n{height} × {width} px{patches}\n{row.state.text}")
        item.setCheckState(Qt.CheckState.Checked if row.checked else Qt.CheckState.Unchecked)
        item.setToolTip(row.state.reason or f"{row.name}: {row.state.text}")
        if row.state.stage is Stage.FAILED:
            item.setText(f"{row.name}\n{height} × {width} px{patches}\nerror: {row.state.reason}")

    def _on_item_changed(self, item: QListWidgetItem) -> None:
        self.check_requested.emit(item.data(KEY), item.checkState() == Qt.CheckState.Checked)
