"""Objects coloured by a number are drawn in these colours, whatever their labels are."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels
from napari.utils.colormaps import ensure_colormap

from events import spin
from napari_dinosim._napari.feature_table import numbers_of
from napari_dinosim._napari.object_colours import by_number

SCALE = ensure_colormap("viridis").map(np.array([0.0, 0.5, 1.0]))
OTHERS = (0.25, 0.25, 0.25, 1)


def columns_of(labels, dtype) -> np.ndarray:
    """A plane of six columns: background, the labels, and one that has no colour."""
    return np.repeat(np.repeat(np.array([[0, *labels, labels[-1] + 1]], dtype=dtype), 12, axis=1), 40, axis=0)


@pytest.mark.parametrize(
    ("labels", "dtype"),
    [
        ([3, 250, 7], "uint8"),
        ([3, 65_000, 7], "uint16"),
        ([3, 65_537, 7], "int32"),
        ([70_000, 2**24 + 1, 2**24 + 2], "int32"),
        ([2**24 + 1, 2**31, 2**32 - 3], "uint32"),
        ([-9, 2**40, 70_000], "int64"),
        ([70_000, 2**24 + 1, 2**50], "uint64"),
    ],
)
def test_each_label_is_drawn_in_its_colour(make_napari_viewer, labels, dtype):
    viewer = make_napari_viewer(show=True)
    layer = viewer.add_layer(Labels(columns_of(labels, dtype), opacity=1))
    layer.colormap = by_number(np.array(labels, dtype=dtype), np.array([0.0, 0.5, 1.0]), OTHERS)
    spin(0.2)
    seen = viewer.screenshot(canvas_only=True, flash=False)
    canvas = viewer.window._qt_viewer.canvas
    places = np.array([[20, 12 * i + 6] for i in range(5)])
    visual = canvas.layer_to_visual[layer]
    mapped = visual.node.transforms.get_transform("visual", "canvas").map(places[:, ::-1] + 0.5)
    xs, ys = (mapped[:, :2] / mapped[:, 3:] * seen.shape[1] / canvas.native.width()).T
    drawn = seen[ys.round().astype(int), xs.round().astype(int)]
    expected = np.round(np.array([(0, 0, 0, 1), *SCALE, OTHERS]) * 255)
    np.testing.assert_allclose(drawn[1:], expected[1:], atol=4)
    assert (np.abs(drawn[0, :3].astype(int) - expected[1:, :3]).max(axis=1) > 4).all(), "the background is transparent"
    np.testing.assert_allclose(layer.get_color(labels[1]), SCALE[1], atol=0.01)
    thumbnail = layer.thumbnail.reshape(-1, 4)
    assert all((np.abs(thumbnail / 255 - colour).max(axis=1) < 0.02).any() for colour in (*SCALE, OTHERS))
    layer.show_selected_label, layer.selected_label = True, labels[1]
    spin(0.2)
    alone = viewer.screenshot(canvas_only=True, flash=False)[ys.round().astype(int), xs.round().astype(int)]
    np.testing.assert_allclose(alone[2], expected[2], atol=4)
    np.testing.assert_array_equal(alone[[1, 3, 4]], drawn[[0, 0, 0]])


def test_a_number_of_a_label_that_the_data_cannot_hold_is_not_drawn(make_napari_viewer):
    viewer = make_napari_viewer()
    layer = viewer.add_layer(Labels(columns_of([3, 65_000, 7], "uint16")))
    layer.features = {"index": [3, 7, 70_000], "mine": [1.0, 2.0, 3.0]}
    labels, numbers = numbers_of(layer, "mine")
    assert labels.tolist() == [3, 7]
    assert numbers.tolist() == [1, 2]
