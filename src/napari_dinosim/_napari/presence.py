"""Notices that a widget was closed: napari's × takes it out of its dock and destroys nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject

from napari_dinosim._napari.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget


class Presence(QObject):
    """Calls back once, when a widget loses its parent or is destroyed.

    Parameters
    ----------
    widget : QWidget
    left : callable
    """

    def __init__(self, widget: QWidget, left: Callable[[], None]) -> None:
        super().__init__(widget)
        self._left: Callable[[], None] | None = left
        widget.installEventFilter(self)
        widget.destroyed.connect(self._leave)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Look at each event of the widget; keep none from it."""
        moved = event is not None and event.type() == QEvent.Type.ParentChange
        if moved and watched is not None and watched.parent() is None:
            guarded(self._leave)()
        return False

    def _leave(self, *_destroyed: object) -> None:
        left, self._left = self._left, None
        if left is not None:
            left()
