"""Channels composed into RGB, against sums written by hand; napari's own screen is in ``_napari/test_additive.py``."""

from __future__ import annotations

import dask.array
import numpy as np
import pytest

from napari_dinosim.composition import Channel, Composition
from napari_dinosim.embedding import embed
from napari_dinosim.errors import ImageError
from napari_dinosim.intensity import Intensity
from pictures import greys
from planted import MeanColourEncoder

SHAPE = (37, 52)
BLACK, MAGENTA, GREEN, BLUE = (0, 0, 0), (1, 0, 1), (0, 1, 0), (0, 0, 1)
FIRST, SECOND = greys(*SHAPE), greys(*SHAPE, 1) * 4000


def whole(channels) -> np.ndarray:
    composed = Composition(channels)
    assert composed.shape == SHAPE
    pixels, nonfinite = composed.window(0, 0, *SHAPE)
    assert pixels.dtype == np.float32
    assert not nonfinite
    return pixels


def hue(values, colour) -> np.ndarray:
    return np.clip(values, 0, 1)[..., None] * np.array(colour)


def test_colours_add_up():
    found = whole([Channel(FIRST, [BLACK, MAGENTA], (0.1, 0.8)), Channel(SECOND, [BLACK, GREEN], (500, 3000))])
    expected = hue((FIRST - 0.1) / 0.7, MAGENTA) + hue((SECOND - 500) / 2500, GREEN)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_the_sum_is_clipped_at_white():
    found = whole([Channel(FIRST, [BLACK, MAGENTA], (0, 0.5)), Channel(FIRST, [BLACK, BLUE], (0, 0.5))])
    np.testing.assert_allclose(found, np.clip(hue(FIRST * 2, MAGENTA) + hue(FIRST * 2, BLUE), 0, 1), atol=1e-3)


def test_opacity_alpha_and_gamma_count():
    half_blue = [(0, 0, 0, 1), (0, 0, 1, 0.5)]
    found = whole(
        [Channel(FIRST, [BLACK, GREEN], (0, 1), gamma=0.5, opacity=0.6), Channel(FIRST, half_blue, (0, 1), gamma=2)]
    )
    blue = FIRST**2 * (1 - 0.5 * FIRST**2)  # colour and alpha are both interpolated
    np.testing.assert_allclose(found, hue(FIRST**0.5 * 0.6, GREEN) + hue(blue, BLUE), atol=2e-3)


def test_a_channel_that_is_hidden_does_not_count():
    seen, hidden = Channel(FIRST, [BLACK, GREEN], (0, 1)), Channel(SECOND, [BLACK, BLUE], visible=False)
    np.testing.assert_array_equal(whole([hidden, seen]), whole([seen]))


def test_a_long_table_of_colours_is_followed():
    table = np.random.default_rng(0).random((2048, 3))
    steps = np.arange(37 * 52).reshape(SHAPE)
    np.testing.assert_allclose(whole([Channel(steps, table, (0, 2047))]), table[steps], atol=1e-6)


def test_without_limits_a_channel_is_stretched_between_its_ends():
    np.testing.assert_allclose(
        whole([Channel(SECOND, [BLACK, GREEN])]),
        hue((SECOND - SECOND.min()) / np.ptp(SECOND), GREEN),
        atol=1e-3,
    )


def test_windows_are_parts_of_the_whole_and_black_beyond():
    bright = [(1, 1, 1), GREEN]
    channels = [Channel(FIRST, bright, (0, 1)), Channel(SECOND, [BLACK, BLUE], (0, 4000))]
    pixels, _ = Composition(channels).window(30, 40, 16, 20)
    np.testing.assert_array_equal(pixels[:7, :12], whole(channels)[30:, 40:])
    assert not pixels[7:].any()
    assert not pixels[:, 12:].any()


def test_what_is_not_finite_adds_nothing_and_is_told():
    holes = FIRST.copy()
    holes[3, 4], holes[5, 6] = np.nan, np.inf
    pixels, nonfinite = Composition(
        [Channel(holes, [(1, 0, 0), (1, 0, 0)], (0, 1)), Channel(FIRST, [BLACK, GREEN], (0, 1))]
    ).window(0, 0, *SHAPE)
    assert nonfinite
    np.testing.assert_allclose(pixels[[3, 5], [4, 6]], hue(FIRST[[3, 5], [4, 6]], GREEN), atol=1e-3)
    assert pixels[0, 0, 0] == 1


def test_lazy_channels_of_other_types_are_read_where_asked():
    lazy = dask.array.from_array((SECOND).astype(">u2"), chunks=10)
    expected = hue(SECOND.astype(np.uint16) / 4000, GREEN)
    np.testing.assert_allclose(whole([Channel(lazy, [BLACK, GREEN], (0, 4000))]), expected, atol=1e-3)


def test_it_is_embedded_like_the_rgb_image_it_makes():
    channels = [Channel(FIRST, [BLACK, MAGENTA], (0, 1)), Channel(SECOND, [BLACK, GREEN], (0, 4000))]
    encoder = MeanColourEncoder()
    found = embed(Composition(channels), encoder)
    np.testing.assert_allclose(found.vectors, embed(whole(channels), encoder).vectors, atol=1e-6)


def test_the_choice_of_intensities_is_the_channels():
    composed = Composition([Channel(FIRST, [BLACK, GREEN])])
    with pytest.raises(ImageError, match=r"intensities: found a choice of them for a Composition, expected none"):
        embed(composed, MeanColourEncoder(), intensity=Intensity())


# --- refused


def test_shapes_that_differ_are_both_named():
    with pytest.raises(
        ImageError, match=r"found shape \(37, 52\) of 'DAPI' and \(37, 50\) of 'actin', expected one shape"
    ):
        Composition([Channel(FIRST, [BLACK, BLUE], name="DAPI"), Channel(FIRST[:, :50], [BLACK, GREEN], name="actin")])


def test_a_stack_is_no_channel():
    with pytest.raises(ImageError, match=r"channel 'stack': found shape \(2, 37, 52\), expected \(height, width\)"):
        Composition([Channel(np.stack([FIRST, FIRST]), [BLACK, BLUE], name="stack")])


@pytest.mark.parametrize("channels", [[], [Channel(FIRST, [BLACK, BLUE], visible=False)]])
def test_nothing_to_see(channels):
    with pytest.raises(ImageError, match=r"channels: found \d, none of them visible, expected at least one"):
        Composition(channels)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (FIRST.astype(complex), "data type: found 'complex128'"),
        (np.full(SHAPE, None), "data type: found 'object'"),
        (np.zeros((0, 5)), r"empty image: found shape \(0, 5\)"),
    ],
)
def test_what_is_no_channel(data, message):
    with pytest.raises(ImageError, match=message):
        Composition([Channel(data, [BLACK, GREEN])])


@pytest.mark.parametrize("limits", [(1, 1), (2, 1), (0, np.nan)])
def test_limits_the_wrong_way_round(limits):
    with pytest.raises(ImageError, match=r"contrast limits: found .* low < high. Set the contrast limits of the layer"):
        Channel(FIRST, [BLACK, GREEN], limits)


@pytest.mark.parametrize("colours", [[BLACK], [0, 1], [(0, 0), (1, 1)], [BLACK, (0, 2, 0)], [BLACK, (0, np.nan, 0)]])
def test_colours_that_are_no_table(colours):
    with pytest.raises(ImageError, match=r"colours of 'channel': found an array of shape .*, expected \(N, 3\)"):
        Channel(FIRST, colours)


@pytest.mark.parametrize("looks", [{"gamma": 0}, {"gamma": np.nan}, {"opacity": 1.5}, {"opacity": -0.1}])
def test_looks_out_of_range(looks):
    with pytest.raises(ImageError, match=r"looks of 'channel': found gamma .* expected gamma above 0 and opacity"):
        Channel(FIRST, [BLACK, GREEN], **looks)
