"""Before any click: the maps follow the cursor."""

from __future__ import annotations

import numpy as np
from picture_desk import desk, spin
from qtpy.QtCore import QPoint
from qtpy.QtGui import QCursor
from qtpy.QtTest import QTest

from napari_dinosim.demo import CLICK


def preview() -> None:
    """Rest the cursor on a place of one image, with the preview switched on; there is no point."""
    with desk("pair") as at:
        left = at.viewer.layers["motorcycle left"]
        at.put_below()
        at.start()
        section = next(one for one in at.widget.sections if "undo" in one.text())
        at.press_button(section.toggleButton())
        at.tick(section.preview)
        QCursor.setPos(at.viewer.window._qt_window.geometry().bottomRight() + QPoint(50, 50))  # out of the way
        spin(0.5)
        at.viewer.mouse_over_canvas = True
        canvas = at.viewer.window._qt_viewer.canvas
        for shift in (40, 20, 0):  # a mouse that moves
            world = np.asarray(left.data_to_world(CLICK)) + shift
            x, y, _, w = (canvas.view.transform * canvas.view.scene.transform).map([world[-1], world[-2], 0, 1])
            QTest.mouseMove(canvas.native, QPoint(round(x / w), round(y / w)))
            spin(0.5)
        at.photograph("preview")


SCENES = (preview,)
