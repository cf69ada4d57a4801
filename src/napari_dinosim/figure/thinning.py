"""A small copy of a large image, read part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_dinosim.image import Plane

MOST_PIXELS = 1600
"""Longest side of the copy: 4 inches at 400 dots per inch."""

STRIP = 128
"""Rows of the copy that are made at once."""


def thinned(
    plane: Plane, most: int = MOST_PIXELS, check: Callable[[int, int], None] = lambda _done, _total: None
) -> NDArray[np.float32]:
    """Shrink an image by averaging over areas; a small one is read as it is.

    A pyramid is read from the smallest level that suffices.

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
    ndarray of shape (h, w, 3), float32
        RGB in [0, 1]; it covers the whole image.
    """
    from napari_dinosim.sampling import Sampling, sampled_plane

    sampling = Sampling.zoomed(min(1.0, most / max(plane.shape)))
    small = sampled_plane(plane, sampling, 1)
    height, width = sampling.shape(plane.shape, 1)
    made = np.empty((height, width, 3), dtype=np.float32)
    for top in range(0, height, STRIP):
        bottom = min(top + STRIP, height)
        made[top:bottom], _nonfinite = small.window(top, 0, bottom - top, width)
        check(bottom, height)
    return made
