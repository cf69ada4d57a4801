"""The main road, with a real mouse: an image, a click, the pixels of the map against the seeds' formulas."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image
from planted import seed_map


def colours(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Random colours in blocks of 11 pixels, so that neighbouring patches differ and no block meets a patch."""
    blocks = np.random.default_rng(seed).integers(0, 256, (height // 11 + 1, width // 11 + 1, 3), dtype=np.uint8)
    return blocks.repeat(11, axis=0).repeat(11, axis=1)[:height, :width]


@pytest.mark.parametrize(
    ("encoder", "size", "shape", "click"),
    [("builtin", 16, (100, 150), (37, 120)), ("dinov2_vits14", 14, (75, 61), (74, 60))],
    ids=["P16", "P14 in the padded corner"],
)
def test_map_equals_the_formulas(desk, encoder, size, shape, click):
    image = colours(*shape)
    layer = Image(image, name="a")
    found = desk(layer, encoder=encoder)
    found.start()
    found.click(layer, click)
    expected = seed_map(image / 255, size, [click])
    np.testing.assert_allclose(found.map_of(layer).data, expected, atol=1e-5)
