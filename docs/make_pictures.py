"""Makes every picture of the documentation from real napari windows, worked with a real mouse.

``make pictures`` runs it on a virtual screen, with napari's own settings and an empty cache of weights. To make some
only: ``python docs/make_pictures.py NAME …``. It uses the built-in encoder and sample images: nothing is downloaded.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari
import numpy as np
from PIL import Image
from qtpy.QtCore import QPoint, QRect, Qt
from qtpy.QtGui import QImage
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QPushButton
from skimage.color import rgb2hed

from napari_dinosim.demo import CLICK, draw_pair

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


def window() -> None:
    """Click once in one image; maps lie over both."""
    with desk("pair") as at:
        right = at.viewer.layers["motorcycle right"]
        right.translate = (right.data.shape[0] + 20, 0)  # below the left one: the canvas is high, not wide
        at.viewer.reset_view()
        at.start()
        at.click(at.viewer.layers["motorcycle left"], CLICK)
        at.photograph("window")


def several() -> None:
    """Click twice on one kind of tissue."""
    with desk("tissue") as at:
        at.start()
        image = at.viewer.layers["immunohistochemistry"]
        for place in ((300, 170), (150, 480)):
            at.click(image, place)
        at.photograph("several")


def patches() -> None:
    """Show the patch grid and the queried patch."""
    with desk("textures") as at:
        at.start()
        at.tick(at.widget.patches)
        at.viewer.scene.camera.center = (0, 240, 250)
        at.viewer.scene.camera.zoom *= 1.95  # the image fills the canvas from top to bottom
        spin(0.5)
        at.click(at.viewer.layers["brick, grass, gravel"], (215, 250))
        at.photograph("patches")


def stack() -> None:
    """Click in a calibrated stack."""
    with desk("stack") as at:
        at.viewer.dims.set_point(0, 2.5)  # micrometres: the second plane
        at.viewer.canvas.overlays.scale_bar.visible = True
        at.start()
        at.click(at.viewer.layers["spots"], (1, 43, 172))
        at.photograph("stack")


def channels() -> None:
    """Click in two stains that are composed into one image, with the section for intensities open."""
    with desk("tissue") as at:
        stains = rgb2hed(at.viewer.layers["immunohistochemistry"].data)
        at.viewer.layers.clear()
        for name, index, colormap in (("hematoxylin", 0, "bop blue"), ("DAB", 2, "bop orange")):
            stain = (stains[..., index] * 20_000).clip(0, 65535).astype(np.uint16)
            limits = tuple(np.percentile(stain, (2, 99.8)))
            at.viewer.add_image(stain, name=name, colormap=colormap, blending="additive", contrast_limits=limits)
        at.viewer.reset_view()
        at.press_button(at.widget.channels)
        at.press_button(at.widget.intensity.toggleButton())
        at.start()
        at.click(at.viewer.layers["hematoxylin"], (300, 170))
        at.viewer.layers[-2].opacity = 0.5  # the map
        at.photograph("channels")


def weights() -> None:
    """Show the widget where the chosen encoder's weights are not on the computer."""
    with desk("tissue", encoder="") as at:
        message = at.widget.message.native
        bottom = message.mapTo(at.dock, QPoint(0, 2 * message.fontMetrics().lineSpacing())).y()
        part = QRect(0, 0, at.dock.width(), bottom)
        image = at.dock.grab(part).toImage().convertToFormat(QImage.Format.Format_RGB888)
        raw = np.frombuffer(image.constBits().asarray(image.sizeInBytes()), dtype=np.uint8)
        rows = raw.reshape(image.height(), image.bytesPerLine())[:, : 3 * image.width()]
        save(rows.reshape(image.height(), image.width(), 3), "weights")


def demo() -> None:
    """Draw what ``make demo`` writes where there is no display."""
    path = draw_pair(PICTURES / "demo.png")
    print(path.relative_to(PICTURES.parent), f"{path.stat().st_size / 1000:.0f} kB")


ALL = {made.__name__: made for made in (window, several, patches, stack, channels, weights, demo)}


def main() -> None:
    """Make the pictures that are named, or all."""
    napari.Viewer.close_all()
    for name in sys.argv[1:] or ALL:
        ALL[name]()


if __name__ == "__main__":
    main()
