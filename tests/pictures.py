"""Images with strong contrast from patch to patch, and how their intensities are read."""

from __future__ import annotations

import numpy as np

BLOCK = 11
"""Side of a block of one colour, in pixels: no block meets a patch of 14 or 16 pixels."""


def colours(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Random colours in blocks, (height, width, 3), uint8."""
    blocks = np.random.default_rng(seed).integers(0, 256, (height // BLOCK + 1, width // BLOCK + 1, 3), dtype=np.uint8)
    return blocks.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)[:height, :width]


def greys(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Random greys in blocks, (height, width), float64 in [0, 1]."""
    return colours(height, width, seed)[..., 0] / 255


def as_rgb(grey: np.ndarray) -> np.ndarray:
    """A single channel, three times."""
    return np.repeat(np.asarray(grey, dtype=np.float64)[..., None], 3, axis=-1)
