"""A box to choose one of several names that may be long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QSizePolicy, QStyle, QStyleOptionComboBox, QStylePainter

from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.laying import allow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qtpy.QtGui import QPaintEvent


class NamesBox(QComboBox):
    """Draws a name that is too long with "…" in its middle, and tells all of it in the tooltip.

    Parameters
    ----------
    name : str
        What it is, for those who cannot see it.
    tip : str
        What it is for.
    """

    def __init__(self, name: str, tip: str) -> None:
        super().__init__()
        self._tip, self._why_not = tip, ""
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        if (view := self.view()) is not None:
            view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.currentIndexChanged.connect(guarded(self._tell))
        self._tell()

    def offer(self, names: Mapping[str | None, str] | Mapping[str, str], chosen: str | None, why_not: str = "") -> None:
        """Offer what there is, keys and names, and keep to the choice while it is there.

        Parameters
        ----------
        names : mapping of str or None to str
        chosen : str or None
            A key; the first is chosen where there is none such.
        why_not : str
            Why nothing can be chosen; empty where something can be.
        """
        if [(self.itemData(i), self.itemText(i)) for i in range(self.count())] != list(names.items()):
            self.clear()
            for key, name in names.items():
                self.addItem(name, key)
                self.setItemData(self.count() - 1, name, Qt.ItemDataRole.ToolTipRole)
        self.setCurrentIndex(max(self.findData(chosen), 0))
        self._why_not = why_not
        self._tell()

    def shown_text(self) -> str:
        """Return the chosen name, as much of it as there is room for."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        return self._elided(option)

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Draw the box; Qt itself cuts a long name off."""
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        option.currentText = self._elided(option)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def _elided(self, option: QStyleOptionComboBox) -> str:
        style = self.style()
        assert style is not None
        field = QStyle.SubControl.SC_ComboBoxEditField
        room = style.subControlRect(QStyle.ComplexControl.CC_ComboBox, option, field, self).width()
        return self.fontMetrics().elidedText(self.currentText(), Qt.TextElideMode.ElideMiddle, room - 2)

    def _tell(self, _index: int = 0) -> None:
        named = f"{self.currentText()}\n" if self.currentText() else ""
        allow(self, f"{named}{self._tip}", self._why_not)
