"""What is chosen for what is made of maps: sections write it, a session file keeps it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from psygnal import Signal

from napari_dinosim.records.tools import ToolChoices


class Tools:
    """The choices, in one place."""

    restored = Signal()
    """They were replaced, by those of a file: sections show them."""

    def __init__(self) -> None:
        self.choices = ToolChoices()

    def choose(self, **changed: Any) -> None:
        """Change some of them, by the names of :class:`~napari_dinosim.records.tools.ToolChoices`."""
        self.choices = replace(self.choices, **changed)

    def restore(self, choices: ToolChoices) -> None:
        """Replace all of them."""
        self.choices = choices
        self.restored.emit()
