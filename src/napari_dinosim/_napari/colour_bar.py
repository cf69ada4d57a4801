"""A colour bar: the colormap of a map, and the cosines at its ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPainter
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget
from superqt import QElidingLabel

if TYPE_CHECKING:
    from napari.layers import Image
    from qtpy.QtGui import QPaintEvent

    from napari_dinosim.states import SimilarityMap

STEPS = 256
HEIGHT = 14


class _Strip(QWidget):
    """The colours, from left to right."""

    def __init__(self) -> None:
        super().__init__()
        self.image = QImage()
        self.setFixedHeight(HEIGHT)

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.drawImage(self.rect(), self.image)
        painter.end()


class ColourBar(QWidget):
    """Tells which cosine the colours of a map stand for; blank while there is none."""

    def __init__(self) -> None:
        super().__init__()
        self._strip, self.low, self.middle, self.high = _Strip(), QLabel(), QElidingLabel(), QLabel()
        self.middle.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.middle.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setToolTip("The cosines that the colours of the map stand for, with the layer's own limits and gamma.")
        ends = QHBoxLayout()
        for label, share in ((self.low, 0), (self.middle, 1), (self.high, 0)):
            ends.addWidget(label, share)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._strip)
        layout.addLayout(ends)

    def show_map(self, layer: Image | None, heat: SimilarityMap | None, name: str = "") -> None:
        """Show the colours of a layer, and the cosines at the ends of its contrast limits."""
        self.setVisible(layer is not None and heat is not None)
        if layer is None or heat is None:
            return
        places = np.linspace(0, 1, STEPS) ** layer.gamma
        colours = np.ascontiguousarray((layer.colormap.map(places) * 255).round().astype(np.uint8))[None]
        self._strip.image = QImage(colours.tobytes(), STEPS, 1, QImage.Format.Format_RGBA8888).copy()
        low, high = (cosine_at(heat, float(value)) for value in layer.contrast_limits)
        self.low.setText(f"{low:.2f}")
        self.high.setText(f"{high:.2f}")
        self.middle.setText(f"cosine · {name}" if name else "cosine")
        self._strip.update()


def cosine_at(heat: SimilarityMap, value: float) -> float:
    """Cosine that a value of a map stands for."""
    if heat.over is None:
        return value
    low, high = heat.over
    return low + value * (high - low)
