"""Grey images with reddish patches: the answers to a click on a red one are known, and in which order they come."""

from __future__ import annotations

import numpy as np

GREY, RED = (90, 90, 90), (250, 10, 10)
PLANTED = {(1, 6): (250, 40, 10), (4, 1): (250, 70, 30), (3, 8): (250, 110, 60)}
"""Colours of patches of 16 pixels (row, col), in the order of their likeness to red."""


def planted(height: int = 90, width: int = 157) -> np.ndarray:
    """Reddish patches on grey, (height, width, 3), uint8."""
    image = np.full((height, width, 3), GREY, np.uint8)
    for (row, col), colour in PLANTED.items():
        image[row * 16 : row * 16 + 16, col * 16 : col * 16 + 16] = colour
    return image


def seen() -> np.ndarray:
    """One red patch on grey, (64, 64, 3), uint8: that at (row, col) = (1, 2)."""
    image = np.full((64, 64, 3), GREY, np.uint8)
    image[16:32, 32:48] = RED
    return image
