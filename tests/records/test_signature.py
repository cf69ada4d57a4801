"""Signatures: the same for the same pixels wherever they are, another for others, and never all is read."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import zarr

from napari_dinosim.errors import ImageError
from napari_dinosim.records.signature import SIDE, TILES, compare, sign


class Counting:
    """An array that counts what is read of it."""

    def __init__(self, shape, dtype=np.uint16) -> None:
        self.shape, self.dtype, self.ndim, self.read, self.places = shape, np.dtype(dtype), len(shape), 0, []

    def __getitem__(self, place):
        found = np.zeros(self.shape[-2:], self.dtype)[place[-2:]]
        self.read += found.size
        self.places.append(place)
        return found


@pytest.mark.parametrize(("shape", "rgb"), [((500, 700), False), ((3, 300, 400), False), ((600, 500, 3), True)])
def test_the_same_on_disk_and_in_memory(tmp_path, shape, rgb):
    data = np.random.default_rng(0).integers(0, 60000, shape).astype(np.uint16)
    stored = zarr.create_array(tmp_path / "a.zarr", data=data, chunks=tuple(max(1, n // 3) for n in shape))
    lazy = da.from_array(data, chunks=tuple(max(1, n // 2) for n in shape))
    swapped = np.asfortranarray(data.astype(">u2"))
    assert sign(data, rgb=rgb) == sign(stored, rgb=rgb) == sign(lazy, rgb=rgb) == sign(swapped, rgb=rgb)


@pytest.mark.parametrize(
    ("shape", "chunks", "rgb"),
    [
        ((900, 1300), (900, 1300), False),
        ((5, 600, 700), (3, 600, 700), False),
        ((1200, 900, 3), (500, 610, 3), True),
        ((2100, 2300), (1000, 2300), False),
    ],
)
def test_each_chunk_is_read_once(shape, chunks, rgb):
    data = np.random.default_rng(2).integers(0, 250, shape, np.uint8)
    read = []

    def load(block_info):
        where = block_info[None]["array-location"]
        read.append(tuple(map(tuple, where)))
        return data[tuple(slice(*span) for span in where)]

    lazy = da.map_blocks(load, chunks=da.core.normalize_chunks(chunks, shape), dtype=np.uint8, meta=data[:0])
    assert sign(lazy, rgb=rgb) == sign(data, rgb=rgb)
    assert len(set(read)) == len(read) == np.prod(lazy.numblocks)


def test_thin_chunks_are_read_at_most_twice():
    data, read = np.zeros((1100, 1500), np.uint8), []

    class Strips(Counting):
        chunks = (10, 1500)

        def __getitem__(self, place):
            rows, _ = place
            read.extend(range(rows.start // 10, -(-min(rows.stop, 1100) // 10)))
            return data[place]

    assert sign(Strips((1100, 1500), np.uint8)) == sign(data)
    assert max(np.bincount(read)) <= 2


def test_a_chunk_that_cannot_be_read_is_a_broken_part_of_its_tiles_alone():
    data = np.random.default_rng(3).integers(0, 250, (600, 900), np.uint8)

    class Broken:
        shape, dtype = data.shape, data.dtype

        def __getitem__(self, place):
            if place[1].stop > 512:
                raise OSError("planted")
            return data[place]

    class InChunks(Broken):
        chunks = (600, 450)

    assert sign(InChunks()) == sign(Broken()) != sign(data)


@pytest.mark.parametrize("shape", [(2048, 2048), (300, 500), (7, 300, 700), (1, 1)])
def test_every_pixel_counts_up_to_2048_by_2048(shape):
    data = np.zeros(shape, np.uint8)
    before = sign(data)
    rng = np.random.default_rng(1)
    for _ in range(5):
        place = tuple(rng.integers(0, n) for n in shape)
        data[place] = 1
        assert sign(data) != before
        data[place] = 0
    assert sign(data) == before


def test_never_all_of_a_large_image_is_read_and_all_over_it():
    data = Counting((60, 5000, 4000))
    sign(data)
    assert data.read <= TILES * SIDE * SIDE
    planes = {place[0] for place in data.places}
    assert len(planes) > 40
    rows = np.array([place[1].start for place in data.places])
    cols = np.array([place[2].start for place in data.places])
    for starts, length in ((rows, 5000), (cols, 4000)):
        assert starts.min() < length * 0.15
        assert starts.max() > length * 0.8


def test_shape_type_and_pixels_are_told_apart():
    data = np.arange(3000, dtype=np.uint16).reshape(50, 60)
    differences = compare("a", sign(data.reshape(60, 50)), sign(data))
    assert [str(one) for one in differences] == ["image 'a', shape: found (60, 50), expected (50, 60)"]
    differences = compare("a", sign(data.astype(np.int32)), sign(data))
    assert [(one.field, one.found, one.expected) for one in differences] == [("image 'a', type", "int32", "uint16")]
    other = data.copy()
    other[49, 59] += 1
    (difference,) = compare("a", sign(other), sign(data))
    assert difference.field == "image 'a', pixels"
    assert difference.found.startswith("sha256 ")
    assert compare("a", sign(data.copy()), sign(data)) == []


def test_colours_are_one_pixel():
    data = np.zeros((10, 12, 3), np.uint8)
    assert sign(data, rgb=True).shape == (10, 12, 3)
    data[9, 11, 2] = 1
    assert sign(data, rgb=True) != sign(np.zeros((10, 12, 3), np.uint8), rgb=True)


def test_a_part_that_cannot_be_read_does_not_stop_it():
    class Broken(Counting):
        def __getitem__(self, place):
            if place[0] == 1:
                raise OSError("planted")
            return super().__getitem__(place)

    assert sign(Broken((3, 20, 30))) != sign(Counting((3, 20, 30)))


def test_memory_that_runs_out_is_not_taken_for_a_broken_part():
    class Hungry(Counting):
        def __getitem__(self, place):
            raise MemoryError("planted")

    with pytest.raises(MemoryError, match="planted"):
        sign(Hungry((3, 20, 30)))


def test_progress_is_told():
    told = []
    sign(np.zeros((300, 600), np.uint8), told=lambda done, total: told.append((done, total)))
    assert told == [(number, 6) for number in range(1, 7)]


def test_what_is_no_image():
    with pytest.raises(ImageError, match=r"signature: found object of shape \(2, 2\), expected numbers"):
        sign(np.full((2, 2), None))
    with pytest.raises(ImageError, match=r"signature: found uint8 of shape \(5, 3\), expected numbers of shape"):
        sign(np.zeros((5, 3), np.uint8), rgb=True)
