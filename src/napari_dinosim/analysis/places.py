"""The best places of a map, one after the other: greedy non-maximum suppression on the patch grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_dinosim.regions import Region

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from napari_dinosim.grid import PatchGrid

ROUNDING = 1e-9
"""Share of the radius by which two patches may be nearer: distances of equal steps differ by what floats round."""


class BestPlaces:
    """Gives patches in the order of their scores, each at least a radius away from all that were given before.

    This is greedy non-maximum suppression, exactly: the highest score is given, all patches nearer than the radius are
    struck out, and so on. Of equal scores the first in reading order is given. The maxima of rows are kept, and those
    near what is struck out made anew, so that one place costs some rows and not the whole map: 3.5 million patches are
    gone through once.

    Parameters
    ----------
    scores : ndarray of shape (rows, cols), float32
        Cosines; NaN where not known. Not changed.
    grid : PatchGrid
    radius : float
        Smallest distance of two places, between the middles of their patches, in the unit of ``pixel_size``.
    pixel_size : (float, float)
        Distance of two pixels along y and x.
    threshold : float
        Lower scores are not given.
    """

    def __init__(
        self,
        scores: NDArray[np.float32],
        grid: PatchGrid,
        radius: float = 0.0,
        pixel_size: tuple[float, float] = (1.0, 1.0),
        threshold: float = -2.0,
    ) -> None:
        self._left = np.where(scores >= threshold, scores, np.float32(-np.inf))
        self._tops = self._left.max(axis=1)
        ys, xs = grid.centres()
        self._grid, self._ys, self._xs = grid, ys * pixel_size[0], xs * pixel_size[1]
        self._radius = radius * (1 - ROUNDING)

    def exclude(self, places: Iterable[tuple[float, float] | Region]) -> None:
        """Strike out what lies nearer than the radius to the patches under points, (y, x) in pixels, or regions."""
        for place in places:
            if isinstance(place, Region):
                self._exclude_region(place)
            else:
                self._strike(*self._grid.patch_at(*place))

    def _exclude_region(self, region: Region) -> None:
        """Strike out the patches of a region at once, then what is near to those at its rim: no inner one is nearer."""
        rows, cols, _ = region.patches(self._grid)
        covered = np.zeros(np.add(self._grid.shape, 2), dtype=bool)
        covered[rows + 1, cols + 1] = True
        shifts = [(down, across) for down in (-1, 0, 1) for across in (-1, 0, 1)]
        inner = np.all([covered[rows + 1 + down, cols + 1 + across] for down, across in shifts], axis=0)
        self._left[rows, cols] = -np.inf
        struck = np.unique(rows)
        self._tops[struck] = self._left[struck].max(axis=1)
        for row, col in zip(rows[~inner].tolist(), cols[~inner].tolist(), strict=True):
            self._strike(row, col)

    def __iter__(self) -> Iterator[tuple[int, int, float]]:
        while True:
            row = int(self._tops.argmax())
            if self._tops[row] == -np.inf:
                return
            col = int(self._left[row].argmax())
            score = float(self._left[row, col])
            self._strike(row, col)
            yield row, col, score

    def _strike(self, row: int, col: int) -> None:
        """Strike out a patch and all that are nearer than the radius."""
        y, x = self._ys[row], self._xs[col]
        down, across = self._near(self._ys, row), self._near(self._xs, col)
        near = (self._ys[down, None] - y) ** 2 + (self._xs[None, across] - x) ** 2 < self._radius**2
        self._left[down, across][near] = -np.inf
        self._left[row, col] = -np.inf
        self._tops[down] = self._left[down].max(axis=1)

    def _near(self, middles: NDArray[np.float64], index: int) -> slice:
        """Rows or columns that may be within the radius of one; itself at least."""
        low = int(np.searchsorted(middles, middles[index] - self._radius, side="left"))
        high = int(np.searchsorted(middles, middles[index] + self._radius, side="right"))
        return slice(min(low, index), max(high, index + 1))
