"""The checkable list of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QItemSelectionModel, QSize, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QSizePolicy

from napari_dinosim.states import Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget

    from napari_dinosim._napari.rows import ImageRow

KEY = Qt.ItemDataRole.UserRole
FEWEST_ROWS, MOST_ROWS = 2, 5
"""Room for so many images; more are scrolled to."""
TIP = (
    "Images that are embedded and searched. Check with the mouse, or select and press Space. Select several with Ctrl "
    "or Shift, to compose them as channels or to choose their intensities."
)


class ImageList(QListWidget):
    """One entry per image: a check box, its name, its sizes, its state in words.

    The list holds no truth: it shows rows and tells what the person does.
    """

    check_requested = Signal(str, bool)
    """A person checks an image, or unchecks it: its key, and which."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: dict[str, ImageRow] = {}
        self.setObjectName("dinosim_images")
        self.setAccessibleName("Images that are searched")
        self.setToolTip(TIP)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setUniformItemSizes(True)
        self.setSpacing(2)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.itemChanged.connect(self._on_item_changed)

    def sizeHint(self) -> QSize:
        """Room for the images, as long as they are few."""
        line = self.fontMetrics().lineSpacing()
        rows = min(max(self.count(), FEWEST_ROWS), MOST_ROWS)
        return QSize(280, rows * (3 * line + 6) + 8)

    def picked(self) -> list[ImageRow]:
        """Rows that are selected, from the top."""
        return [self._rows[key] for i in range(self.count()) if (key := self._picked_key(i)) in self._rows]

    def _picked_key(self, index: int) -> str:
        item = self.item(index)
        return str(item.data(KEY)) if item is not None and item.isSelected() else ""

    def set_rows(self, rows: Sequence[ImageRow]) -> None:
        """Show these images, in this order; the selection stays."""
        current = self.currentItem()
        selected = None if current is None else current.data(KEY)
        picked = {row.key for row in self.picked()}
        self._rows = {row.key: row for row in rows}
        self.blockSignals(True)
        self.clear()
        for row in rows:
            item = QListWidgetItem(self)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setData(KEY, row.key)
            self._fill(item, row)
            if row.key == selected:
                self.setCurrentItem(item, QItemSelectionModel.SelectionFlag.NoUpdate)
            item.setSelected(row.key in picked)
        self.blockSignals(False)
        self.updateGeometry()
        self.itemSelectionChanged.emit()  # what is selected may be gone, or be composed

    def set_row(self, row: ImageRow) -> None:
        """Show what has become of one image."""
        item = self._item(row.key)
        if item is not None:
            self._rows[row.key] = row
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
        item.setToolTip(row.state.reason or _told(row))
        if row.state.stage is Stage.FAILED:
            item.setText(f"{row.name}\n{height} × {width} px{patches}\nerror: {row.state.reason}")

    def _on_item_changed(self, item: QListWidgetItem) -> None:
        self.check_requested.emit(item.data(KEY), item.checkState() == Qt.CheckState.Checked)


def _told(row: ImageRow) -> str:
    """Say more of a row than there is room for in it."""
    lines = [f"{row.name}: {row.state.text}"]
    lines += [f"{label}: best {best:z.2f}" for label, best in row.state.by_class]
    if row.state.against and row.state.best is not None:
        lines.append("Scores: cosines, less those with what is negative.")
    return "\n".join(lines)
