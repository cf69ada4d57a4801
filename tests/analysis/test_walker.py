"""The walker arrives where scikit-image's does, and can be stopped on the way."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.segmentation import random_walker

from napari_dinosim.analysis.walker import BETA, first_reached

SHAPE = (70, 110)


class Stopped(Exception):
    pass


def fields() -> np.ndarray:
    """Number of a field for each pixel: 3 × 4 of them, none of the same size."""
    down, across = np.searchsorted([20, 45], np.arange(SHAPE[0])), np.searchsorted([22, 50, 90], np.arange(SHAPE[1]))
    return (down[:, None] * 4 + across + 1).astype(np.int32)


def coloured(numbers: np.ndarray) -> np.ndarray:
    random = np.random.default_rng(1)
    clean = random.random((numbers.max() + 1, 3))[numbers]
    return (clean + random.normal(0, 0.03, clean.shape)).astype(np.float32)


def marked(numbers: np.ndarray) -> np.ndarray:
    """Markers of 5 × 5 pixels within each field, off its middle."""
    markers = np.zeros_like(numbers)
    for number in np.unique(numbers):
        rows, cols = np.nonzero(numbers == number)
        row, col = rows.min() + 6, cols.min() + 9
        markers[row : row + 5, col : col + 5] = number
    return markers


def test_fields_are_found_from_their_markers():
    numbers = fields()
    found = first_reached(coloured(numbers), marked(numbers), 200, lambda: None)
    np.testing.assert_array_equal(found, numbers)


def test_it_arrives_where_that_of_scikit_image_does():
    random = np.random.default_rng(0)
    rgb = gaussian_filter(random.random((*SHAPE, 3)), (2, 2, 0)).astype(np.float32)
    markers = np.where(random.random(SHAPE) < 0.02, random.integers(1, 6, SHAPE), 0).astype(np.int32)
    found = first_reached(rgb, markers, 200, lambda: None)
    expected = random_walker(rgb, markers, beta=BETA, channel_axis=-1)
    assert (found == expected).mean() > 0.999
    assert len(np.unique(found)) == 5


def test_nobody_is_looked_for_beyond_the_margin():
    rgb = np.linspace(0, 1, 9 * 60 * 3, dtype=np.float32).reshape(9, 60, 3)
    markers = np.zeros((9, 60), np.int32)
    markers[4, 20], markers[4, 30] = 1, 2
    found = first_reached(rgb, markers, 12, lambda: None)
    seen = np.flatnonzero(found.any(axis=0))
    assert (seen.min(), seen.max()) == (8, 42)
    assert (found[:, 8:18] == 1).all()
    assert (found[:, 33:43] == 2).all()


@pytest.mark.parametrize("kind", [fields, lambda: (fields() > 4).astype(np.int32) + 1], ids=["many", "two"])
def test_it_can_be_stopped_between_its_steps(kind):
    numbers = kind()
    rgb, markers, calls = coloured(numbers), marked(numbers), []
    first_reached(rgb, markers, 200, lambda: calls.append(None))
    assert len(calls) > 5 * numbers.max(), "steps are not within the search for one marker"
    for stop in range(0, len(calls), 7):
        left = iter(range(stop))

        def step(left=left) -> None:
            if next(left, None) is None:
                raise Stopped

        with pytest.raises(Stopped):
            first_reached(rgb, markers, 200, step)
