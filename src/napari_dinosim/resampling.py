"""Resizing of windows: exactly what the same window of the whole resized image would be.

Each axis is resized by itself, with weights that depend on where a pixel lies in the whole image and not on the window:
area averaging where it shrinks (every source pixel counts by the part of it that the new pixel covers), Keys' cubic
convolution where it grows, with the edge pixel repeated beyond the edge.

Source of the cubic: R. G. Keys, Cubic convolution interpolation for digital image processing, IEEE TASSP 29 (1981),
https://doi.org/10.1109/TASSP.1981.1163711; a = -1/2 is the value for which its error is of third order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Weighted = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]
    """Which new pixel (counted from the first one wanted), from which source pixel, with what weight."""

KEYS_A = -0.5
"""The free parameter of the cubic convolution."""


@dataclass(frozen=True, slots=True, eq=False)
class AxisWeights:
    """How some new pixels along one axis come from the source's.

    Made by :func:`axis_weights`.

    Parameters
    ----------
    first, stop : int
        The source pixels that are needed: from ``first`` on, before ``stop``.
    matrix : sparse array of shape (new pixels, stop - first), float32
        Rows sum to 1.
    """

    first: int
    stop: int
    matrix: Any

    def apply(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Resize along the first axis.

        Parameters
        ----------
        values : ndarray of shape (stop - first, …), float32

        Returns
        -------
        ndarray of shape (new pixels, …), float32
        """
        flat = self.matrix @ np.ascontiguousarray(values).reshape(len(values), -1)
        resized: NDArray[np.float32] = flat.reshape(-1, *values.shape[1:])
        return resized


def axis_weights(length: int, resized: int, start: int, stop: int) -> AxisWeights:
    """Weights along one axis.

    Parameters
    ----------
    length, resized : int
        Pixels of the whole axis, before and after.
    start, stop : int
        The new pixels that are wanted, ``0 <= start < stop <= resized``.

    Returns
    -------
    AxisWeights
    """
    wanted = np.arange(start, stop)
    rows, cols, weights = (_area if resized <= length else _cubic)(length, resized, wanted)
    first, end = int(cols.min()), int(cols.max()) + 1
    matrix = csr_array((weights.astype(np.float32), (rows, cols - first)), shape=(len(wanted), end - first))
    return AxisWeights(first, end, matrix)


def _area(length: int, resized: int, wanted: NDArray[np.intp]) -> Weighted:
    """Part of a new pixel that each source pixel fills; counted in 1/resized of a source pixel, so in integers."""
    top, bottom = wanted * length, (wanted + 1) * length
    first, last = top // resized, (bottom - 1) // resized
    counts = last - first + 1
    rows = np.repeat(np.arange(len(wanted)), counts)
    cols = first[rows] + np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows]
    overlap = np.minimum(bottom[rows], (cols + 1) * resized) - np.maximum(top[rows], cols * resized)
    return rows, cols, overlap / length


def _cubic(length: int, resized: int, wanted: NDArray[np.intp]) -> Weighted:
    """Four source pixels around the centre of each new one."""
    centre = (2 * wanted + 1) * length - resized  # in 1 / (2 resized) of a source pixel, from the first one's centre
    before, part = np.divmod(centre, 2 * resized)
    taps = np.arange(-1, 3)
    distance = np.abs(part[:, None] / (2 * resized) - taps)
    near = ((KEYS_A + 2) * distance - (KEYS_A + 3)) * distance**2 + 1
    far = KEYS_A * (((distance - 5) * distance + 8) * distance - 4)
    weights = np.where(distance <= 1, near, far)
    cols = np.clip(before[:, None] + taps, 0, length - 1)
    return np.repeat(np.arange(len(wanted)), len(taps)), cols.ravel(), weights.ravel()
