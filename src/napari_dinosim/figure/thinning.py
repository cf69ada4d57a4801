"""A small copy of a large image, read part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_dinosim.image import Plane

MOST_PIXELS = 1600
"""Longest side of the copy: 4 inches at 400 dots per inch."""

PART = 2048
"""Side of a part that is read at once, in pixels of the original."""


def thinned(
    plane: Plane, most: int = MOST_PIXELS, check: Callable[[int, int], None] = lambda _done, _total: None
) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """Shrink an image by averaging over squares of a whole number of pixels; a small one is read as it is.

    Parameters
    ----------
    plane : Plane
        See :func:`napari_dinosim.image.image_plane` and :class:`napari_dinosim.composition.Composition`.
    most : int
        Longest side of the copy, in pixels.
    check : callable(done, total), optional
        Called after each part; may raise.

    Returns
    -------
    image : ndarray of shape (h, w, 3), float32
        RGB in [0, 1].
    covers : (height, width)
        What it covers, in pixels of the original: the last squares may reach beyond its edge, of which they are the
        average as far as they lie within.
    """
    height, width = plane.shape
    step = max(1, -(-max(height, width) // most))
    side = step * max(1, PART // step)
    made = np.empty((-(-height // step), -(-width // step), 3), dtype=np.float32)
    corners = [(top, left) for top in range(0, height, side) for left in range(0, width, side)]
    for done, (top, left) in enumerate(corners, 1):
        part, _ = plane.window(top, left, min(side, height - top), min(side, width - left))
        small = _mean(_mean(part, step, 0), step, 1)
        y, x = top // step, left // step
        made[y : y + small.shape[0], x : x + small.shape[1]] = small
        check(done, len(corners))
    return made, (float(made.shape[0] * step), float(made.shape[1] * step))


def _mean(values: NDArray[Any], step: int, axis: int) -> NDArray[Any]:
    """Means of every ``step`` values along an axis; of what is left at its end."""
    if step == 1:
        return values
    starts = np.arange(0, values.shape[axis], step)
    counts = np.diff([*starts, values.shape[axis]])
    found: NDArray[Any] = np.add.reduceat(values, starts, axis=axis)
    return found / counts.reshape([-1 if i == axis else 1 for i in range(values.ndim)]).astype(np.float32)
