"""Windows for images larger than one forward pass, and the embedding of one plane.

An image of at most :data:`ONE_PASS` pixels a side is encoded in one pass, exactly as in the seeds. A larger one is cut
into overlapping windows of about :data:`WINDOW` pixels, the same on every device, so that a result never depends on
the machine. Where windows overlap, their unit vectors are blended with weights that fall to zero at each window's rim,
and scaled back to unit length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_dinosim.embeddings import PatchEmbeddings
from napari_dinosim.errors import Cancelled
from napari_dinosim.grid import PatchGrid
from napari_dinosim.positional import PositionalBias
from napari_dinosim.similarity import unit_vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from napari_dinosim.encoders.base import Encoder
    from napari_dinosim.image import ImagePlane

ONE_PASS = 1024
"""Longest side, in pixels, that is encoded in one forward pass."""

WINDOW = 768
"""Side of a window in pixels (rounded down to whole patches): between the 512 and 1024 that dense features like."""

HALO = 4
"""Patches of context on each side of the part of a window that counts in full."""


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of patches: first row and column, and how many of each."""

    row: int
    col: int
    rows: int
    cols: int


def plan_windows(grid: PatchGrid) -> list[Window]:
    """Cut a patch grid into windows.

    Parameters
    ----------
    grid : PatchGrid

    Returns
    -------
    list of Window
        One window over the whole grid where no side is longer than :data:`ONE_PASS` pixels; else windows of equal
        size that overlap by at least ``2 * HALO`` patches, the last of each row and column flush with the edge.
    """
    if max(grid.image_shape) <= ONE_PASS:
        return [Window(0, 0, grid.rows, grid.cols)]
    side = max(WINDOW // grid.patch_size, 4 * HALO)
    rows, cols = min(side, grid.rows), min(side, grid.cols)
    return [Window(row, col, rows, cols) for row in _starts(grid.rows, rows) for col in _starts(grid.cols, cols)]


def _starts(length: int, side: int) -> list[int]:
    """First index of each window along one axis, evenly spread."""
    if length <= side:
        return [0]
    step = side - 2 * HALO
    count = -(-(length - side) // step) + 1
    return [round(k * (length - side) / (count - 1)) for k in range(count)]


def _ramp(start: int, side: int, length: int) -> Tensor:
    """Blending weights along one axis: 1 inside, falling towards zero over the overlap, but not at the image's edge."""
    weights = torch.ones(side)
    fall = (torch.arange(2 * HALO) + 0.5) / (2 * HALO)
    if start > 0:
        weights[: 2 * HALO] = fall
    if start + side < length:
        weights[-2 * HALO :] = torch.minimum(weights[-2 * HALO :], fall.flip(0))
    return weights


def encode_plane(
    plane: ImagePlane,
    encoder: Encoder,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> PatchEmbeddings:
    """Embed one image plane, window by window.

    Parameters
    ----------
    plane : ImagePlane
        Read window by window, padded with black at the bottom and right.
    encoder : Encoder
    on_progress : callable(done, total), optional
        Called after each batch of windows with the windows done and the windows in all.
    cancelled : callable() -> bool, optional
        Asked before each batch.

    Returns
    -------
    PatchEmbeddings
        Unit vectors, float32 on the CPU, float16 on an accelerator.

    Raises
    ------
    Cancelled
        If ``cancelled()`` became true.
    EncodingError
        If the encoder failed.
    """
    grid = PatchGrid(*plane.shape, encoder.spec.patch_size)
    windows = plan_windows(grid)
    storage = torch.float32 if encoder.device.type == "cpu" else torch.float16
    blend = _Blend(grid, encoder, storage) if len(windows) > 1 else None
    nonfinite, done, vectors = False, 0, None
    for batch in _batches(windows, encoder.windows_per_batch):
        if cancelled is not None and cancelled():
            raise Cancelled("Embedding was cancelled; press Start to go on.")
        pixels, found = _read(plane, batch, grid.patch_size)
        nonfinite |= found
        units = unit_vectors(encoder.encode(pixels))
        if blend is None:
            vectors = units[0].to(storage)
        else:
            blend.add(batch, units)
        done += len(batch)
        if on_progress is not None:
            on_progress(done, len(windows))
    final = blend.result() if blend is not None else vectors
    assert final is not None  # a grid has at least one window
    bias = PositionalBias(encoder, windows[0].rows, windows[0].cols)
    return PatchEmbeddings(final, grid, encoder.identity, nonfinite, bias)


def _batches(windows: list[Window], size: int) -> Iterator[list[Window]]:
    for first in range(0, len(windows), size):
        yield windows[first : first + size]


def _read(plane: ImagePlane, batch: list[Window], size: int) -> tuple[Tensor, bool]:
    """Pixels of a batch of windows, (B, H, W, 3) in [0, 1], and whether NaN or ±inf were found."""
    parts = [plane.window(w.row * size, w.col * size, w.rows * size, w.cols * size) for w in batch]
    return torch.from_numpy(np.stack([pixels for pixels, _ in parts])), any(found for _, found in parts)


class _Blend:
    """Weighted sum of overlapping windows, brought back to unit length."""

    def __init__(self, grid: PatchGrid, encoder: Encoder, storage: torch.dtype) -> None:
        self._grid, self._storage = grid, storage
        self._sum = torch.zeros(*grid.shape, encoder.spec.dimension, device=encoder.device)

    def add(self, batch: list[Window], units: Tensor) -> None:
        """Add a batch of windows, unit vectors of shape (B, rows, cols, D)."""
        for window, vectors in zip(batch, units, strict=True):
            down = _ramp(window.row, window.rows, self._grid.rows)
            across = _ramp(window.col, window.cols, self._grid.cols)
            weights = torch.outer(down, across)[..., None].to(vectors.device)
            part = self._sum[window.row : window.row + window.rows, window.col : window.col + window.cols]
            part += weights * vectors

    def result(self) -> Tensor:
        """Return the unit vectors of the whole grid, scaled row by row to spare a second copy."""
        for row in self._sum:
            row.copy_(unit_vectors(row))
        return self._sum.to(self._storage)
