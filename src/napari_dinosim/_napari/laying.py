"""How the controls of a section are described and laid out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox, QGridLayout, QSizePolicy, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence


def describe(controls: Sequence[tuple[QWidget, str, str]]) -> None:
    """Give controls a name for those who cannot see them, and a tooltip; they take the width that there is.

    Parameters
    ----------
    controls : sequence of (QWidget, str, str)
        Control, name, tooltip. A check box keeps the width of its words.
    """
    for control, name, tip in controls:
        control.setAccessibleName(name)
        control.setToolTip(tip)
        if not isinstance(control, QCheckBox):
            control.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)


def allow(control: QWidget, tip: str, why_not: str = "") -> None:
    """Let a control be used, and say in its tooltip what it does; or why it cannot be used now.

    Parameters
    ----------
    control : QWidget
    tip : str
        What it does.
    why_not : str
        What is missing; empty where nothing is.
    """
    control.setEnabled(not why_not)
    control.setToolTip(why_not or tip)


def laid_out(rows: Sequence[Sequence[tuple[QWidget, int]]], columns: int) -> QWidget:
    """Lay controls out in rows.

    Parameters
    ----------
    rows : sequence of sequence of (QWidget, int)
        Control, and how many of the columns it takes.
    columns : int
        Columns of one width.
    """
    panel = QWidget()
    grid = QGridLayout(panel)
    grid.setContentsMargins(0, 0, 0, 0)
    for row, parts in enumerate(rows):
        column = 0
        for part, width in parts:
            grid.addWidget(part, row, column, 1, width)
            column += width
    for column in range(columns):
        grid.setColumnStretch(column, 1)
    return panel
