"""A map in blocks, level by level of its pyramid, upsampled as they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from napari_dinosim.errors import Cancelled, ExportError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from napari_dinosim.planes import PlaneIndex

SMALLEST_LEVEL = 1024
"""Longest side, in pixels, of the smallest level of a pyramid."""


class MapOnPixels(Protocol):
    """The map of a plane, as far as writing it goes: a :class:`napari_dinosim.states.SimilarityMap`, say."""

    @property
    def image_shape(self) -> tuple[int, int]:
        """(height, width) of the plane, in pixels."""

    def upsample_at(self, ys: NDArray[np.intp], xs: NDArray[np.intp]) -> NDArray[np.float32]:
        """Values at n pixel rows and m pixel columns, of shape (n, m)."""


@dataclass(frozen=True, slots=True, eq=False)
class MapBlocks:
    """The maps of all planes of an image, at its own resolution and coarser ones.

    Parameters
    ----------
    shape : tuple of int
        (…, height, width) in pixels.
    lookup : callable(plane index) -> MapOnPixels or None
        The map of a plane; a plane without one is NaN.

    Raises
    ------
    ExportError
        If the shape has fewer than two axes, or an axis of length 0.
    """

    shape: tuple[int, ...]
    lookup: Callable[[PlaneIndex], MapOnPixels | None]

    def __post_init__(self) -> None:
        if len(self.shape) < 2 or min(self.shape) < 1:
            raise ExportError(f"map: found the shape {self.shape}, expected (…, height, width), each at least 1.")

    @property
    def planes(self) -> list[PlaneIndex]:
        """Indices of all planes, the last axis fastest."""
        return list(np.ndindex(self.shape[:-2]))

    @property
    def levels(self) -> list[tuple[int, int]]:
        """(height, width) of each level, the finest first; each is half of the one before, rounded up."""
        height, width = self.shape[-2:]
        steps = [1]
        while max(height, width) > steps[-1] * SMALLEST_LEVEL:
            steps.append(steps[-1] * 2)
        return [(-(-height // step), -(-width // step)) for step in steps]

    def count(self, side: int) -> int:
        """Count the square blocks of a side, in all planes and levels."""
        return len(self.planes) * sum(-(-height // side) * -(-width // side) for height, width in self.levels)

    def read(
        self, plane: PlaneIndex, level: tuple[int, int], side: int
    ) -> Iterator[tuple[tuple[slice, slice], NDArray[np.float32] | None]]:
        """Blocks of one plane at one level, row by row; those at the bottom and right edge are smaller.

        Yields
        ------
        tuple of slice
            Where the block lies, (y, x).
        ndarray of shape (at most side, at most side), float32, or None
            Its values in [0, 1]; None where the plane has no map.

        Raises
        ------
        ExportError
            If the map of the plane is one of an image of another size.
        """
        found = self.lookup(plane)
        if found is not None and found.image_shape != self.shape[-2:]:
            raise ExportError(
                f"map of plane {plane}: found one of {found.image_shape} pixels, expected {self.shape[-2:]}."
            )
        pixels = [_centres(full, n) for full, n in zip(self.shape[-2:], level, strict=True)]
        for top in range(0, level[0], side):
            for left in range(0, level[1], side):
                place = slice(top, min(top + side, level[0])), slice(left, min(left + side, level[1]))
                if found is None:
                    yield place, None
                else:
                    ys, xs = (axis[part] for axis, part in zip(pixels, place, strict=True))
                    yield place, found.upsample_at(ys, xs)


def _centres(full: int, n: int) -> NDArray[np.intp]:
    """Index of the pixel, of ``full``, under the centre of each of a level's ``n``."""
    found: NDArray[np.intp] = np.floor((np.arange(n) + 0.5) * (full / n)).astype(np.intp)
    return found


class Steps:
    """Counts blocks, tells of them once per cent, and ends the work where it was cancelled.

    Parameters
    ----------
    on_progress : callable(done, total), optional
    cancelled : callable() -> bool, optional
    """

    def __init__(self, on_progress: Callable[[int, int], None] | None, cancelled: Callable[[], bool] | None) -> None:
        self._on_progress, self._cancelled = on_progress, cancelled
        self._done = 0
        self.total = 1

    def step(self) -> None:
        """Note that a block is done.

        Raises
        ------
        Cancelled
            If the person does not want the rest.
        """
        if self._cancelled is not None and self._cancelled():
            raise Cancelled("Writing the map was cancelled; nothing of it was kept.")
        self._done += 1
        before, now = (100 * done // self.total for done in (self._done - 1, self._done))
        if self._on_progress is not None and now > before:
            self._on_progress(self._done, self.total)
