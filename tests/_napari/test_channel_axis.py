"""The channels along an axis of one layer as one image: its colours, its planes, its map, its way back."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from events import spin
from napari_dinosim.errors import ImageError
from pictures import greys
from planted import seed_map

SHAPE = (75, 61)
CLICK = (37, 50)
CHANNELS = np.stack([greys(*SHAPE, seed) for seed in range(2)])
MAGENTA, GREEN = np.array([1, 0, 1]), np.array([0, 1, 0])


def key_of(layer) -> str:
    return str(layer.unique_id)


def rgb_of(channels: np.ndarray, limits=(0.2, 0.7)) -> np.ndarray:
    """Magenta and green, as napari gives them to two channels, summed by hand."""
    unit = np.clip((channels - limits[0]) / (limits[1] - limits[0]), 0, 1)
    return np.clip(unit[0][..., None] * MAGENTA + unit[1][..., None] * GREEN, 0, 1)


def compose(bench, layer, axis: int = -3) -> None:
    bench.controller.compose([key_of(layer)], axis)
    bench.wait()


def test_channels_first_are_one_image_with_one_map(bench):
    bench.encoders.complement = True
    layer = bench.add(CHANNELS, name="cells", contrast_limits=(0.2, 0.7), scale=(1, 2, 0.5), rotate=20)
    compose(bench, layer)
    assert list(bench.states()) == ["cells (2 channels)"]
    bench.start()
    assert bench.encoders.calls == 1
    assert "planes" not in bench.states()["cells (2 channels)"]
    bench.point(layer, (1, *CLICK))
    (prompt,) = bench.session.prompts
    assert prompt.plane == (0,)
    made = bench.map_of(layer)
    assert (made.name, made.data.shape) == ("similarity · cells (2 channels)", CHANNELS.shape)
    expected = seed_map(rgb_of(CHANNELS), 16, [CLICK], complement=True)
    for channel in np.asarray(made.data):  # the map is that of all channels, whichever is on screen
        np.testing.assert_allclose(channel, expected, atol=4e-3)
    bench.viewer.dims.set_current_step(0, 0)
    bench.wait()
    assert bench.encoders.calls == 1


def test_channels_last_but_two_in_a_time_series(bench):
    bench.encoders.complement = True
    series = np.stack([CHANNELS, CHANNELS[:, ::-1], CHANNELS[::-1]])
    layer = bench.add(da.from_array(series, chunks=(1, 1, *SHAPE)), name="film", contrast_limits=(0.2, 0.7),
                      axis_labels=("t", "c", "y", "x"))  # fmt: skip
    assert bench.controller.offering.channel_axes(key_of(layer)) == [-3]
    compose(bench, layer)
    bench.start()
    assert bench.encoders.calls == 3
    assert "3 of 3 planes" in bench.states()["film (2 channels)"]
    bench.viewer.dims.set_current_step((0, 1), (1, 1))
    bench.point(layer, (1, 1, *CLICK))
    (prompt,) = bench.session.prompts
    assert prompt.plane == (1, 0)
    for t in range(3):
        expected = seed_map(rgb_of(series[t]), 16, [CLICK], rgb_of(series[1]), complement=True)
        np.testing.assert_allclose(bench.map_of(layer).data[t, 1], expected, atol=4e-3)


def test_each_channel_has_limits_of_its_own_where_nobody_set_any(bench):
    bench.encoders.complement = True
    faint = np.stack([(CHANNELS[0] * 60_000).astype(np.uint16), (CHANNELS[1] * 600).astype(np.uint16)])
    layer = bench.add(faint, name="cells")
    compose(bench, layer)
    bench.start()
    bench.point(layer, (0, *CLICK))
    limits = [np.percentile(channel, (1, 99)) for channel in faint]
    unit = [np.clip((c - low) / (high - low), 0, 1) for c, (low, high) in zip(faint, limits, strict=True)]
    rgb = unit[0][..., None] * MAGENTA + unit[1][..., None] * GREEN
    expected = seed_map(rgb, 16, [CLICK], complement=True)
    np.testing.assert_allclose(np.asarray(bench.map_of(layer).data)[0], expected, atol=4e-3)


def test_other_contrast_limits_make_it_stale(bench):
    layer = bench.add(CHANNELS, name="cells", contrast_limits=(0.2, 0.7))
    compose(bench, layer)
    bench.start()
    layer.contrast_limits = (0.1, 0.7)
    spin(0.1)
    assert bench.states()["cells (2 channels)"].startswith("stale")


def test_separated_it_is_a_stack_again(bench):
    layer = bench.add(CHANNELS, name="cells", contrast_limits=(0.2, 0.7))
    compose(bench, layer)
    bench.start()
    bench.point(layer, (1, *CLICK))
    bench.controller.separate(key_of(layer))
    bench.wait()
    assert list(bench.states()) == ["cells"]
    assert [prompt.plane for prompt in bench.session.prompts] == [(1,)]  # the channel that was clicked
    assert bench.map_of(layer).name == "similarity · cells"
    assert "2 of 2 planes" in bench.states()["cells"]


def test_channels_on_screen_as_rows_are_told(bench):
    layer = bench.add(CHANNELS, name="cells", contrast_limits=(0.2, 0.7))
    compose(bench, layer)
    bench.viewer.dims.order = (1, 0, 2)
    bench.start()
    assert bench.states()["cells (2 channels)"].startswith("error")
    row = next(iter(bench.controller.rows()))
    assert "along an axis on screen" in row.state.reason
    bench.viewer.dims.order = (0, 1, 2)
    bench.wait()
    assert bench.states()["cells (2 channels)"].startswith("ready")


def test_an_axis_that_cannot_hold_channels_is_refused(bench):
    long = bench.add(np.zeros((40, *SHAPE)), name="z stack")
    assert bench.controller.offering.channel_axes(key_of(long)) == []
    with pytest.raises(ImageError, match=r"found shape \(40, 75, 61\), expected 2 to 12 channels along axis -3"):
        bench.controller.offering.compose([key_of(long)], -3)
    bench.controller.compose([key_of(long)], -3)
    assert bench.told[-1][1]


def test_data_without_that_axis_is_an_image_like_any_other(bench):
    layer = bench.add(CHANNELS, name="cells", contrast_limits=(0.2, 0.7))
    compose(bench, layer)
    layer.data = np.concatenate([CHANNELS] * 10)
    bench.wait()
    assert list(bench.states()) == ["cells"]


def test_the_button_offers_it_for_a_row_that_is_picked(desk):
    from napari.layers import Image

    found = desk(Image(CHANNELS, name="cells", contrast_limits=(0.2, 0.7)))
    button, images = found.widget.channels, found.widget.images
    assert not button.isVisible()
    place = images.visualItemRect(found.item("cells")).center()
    QTest.mouseClick(images.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(place))
    spin(0.05)
    assert (button.isVisible(), button.text()) == (True, "Compose channels along axis")
    assert "2 channels along axis 0 of cells" in button.toolTip()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    spin(0.1)
    assert [line[0] for line in found.lines()] == ["cells (2 channels)"]
    assert button.text() == "Separate channels"
