"""Regions as prompts: which patches a drawn shape or an object covers, and how much of each.

A region is a set of pixels: those whose centre lies in the shape, or that belong to the object. A patch counts by how
many of them it holds. So a shape and a mask of the same pixels mean the same, on every patch grid: a region knows
nothing of patches until it is asked with a grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from napari_dinosim.errors import RegionError
from napari_dinosim.outlines import checked, drawn_as, filled, is_closed, outside, rectangle, step_of, traced

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_dinosim.grid import PatchGrid
    from napari_dinosim.outlines import Kind


MOST_SPREAD = 32
"""So many patches of a region say which windows of an image come first."""


class Covered(NamedTuple):
    """Patches of a grid that a region covers, ordered by row.

    Parameters
    ----------
    rows, cols : ndarray of shape (n,), int
    pixels : ndarray of shape (n,), int
        How many of the region's pixels lie in each, at least 1.
    """

    rows: NDArray[np.intp]
    cols: NDArray[np.intp]
    pixels: NDArray[np.intp]

    def some(self, most: int) -> Covered:
        """At most so many of them, drawn at random, the same each time."""
        if len(self.rows) <= most:
            return self
        chosen = np.sort(np.random.default_rng(0).choice(len(self.rows), most, replace=False))
        return Covered(self.rows[chosen], self.cols[chosen], self.pixels[chosen])


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Region:
    """Some pixels of an image plane.

    Made by :meth:`polygon`, :meth:`path`, :meth:`drawn`, :meth:`mask` or :meth:`label`.

    Parameters
    ----------
    shape : tuple of int
        (height, width) of the plane, in pixels.
    top, left : int
        First pixel row and column of the rectangle that holds them all.
    inside : ndarray of shape (n, m), bool
        Which pixels of the rectangle they are, of every ``step``-th row and column.
    step : int
        1 but for huge regions.
    kind : str
        What it was drawn as: ``"polygon"``, …; or ``"mask"``.
    vertices : ndarray of shape (k, 2), optional
        (y, x) of what was drawn.

    Examples
    --------
    >>> region = Region.polygon([(0, 0), (0, 20), (10, 20), (10, 0)], (100, 150))
    >>> region.pixels
    200
    """

    shape: tuple[int, int]
    top: int
    left: int
    inside: NDArray[np.bool_]
    step: int = 1
    kind: str = "mask"
    vertices: NDArray[np.float64] | None = None

    @property
    def pixels(self) -> int:
        """How many pixels there are; of a huge region, about so many."""
        return int(np.count_nonzero(self.inside)) * self.step**2

    @classmethod
    def polygon(cls, vertices: ArrayLike, shape: tuple[int, int]) -> Self:
        """Pixels whose centre lies in a polygon.

        A centre on an edge belongs to the polygon below it or to its right, so that polygons side by side share none.
        Where edges cross, what is enclosed twice is outside (the even–odd rule). A polygon that holds no centre at all
        stands for the pixel under the mean of its vertices.

        Parameters
        ----------
        vertices : array_like of shape (n, 2)
            (y, x) in pixels, pixel centres at integers; n ≥ 3. The last is joined to the first. Parts outside the
            image do not count.
        shape : tuple of int
            (height, width) of the image, in pixels.

        Raises
        ------
        RegionError
            If these are no vertices of a polygon.
        OutsideImageError
            If no part of it lies in the image.
        """
        return cls.drawn("polygon", vertices, shape)

    @classmethod
    def path(cls, vertices: ArrayLike, shape: tuple[int, int]) -> Self:
        """Pixels under a line that is drawn from one vertex to the next.

        Parameters
        ----------
        vertices : array_like of shape (n, 2)
            (y, x) in pixels, pixel centres at integers; n ≥ 2.
        shape : tuple of int
            (height, width) of the image, in pixels.

        Raises
        ------
        RegionError
            If these are no vertices.
        OutsideImageError
            If no part of it lies in the image.
        """
        # one that ends where it begins has no inside: not "path", which would have one
        return cls._made("line", checked(vertices, 2), shape, closed=False)

    @classmethod
    def drawn(cls, kind: Kind, vertices: ArrayLike, shape: tuple[int, int]) -> Self:
        """Pixels of a shape as napari draws it.

        Parameters
        ----------
        kind : {"polygon", "rectangle", "ellipse", "path", "line"}
            A path that ends just where it begins has an inside, as a polygon has.
        vertices : array_like of shape (n, 2)
            (y, x) in pixels; of an ellipse, the four corners of the box around it.
        shape : tuple of int
            (height, width) of the image, in pixels.

        Raises
        ------
        RegionError
            If these are no vertices of such a shape.
        OutsideImageError
            If no part of it lies in the image.
        """
        places = np.asarray(vertices, dtype=float)
        if kind == "ellipse" and places.shape != (4, 2):
            raise RegionError(
                f"region: found vertices of shape {places.shape}, expected (4, 2): the box of an ellipse."
            )
        closed = is_closed(kind, places)
        return cls._made(kind, checked(places, 3 if closed else 2), shape, closed=closed)

    @classmethod
    def mask(cls, mask: ArrayLike) -> Self:
        """Pixels that a mask marks.

        Parameters
        ----------
        mask : array_like of shape (height, width), bool
            Over the whole image.

        Raises
        ------
        RegionError
            If it is no mask, or marks nothing.

        Examples
        --------
        >>> marked = np.zeros((100, 150), dtype=bool)
        >>> marked[20:30, 40:60] = True
        >>> Region.mask(marked).pixels
        200
        """
        marked = np.asarray(mask)
        if marked.ndim != 2 or marked.dtype != np.bool_:
            raise RegionError(
                f"mask: found {marked.dtype} of shape {marked.shape}, expected bool of shape (height, width). "
                "Compare an image of labels with a number: labels == 7."
            )
        rows, cols = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
        if not len(rows):
            raise RegionError("mask: found no pixel that is True, expected at least one. Choose another object.")
        (top, bottom), (left, right) = (rows[0], rows[-1] + 1), (cols[0], cols[-1] + 1)
        step = step_of(bottom - top, right - left)
        found = marked[top:bottom:step, left:right:step].copy()
        if not found.any():  # fine threads that the lattice misses
            step, found = 1, marked[top:bottom, left:right].copy()
        return cls((marked.shape[0], marked.shape[1]), int(top), int(left), found, step)

    @classmethod
    def label(cls, labels: ArrayLike, value: int) -> Self:
        """Pixels of one object of an image of labels.

        Parameters
        ----------
        labels : array_like of shape (height, width), int
            Over the whole image.
        value : int
            Number of the object.

        Raises
        ------
        RegionError
            If no pixel has that number.
        """
        marked = np.asarray(labels) == value
        if not marked.any():
            raise RegionError(f"object {value}: found no pixel of it, expected some. Choose a number that occurs.")
        return cls.mask(marked)

    @classmethod
    def _made(cls, kind: str, vertices: NDArray[np.float64], shape: tuple[int, int], *, closed: bool) -> Self:
        """Region of a shape; where it holds no pixel's centre, the pixel under the mean of its vertices."""
        places = drawn_as(kind, vertices)
        (top, left), (bottom, right) = rectangle(places, shape)
        step = step_of(bottom - top, right - left)
        ys, xs = np.arange(top, bottom, step), np.arange(left, right, step)
        inside = filled(places, ys, xs) if closed else traced(places, ys, xs, step)
        if inside.any():
            return cls(shape, top, left, inside, step, kind, vertices)
        y, x = np.floor(places.mean(axis=0) + 0.5)
        if not (0 <= y < shape[0] and 0 <= x < shape[1]):
            raise outside(places, shape)
        return cls(shape, int(y), int(x), np.ones((1, 1), dtype=bool), 1, kind, vertices)

    def patches(self, grid: PatchGrid) -> Covered:
        """Patches that hold any of the pixels, and how many each.

        Parameters
        ----------
        grid : PatchGrid
            Of an image of the same height and width.

        Raises
        ------
        RegionError
            If the image is of another size.

        Examples
        --------
        >>> from napari_dinosim import PatchGrid
        >>> region = Region.polygon([(0, 0), (0, 20), (10, 20), (10, 0)], (100, 150))
        >>> covered = region.patches(PatchGrid(100, 150, 16))
        >>> covered.cols.tolist(), covered.pixels.tolist()
        ([0, 1], [160, 40])
        """
        if grid.image_shape != self.shape:
            raise RegionError(
                f"region: found one of an image of {self.shape[0]} × {self.shape[1]} pixels, expected one of "
                f"{grid.height} × {grid.width}. Draw it on this image."
            )
        ys = self.top + self.step * np.arange(self.inside.shape[0])
        xs = self.left + self.step * np.arange(self.inside.shape[1])
        (rows, first_rows), (cols, first_cols) = (np.unique(i, return_index=True) for i in grid.patches_under(ys, xs))
        down = np.add.reduceat(self.inside, first_rows, axis=0, dtype=np.intp)
        counts = np.add.reduceat(down, first_cols, axis=1)
        row, col = np.nonzero(counts)
        return Covered(rows[row], cols[col], counts[row, col])

    def spread(self, grid: PatchGrid) -> list[tuple[int, int]]:
        """Choose some of the patches, (row, col), all over the region: where to begin with an image that takes long."""
        covered = self.patches(grid)
        some = np.unique(np.linspace(0, len(covered.rows) - 1, MOST_SPREAD).astype(int))
        return [(int(covered.rows[i]), int(covered.cols[i])) for i in some]

    def is_small(self, grid: PatchGrid) -> bool:
        """Whether it is smaller than a patch, and so stands for more than it covers."""
        return self.pixels < grid.footprint[0] * grid.footprint[1]
