"""A random walk over pixels that avoids edges of the image: which marker is reached first from where.

As in :func:`skimage.segmentation.random_walker`, with its weights; but each marker is looked at around itself only, so
that many of them take little longer than few, and between any two steps it can be cancelled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

BETA = 130.0
"""How strongly an edge of the image stops the walker: the default of scikit-image, and of the order of Grady's."""

LEAST = 1e-10
"""Weight that even the strongest edge has, so that every pixel can be left: as in scikit-image."""

TOLERANCE = 1e-3
"""Of the solution, relative to the right-hand side: the default of scikit-image; only the likeliest marker counts."""


def first_reached(
    rgb: NDArray[np.float32], markers: NDArray[np.int32], margin: int, step: Callable[[], None]
) -> NDArray[np.int32]:
    """Give each pixel the marker that a random walker would reach first.

    Parameters
    ----------
    rgb : ndarray of shape (H, W, C)
        Not of one value everywhere.
    markers : ndarray of shape (H, W), int32
        Numbers from 1 on, at least one; 0 where the walker decides.
    margin : int
        How far from its pixels a marker is looked at, along y and along x: beyond that nobody reaches it.
    step : callable()
        Called between steps of some milliseconds; may raise.

    Returns
    -------
    ndarray of shape (H, W), int32
        0 where nobody arrives.
    """
    from scipy.ndimage import find_objects
    from scipy.sparse import diags_array
    from scipy.sparse.linalg import cg

    graph, flat = _laplacian(rgb), markers.ravel()
    places = np.arange(flat.size).reshape(markers.shape)
    best, found = np.zeros(flat.size, rgb.dtype), flat.copy()
    for number, box in enumerate(find_objects(markers), 1):
        step()
        if box is None:
            continue
        around = tuple(slice(max(one.start - margin, 0), one.stop + margin) for one in box)
        inside = places[around][markers[around] == 0]
        rows = graph[inside]
        system, towards = rows[:, inside], -(rows @ (flat == number).astype(rgb.dtype))
        nearly = diags_array(1 / system.diagonal())  # Jacobi's preconditioner
        chance, _ = cg(system, towards, rtol=TOLERANCE, M=nearly, callback=lambda _solution: step())
        better = chance > best[inside]
        best[inside[better]], found[inside[better]] = chance[better], number
    return found.reshape(markers.shape)


def _laplacian(rgb: NDArray[np.float32]) -> Any:
    """Laplacian of the graph of the pixels and their four neighbours, (n, n), sparse."""
    from scipy.sparse import diags_array
    from scipy.sparse.csgraph import laplacian

    height, width, channels = rgb.shape
    scale = BETA / (10 * rgb.std() * np.sqrt(channels))
    down, right = np.zeros((height, width), rgb.dtype), np.zeros((height, width), rgb.dtype)
    down[:-1] = np.exp(-scale * (np.diff(rgb, axis=0) ** 2).sum(axis=-1)) + LEAST
    right[:, :-1] = np.exp(-scale * (np.diff(rgb, axis=1) ** 2).sum(axis=-1)) + LEAST
    size = height * width
    weights = [right.ravel()[: size - 1], down.ravel()[: size - width]]
    upper = diags_array(weights, offsets=[1, width], shape=(size, size))
    return laplacian((upper + upper.T).tocsr()).tocsr()
