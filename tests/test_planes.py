"""Planes along any two axes, read no further than asked."""

from __future__ import annotations

import itertools

import dask.array as da
import numpy as np
import pytest

from napari_dinosim.planes import LAST, PlaneView, axes_of, direction_of, index_of, others, plane_index, split_shape

DATA = np.random.default_rng(0).integers(0, 255, (3, 4, 7, 9))


@pytest.mark.parametrize("axes", list(itertools.permutations(range(-4, 0), 2)))
def test_a_plane_is_what_numpy_cuts_out(axes):
    (first, second), shape = split_shape(DATA.shape, axes)
    index = first - 1, second // 2
    plane = plane_index(index, axes)
    assert (axes_of(plane), index_of(plane)) == (axes, index)
    expected = np.moveaxis(DATA, axes, (-2, -1))[index]
    found = PlaneView(DATA, plane)
    assert (found.shape, found.ndim, found.dtype) == (shape, 2, DATA.dtype)
    np.testing.assert_array_equal(found[1:, :2], expected[1:, :2])
    np.testing.assert_array_equal(np.asarray(found), expected)


def test_channels_follow():
    data = DATA[..., :3]
    found = PlaneView(data, (2, -1, -3), channels=True)
    assert found.shape == (7, 3, 3)
    found = PlaneView(data, (1, -1, -3), channels=True)
    np.testing.assert_array_equal(found[:, :], data[:, 1].swapaxes(0, 1))


def test_a_flat_image_with_its_axes_exchanged():
    np.testing.assert_array_equal(PlaneView(DATA[0, 0], (-1, -2))[2:5, :], DATA[0, 0].T[2:5])


def test_nothing_else_is_read():
    reads = []

    def block(block_info):
        reads.append(block_info[None]["chunk-location"])
        return np.zeros((1, 1, 4, 5))

    lazy = da.map_blocks(block, chunks=((1,) * 3, (1,) * 4, (4, 4), (5, 5)), dtype=float, meta=np.zeros((0,) * 4))
    view = PlaneView(lazy, (1, 2))
    assert reads == []
    assert view[:3, 6:].shape == (3, 4)
    assert reads == [(1, 2, 0, 1)]


@pytest.mark.parametrize(
    ("plane", "axes", "index", "direction"),
    [
        ((), LAST, (), ()),
        ((3, 0), LAST, (3, 0), ()),
        ((5, -3, -1), (-3, -1), (5,), (-3, -1)),
        ((-1, -2), (-1, -2), (), (-1, -2)),
    ],
)
def test_names(plane, axes, index, direction):
    assert (axes_of(plane), index_of(plane), direction_of(plane)) == (axes, index, direction)
    assert others(4, axes) == [axis for axis in (-4, -3, -2, -1) if axis not in axes]
