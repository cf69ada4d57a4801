"""The samples as napari opens them."""

from __future__ import annotations

import numpy as np
import pytest

from napari_dinosim._napari import sample_data

CASES = {
    "pair": [((500, 741, 3), np.uint8), ((500, 741, 3), np.uint8)],
    "tissue": [((512, 512, 3), np.uint8)],
    "textures": [((480, 640), np.uint8)],
    "stack": [((3, 300, 400), np.uint16)],
}


@pytest.mark.parametrize(("key", "expected"), CASES.items(), ids=CASES)
def test_sample(bench, key, expected):
    layers = [bench.add(data, **place) for data, place, kind in getattr(sample_data, key)() if kind == "image"]
    assert [(layer.data.shape, layer.data.dtype.type) for layer in layers] == expected
    assert [layer.rgb for layer in layers] == [len(shape) == 3 and shape[-1] == 3 for shape, _ in expected]
    assert all(layer.name in {row.name for row in bench.controller.rows()} for layer in layers)


def test_the_pair_does_not_overlap():
    (_, first, _), (_, second, _) = sample_data.pair()
    shift = np.abs(np.subtract(second["translate"], first.get("translate", (0, 0))))
    assert (shift >= (500, 741)).any()


def test_the_stack_is_thicker_than_wide():
    ((_, place, _),) = sample_data.stack()
    thickness, height, width = place["scale"]
    assert thickness > height == width
    assert place["units"] == ("um", "um", "um")
