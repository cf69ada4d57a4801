"""The sentence at the bottom of the widget."""

from __future__ import annotations

from magicgui.widgets import Label
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy

LINES = 3
"""Room for so many lines, so that nothing jumps when the sentence changes."""


class MessageLabel(Label):
    """Wraps its text, and lets it be selected and copied; all of it is in the tooltip too, where a long path is cut."""

    def __init__(self, text: str) -> None:
        super().__init__(value=text)
        label = self.native
        label.setWordWrap(True)
        label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        label.setContentsMargins(10, 2, 10, 6)
        label.setMinimumHeight(LINES * label.fontMetrics().lineSpacing())
        label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        flags = Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        label.setTextInteractionFlags(flags)

    def tell(self, text: str, is_error: bool) -> None:
        """Show a sentence; an error is marked by a sign, not by colour alone."""
        self.value = self.tooltip = f"⚠ {text}" if is_error else text
