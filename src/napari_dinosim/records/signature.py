"""What an image's pixels are known by: shape, type and a hash of a bounded sample, never of all."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dinosim.errors import ImageError
from napari_dinosim.records.chunks import Tiles
from napari_dinosim.records.images import Signature
from napari_dinosim.records.values import Difference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

SIDE = 256
"""Side of a tile in pixels."""

TILES = 64
"""Tiles that are read, at most: all of an image of 2048 × 2048 pixels."""

GOLDEN = 0.61803399
"""Fraction of the golden ratio: adding it up spreads places evenly, in step with no grid."""


def sign(data: Any, *, rgb: bool = False, told: Callable[[int, int], None] | None = None) -> Signature:
    """Sign an image or a stack.

    Its planes are cut into tiles of 256 × 256 pixels. Where there are more than 64, 64 of them are read that are
    spread evenly over all planes, by their shape alone: the signature is the same for a file and for its copy in
    memory, however they are cut into chunks. A chunk in which several of them lie is read once. A change that touches
    none of them is not seen.

    Parameters
    ----------
    data : array of shape (…, H, W), or (…, H, W, C) where ``rgb``
        numpy, dask, zarr, …; of a pyramid, its first level.
    rgb : bool
        Whether the last axis holds colours.
    told : callable(done, total), optional
        Called after each tile; may raise to stop.

    Returns
    -------
    Signature

    Raises
    ------
    ImageError
        If the values are objects.

    Examples
    --------
    >>> sign(np.zeros((3, 4), np.uint8)).sha256[:8]
    '15ec7bf0'
    """
    dtype = np.dtype(data.dtype)
    shape = tuple(int(n) for n in data.shape)
    if dtype.hasobject or len(shape) < 2 + rgb:
        raise ImageError(
            f"signature: found {dtype.name} of shape {shape}, expected numbers of shape (…, height, width). "
            "Leave that image out."
        )
    digest = hashlib.sha256()
    places = list(_tiles(shape[:-1] if rgb else shape))
    for done, (place, tile) in enumerate(zip(places, Tiles(data, places), strict=True), 1):
        digest.update(_bytes(data, place) if tile is None else _little_endian(tile))
        if told is not None:
            told(done, len(places))
    return Signature(shape, dtype.name, digest.hexdigest())


def compare(name: str, found: Signature, expected: Signature) -> list[Difference]:
    """Say in what an image differs from its record: shape and type where these differ, else its values."""
    facts = [("shape", found.shape, expected.shape), ("type", found.dtype, expected.dtype)]
    differences = [Difference(f"image {name!r}, {what}", here, there) for what, here, there in facts if here != there]
    if not differences and found.sha256 != expected.sha256:
        digests = f"sha256 {found.sha256[:8]}…", f"{expected.sha256[:8]}…"
        differences.append(Difference(f"image {name!r}, pixels", *digests))
    return differences


def _tiles(shape: tuple[int, ...]) -> Iterator[tuple[int | slice, ...]]:
    """Places of the tiles that are read, in order."""
    *leading, height, width = shape
    down, across = -(-height // SIDE), -(-width // SIDE)
    counts = (*leading, down, across)
    total = int(np.prod(counts, dtype=np.int64))
    count = min(total, TILES)
    for number in range(count):
        within = number * GOLDEN % 1 if total > TILES else 0.0
        flat = min(int((number + within) * total / count), total - 1)
        *plane, row, col = (int(i) for i in np.unravel_index(flat, counts))
        yield (*plane, slice(row * SIDE, (row + 1) * SIDE), slice(col * SIDE, (col + 1) * SIDE))


def _bytes(data: Any, place: tuple[int | slice, ...]) -> bytes:
    """Values of a tile, little-endian; a broken part of a lazy array counts as such."""
    try:
        found = np.asarray(data[place])
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a file, a graph or a network throws; embedding tells it
        return f"unreadable: {type(error).__name__}".encode()
    return _little_endian(found)


def _little_endian(values: NDArray[Any]) -> bytes:
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).tobytes()
