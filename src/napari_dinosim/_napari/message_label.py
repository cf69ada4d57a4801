"""The sentence at the bottom of the widget."""

from __future__ import annotations

import re

from magicgui.widgets import Label
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy

LINES = 4
"""Room for so many lines, so that nothing jumps when the sentence changes."""

LONG_WORD = re.compile(r"\S{24,}")
BREAK_AFTER = re.compile(r"([_.(/\\-])")


class MessageLabel(Label):
    """Wraps its text at any width, inside long names too, and lets it be selected and copied."""

    def __init__(self, text: str) -> None:
        super().__init__(value=text)
        label = self.native
        label.setWordWrap(True)
        label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.MinimumExpanding)
        label.setMinimumHeight(LINES * label.fontMetrics().lineSpacing())
        label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        flags = Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        label.setTextInteractionFlags(flags)

    def tell(self, text: str, is_error: bool) -> None:
        """Show a sentence; an error is marked by a sign, not by colour alone."""
        self.value = breakable(f"⚠ {text}" if is_error else text)


def breakable(text: str) -> str:
    """Let Qt break long words after their signs, by spaces of no width."""
    return LONG_WORD.sub(lambda word: BREAK_AFTER.sub("\\1\u200b", word.group()), text)
