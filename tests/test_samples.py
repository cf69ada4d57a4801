"""The sample images: what they promise, made again the same, from what ships inside scikit-image."""

import socket

import numpy as np
import pytest
from skimage import data

from napari_dinosim import samples


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("a sample asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_the_pair_is_of_one_size_and_kind_but_not_the_same():
    left, right = samples.pair()
    assert left.shape == right.shape == (500, 741, 3)
    assert left.dtype == right.dtype == np.uint8
    assert (left != right).mean() > 0.3


def test_tissue_is_rgb():
    assert (samples.tissue().shape, samples.tissue().dtype) == ((512, 512, 3), np.uint8)


@pytest.mark.parametrize("size", [{}, {"height": 200, "width": 330, "cell": 64}, {"height": 50, "width": 70}])
def test_each_cell_of_the_mosaic_is_a_piece_of_its_texture(size):
    mosaic, cell = samples.textures(**size), size.get("cell", 160)
    assert mosaic.shape == (size.get("height", 480), size.get("width", 640))
    assert mosaic.dtype == np.uint8
    textures = data.brick(), data.grass(), data.gravel()
    for row, top in enumerate(range(0, mosaic.shape[0], cell)):
        for col, left in enumerate(range(0, mosaic.shape[1], cell)):
            part, source = mosaic[top : top + cell, left : left + cell], textures[(row + 2 * col) % 3]
            windows = np.lib.stride_tricks.sliding_window_view(source, part.shape)
            corners = (windows[:, :, 0, 0] == part[0, 0]) & (windows[:, :, -1, -1] == part[-1, -1])
            assert any((windows[y, x] == part).all() for y, x in zip(*corners.nonzero(), strict=True))


def test_the_mosaic_shows_every_texture_more_than_once():
    kinds = [(row + 2 * col) % 3 for row in range(3) for col in range(4)]
    assert samples.textures().shape == (3 * 160, 4 * 160)
    assert all(kinds.count(kind) == 4 for kind in range(3))


def test_the_stack_is_16_bit_with_spots_over_an_uneven_background():
    stack = samples.stack()
    assert (stack.shape, stack.dtype) == ((3, 300, 400), np.uint16)
    assert 200 < stack.min() < 1000
    assert 4000 < stack.max() < 30000
    background = np.median(stack[0], axis=0)
    assert background[200] > background[5] + 200  # brighter in the middle
    assert all((stack[plane] > 3000).sum() > 50 for plane in range(3))
    assert len(np.unique(stack[:, 150, 200])) > 1


def test_the_stack_is_the_same_every_time_and_of_the_size_that_is_asked():
    np.testing.assert_array_equal(samples.stack(), samples.stack())
    assert samples.stack(1, 40, 50).shape == (1, 40, 50)


def test_its_voxels_are_not_cubes():
    assert samples.STACK_SCALE == (2.5, 0.65, 0.65)
