"""A small picture of how the points of a label look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap, QPolygonF

if TYPE_CHECKING:
    from napari_dinosim._napari.label_book import Look

SIDE = 16
OUTLINES = {
    "cross": [
        (6, 2),
        (10, 2),
        (10, 6),
        (14, 6),
        (14, 10),
        (10, 10),
        (10, 14),
        (6, 14),
        (6, 10),
        (2, 10),
        (2, 6),
        (6, 6),
    ],
    "hbar": [(2, 6), (14, 6), (14, 10), (2, 10)],
    "square": [(3, 3), (13, 3), (13, 13), (3, 13)],
    "triangle_up": [(8, 2), (14, 13), (2, 13)],
    "triangle_down": [(8, 14), (2, 3), (14, 3)],
    "diamond": [(8, 1), (15, 8), (8, 15), (1, 8)],
    "star": [(8, 1), (10, 6), (15, 6), (11, 9), (13, 15), (8, 11), (3, 15), (5, 9), (1, 6), (6, 6)],
    "clobber": [(8, 2), (11, 5), (14, 9), (12, 13), (8, 12), (4, 13), (2, 9), (5, 5)],
}
"""Corners on a square of 16; what is not here is round."""


def label_icon(look: Look) -> QIcon:
    """Draw a look: its symbol in its colour."""
    pixmap = QPixmap(SIDE, SIDE)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QColor("white"))
    painter.setBrush(QColor("transparent" if look.symbol == "ring" else look.colour))
    if look.symbol in OUTLINES:
        painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in OUTLINES[look.symbol]]))
    else:
        if look.symbol == "ring":
            painter.setPen(QColor(look.colour))
        painter.drawEllipse(QRectF(2, 2, 12, 12))
    painter.end()
    return QIcon(pixmap)
