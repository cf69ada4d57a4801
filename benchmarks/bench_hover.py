"""From a real move of the mouse to the previews of all images on screen, drawn by whatever draws here.

``make bench`` prints it. Most of it is napari's and the screen's: in software the whole window is put together anew.
"""

from __future__ import annotations

import itertools

import pytest
from qtpy.QtCore import QPoint
from qtpy.QtTest import QTest

COUNT, SIDE = 4, 2048


@pytest.mark.parametrize("size", [(1000, 800), (1400, 1000)], ids=["1000 x 800", "1400 x 1000"])
def test_move_to_drawn(benchmark, bench, size):
    benchmark.group = f"mouse to drawn preview: {COUNT} × {SIDE}², P = 16, D = 384"
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

    def move():
        before = controller.session.previewed
        drawn.clear()
        QTest.mouseMove(canvas.native, QPoint(50 + 31 * next(steps) % (width - 100), height // 2))
        opened.settle(lambda: controller.session.previewed != before and bool(drawn))

    benchmark.pedantic(move, rounds=40, warmup_rounds=5)
    controller.hover.switch(False)
