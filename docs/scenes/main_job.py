"""The main job: images, one click, maps."""

from __future__ import annotations

import numpy as np
from picture_desk import PICTURES, desk, save, spin
from qtpy.QtCore import QPoint, QRect
from qtpy.QtGui import QImage
from skimage.color import rgb2hed

from napari_dinosim._napari.intensity_box import IntensityBox
from napari_dinosim._napari.map_section import MapSection
from napari_dinosim.demo import CLICK, draw_pair


def window() -> None:
    """Click once in one image; maps lie over both."""
    with desk("pair") as at:
        at.put_below()
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
        section = at.widget.section(MapSection)
        at.press_button(section.toggleButton())
        at.tick(section.patches)
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
        at.press_button(at.widget.section(IntensityBox).toggleButton())
        at.start()
        at.click(at.viewer.layers["hematoxylin"], (300, 170))
        at.viewer.layers[-2].opacity = 0.5  # the map
        at.photograph("channels")


def weights() -> None:
    """Show the widget where the chosen encoder's weights are not on the computer."""
    with desk("tissue", encoder="") as at:
        start = at.widget.start.native
        bottom = start.mapTo(at.dock, QPoint(0, start.height() + 8)).y()
        part = QRect(0, 0, at.dock.width(), bottom)
        image = at.dock.grab(part).toImage().convertToFormat(QImage.Format.Format_RGB888)
        raw = np.frombuffer(image.constBits().asarray(image.sizeInBytes()), dtype=np.uint8)
        rows = raw.reshape(image.height(), image.bytesPerLine())[:, : 3 * image.width()]
        save(rows.reshape(image.height(), image.width(), 3), "weights")


def demo() -> None:
    """Draw what ``make demo`` writes where there is no display."""
    path = draw_pair(PICTURES / "demo.png")
    print(path.relative_to(PICTURES.parent), f"{path.stat().st_size / 1000:.0f} kB")


SCENES = (window, several, patches, stack, channels, weights, demo)
