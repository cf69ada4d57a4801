"""A sentence inside a progress bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt

if TYPE_CHECKING:
    from qtpy.QtWidgets import QProgressBar

MARGIN = 16
"""Pixels of the bar's width that no text takes."""

ZERO_WIDTH_SPACE = "\u200b"


def write_in_bar(bar: QProgressBar, sentence: str) -> None:
    """Show a sentence in a bar, shortened in its middle where it is too long.

    Parameters
    ----------
    bar : QProgressBar
    sentence : str
        Names of images may hold a per cent sign, which Qt would take for a place holder.
    """
    short = bar.fontMetrics().elidedText(sentence, Qt.TextElideMode.ElideMiddle, bar.width() - MARGIN)
    bar.setFormat(short.replace("%", f"%{ZERO_WIDTH_SPACE}"))
