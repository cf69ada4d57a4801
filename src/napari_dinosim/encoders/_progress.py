"""How far a download has come: bytes, speed, time left."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

REPORT_SECONDS = 0.1
"""Seconds between two reports of progress."""

SPEED_WINDOW = 5.0
"""Seconds over which the speed is averaged."""


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """How far a download has come.

    Parameters
    ----------
    done_bytes : int
        Bytes on this computer, those of an earlier, broken download included.
    total_bytes : int or None
        Size of all files that were asked for; None where the hub does not tell.
    bytes_per_second : float
        Speed over the last seconds; 0.0 before the first byte.
    seconds_left : float or None
        At that speed; None while it cannot be told.
    """

    done_bytes: int
    total_bytes: int | None
    bytes_per_second: float
    seconds_left: float | None


class Meter:
    """Turns bytes done into progress, at most ten times a second.

    Parameters
    ----------
    total : int or None
        Size of all files in bytes.
    report : callable or None
        Called with each :class:`DownloadProgress`.
    """

    def __init__(self, total: int | None, report: Callable[[DownloadProgress], None] | None) -> None:
        self.elsewhere = 0
        """Bytes of the other files that are on this computer."""
        self._total = total
        self._report = report
        self._samples: deque[tuple[float, int]] = deque()
        self._reported = -REPORT_SECONDS

    def update(self, done: int, *, force: bool = False) -> None:
        """Take note of the bytes done so far, and report if it is time or if `force` is set.

        Parameters
        ----------
        done : int
            Bytes of the present file on this computer.
        force : bool, default: False
            Report whatever the time.
        """
        now, done = time.monotonic(), done + self.elsewhere
        if self._samples and done < self._samples[-1][1]:
            self._samples.clear()  # the server started over
        self._samples.append((now, done))
        while len(self._samples) > 2 and now - self._samples[1][0] > SPEED_WINDOW:
            self._samples.popleft()
        if self._report is None or not (force or now - self._reported >= REPORT_SECONDS):
            return
        self._reported = now
        since, before = self._samples[0]
        speed = (done - before) / (now - since) if now > since else 0.0
        left = (self._total - done) / speed if self._total is not None and speed > 0 else None
        self._report(DownloadProgress(done, self._total, speed, left))
