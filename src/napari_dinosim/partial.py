"""What is done of a plane: its windows, blended so far, so that the work can be left and gone on with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import torch

from napari_dinosim.mosaic import Mosaic

if TYPE_CHECKING:
    from torch import Tensor

    from napari_dinosim.grid import PatchGrid

HALO = 4
"""Patches of context on each side of the part of a window that counts in full."""


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of whole patches: first row and column, and how many of each."""

    row: int
    col: int
    rows: int
    cols: int

    def gap(self, other: Window) -> int:
        """Patches between two rectangles, along the axis where they are further apart; 0 where they meet."""
        down = max(other.row - (self.row + self.rows), self.row - (other.row + other.rows), -1)
        across = max(other.col - (self.col + self.cols), self.col - (other.col + other.cols), -1)
        return max(down, across) + 1


class Focus(NamedTuple):
    """Which part of a plane is looked at.

    Parameters
    ----------
    view : Window
        What is on screen: its windows come first, then the others, outward.
    only : bool
        Whether the others are left out.
    places : tuple of (row, col)
        Patches that are needed too, wherever they are: those under prompts.
    """

    view: Window
    only: bool = False
    places: tuple[tuple[int, int], ...] = ()

    def rank(self, window: Window) -> tuple[int, float]:
        """Sort key of a window: the lower, the earlier; what is needed has 0 first."""
        gaps = [window.gap(self.view), *(window.gap(Window(row, col, 1, 1)) for row, col in self.places)]
        middle = abs(2 * (window.row - self.view.row) + window.rows - self.view.rows)
        middle += abs(2 * (window.col - self.view.col) + window.cols - self.view.cols)
        return min(gaps), middle


@dataclass(slots=True, eq=False)
class PartialPlane:
    """What is done of one plane.

    Filled by :func:`napari_dinosim.tiling.encode_plane`; given to it again after an error or a cancellation, no
    finished window is encoded twice. Holds neither encoder nor image, and nothing on a GPU, which can be lost.

    Parameters
    ----------
    of : (PatchGrid, str), optional
        Which grid, and which encoder's identity; None before it is begun.
    windows : list of Window
        Into which the plane is cut.
    at_once : int
        How many the encoder is given at once.
    nonfinite : bool
        Whether NaN or ±inf were found so far.
    unread : dict of int to str
        Windows whose pixels could not be read, by their number, and why.
    mosaic : Mosaic, optional
        The vectors; None before it is begun.
    """

    of: tuple[PatchGrid, str] | None = None
    windows: list[Window] = field(default_factory=list)
    at_once: int = 1
    nonfinite: bool = False
    unread: dict[int, str] = field(default_factory=dict)
    mosaic: Mosaic | None = None
    _done: set[int] = field(default_factory=set)

    def begin(self, grid: PatchGrid, windows: list[Window], at_once: int) -> None:
        """Begin anew with these windows."""
        self.windows, self.at_once = windows, at_once
        self.mosaic, self._done, self.unread = Mosaic(*grid.shape), set(), {}

    @property
    def done(self) -> int:
        """How many windows are blended in."""
        return len(self._done)

    def todo(self, focus: Focus | None = None) -> list[int]:
        """Numbers of the windows that are left, the most wanted first."""
        left = [number for number in range(len(self.windows)) if number not in self._done and number not in self.unread]
        if focus is None:
            return left
        ranks = {number: focus.rank(self.windows[number]) for number in left}
        return sorted((number for number in left if not focus.only or ranks[number][0] == 0), key=ranks.__getitem__)

    def next(self, focus: Focus | None = None) -> list[int]:
        """Numbers of the windows to encode next; none when all are done."""
        return self.todo(focus)[: self.at_once]

    def add(self, numbers: list[int], units: Tensor) -> None:
        """Blend in the unit vectors of some windows, of shape (B, rows, cols, D), one after the other.

        With n cells along a patch, (B, n rows, n cols, D); cells of padding alone are left out.
        """
        assert self.of is not None
        assert self.mosaic is not None
        grid, n = self.of[0], self.of[0].finer
        for number, padded in zip(numbers, units.cpu(), strict=True):
            if number in self._done:
                continue
            window, weights = self.windows[number], None
            top, left = n * window.row, n * window.col
            vectors = padded[: grid.rows - top, : grid.cols - left].contiguous()
            if len(self.windows) > 1:
                down = _ramp(window.row, window.rows, grid.patches[0], n)[: vectors.shape[0]]
                across = _ramp(window.col, window.cols, grid.patches[1], n)[: vectors.shape[1]]
                weights = torch.outer(down, across)
            self.mosaic.add(top, left, vectors, weights)
            self._done.add(number)


def _ramp(start: int, side: int, length: int, cells: int) -> Tensor:
    """Blending weights along one axis: 1 inside, falling towards zero over the overlap, but not at the image's edge.

    ``start``, ``side`` and ``length`` are in patches; there is a weight for each of their cells.
    """
    weights, overlap = torch.ones(side * cells), 2 * HALO * cells
    fall = (torch.arange(overlap) + 0.5) / overlap
    if start > 0:
        weights[:overlap] = fall
    if start + side < length:
        weights[-overlap:] = torch.minimum(weights[-overlap:], fall.flip(0))
    return weights
