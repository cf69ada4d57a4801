"""Files of sessions."""

from __future__ import annotations

from picture_desk import desk, spin

from napari_dinosim._napari.session_section import SessionSection
from napari_dinosim.demo import CLICK


def session() -> None:
    """Open the section that saves and opens sessions."""
    with desk("pair") as at:
        at.put_below()
        section = at.widget.section(SessionSection)
        at.press_button(section.toggleButton())
        at.start()
        at.click(at.viewer.layers["motorcycle left"], CLICK)
        at.widget.body.native.parent().parent().verticalScrollBar().setValue(10_000)
        spin(0.3)
        at.photograph("session")


SCENES = (session,)
