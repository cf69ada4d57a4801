"""Notices that a widget was closed: napari's × takes it out of its dock and destroys nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject

from napari_dinosim._napari import registry
from napari_dinosim._napari.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from qtpy.QtWidgets import QWidget

    from napari_dinosim._napari.controller import Controller


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


def leave(
    controller: Controller, links: Iterable[tuple[Any, Any]], ends: Iterable[Callable[[], object]], user: int
) -> None:
    """Let go of everything that a widget holds, when it is closed or destroyed.

    Parameters
    ----------
    controller : Controller
    links : iterable of (signal, slot)
        Are disconnected.
    ends : iterable of callable
        Are called first.
    user : int
        The widget's name in the registry.
    """
    for end in ends:
        end()
    for signal, slot in links:
        signal.disconnect(slot, missing_ok=True)
    registry.release(controller, user)
