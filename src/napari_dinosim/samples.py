"""Sample images, all made from pictures that ship inside scikit-image: nothing is downloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from skimage import data

if TYPE_CHECKING:
    from numpy.typing import NDArray

STACK_SCALE = (2.5, 0.65, 0.65)
"""Micrometres per voxel of the generated stack, (z, y, x)."""


def pair() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Two photographs of one motorcycle, from two places.

    Returns
    -------
    left, right : ndarray of shape (500, 741, 3)
        From the Middlebury stereo data set (Scharstein et al. 2014, CC0), as shipped with scikit-image.
    """
    left, right, _ = data.stereo_motorcycle()
    return left, right


def tissue() -> NDArray[np.uint8]:
    """Colon with an immunohistochemical stain.

    Returns
    -------
    ndarray of shape (512, 512, 3)
        Hematoxylin (blue) and DAB (brown); from the Human Protein Atlas through scikit-image.
    """
    return np.asarray(data.immunohistochemistry())


def textures(height: int = 480, width: int = 640, cell: int = 160) -> NDArray[np.uint8]:
    """Mosaic of brick, grass and gravel, each texture in several cells.

    Parameters
    ----------
    height, width : int
        Size in pixels, at most 512 × 512 cells' worth of texture.
    cell : int
        Side of a cell in pixels, below 512.

    Returns
    -------
    ndarray of shape (height, width)
        The cell in row i and column j shows texture ``(i + 2 * j) % 3``.
    """
    sources = data.brick(), data.grass(), data.gravel()
    mosaic = np.empty((height, width), dtype=np.uint8)
    for top in range(0, height, cell):
        for left in range(0, width, cell):
            source = sources[(top // cell + 2 * (left // cell)) % 3]
            part = mosaic[top : top + cell, left : left + cell]
            y, x = top % (512 - cell), left % (512 - cell)
            part[...] = source[y : y + part.shape[0], x : x + part.shape[1]]
    return mosaic


def stack(planes: int = 3, height: int = 300, width: int = 400) -> NDArray[np.uint16]:
    """Generate spots of two sizes over an uneven background, drifting from plane to plane.

    Returns
    -------
    ndarray of shape (planes, height, width), uint16
        Intensities from about 300 to 12 000, as a 12- to 16-bit camera gives them. Reproducible.
    """
    random = np.random.default_rng(7)
    z, y, x = np.mgrid[:planes, :height, :width].astype(float)
    volume = 600 + 400 * np.sin(x / width * np.pi)
    for index in range(40):
        spread, peak = ((9.0, 5000.0), (3.5, 9000.0))[index % 2]
        centre_y, centre_x = random.uniform(0, height), random.uniform(0, width)
        drift = random.normal(0, 4, 2)
        focus = np.exp(-((z - random.integers(planes)) ** 2) / 1.5)
        distance = (y - centre_y - drift[0] * z) ** 2 + (x - centre_x - drift[1] * z) ** 2
        volume += peak * focus * np.exp(-distance / (2 * spread**2))
    noisy = volume + random.normal(0, 1, volume.shape) * np.sqrt(volume)
    return np.asarray(np.clip(noisy, 0, 65535), dtype=np.uint16)
