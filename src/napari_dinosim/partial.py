"""What is done of a plane: its windows, blended so far, so that the work can be left and gone on with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from napari_dinosim.similarity import unit_vectors

if TYPE_CHECKING:
    from torch import Tensor

    from napari_dinosim.grid import PatchGrid

HALO = 4
"""Patches of context on each side of the part of a window that counts in full."""


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of patches: first row and column, and how many of each."""

    row: int
    col: int
    rows: int
    cols: int


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
    done : int
        How many of them are blended in.
    at_once : int
        How many the encoder is given at once.
    nonfinite : bool
        Whether NaN or ±inf were found so far.
    """

    of: tuple[PatchGrid, str] | None = None
    windows: list[Window] = field(default_factory=list)
    done: int = 0
    at_once: int = 1
    nonfinite: bool = False
    _sum: Tensor | None = None

    def begin(self, windows: list[Window], at_once: int) -> None:
        """Begin anew with these windows."""
        self.windows, self.done, self.at_once, self._sum = windows, 0, at_once, None

    @property
    def next(self) -> list[Window]:
        """The windows to encode next; none when all are done."""
        return self.windows[self.done : self.done + self.at_once]

    def add(self, grid: PatchGrid, units: Tensor) -> None:
        """Blend in the unit vectors of :attr:`next`, of shape (B, rows, cols, D), window by window."""
        for window, vectors in zip(self.next, units.cpu(), strict=True):
            if len(self.windows) == 1:
                self._sum = vectors
            else:
                if self._sum is None:
                    self._sum = torch.zeros(*grid.shape, vectors.shape[-1])
                down = _ramp(window.row, window.rows, grid.rows)
                across = _ramp(window.col, window.cols, grid.cols)
                part = self._sum[window.row : window.row + window.rows, window.col : window.col + window.cols]
                part += torch.outer(down, across)[..., None] * vectors
            self.done += 1

    def vectors(self) -> Tensor:
        """Return the unit vectors of the whole grid, scaled row by row to spare a second copy."""
        assert self._sum is not None  # a grid has at least one window
        if len(self.windows) > 1:
            for row in self._sum:
                row.copy_(unit_vectors(row))
        return self._sum


def _ramp(start: int, side: int, length: int) -> Tensor:
    """Blending weights along one axis: 1 inside, falling towards zero over the overlap, but not at the image's edge."""
    weights = torch.ones(side)
    fall = (torch.arange(2 * HALO) + 0.5) / (2 * HALO)
    if start > 0:
        weights[: 2 * HALO] = fall
    if start + side < length:
        weights[-2 * HALO :] = torch.minimum(weights[-2 * HALO :], fall.flip(0))
    return weights
