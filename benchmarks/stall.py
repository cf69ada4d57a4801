"""How late Qt's event loop gets while a 4096² image is embedded, beside how late it gets when nothing runs.

Run it under a screen: ``xvfb-run -a python benchmarks/stall.py``. A timer of 5 ms measures its own lateness.
"""

from __future__ import annotations

import sys
import time

import napari
import numpy as np
import torch
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

SIDE, INTERVAL_MS = 4096, 5


class Lateness:
    """Collects how late a timer fires, in milliseconds."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self._due = time.perf_counter() + INTERVAL_MS / 1000
        self._timer = QTimer()
        self._timer.timeout.connect(self._fire)
        self._timer.start(INTERVAL_MS)

    def _fire(self) -> None:
        now = time.perf_counter()
        self.late.append(1000 * (now - self._due))
        self._due = now + INTERVAL_MS / 1000

    def report(self, name: str) -> float:
        """Print median, 99th percentile and maximum, and begin anew."""
        worst = max(self.late)
        middle, high = np.percentile(self.late, [50, 99])
        print(f"{name:32} median {middle:5.1f}  p99 {high:5.1f}  max {worst:6.1f} ms")
        self.late = []
        return worst


def work_until(done, least: float = 2.0) -> None:
    """Run the event loop, as napari does, until something is done."""
    application, begun = QApplication.instance(), time.perf_counter()
    while time.perf_counter() - begun < least or not done():
        application.processEvents()
        time.sleep(0.0005)


def main() -> None:
    """Measure, print, and exit."""
    random = np.random.default_rng(0)
    viewer = napari.Viewer()
    viewer.add_image(random.integers(0, 256, (SIDE, SIDE), dtype=np.uint8))
    _, widget = viewer.window.add_plugin_dock_widget("napari-dinosim")
    widget.encoder.value = "builtin"
    session = widget.controller.session
    work_until(lambda: not widget.controller.engine._jobs, 5)
    lateness = Lateness()
    work_until(lambda: True)
    idle = lateness.report("idle")
    widget.controller.start()  # makes the prompts layer: napari's own work, measured apart
    widget.controller.cancel()
    work_until(lambda: not widget.controller.engine._jobs)
    lateness.report("Start, which adds the layer")
    begun = time.perf_counter()
    widget.controller.start()
    work_until(lambda: not session.busy)
    busy = lateness.report(f"embedding {SIDE}², built-in")
    seconds, threads = time.perf_counter() - begun, torch.get_num_threads()
    print(f"embedded in {seconds:.1f} s with {threads} threads; ratio of the maxima {busy / idle:.1f}")
    viewer.close()


if __name__ == "__main__":
    sys.exit(main())
