"""What is meant by points, and how scores are shown."""

from __future__ import annotations

from picture_desk import desk, spin
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_dinosim._napari.prompts_section import PromptsSection
from napari_dinosim._napari.scores_section import ScoresSection
from napari_dinosim.demo import CLICK


def labels() -> None:
    """Name three classes and click on each; the winner is shown."""
    with desk("pair") as at:
        at.put_below()
        section = at.widget.section(PromptsSection)
        at.press_button(section.toggleButton())
        at.start()
        left = at.viewer.layers["motorcycle left"]
        for name, place in (("wheel", CLICK), ("floor", (470, 300)), ("window", (50, 250)), ("shelf", (150, 650))):
            QTest.keyClicks(section.name, name)
            QTest.keyClick(section.name, Qt.Key.Key_Return)
            at.click(left, place)
        for layer in at.viewer.layers:
            if layer.name.startswith("similarity"):
                layer.visible = False
        at.photograph("labels")


def scores() -> None:
    """Show raw cosines, and say which image has no match."""
    with desk("pair") as at:
        at.viewer.layers.remove("motorcycle right")
        at.viewer.open_sample("napari-dinosim", "tissue")
        tissue = at.viewer.layers["immunohistochemistry"]
        tissue.translate = (520, 110)
        at.viewer.reset_view()
        section = at.widget.section(ScoresSection)
        at.press_button(section.toggleButton())
        at.start()
        at.click(at.viewer.layers["motorcycle left"], CLICK)
        QTest.keyClick(section.stretch, Qt.Key.Key_End)
        section.limited.click()
        section.threshold.setValue(0.9)
        spin(0.5)
        at.photograph("scores")


SCENES = (labels, scores)
