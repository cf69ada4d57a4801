"""Rectangles of unit vectors, of which the mosaic of a patch grid is put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(slots=True, eq=False)
class Block:
    """A rectangle of patches.

    Parameters
    ----------
    vectors : Tensor of shape (rows, cols, D)
        Unit vectors; zero where nothing was written.
    lengths : Tensor of shape (rows, cols), float32
        Length of the weighted sum that each was made of, so that more can be added; 0 where nothing was written.
    whole : bool
        Whether all was written to.
    """

    vectors: Tensor
    lengths: Tensor
    whole: bool = False


def ones(rows: int, cols: int) -> Tensor:
    """Lengths of vectors to which nothing will be added; one number in memory."""
    return torch.ones(1, 1).expand(rows, cols)


def overlap(start: int, length: int, corner: int, side: int) -> slice:
    """Part of a block, along one axis, that a run covers."""
    return slice(max(start - corner, 0), min(start + length - corner, side))


def moved(part: slice, by: int) -> slice:
    """Shift a part along its axis."""
    return slice(part.start + by, part.stop + by)
