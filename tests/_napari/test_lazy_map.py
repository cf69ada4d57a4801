"""The lazy map equals the map that is upsampled at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_dinosim._napari import maps
from napari_dinosim._napari.lazy_map import LazyMap
from napari_dinosim.grid import PatchGrid
from napari_dinosim.states import SimilarityMap
from pictures import colours

GRID = PatchGrid(75, 61, 14)
VALUES = np.random.default_rng(0).random(GRID.shape, dtype=np.float32)
MAP = SimilarityMap(torch.from_numpy(VALUES), GRID, 1.0)
FULL = GRID.upsample(VALUES)


@pytest.mark.parametrize(
    "key",
    [
        (...,),
        (slice(3, 40), slice(10, 61, 3)),
        (5, slice(None)),
        (slice(None), 60),
        (74, 60),
        (-1, -1),
        (slice(None, None, -1),),
        ([3, 30, 74], slice(2, 9)),
        (slice(9, 9), slice(None)),
        7,
    ],
    ids=str,
)
def test_every_part_equals_the_full_map(key):
    found = LazyMap((75, 61), lambda _plane: MAP)[key]
    np.testing.assert_array_equal(found, FULL[key])
    assert found.dtype == np.float32


def test_whole_array():
    lazy = LazyMap((75, 61), lambda _plane: MAP)
    np.testing.assert_array_equal(np.asarray(lazy), FULL)
    assert np.asarray(lazy, dtype=np.float64).dtype == np.float64
    assert (lazy.shape, lazy.ndim, lazy.size, len(lazy)) == ((75, 61), 2, 75 * 61, 75)


@pytest.mark.parametrize("step", [1, 2, 4, 8, 64, 128])
def test_level_takes_the_pixel_under_its_centre(step):
    level = LazyMap((75, 61), lambda _plane: MAP, step)
    height, width = level.shape
    assert (height, width) == (-(-75 // step), -(-61 // step))
    ys = np.floor((np.arange(height) + 0.5) * 75 / height).astype(int)
    xs = np.floor((np.arange(width) + 0.5) * 61 / width).astype(int)
    np.testing.assert_array_equal(np.asarray(level), FULL[np.ix_(ys, xs)])


def test_planes_without_a_map_are_nan():
    lazy = LazyMap((2, 3, 75, 61), lambda plane: MAP if plane == (1, 2) else None)
    whole = np.asarray(lazy)
    np.testing.assert_array_equal(whole[1, 2], FULL)
    assert np.isnan(np.delete(whole.reshape(6, -1), 5, axis=0)).all()
    np.testing.assert_array_equal(lazy[1, 2, 3:9], FULL[3:9])
    np.testing.assert_array_equal(lazy[:, -1, 40, 9], [np.nan, FULL[40, 9]])


def test_large_image_has_a_lazy_pyramid(bench):
    image = np.tile(colours(500, 420)[..., 0], (10, 10))
    layer = bench.add(image, name="large")
    bench.encoders.complement = True
    bench.start()
    bench.point(layer, (2345, 3999))
    made = bench.map_of(layer)
    assert made.multiscale
    assert [level.shape for level in made.data] == [(5000, 4200), (2500, 2100), (1250, 1050), (625, 525)]
    found = bench.session.shown_map(str(layer.unique_id))
    full = found.grid.upsample(found.values)
    for region in (np.s_[:50, :70], np.s_[4990:, 4100:], np.s_[2330:2360, 3980:4010]):
        np.testing.assert_array_equal(made.data[0][region], full[region])
    assert full[2345, 3999] == pytest.approx(1)
    before = made.data[0][:50, :70]
    bench.point(layer, (7, 9))
    assert bench.map_of(layer) is made
    assert not np.array_equal(made.data[0][:50, :70], before)


def test_a_pyramid_is_of_the_planes_that_are_on_screen(bench, monkeypatch):
    monkeypatch.setattr(maps, "REAL_PIXELS", 2000 * 100)
    image = np.tile(colours(300, 20, 5)[..., 0][:, None], (5, 60, 3))  # 1500 × 60 × 60: large seen from the side
    layer = bench.add(image, name="a")
    bench.encoders.complement = True
    bench.start()
    bench.point(layer, (750, 30, 40))
    flat = bench.map_of(layer)
    assert not flat.multiscale
    monkeypatch.setattr(maps, "REAL_PIXELS", 60 * 100)
    bench.viewer.dims.order = (1, 0, 2)
    bench.wait()
    side = bench.map_of(layer)
    assert side.multiscale
    assert [level.shape for level in side.data] == [(1500, 60, 60), (750, 60, 30)]
    bench.viewer.dims.order = (2, 0, 1)
    bench.wait()
    assert [level.shape for level in bench.map_of(layer).data] == [(1500, 60, 60), (750, 30, 60)]
    assert np.nanmax(np.asarray(bench.map_of(layer).data[0][:, :, 40])) == pytest.approx(1)
    bench.viewer.dims.order = (0, 1, 2)
    bench.wait()
    assert not bench.map_of(layer).multiscale
