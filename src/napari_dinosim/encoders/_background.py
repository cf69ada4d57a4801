"""Network calls that a person can cancel even while the network stalls."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Self, TypeVar

from napari_dinosim.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

T = TypeVar("T")

POLL_SECONDS = 0.05
"""Seconds between two looks at the cancel button."""


class Background:
    """Runs network calls in one other thread, so that a stalled network cannot hold back a cancel.

    Parameters
    ----------
    cancelled : callable or None
        Asked many times a second whether the person has cancelled.
    """

    def __init__(self, cancelled: Callable[[], bool] | None) -> None:
        self._cancelled = cancelled
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="napari-dinosim-download")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=False)  # a stalled call ends by itself, at the client's time-out

    def check(self) -> None:
        """Raise if the person has cancelled.

        Raises
        ------
        Cancelled
        """
        if self._cancelled is not None and self._cancelled():
            raise Cancelled("the download was cancelled; nothing of it was kept")

    def call(self, function: Callable[[], T]) -> T:
        """Call a function in the other thread and wait for it, or for a cancel.

        Parameters
        ----------
        function : callable
            Takes nothing.

        Returns
        -------
        object
            What the function returns.

        Raises
        ------
        Cancelled
            If the person cancels first; the function's own errors pass through.
        """
        self.check()
        future = self._pool.submit(function)
        while not wait([future], POLL_SECONDS).done:
            self.check()
        return future.result()

    def later(self, function: Callable[[], None]) -> None:
        """Call a function in the other thread once it is free, without waiting.

        Parameters
        ----------
        function : callable
            Takes and returns nothing.
        """
        self._pool.submit(function)

    def sleep(self, seconds: float) -> None:
        """Wait, or be cancelled.

        Parameters
        ----------
        seconds : float
            How long.
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check()
            time.sleep(min(POLL_SECONDS, left))
