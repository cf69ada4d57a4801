"""Tiles of a lazy array, for which no large chunk of it is read twice."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Place = tuple[int | slice, ...]
    Span = tuple[int, int]
    Piece = tuple[Span, ...]

LARGEST = 1 << 31
"""Bytes that are read at once, at most: 2 GB. Of larger chunks each tile is read by itself."""


class Tiles:
    """The tiles of an array, read chunk by chunk.

    A tile is cut where two chunks meet, and what lies in one chunk is read together. Along an axis on which it lies in
    more than two, it is left whole: one of those may be read once more for the tile that comes next.

    Parameters
    ----------
    data : array
        numpy, dask, zarr, …
    places : sequence of tuple of int or slice
        Where the tiles are: a number for each leading axis, then rows and columns; colours are left out.
    """

    def __init__(self, data: Any, places: Sequence[Place]) -> None:
        self._data, self._places = data, places
        self._starts = _chunk_starts(data)
        self._spans = [_spans(place, data.shape) for place in places]
        self._pieces: list[dict[tuple[int, ...], Piece]] = [self._cut(spans) for spans in self._spans]
        self._members: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for number, pieces in enumerate(self._pieces):
            for key in pieces:
                self._members[key].append(number)
        self._read: dict[tuple[int, ...], dict[int, NDArray[Any]]] = {}

    def __iter__(self) -> Iterator[NDArray[Any] | None]:
        """Values of each tile, in order; None for one that is best read by itself, alone in its chunks or broken."""
        for number, pieces in enumerate(self._pieces):
            shared = any(len(self._members[key]) > 1 for key in pieces)
            yield self._assembled(number) if shared else None

    def _cut(self, spans: Piece) -> dict[tuple[int, ...], Piece]:
        """Cut a tile into what lies in the same chunks, by these chunks."""
        if self._starts is None:
            return {}
        parts = [_parts(span, starts) for span, starts in zip(spans, self._starts, strict=True)]
        return {
            tuple(number for chunks, _ in one for number in chunks): tuple(span for _, span in one)
            for one in product(*parts)
        }

    def _assembled(self, number: int) -> NDArray[Any] | None:
        spans, made = self._spans[number], None
        for key, piece in self._pieces[number].items():
            values = self._of(key).pop(number, None)
            if values is None:
                return None
            if made is None:
                made = np.empty([stop - start for start, stop in spans], values.dtype)
            made[_within(piece, spans)] = values
        leading = sum(not isinstance(one, slice) for one in self._places[number])
        return None if made is None else made[(0,) * leading]

    def _of(self, key: tuple[int, ...]) -> dict[int, NDArray[Any]]:
        """Return the pieces of tiles in some chunks, read when they are asked for first; none where that fails."""
        if key not in self._read:
            members = {number: self._pieces[number][key] for number in self._members[key]}
            ends = np.array(list(members.values()))
            box: Piece = tuple(zip(ends[..., 0].min(axis=0).tolist(), ends[..., 1].max(axis=0).tolist(), strict=True))
            self._read[key] = {}
            try:
                if np.prod(np.diff(box)[:, 0], dtype=float) * np.dtype(self._data.dtype).itemsize <= LARGEST:
                    block = np.asarray(self._data[tuple(slice(*span) for span in box)])
                    self._read[key] = {number: block[_within(piece, box)].copy() for number, piece in members.items()}
            except Exception:  # noqa: BLE001 - whatever a file throws; each tile is read by itself then, and tells
                pass
        return self._read[key]


def _chunk_starts(data: Any) -> list[NDArray[np.int64]] | None:
    """Say where the chunks of an array begin, along each axis; None where it has none."""
    chunks = getattr(data, "chunks", None)
    if not isinstance(chunks, tuple) or len(chunks) != len(data.shape):
        return None
    along = zip(chunks, data.shape, strict=True)
    return [
        np.arange(0, length, size) if isinstance(size, int) else np.cumsum([0, *size[:-1]]) for size, length in along
    ]


def _spans(place: Place, shape: Sequence[int]) -> Piece:
    """First and last index, the last left out, along each axis of the array."""
    full = (*place, *(slice(0, length) for length in shape[len(place) :]))
    return tuple(
        (one.start, min(one.stop, length)) if isinstance(one, slice) else (one, one + 1)
        for one, length in zip(full, shape, strict=True)
    )


def _parts(span: Span, starts: NDArray[np.int64]) -> list[tuple[Span, Span]]:
    """Cut a span where chunks end; of each part the first and the last chunk, and from where to where it goes."""
    start, stop = span
    first, last = (int(np.searchsorted(starts, index, "right")) - 1 for index in (start, stop - 1))
    if last - first > 1:  # shorter than the span
        return [((first, last), span)]
    edges = [start, *(int(edge) for edge in starts[first + 1 : last + 1]), stop]
    return [((first + n, first + n), ends) for n, ends in enumerate(pairwise(edges))]


def _within(piece: Piece, box: Piece) -> tuple[slice, ...]:
    """Where a piece is in a box that holds it."""
    return tuple(slice(start - origin, stop - origin) for (start, stop), (origin, _) in zip(piece, box, strict=True))
