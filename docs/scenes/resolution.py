"""How much of the sample a patch covers."""

from __future__ import annotations

from picture_desk import desk, spin
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest


def resolution() -> None:
    """Embed at native resolution, click, and choose micrometres per patch; the cost is told."""
    with desk("pair") as at:
        for layer in at.viewer.layers:
            layer.scale, layer.units = (0.5, 0.5), "um"
        right = at.viewer.layers["motorcycle right"]
        right.translate = (0.5 * right.data.shape[0] + 10, 0)  # below the left one: the canvas is high, not wide
        at.viewer.reset_view()
        section = next(one for one in at.widget.sections if "Resolution" in one.text())
        at.press_button(section.toggleButton())
        QTest.keyClick(section.finer, Qt.Key.Key_Down)
        at.start()
        at.click(at.viewer.layers["motorcycle left"], (330, 152))
        QTest.keyClick(section.cover, Qt.Key.Key_End)
        spin(0.5)
        at.widget.body.native.parent().parent().verticalScrollBar().setValue(150)
        at.photograph("resolution")


SCENES = (resolution,)
