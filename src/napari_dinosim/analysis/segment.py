"""Threshold → labels: from scores to a label image. Works on the patch grid; pixels are made when they are asked for.

The road, in order: 1. scores are smoothed; 2. interpolated onto finer cells; 3. each cell belongs to the class of its
highest score, where that reaches the threshold; 4. enclosed cells are filled; 5. small parts are left out; 6. parts
become objects, and small ones are left out once more; 7. labels are numbered from 1 on. Each pixel has the label of the
cell that holds it. Parts are connected through edges, not through corners. Where outlines are moved to the edges of the
image (:mod:`napari_dinosim.analysis.edges`), steps 4 and 5 follow once more, on pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dinosim.analysis.areas import PIXEL
from napari_dinosim.analysis.labelling import filled, highest, objects, refined, smoothed, sums, winners, without_small
from napari_dinosim.analysis.recipe import SIMILAR, Segmentation
from napari_dinosim.errors import Cancelled, SegmentationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from napari_dinosim.grid import PatchGrid

MOST_CELLS = 2**25
"""Most cells that one plane is cut into: about a gigabyte of memory while it is segmented."""


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """What was found in one plane.

    Parameters
    ----------
    labels : ndarray of shape (rows, cols), int32
        Label of each cell; 0 where nothing is.
    grid : PatchGrid
        Where the cells lie.
    names : tuple of str
        Class of each label, from 1 on.
    scores : ndarray of shape (n,), float32
        Mean score of each label, over its pixels.
    threshold : float
        That was used.
    scored : ndarray of shape (rows, cols), bool
        Cells that have a score.
    fewest : int
        Pixels that every part has at least.
    fill_holes : bool
        Whether what is enclosed by one class became part of it.
    """

    labels: NDArray[np.int32]
    grid: PatchGrid
    names: tuple[str, ...]
    scores: NDArray[np.float32]
    threshold: float
    scored: NDArray[np.bool_]
    fewest: int
    fill_holes: bool

    @property
    def known(self) -> bool:
        """Whether there was any score at all."""
        return bool(self.scored.any())

    @property
    def count(self) -> int:
        """How many labels there are."""
        return len(self.names)

    @property
    def pixels(self) -> NDArray[np.int64]:
        """Pixels of each label, exactly, (n,)."""
        return sums(self.labels, cell_pixels(self.grid), self.count)

    @property
    def fraction(self) -> float:
        """How much of the plane is found, from 0 to 1."""
        return float(self.pixels.sum()) / (self.grid.height * self.grid.width)

    def at(self, ys: NDArray[np.intp], xs: NDArray[np.intp], dtype: DTypeLike = np.int32) -> NDArray[Any]:
        """Labels at chosen pixel rows (n) and columns (m), inside the image; (n, m), of an integer type."""
        labels: NDArray[Any] = self.labels.astype(label_type(self.count, dtype), copy=False)
        return self.grid.upsample_at(labels, ys, xs)

    def image(self, dtype: DTypeLike | None = None) -> NDArray[Any]:
        """Label image at the image's resolution.

        Parameters
        ----------
        dtype : dtype, optional
            An integer type; by default the smallest unsigned one that holds all labels.

        Returns
        -------
        ndarray of shape (height, width)

        Raises
        ------
        SegmentationError
            If there are more labels than the type holds.
        """
        rows, columns = np.arange(self.grid.height), np.arange(self.grid.width)
        return self.at(rows, columns, label_type(self.count, dtype))

    def table(self, pixels: NDArray[np.int64] | None = None) -> dict[str, list[Any]]:
        """Columns of a table with one row per label: ``index``, ``class``, ``pixels``, ``score``.

        Parameters
        ----------
        pixels : ndarray of shape (n,), optional
            Pixels of each label where they are others than :attr:`pixels`; labels without any are left out.
        """
        counts = self.pixels if pixels is None else pixels
        rows = [label for label in range(1, self.count + 1) if counts[label - 1]]
        return {
            "index": rows,
            "class": [self.names[label - 1] for label in rows],
            "pixels": [int(counts[label - 1]) for label in rows],
            "score": [float(self.scores[label - 1]) for label in rows],
        }


def segment(
    scores: ArrayLike | Mapping[str, ArrayLike],
    grid: PatchGrid,
    recipe: Segmentation | None = None,
    *,
    pixel_size: tuple[float, float] | None = None,
    unit: str = PIXEL,
    cancelled: Callable[[], bool] = lambda: False,
) -> Segments:
    """Make labels from the scores of one plane.

    Parameters
    ----------
    scores : array_like of shape (rows, cols), or mapping of str to such
        One score per patch, on whatever scale the threshold is meant; of several classes, by their names: a patch
        belongs to the one with the highest score. NaN, for what is not embedded, is never found.
    grid : PatchGrid
        Where the patches lie.
    recipe : Segmentation, optional
        How; by default all from 0.5 on, as one label.
    pixel_size : (float, float), optional
        Height and width of a pixel, needed for a minimum size in a unit of area.
    unit : str, default: "pixel"
        Their unit of length.
    cancelled : callable() -> bool
        Asked between the steps.

    Returns
    -------
    Segments
        Labels of the cells, and of pixels where they are asked for. With one label per class, label k is the k-th
        class, found or not; objects are numbered class by class, from top to bottom.

    Raises
    ------
    SegmentationError
        If scores are not of the grid's shape, if there are too many cells, or see :class:`Segmentation`.
    Cancelled
        If it was cancelled.

    Examples
    --------
    >>> from napari_dinosim import PatchGrid, Segmentation, segment
    >>> scores = [[0.9, 0.1, 0.8], [0.9, 0.2, 0.1]]
    >>> found = segment(scores, PatchGrid(20, 40, 16), Segmentation(0.5, objects="components"))
    >>> found.labels
    array([[1, 0, 2],
           [1, 0, 0]], dtype=int32)
    >>> found.image().shape, found.pixels
    ((20, 40), array([320, 128]))
    """
    recipe = recipe or Segmentation()
    by_name = scores if isinstance(scores, Mapping) else {SIMILAR: scores}
    maps = [_checked(name, values, grid) for name, values in by_name.items()]
    if not maps:
        raise SegmentationError("scores: found no class, expected at least one. Give a map for each class.")
    fewest = recipe.minimum_pixels(pixel_size, unit)
    return _segmented(list(by_name), maps, grid, recipe, fewest, lambda: _go_on(cancelled))


def label_type(count: int, dtype: DTypeLike | None = None) -> np.dtype[Any]:
    """Smallest unsigned integer type that holds so many labels, or the given one.

    Raises
    ------
    SegmentationError
        If it is no integer type, or does not hold them.
    """
    if dtype is None:
        return np.dtype(np.uint8 if count <= 255 else np.uint16 if count <= 65535 else np.int32)
    held = np.dtype(dtype)
    if held.kind not in "iu":
        raise SegmentationError(f"type of labels: found {held}, expected an integer type. Choose uint16.")
    if count > np.iinfo(held).max:
        raise SegmentationError(
            f"labels: found {count}, but {held} holds {np.iinfo(held).max}. Choose a larger type, or a minimum size."
        )
    return held


def cell_pixels(grid: PatchGrid) -> NDArray[np.int64]:
    """How many pixels of the image lie in each cell, (rows, cols); those of the padding do not count."""
    rows, cols = np.arange(grid.rows)[:, None], np.arange(grid.cols)[None]
    first = np.zeros(1, dtype=np.intp)
    row_of = grid.upsample_at(np.broadcast_to(rows, grid.shape), np.arange(grid.height), first)[:, 0]
    col_of = grid.upsample_at(np.broadcast_to(cols, grid.shape), first, np.arange(grid.width))[0]
    heights, widths = np.bincount(row_of, minlength=grid.rows), np.bincount(col_of, minlength=grid.cols)
    return np.multiply.outer(heights, widths)


def _checked(name: str, scores: ArrayLike, grid: PatchGrid) -> NDArray[np.float32]:
    found = np.asarray(scores, dtype=np.float32)
    if found.shape != grid.shape:
        raise SegmentationError(
            f"scores of {name!r}: found shape {found.shape}, expected {grid.shape}, one score per patch of the grid."
        )
    return found


def _go_on(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled("cancelled while labels were made")


def _segmented(
    names: list[str],
    maps: list[NDArray[np.float32]],
    grid: PatchGrid,
    recipe: Segmentation,
    fewest: int,
    step: Callable[[], None],
) -> Segments:
    """Go the road; before each step ``step`` is called, and may raise."""
    cells = replace(grid, finer=grid.finer * recipe.detail)
    if cells.rows * cells.cols > MOST_CELLS:
        raise SegmentationError(
            f"detail: found {cells.rows} × {cells.cols} cells, expected at most {MOST_CELLS:,} in all. Choose less "
            f"detail than {recipe.detail}."
        )
    step()
    threshold = recipe.threshold_for([highest(maps)])
    fine = []
    for values in maps:
        step()
        fine.append(refined(smoothed(values, recipe.smoothing * grid.finer), recipe.detail, cells))
    step()
    score = highest(fine)
    labels, scored = winners(fine, score, threshold), np.isfinite(score)
    if recipe.fill_holes:
        labels = filled(labels, scored, len(fine), step)
    step()
    weights = cell_pixels(cells)
    labels, of = without_small(labels, weights, fewest), list(range(len(names)))
    if recipe.objects != "together":
        step()
        distance = round(recipe.distance * cells.finer)
        labels, of = objects(labels, score, recipe.objects, distance, weights, fewest)
    step()
    pixels = sums(labels, weights, len(of))
    means = sums(labels, weights * np.nan_to_num(score), len(of)) / np.maximum(pixels, 1)
    classes, scores = tuple(names[k] for k in of), means.astype(np.float32)
    return Segments(labels, cells, classes, scores, threshold, scored, fewest, recipe.fill_holes)
