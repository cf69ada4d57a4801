"""From one drawn preview of all images to the next, under a mouse that never rests, drawn by whatever draws here.

``make bench`` prints it. Much of it is napari's and the screen's: in software the whole window is put together anew.
"""

from __future__ import annotations

import itertools

import pytest
from qtpy.QtCore import QPoint
from qtpy.QtTest import QTest

COUNT, SIDE = 4, 2048
MOUSE_MS = 8
"""A mouse tells 125 times a second where it is."""


@pytest.mark.parametrize("size", [(1000, 800), (1400, 1000)], ids=["1000 x 800", "1400 x 1000"])
def test_preview_to_preview(benchmark, bench, size):
    benchmark.group = f"preview to preview: {COUNT} × {SIDE}², P = 16, D = 384"
    opened = bench(COUNT, SIDE)
    viewer, controller = opened.viewer, opened.widget.controller
    viewer.window._qt_window.resize(*size)
    viewer.reset_view()
    opened.settle()
    canvas = viewer.window._qt_viewer.canvas
    drawn: list[int] = []
    canvas._scene_canvas.events.draw.connect(lambda _event: drawn.append(1))
    controller.hover.switch(True)
    viewer.mouse_over_canvas = True
    width, height = canvas.native.width(), canvas.native.height()
    steps = itertools.count()
    before = controller.session.previewed

    def next_preview():
        nonlocal before
        drawn.clear()
        while not drawn or controller.session.previewed == before:
            QTest.mouseMove(canvas.native, QPoint(50 + 7 * next(steps) % (width - 100), height // 2))
            QTest.qWait(MOUSE_MS)
        before = controller.session.previewed

    benchmark.pedantic(next_preview, rounds=60, warmup_rounds=5)
    controller.hover.switch(False)
