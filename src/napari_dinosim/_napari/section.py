"""A part of the dock widget that is folded away until it is needed; its title says what is chosen in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtGui import QIcon
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget
from superqt import QCollapsible

from napari_dinosim._napari.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Sequence

ANIMATION_MS = 120


def grouped(title: str, sections: Sequence[Section]) -> QWidget:
    """Put sections under a small title."""
    group, label = QWidget(), QLabel(title)
    label.setStyleSheet("font-weight: bold;")
    layout = QVBoxLayout(group)
    layout.setContentsMargins(0, 4, 0, 0)
    layout.setSpacing(1)
    layout.addWidget(label)
    for section in sections:
        layout.addWidget(section)
    return group


class Section(QCollapsible):  # type: ignore[misc]
    """A collapsible section, in napari's colours.

    Parameters
    ----------
    tooltip : str
        What it is for.
    """

    def __init__(self, tooltip: str) -> None:
        super().__init__(expandedIcon=QIcon(), collapsedIcon=QIcon())  # drawn in black: napari's themes are dark too
        self.setDuration(ANIMATION_MS)
        self._title = ""
        self.layout().setContentsMargins(0, 0, 0, 0)
        self.layout().setSpacing(0)
        self.content().layout().setContentsMargins(0, 0, 0, 0)
        button = self.toggleButton()
        button.setStyleSheet(button.styleSheet() + "background: transparent; padding: 4px;")
        button.setToolTip(tooltip)
        button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)  # a long title widens no dock
        self.toggled.connect(guarded(self._show_title))

    def entitle(self, title: str) -> None:
        """Say what is chosen in it."""
        self._title = title
        self._show_title()

    def shutdown(self) -> None:
        """Let go of what it holds, when the widget is closed; a section that holds something says what."""

    def _show_title(self, _open: bool = False) -> None:
        self.setText(f"{'▾' if self.isExpanded() else '▸'} {self._title}")
