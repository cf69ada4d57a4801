"""Resizing against scikit-image's and torch's, and windows against crops."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.transform import resize_local_mean

from napari_dinosim.resampling import AxisWeights, axis_weights

sides = st.integers(1, 90)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).random(shape, dtype=np.float32)


def resize(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Both axes, whole."""
    down = axis_weights(values.shape[0], height, 0, height).apply(values)
    return axis_weights(values.shape[1], width, 0, width).apply(down.swapaxes(0, 1)).swapaxes(0, 1)


def torch_bicubic(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Torch's, which with ``antialias`` has Keys' a = -1/2; at the edge it leaves out what is beyond."""
    batch = torch.from_numpy(values).permute(2, 0, 1)[None]
    found = torch.nn.functional.interpolate(batch, (height, width), mode="bicubic", antialias=True)
    return found[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize("shape", [(20, 33), (47, 31), (7, 90), (1, 1), (59, 90), (60, 91)])
def test_shrinking_is_the_local_mean(shape):
    image = noise(60, 91, 3)
    expected = resize_local_mean(image, shape, channel_axis=-1)
    np.testing.assert_allclose(resize(image, *shape), expected, atol=1e-5)


def test_shrinking_by_whole_numbers_is_the_mean_of_blocks():
    image = noise(60, 90, 3)
    np.testing.assert_allclose(resize(image, 20, 18), image.reshape(20, 3, 18, 5, 3).mean(axis=(1, 3)), atol=1e-6)


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_enlarging_is_bicubic_up_to_the_repeated_edge(factor):
    image, rim = noise(14, 21, 3), 4
    padded = np.pad(image, ((rim, rim), (rim, rim), (0, 0)), mode="edge")
    enlarged = torch_bicubic(padded, padded.shape[0] * factor, padded.shape[1] * factor)
    expected = enlarged[rim * factor : -rim * factor, rim * factor : -rim * factor]
    np.testing.assert_allclose(resize(image, 14 * factor, 21 * factor), expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(31, 47), (40, 61), (85, 200)])
def test_enlarging_by_any_factor_is_bicubic_inside(shape):
    image = noise(30, 41, 3)
    rim = tuple(slice(3 * -(-new // old), -3 * -(-new // old)) for new, old in zip(shape, (30, 41), strict=True))
    np.testing.assert_allclose(resize(image, *shape)[rim], torch_bicubic(image, *shape)[rim], atol=1e-5)


def test_each_axis_shrinks_or_grows_by_itself():
    image = noise(60, 40, 3)
    expected = torch_bicubic(resize_local_mean(image, (20, 40), channel_axis=-1).astype(np.float32), 20, 80)
    np.testing.assert_allclose(resize(image, 20, 80)[:, 8:-8], expected[:, 8:-8], atol=1e-5)


@given(sides, sides)
def test_weights_of_a_new_pixel_sum_to_one(length, resized):
    whole = axis_weights(length, resized, 0, resized)
    assert whole.matrix.shape == (resized, whole.stop - whole.first)
    np.testing.assert_allclose(whole.matrix.sum(axis=1), 1, atol=1e-6)


@given(sides)
def test_its_own_size_changes_nothing(length):
    values = noise(length, 2)
    np.testing.assert_array_equal(axis_weights(length, length, 0, length).apply(values), values)


@given(st.integers(2, 90), st.integers(0, 90))
def test_a_parabola_stays_a_parabola_where_it_grows(length, more):
    """Pixel centres are where they belong; with another a than Keys' a parabola would be bent."""
    source, places = np.arange(length), (np.arange(length + more) + 0.5) * length / (length + more) - 0.5
    found = axis_weights(length, length + more, 0, length + more).apply(source.astype(np.float32) ** 2)
    inside = (places >= 1) & (places <= length - 2)
    np.testing.assert_allclose(found[inside], places[inside] ** 2, atol=3e-3)


@given(sides, sides, st.data())
def test_a_window_is_a_crop_of_the_whole(length, resized, data):
    start = data.draw(st.integers(0, resized - 1))
    stop = data.draw(st.integers(start + 1, resized))
    values = noise(length, 5)
    part: AxisWeights = axis_weights(length, resized, start, stop)
    whole = axis_weights(length, resized, 0, resized).apply(values)
    np.testing.assert_array_equal(part.apply(values[part.first : part.stop]), whole[start:stop])


@given(st.integers(1, 4000), st.integers(1, 4000), st.data())
def test_a_window_needs_its_part_of_the_source_and_a_margin(length, resized, data):
    start = data.draw(st.integers(0, resized - 1))
    stop = data.draw(st.integers(start + 1, resized))
    part = axis_weights(length, resized, start, stop)
    scale = length / resized
    assert 0 <= part.first <= part.stop <= length
    assert part.first >= start * scale - 3
    assert part.stop <= stop * scale + 3
