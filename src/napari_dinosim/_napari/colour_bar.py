"""A colour bar: the colormap of a map, and the scores at its ends."""

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
    """Tells which score the colours of a map stand for; blank while there is none."""

    def __init__(self) -> None:
        super().__init__()
        self._strip, self.low, self.middle, self.high = _Strip(), QLabel(), QElidingLabel(), QLabel()
        self.middle.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.middle.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        ends = QHBoxLayout()
        for label, share in ((self.low, 0), (self.middle, 1), (self.high, 0)):
            ends.addWidget(label, share)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._strip)
        layout.addLayout(ends)

    def show_map(
        self, layer: Image | None, heat: SimilarityMap | None, name: str = "", *, against: bool = False
    ) -> None:
        """Show the colours of a layer, and the scores at the ends of its contrast limits.

        Parameters
        ----------
        layer : Image, optional
        heat : SimilarityMap, optional
        name : str
            What it is of.
        against : bool
            Whether scores are cosines less those with negative prompts.
        """
        self.setVisible(layer is not None and heat is not None)
        if layer is None or heat is None:
            return
        places = np.linspace(0, 1, STEPS) ** layer.gamma
        colours = np.ascontiguousarray((layer.colormap.map(places) * 255).round().astype(np.uint8))[None]
        self._strip.image = QImage(colours.tobytes(), STEPS, 1, QImage.Format.Format_RGBA8888).copy()
        low, high = (cosine_at(heat, float(value)) for value in layer.contrast_limits)
        self.low.setText(f"{low:z.2f}")
        self.high.setText(f"{high:z.2f}")
        what = "score" if against else "cosine"
        self.middle.setText(f"{what} · {name}" if name else what)
        meant = "scores (cosine, less that with what is negative)" if against else "cosines"
        self.setToolTip(f"The {meant} that the colours of the map stand for, with the layer's own limits and gamma.")
        self._strip.update()


def cosine_at(heat: SimilarityMap, value: float) -> float:
    """Score that a value of a map stands for."""
    if heat.over is None:
        return value
    low, high = heat.over
    return low + value * (high - low)
