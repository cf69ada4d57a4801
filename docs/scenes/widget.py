"""The whole widget, every section open, as narrow as it gets, in both themes."""

from __future__ import annotations

import numpy as np
from picture_desk import desk, save, spin
from qtpy.QtGui import QImage

from napari_dinosim.demo import CLICK

NARROW = 300
"""Least width of the dock, in pixels."""


def widget() -> None:
    """Save the widget in the dark theme and in the light one, side by side."""
    with desk("pair") as at:
        at.start()
        at.click(at.viewer.layers["motorcycle left"], CLICK)
        parts = []
        for theme in ("dark", "light"):
            at.viewer.theme = theme
            for section in at.widget.sections:
                section.expand(animate=False)
            body = at.widget.body.native
            spin(1)
            body.setFixedWidth(NARROW)
            body.setFixedHeight(body.sizeHint().height() + 40)
            spin(2)
            image = body.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
            raw = np.frombuffer(image.constBits().asarray(image.sizeInBytes()), dtype=np.uint8)
            rows = raw.reshape(image.height(), image.bytesPerLine())[:, : 3 * image.width()]
            parts.append(rows.reshape(image.height(), image.width(), 3).copy())  # Qt frees what it lies in
        height = min(len(part) for part in parts)
        half = -(-height // 2)  # in two columns each: it is long
        columns = [part[start : start + half] for part in parts for start in (0, half)]
        padded = [np.pad(one, ((0, half - len(one)), (0, 12), (0, 0)), constant_values=128) for one in columns]
        save(np.concatenate(padded, axis=1), "widget")


SCENES = (widget,)
