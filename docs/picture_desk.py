"""A napari window with the widget open, and a hand to work it with a real mouse: what pictures are made of."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari
import numpy as np
from PIL import Image
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QPushButton

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.layers import Layer

PICTURES = Path(__file__).parent / "pictures"
WINDOW = 1240, 800
"""Width and height of a window in pixels."""

DOCK = 350
"""Width of the widget's dock in pixels."""

PATIENCE = 120.0
"""Seconds to wait for an image to be embedded."""


def spin(seconds: float = PATIENCE, until: Callable[[], bool] = lambda: False) -> bool:
    """Let Qt work until a condition holds, at most for a time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        if until():
            return True
        time.sleep(0.005)
    return False


class Desk:
    """A napari window with a sample and the widget open, and a hand to work them."""

    def __init__(self, sample: str, encoder: str) -> None:
        self.viewer = napari.Viewer(title="napari")
        self.viewer.window.resize(*WINDOW)
        self.viewer.open_sample("napari-dinosim", sample)
        self.dock, self.widget = self.viewer.window.add_plugin_dock_widget("napari-dinosim")
        self.viewer.window._qt_window.resizeDocks([self.dock], [DOCK], Qt.Orientation.Horizontal)
        if encoder:
            self.widget.encoder.value = encoder
        spin(3)  # the window settles, the device is named
        self.viewer.reset_view()

    def put_below(self) -> None:
        """Put the right one of the pair of photographs below the left one: the canvas is high, not wide."""
        right = self.viewer.layers["motorcycle right"]
        right.translate = (right.data.shape[0] + 20, 0)
        self.viewer.reset_view()

    def press(self, button: Any) -> None:
        """Press a button of the widget."""
        self.press_button(button.native)

    def press_button(self, button: QPushButton) -> None:
        """Press a button of Qt's."""
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        spin(0.4)

    def tick(self, box: Any) -> None:
        """Tick a box of the widget, at its left end, where the box is."""
        spot = QPoint(8, box.native.height() // 2)
        QTest.mouseClick(box.native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
        spin(0.2)

    def start(self) -> None:
        """Press Start and wait until all is embedded."""
        self.press(self.widget.start)
        if not spin(until=self.idle):
            raise TimeoutError(f"the images were not embedded within {PATIENCE:g} s")

    def idle(self) -> bool:
        """Whether every image on screen is embedded."""
        return all(row.state.stage == "ready" for row in self.widget.controller.rows())

    def click(self, layer: Layer, place: tuple[float, ...]) -> None:
        """Click on a place of a layer, given in its pixels, where it stands on screen now."""
        canvas = self.viewer.window._qt_viewer.canvas
        world = np.asarray(layer.data_to_world(place))
        x, y, _, w = (canvas.view.transform * canvas.view.scene.transform).map([world[-1], world[-2], 0, 1])
        spot = QPoint(round(x / w), round(y / w))
        QTest.mouseMove(canvas.native, spot)
        spin(0.2)
        QTest.mouseClick(canvas.native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
        spin(0.6)

    def photograph(self, name: str) -> None:
        """Save the whole window."""
        spin(1)  # the thumbnails follow
        save(self.viewer.window.screenshot(canvas_only=False, flash=False), name)


@contextmanager
def desk(sample: str, encoder: str = "builtin") -> Iterator[Desk]:
    """Open a desk, and close it at the end."""
    found = Desk(sample, encoder)
    try:
        yield found
    finally:
        found.viewer.close()
        spin(0.5)


def save(pixels: np.ndarray, name: str) -> None:
    """Write pixels as a PNG."""
    path = PICTURES / f"{name}.png"
    Image.fromarray(pixels[..., :3]).save(path, optimize=True)
    print(path.relative_to(PICTURES.parent), pixels.shape[:2], f"{path.stat().st_size / 1000:.0f} kB")
