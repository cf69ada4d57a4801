"""Letting Qt work in a test."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

if TYPE_CHECKING:
    from collections.abc import Callable


def spin(seconds: float = 10.0, until: Callable[[], bool] | None = None) -> bool:
    """Let Qt work until a condition holds, or for a time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)  # a running event loop would
        if until is not None and until():
            return True
        time.sleep(0.002)
    return until is None
