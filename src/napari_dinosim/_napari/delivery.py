"""Brings callbacks from a worker thread into Qt's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt, Signal  # type: ignore[attr-defined]

from napari_dinosim._napari.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Callable


class QtDelivery(QObject):
    """A queue that Qt's event loop empties; calling it from any thread puts a function in.

    Nothing is called after :meth:`close`: queued calls can outlive the window.
    """

    _called = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._open = True
        self._called.connect(self._run, Qt.ConnectionType.QueuedConnection)

    def __call__(self, callback: Callable[[], None]) -> None:
        self._called.emit(callback)

    def close(self) -> None:
        """Call nothing any more."""
        self._open = False

    def _run(self, callback: Callable[[], None]) -> None:
        if self._open:
            guarded(callback)()
