"""Unit vectors of a patch grid, kept block by block: patches that nothing was written to take no memory.

A grid of up to :data:`ONE_BLOCK` patches is one block, and so one tensor. A larger one is cut, so that a part of a huge
image can be embedded, searched and kept by itself.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

import numpy as np
import torch

from napari_dinosim.blocks import Block, moved, ones, overlap
from napari_dinosim.errors import NotEmbeddedError
from napari_dinosim.similarity import EPSILON, Query, class_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_dinosim.prompts import Combine

ONE_BLOCK = 512**2
"""Patches of the largest grid that is one block: 8192² pixels at a patch size of 16."""

SIDE = 256
"""Side of a block of larger grids, in patches: 100 MB at D = 384 in float32; half of it keeps no second core busy."""

HALF_ABOVE = 1 << 30
"""Bytes of float32 above which a grid is kept in float16, on every machine; that costs at most 1e-4 in cosine."""


class Mosaic:
    """Unit vectors of a patch grid.

    One thread may write while others read.

    Parameters
    ----------
    rows, cols : int
        Shape of the grid, in patches.
    """

    def __init__(self, rows: int, cols: int) -> None:
        self.shape = rows, cols
        self._side = max(rows, cols) if rows * cols <= ONE_BLOCK else SIDE
        self._blocks: dict[tuple[int, int], Block] = {}
        self._lock = threading.Lock()
        self.revision = 0
        """Another number after each change of the vectors."""

    @classmethod
    def of(cls, vectors: Tensor) -> Self:
        """Hold vectors of shape (rows, cols, D), all of them known; nothing is copied."""
        if vectors.ndim != 3:
            raise ValueError(f"vectors: found shape {tuple(vectors.shape)}, expected (rows, cols, D).")
        rows, cols = vectors.shape[:2]
        made = cls(rows, cols)
        made._side = max(rows, cols)
        made._blocks[0, 0] = Block(vectors, ones(rows, cols), True)
        return made

    @property
    def blocks(self) -> list[Block]:
        """Those that something was written to."""
        return list(self._blocks.values())

    def placed(self) -> list[tuple[int, int, Block]]:
        """List those that something was written to, each after its first patch (row, col), row by row."""
        return [(i * self._side, j * self._side, block) for (i, j), block in sorted(self._blocks.items())]

    @property
    def complete(self) -> bool:
        """Whether every patch is known."""
        return len(self._blocks) == self._count and all(block.whole for block in self.blocks)

    @property
    def nbytes(self) -> int:
        """Bytes of the vectors."""
        return sum(block.vectors.nbytes for block in self.blocks)

    @property
    def device(self) -> str:
        """Where the vectors are, such as ``"cpu"`` or ``"cuda:0"``."""
        return next((str(block.vectors.device) for block in self._blocks.values()), "cpu")

    @property
    def _count(self) -> int:
        rows, cols = self.shape
        return -(-rows // self._side) * -(-cols // self._side)

    def add(self, row: int, col: int, units: Tensor, weights: Tensor | None = None) -> None:
        """Blend in the unit vectors of a rectangle.

        Where rectangles overlap, the result is the weighted sum of their vectors, scaled to unit length.

        Parameters
        ----------
        row, col : int
            Its first patch.
        units : Tensor of shape (r, c, D), float32
        weights : Tensor of shape (r, c), optional
            Positive; by default 1.
        """
        if weights is None and tuple(units.shape[:2]) == self.shape and self._count == 1:
            with self._lock:  # the only one: nothing to blend, nothing to copy
                self._blocks[0, 0] = Block(units, ones(*self.shape), True)
            self.revision += 1
            return
        rows, cols = units.shape[:2]
        weights = torch.ones(rows, cols) if weights is None else weights
        for i in range(row // self._side, (row + rows - 1) // self._side + 1):
            for j in range(col // self._side, (col + cols - 1) // self._side + 1):
                top, left = i * self._side, j * self._side
                down, across = overlap(row, rows, top, self._side), overlap(col, cols, left, self._side)
                self._blend(i, j, down, across, units[moved(down, top - row), moved(across, left - col)],
                            weights[moved(down, top - row), moved(across, left - col)])  # fmt: skip
        self.revision += 1

    def _blend(self, i: int, j: int, down: slice, across: slice, units: Tensor, weights: Tensor) -> None:
        """Add to a rectangle of one block, in a few large steps: many small ones would wait for a busy GUI thread."""
        with self._lock:
            block = self._blocks.get((i, j)) or self._make(i, j, units.shape[-1])
            vectors, lengths = block.vectors[down, across], block.lengths[down, across]
            total = vectors.float() * lengths[..., None] + units * weights[..., None]
            length: Tensor = torch.linalg.vector_norm(total, dim=-1)
            vectors.copy_(total / (length[..., None] + EPSILON))
            lengths.copy_(length.clamp_min(EPSILON))
            block.whole = block.whole or bool((block.lengths > 0).all())
            self._blocks[i, j] = block

    def _make(self, i: int, j: int, dimension: int) -> Block:
        rows = min(self._side, self.shape[0] - i * self._side)
        cols = min(self._side, self.shape[1] - j * self._side)
        halved = self.shape[0] * self.shape[1] * dimension * 4 > HALF_ABOVE
        dtype = torch.float16 if halved else torch.float32
        return Block(torch.zeros(rows, cols, dimension, dtype=dtype), torch.zeros(rows, cols))

    def at(self, patches: Sequence[tuple[int, int]]) -> Tensor:
        """Vectors of some patches.

        Parameters
        ----------
        patches : sequence of (row, col)

        Returns
        -------
        Tensor of shape (n, D), float32, on the CPU

        Raises
        ------
        NotEmbeddedError
            If one is not known yet.
        """
        rows, cols = np.array(patches, dtype=np.intp).reshape(-1, 2).T
        vectors, known = self.known_at(rows, cols)
        if not known.all():
            row, col = patches[int(np.argmin(known))]
            raise NotEmbeddedError(
                f"patch ({row}, {col}): found it not embedded, expected an embedded one. "
                "Wait until it is, or embed that part of the image."
            )
        return vectors

    def known_at(self, rows: NDArray[np.intp], cols: NDArray[np.intp]) -> tuple[Tensor, NDArray[np.bool_]]:
        """Vectors of those of many patches that are known.

        Parameters
        ----------
        rows, cols : ndarray of shape (n,), int

        Returns
        -------
        vectors : Tensor of shape (m, D), float32, on the CPU
            Of the m known ones, in their order.
        known : ndarray of shape (n,), bool
        """
        known = np.zeros(len(rows), dtype=bool)
        places, found = [np.zeros(0, dtype=np.intp)], [torch.zeros(0, 0)]
        for (i, j), block in list(self._blocks.items()):
            here = np.flatnonzero((rows // self._side == i) & (cols // self._side == j))
            y, x = torch.from_numpy(rows[here] % self._side), torch.from_numpy(cols[here] % self._side)
            written = block.lengths[y, x] > 0
            here = here[written.numpy()]
            if len(here):
                known[here] = True
                places.append(here)
                found.append(block.vectors[y[written], x[written]].to("cpu", torch.float32))
        order = torch.from_numpy(np.argsort(np.concatenate(places)))
        return torch.cat([part for part in found if len(part)] or found)[order], known

    def scores(self, query: Tensor, combine: Combine = "max") -> Tensor:
        """Cosine of every patch with a query, NaN where a patch is not known.

        Parameters
        ----------
        query : Tensor of shape (n, D)
        combine : {"max", "mean", "top"}

        Returns
        -------
        Tensor of shape (rows, cols), float32, on the CPU
        """
        return self.class_scores([Query(query, "", combine)])[0]

    def class_scores(self, queries: Sequence[Query]) -> Tensor:
        """Scores of every patch under several queries, of shape (c, rows, cols), NaN where a patch is not known."""
        if self._count == 1 and self.complete:
            return class_scores(self.blocks[0].vectors, queries)
        scores = np.full((len(queries), *self.shape), np.nan, dtype=np.float32)
        for (i, j), block in list(self._blocks.items()):
            with self._lock:
                found = class_scores(block.vectors, queries)
                if not block.whole:
                    found[:, block.lengths == 0] = torch.nan
            rows, cols = found.shape[1:]
            scores[:, i * self._side : i * self._side + rows, j * self._side : j * self._side + cols] = found.numpy()
        return torch.from_numpy(scores)

    def known(self) -> Tensor:
        """Which patches something was written to, of shape (rows, cols), bool, on the CPU."""
        known = torch.zeros(self.shape, dtype=torch.bool)
        for (i, j), block in list(self._blocks.items()):
            self._place(known, i, j, block)[...] = block.lengths.cpu() > 0
        return known

    def parts(self) -> Iterator[tuple[tuple[slice, slice], Tensor]]:
        """Go through what something was written to, part by part; what may still be written to is copied first.

        Yields
        ------
        tuple of slice
            Where the part lies, in patches, (row, col).
        Tensor of shape (rows, cols, D)
            Its vectors, zero where not known.
        """
        for (i, j), block in list(self._blocks.items()):
            rows, cols = block.lengths.shape
            place = (
                slice(i * self._side, i * self._side + rows),
                slice(j * self._side, j * self._side + cols),
            )
            if block.whole and self._count == 1:
                yield place, block.vectors
                continue
            with self._lock:
                vectors = block.vectors.clone()
            yield place, vectors

    def mapped(self, change: Callable[[Tensor], Tensor]) -> Mosaic:
        """Make another mosaic of what a function makes of the vectors, (rows, cols, D), of each block."""
        made = Mosaic(*self.shape)
        made._side = self._side
        for place, block in self._blocks.items():
            vectors = change(block.vectors)
            if not block.whole:
                vectors[block.lengths == 0] = 0
            made._blocks[place] = Block(vectors, block.lengths, block.whole)
        return made

    def mean(self) -> Tensor:
        """Mean vector of the known patches, of shape (D,), float32; summed row by row."""
        total = torch.stack([row.float().sum(dim=0) for block in self.blocks for row in block.vectors]).sum(dim=0)
        known = sum(int((block.lengths > 0).sum()) for block in self.blocks)
        return total / known

    def dense(self) -> Tensor:
        """All vectors as one tensor of shape (rows, cols, D), zero where not known; a single block is not copied."""
        if self._count == 1 and self._blocks:
            return self._blocks[0, 0].vectors
        any_block = self.blocks[0].vectors
        whole = torch.zeros(*self.shape, any_block.shape[-1], dtype=any_block.dtype, device=any_block.device)
        for (i, j), block in self._blocks.items():
            self._place(whole, i, j, block)[...] = block.vectors
        return whole

    def _place(self, whole: Tensor, i: int, j: int, block: Block) -> Tensor:
        """Part of a tensor over the whole grid that a block covers."""
        rows, cols = block.lengths.shape
        return whole[i * self._side : i * self._side + rows, j * self._side : j * self._side + cols]
