"""Which pixels lie in a polygon, or under a line. Coordinates are (y, x), pixel centres at integers."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_dinosim.errors import OutsideImageError, RegionError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Shape = tuple[int, int]

Kind = Literal["polygon", "rectangle", "ellipse", "path", "line"]
"""What a shape is drawn as, in napari's words."""

OPEN = ("line", "path")
"""Kinds of shapes that are lines: what lies under them is meant, unless they are closed."""

ELLIPSE_VERTICES = 64
"""An ellipse is looked at as a polygon of so many vertices: less than 0.2 % of its area is missed."""

MOST_PIXELS = 1 << 20
"""Of a region in a larger rectangle of pixels, only every second, third, … row and column is looked at: about 5 ms."""

MOST_CROSSINGS = 1 << 20
"""So many crossings of edges and rows of pixels are looked at at once: about 100 MB."""

SHORTENED = 0.3
"""Pixels that an outline may move by: its corners are √⅛ = 0.35 pixels from the nearest centre."""


def checked(vertices: ArrayLike, least: int) -> NDArray[np.float64]:
    """Vertices as an array of shape (n, 2).

    Raises
    ------
    RegionError
        If they are none, fewer than ``least``, or not finite.
    """
    places = np.asarray(vertices, dtype=float)
    if places.ndim != 2 or places.shape[-1] != 2 or len(places) < least:
        raise RegionError(
            f"region: found vertices of shape {places.shape}, expected (n, 2) with n ≥ {least}, each (y, x). "
            "Draw it with more vertices."
        )
    if not np.isfinite(places).all():
        raise RegionError("region: found a vertex that is NaN or infinite, expected pixels. Delete it or draw it anew.")
    return places


def is_closed(kind: str, vertices: NDArray[np.float64]) -> bool:
    """Whether a shape has an inside; a path has one where it ends just where it begins, as outlines of objects do."""
    ends_where_it_begins = len(vertices) > 3 and np.array_equal(vertices[0], vertices[-1])
    return kind not in OPEN or (kind == "path" and ends_where_it_begins)


def drawn_as(kind: str, vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vertices of the polygon or path that a shape is drawn as.

    Parameters
    ----------
    kind : {"polygon", "rectangle", "ellipse", "path", "line"}
    vertices : ndarray of shape (n, d)
        Of an ellipse, the corners of the box around it, which may be turned and sheared.

    Returns
    -------
    ndarray of shape (m, d)
    """
    if kind != "ellipse":
        return vertices
    first, second, _, last = vertices
    angle = np.linspace(0, 2 * np.pi, ELLIPSE_VERTICES, endpoint=False)[:, None]
    found: NDArray[np.float64] = (
        vertices.mean(axis=0) + np.cos(angle) * (second - first) / 2 + np.sin(angle) * (last - first) / 2
    )
    return found


def outside(places: NDArray[np.float64], shape: Shape) -> OutsideImageError:
    """Make the error for a shape that lies beside the image."""
    (top, left), (bottom, right) = places.min(axis=0), places.max(axis=0)
    return OutsideImageError(
        f"the region from ({top:g}, {left:g}) to ({bottom:g}, {right:g}) lies outside the image of {shape[0]} × "
        f"{shape[1]} pixels. Draw it on the image."
    )


def rectangle(places: NDArray[np.float64], shape: Shape) -> tuple[tuple[int, int], tuple[int, int]]:
    """First pixel (row, column) that can lie in a shape, and the one behind the last."""
    low, high = np.floor(places.min(axis=0) + 0.5), np.floor(places.max(axis=0) + 0.5)
    if (high < 0).any() or (low >= shape).any():
        raise outside(places, shape)
    top, left = (int(place) for place in np.clip(low, 0, None))
    bottom, right = (int(place) for place in np.clip(high + 1, None, shape))
    return (top, left), (bottom, right)


def step_of(height: int, width: int) -> int:
    """Every so many-th row and column is enough of a rectangle."""
    return max(1, int(np.ceil(np.sqrt(height * width / MOST_PIXELS))))


def filled(places: NDArray[np.float64], ys: NDArray[np.intp], xs: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Which places of a lattice lie in a polygon, by the even–odd rule.

    Each edge turns over everything to its right, row by row; skimage.draw.polygon asks each pixel about each edge, and
    takes 2.8 s where this takes 20 ms (2048² pixels, 500 vertices).
    """
    if not len(places):
        return np.zeros((len(ys), len(xs)), dtype=bool)
    flips = np.zeros((len(ys), len(xs) + 1), dtype=np.uint8)  # how often each place is turned over; odd or even counts
    following = np.roll(places, -1, axis=0)
    swapped = (places[:, 0] > following[:, 0]) | (
        (places[:, 0] == following[:, 0]) & (places[:, 1] > following[:, 1])
    )  # there and back again is nothing, to the last bit
    low, high = (np.where(swapped[:, None], *ends) for ends in ((following, places), (places, following)))
    first, last = np.searchsorted(ys, low[:, 0]), np.searchsorted(ys, high[:, 0])  # rows with low ≤ row < high
    ends = np.cumsum(last - first)
    parts = np.searchsorted(ends, np.arange(MOST_CROSSINGS, ends[-1], MOST_CROSSINGS))
    for edges in np.split(np.arange(len(places)), parts):
        counts = (last - first)[edges]
        edge = np.repeat(edges, counts)
        row = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts)
        y, x = low[edge].T
        other_y, other_x = high[edge].T
        crossing = x + (ys[row] - y) / (other_y - y) * (other_x - x)
        np.add.at(flips.reshape(-1), row * flips.shape[1] + np.searchsorted(xs, crossing), 1)
    return (np.bitwise_xor.accumulate(flips[:, :-1], axis=1) & 1).astype(bool)


def traced(places: NDArray[np.float64], ys: NDArray[np.intp], xs: NDArray[np.intp], step: int) -> NDArray[np.bool_]:
    """Which places of a lattice lie under a line from vertex to vertex; of a coarse one, those next to it."""
    inside = np.zeros((len(ys), len(xs)), dtype=bool)
    for start, end in pairwise(places):
        count = 2 * int(np.ceil(np.abs(end - start).max() / step)) + 1
        along = start + np.linspace(0, 1, count)[:, None] * (end - start)
        y, x = ((np.floor(along + 0.5).astype(np.intp) - (ys[0], xs[0])) // step).T
        here = (y >= 0) & (x >= 0) & (y < len(ys)) & (x < len(xs))
        inside[y[here], x[here]] = True
    return inside


def outline_of(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Find a polygon that holds just the pixels of a mask.

    Contours run between the pixels (scikit-image's ``find_contours``, marching squares) and are shortened by less than
    it takes to reach a pixel's centre. Several parts, and holes, are strung on one thread there and back again: by the
    even–odd rule, it encloses nothing.

    Parameters
    ----------
    mask : ndarray of shape (height, width), bool

    Returns
    -------
    ndarray of shape (n, 2)
        (y, x) in pixels, pixel centres at integers; none where nothing is marked.

    Examples
    --------
    >>> mask = np.zeros((8, 9), dtype=bool)
    >>> mask[2:5, 3:8] = True
    >>> ys, xs = np.arange(8), np.arange(9)
    >>> bool((filled(outline_of(mask), ys, xs) == mask).all())
    True
    """
    from skimage.measure import approximate_polygon, find_contours

    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return np.empty((0, 2))
    top, left = rows[0], cols[0]
    part = np.pad(mask[top : rows[-1] + 1, left : cols[-1] + 1], 1)
    rings = [approximate_polygon(ring, SHORTENED) for ring in find_contours(part.astype(np.float32), 0.5)]
    there = np.concatenate(rings)
    back = np.array([ring[0] for ring in reversed(rings[:-1])]).reshape(-1, 2)
    found: NDArray[np.float64] = np.concatenate([there, back]) + np.array([top - 1, left - 1])
    return found[:-1] if np.array_equal(found[0], found[-1]) else found
