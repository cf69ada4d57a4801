"""The section that saves a figure, and the figure."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from picture_desk import desk, save, spin
from PIL import Image
from qtpy.QtWidgets import QFileDialog

DPI = 100
STEP = 3.5
"""Millimetres of the motorcycle to a pixel, about."""


def figures() -> None:
    """Give the pair a scale, click on a wheel and on what is not meant, save a figure by the button."""
    with desk("pair") as at, tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "figure.png")
        QFileDialog.getSaveFileName = lambda *_: (path, "PNG (*.png)")
        for layer in at.viewer.layers:
            layer.scale, layer.units = (STEP, STEP), ("mm", "mm")
        right = at.viewer.layers["motorcycle right"]
        right.translate = (STEP * (right.data.shape[0] + 20), 0)  # below the left one: the canvas is high, not wide
        at.viewer.reset_view()
        section = next(one for one in at.widget.sections if one.text().endswith("Figure"))
        at.press_button(section.toggleButton())
        section.dpi.value = DPI
        at.start()
        left = at.viewer.layers["motorcycle left"]
        at.click(left, (330, 152))
        book = at.widget.controller.prompts.labels.book
        book.choose("negative")
        at.click(left, (100, 400))
        at.press(section.save)
        spin(until=lambda: not section.export.running)
        at.widget.body.native.parent().parent().verticalScrollBar().setValue(10_000)
        at.photograph("figure_section")
        save(np.asarray(Image.open(path).convert("RGB")), "figure")


SCENES = (figures,)
