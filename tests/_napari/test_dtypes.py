"""Intensities: what napari shows of a type is what is embedded, seen in the pixels of the map after a click."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image

from pictures import as_rgb, colours, greys

CLICK = (37, 120)
SHAPE = (100, 150)


def clicked(desk, encoders, data, **kwargs):
    encoders.complement = True  # else all greys are one
    layer = Image(data, name="a", **kwargs)
    found = desk(layer)
    found.start()
    found.click(layer, CLICK)
    return found, layer


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float16, np.float32, np.float64])
def test_grey_is_stretched_between_the_contrast_limits(desk, encoders, dtype):
    data = (greys(*SHAPE) * 100).astype(dtype)
    found, layer = clicked(desk, encoders, data, contrast_limits=(10, 80))
    found.assert_map(layer, as_rgb(np.clip((data.astype(float) - 10) / 70, 0, 1)), [CLICK])


def test_grey_with_limits_as_napari_sets_them_is_read_by_percentiles(desk, encoders):
    data = (greys(*SHAPE) * 3000 - 700).astype(np.int16)
    data[:2, :3] = 32_000  # a few hot pixels
    found, layer = clicked(desk, encoders, data)
    assert layer.contrast_limits[1] == 32_000
    low, high = np.percentile(data, (1, 99))
    assert high < 2400
    found.assert_map(layer, as_rgb(np.clip((data.astype(float) - low) / (high - low), 0, 1)), [CLICK])


def test_grey_uint8_is_divided_by_255(desk, encoders):
    data = (colours(*SHAPE)[..., 0] / 2).astype(np.uint8)
    found, layer = clicked(desk, encoders, data)
    found.assert_map(layer, as_rgb(data / 255), [CLICK])


def test_grey_uint8_follows_contrast_limits_that_a_person_set(desk, encoders):
    data = colours(*SHAPE)[..., 0]
    found, layer = clicked(desk, encoders, data, contrast_limits=(40, 90))
    found.assert_map(layer, as_rgb(np.clip((data.astype(float) - 40) / 50, 0, 1)), [CLICK])


def test_bool(desk, encoders):
    data = greys(*SHAPE) > 0.5
    found, layer = clicked(desk, encoders, data)
    found.assert_map(layer, as_rgb(data), [CLICK])


def test_rgba_drops_alpha(desk, encoders):
    data = np.dstack([colours(*SHAPE), colours(*SHAPE, 5)[..., 0]])
    found, layer = clicked(desk, encoders, data)
    assert layer.rgb
    found.assert_map(layer, data[..., :3] / 255, [CLICK])


def test_uint16_rgb_is_divided_by_its_maximum(desk, encoders):
    data = colours(*SHAPE).astype(np.uint16) * 257
    found, layer = clicked(desk, encoders, data, rgb=True)
    found.assert_map(layer, data / 65535, [CLICK])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_float_rgb_is_clipped(desk, encoders, dtype):
    data = (colours(*SHAPE) / 255 * 1.4 - 0.2).astype(dtype)
    found, layer = clicked(desk, encoders, data, rgb=True)
    found.assert_map(layer, np.clip(data.astype(float), 0, 1), [CLICK])


def test_float_rgba(desk, encoders):
    data = np.dstack([colours(*SHAPE), colours(*SHAPE, 5)[..., 0]]).astype(np.float32) / 255
    found, layer = clicked(desk, encoders, data, rgb=True)
    found.assert_map(layer, data[..., :3].astype(float), [CLICK])


def test_query_from_colour_maps_a_grey_image(desk, encoders):
    encoders.complement = True
    rgb, grey = colours(*SHAPE), (greys(75, 61, 1) * 900).astype(np.uint16)
    a, b = Image(rgb, name="a"), Image(grey, name="b", translate=(0, 200), contrast_limits=(0, 1000))
    found = desk(a, b)
    found.start()
    found.click(a, CLICK)
    found.assert_map(b, as_rgb(grey / 1000), [CLICK], rgb / 255)


def test_person_multiscale_is_read_at_full_resolution(desk, encoders):
    data = colours(*SHAPE)
    found, layer = clicked(desk, encoders, [data, data[::2, ::2]], multiscale=True)
    found.assert_map(layer, data / 255, [CLICK])


def test_dask_array(desk, encoders):
    dask = pytest.importorskip("dask.array")
    data = (greys(*SHAPE) * 3000).astype(np.uint16)
    found, layer = clicked(desk, encoders, dask.from_array(data, chunks=40), contrast_limits=(0, 3000))
    found.assert_map(layer, as_rgb(data / 3000), [CLICK])
