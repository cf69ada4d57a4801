"""Look for what is in a region: a polygon drawn around a wheel."""

from __future__ import annotations

import numpy as np
from picture_desk import desk, spin
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

CENTRE, RADII = (330, 152), (42, 48)
"""Of the front wheel of the left image, in its pixels."""

CORNERS = 9


def regions() -> None:
    """Draw a polygon around a wheel with the mouse; both images show what looks like its inside."""
    with desk("pair") as at:
        left = at.viewer.layers["motorcycle left"]
        at.put_below()
        at.start()
        section = next(one for one in at.widget.sections if "Regions" in one.text())
        at.press_button(section.toggleButton())
        at.press_button(section.draw)
        angles = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
        for angle in angles:
            at.click(left, (CENTRE[0] + RADII[0] * np.sin(angle), CENTRE[1] + RADII[1] * np.cos(angle)))
        QTest.keyClick(at.viewer.window._qt_viewer.canvas.native, Qt.Key.Key_Escape)  # ends the polygon
        drawn = at.viewer.layers.selection.active
        drawn.mode, drawn.selected_data = "pan_zoom", set()
        spin(1)
        at.photograph("regions")


SCENES = (regions,)
