"""Sums over the pixels of each label, tile by tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_dinosim.blocks import Block
    from napari_dinosim.embeddings import PatchEmbeddings

TILE = 64
"""Side of a tile in patches: of a patch of 16 pixels, 1024 × 1024 labels are read at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """A rectangle of patches and the pixels under it.

    Parameters
    ----------
    block : Block
        Of the mosaic that holds it.
    inside : tuple of slice
        Its rows and columns in the block.
    row, col : int
        Its first patch in the grid.
    ys, xs : slice
        Its pixels.
    """

    block: Block
    inside: tuple[slice, slice]
    row: int
    col: int
    ys: slice
    xs: slice


def tiles(embeddings: PatchEmbeddings) -> Iterator[Tile]:
    """Cut what is embedded of a plane into tiles; every pixel under it lies in one."""
    grid = embeddings.grid
    rows, cols = grid.patches_under(np.arange(grid.height), np.arange(grid.width))
    for top, left, block in embeddings.mosaic.placed():
        height, width = block.lengths.shape
        for i in range(0, height, TILE):
            for j in range(0, width, TILE):
                inside = slice(i, min(i + TILE, height)), slice(j, min(j + TILE, width))
                ys = _pixels(rows, top + inside[0].start, top + inside[0].stop)
                xs = _pixels(cols, left + inside[1].start, left + inside[1].stop)
                if ys.start < ys.stop and xs.start < xs.stop:
                    yield Tile(block, inside, top + i, left + j, ys, xs)


def _pixels(patches: NDArray[np.intp], start: int, stop: int) -> slice:
    """Pixels whose patches, ascending, are from ``start`` to before ``stop``."""
    low, high = np.searchsorted(patches, (start, stop))
    return slice(int(low), int(high))


class LabelSums:
    """Sums by label value; rows are made as labels are met.

    Parameters
    ----------
    dimension : int
        D of the vectors.
    maps : int
        How many maps there are.

    Attributes
    ----------
    pixels : ndarray of shape (n,), int64
        Pixels in embedded patches.
    vectors : ndarray of shape (n, D), float32
        Sum of the patches' vectors over these pixels.
    known, scores, highest : ndarray of shape (n, maps)
        How many of them have a score; the sum and the highest of these.
    """

    def __init__(self, dimension: int, maps: int) -> None:
        self._rows: dict[int, int] = {}
        self.pixels = np.zeros(0, dtype=np.int64)
        self.vectors = np.zeros((0, dimension), dtype=np.float32)
        self.known = np.zeros((0, maps), dtype=np.int64)
        self.scores = np.zeros((0, maps))
        self.highest = np.zeros((0, maps), dtype=np.float32)

    def ordered(self, dtype: np.dtype[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
        """Label values, ascending, and the row of each."""
        values = sorted(self._rows)
        return np.array(values, dtype=dtype), np.array([self._rows[value] for value in values], dtype=np.intp)

    def add(
        self,
        labels: NDArray[Any],
        tile: Tile,
        embeddings: PatchEmbeddings,
        scores: Sequence[NDArray[np.float32] | None],
    ) -> None:
        """Add the pixels of a tile.

        Parameters
        ----------
        labels : ndarray of shape (h, w)
            Those under the tile.
        tile : Tile
        embeddings : PatchEmbeddings
            Of the plane.
        scores : sequence of ndarray of shape (rows, cols), or None
            Of the plane, one per map.
        """
        from scipy.sparse import csr_array

        values, patches, lengths = self._runs(labels, tile, embeddings)
        if not len(values):
            return
        found, inverse = np.unique(values, return_inverse=True)
        block = tile.block
        height, width = (part.stop - part.start for part in tile.inside)
        shape = len(found), height * width
        counts = csr_array((lengths.astype(np.float32), (inverse, patches)), shape=shape)
        counts.sum_duplicates()
        vectors = block.vectors[tile.inside].float().cpu().numpy().reshape(height * width, -1)
        rows = self._rows_of(found)
        self.vectors[rows] += counts @ vectors
        self.pixels[rows] += np.bincount(inverse, weights=lengths).astype(np.int64)
        of, numbers = np.repeat(np.arange(len(found)), np.diff(counts.indptr)), counts.data.astype(np.float64)
        for column, whole in enumerate(scores):
            if whole is None:
                continue
            here = whole[tile.row : tile.row + height, tile.col : tile.col + width].reshape(-1)[counts.indices]
            good = ~np.isnan(here)
            self.known[rows, column] += np.bincount(of[good], numbers[good], len(found)).astype(np.int64)
            self.scores[rows, column] += np.bincount(of[good], (numbers * here)[good], len(found))
            highest = np.full(len(found), -np.inf, dtype=np.float32)
            np.maximum.at(highest, of[good], here[good])
            self.highest[rows, column] = np.maximum(self.highest[rows, column], highest)

    @staticmethod
    def _runs(
        labels: NDArray[Any], tile: Tile, embeddings: PatchEmbeddings
    ) -> tuple[NDArray[Any], NDArray[np.intp], NDArray[np.intp]]:
        """Find runs of pixels of one label in one patch, along x: label, patch in the tile, number of pixels."""
        ys = np.arange(tile.ys.start, tile.ys.stop)
        xs = np.arange(tile.xs.start, tile.xs.stop)
        down, across = embeddings.grid.patches_under(ys, xs)
        begins = np.ones(labels.shape, dtype=bool)
        begins[:, 1:] = (labels[:, 1:] != labels[:, :-1]) | (across[1:] != across[:-1])
        starts = np.flatnonzero(begins)
        lengths = np.diff(starts, append=labels.size)
        values = labels.reshape(-1)[starts]
        row, col = down[starts // labels.shape[1]] - tile.row, across[starts % labels.shape[1]] - tile.col
        patches = row * (tile.inside[1].stop - tile.inside[1].start) + col
        wanted = values != 0
        if not tile.block.whole:
            wanted &= (tile.block.lengths[tile.inside].reshape(-1) > 0).cpu().numpy()[patches]
        return values[wanted], patches[wanted], lengths[wanted]

    def _rows_of(self, values: NDArray[Any]) -> NDArray[np.intp]:
        """Row of each label value, made where it is met for the first time."""
        for value in values.tolist():
            self._rows.setdefault(value, len(self._rows))
        missing = len(self._rows) - len(self.pixels)
        if missing > 0:
            room = max(missing, len(self.pixels))  # twice as many each time
            self.pixels = np.concatenate([self.pixels, np.zeros(room, dtype=np.int64)])
            self.vectors = _longer(self.vectors, room)
            self.known, self.scores = _longer(self.known, room), _longer(self.scores, room)
            self.highest = np.concatenate([self.highest, np.full((room, self.highest.shape[1]), -np.inf, np.float32)])
        return np.array([self._rows[value] for value in values.tolist()], dtype=np.intp)


def _longer(table: NDArray[Any], rows: int) -> NDArray[Any]:
    return np.concatenate([table, np.zeros((rows, table.shape[1]), dtype=table.dtype)])
