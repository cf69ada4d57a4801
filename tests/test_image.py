"""Any array as RGB in [0, 1]: each type against what the issue promises, computed another way."""

import warnings

import dask.array
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_dinosim.errors import ImageError
from napari_dinosim.image import image_plane

random = np.random.default_rng(3)

INTEGERS = ["uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"]
FLOATS = ["float16", "float32", "float64", "longdouble"]
SWAPPED = [">u2", ">i4", ">i8", ">f2", ">f4", ">f8"]


def whole(plane) -> np.ndarray:
    """All pixels of a plane, which must be finite."""
    pixels, nonfinite = plane.window(0, 0, *plane.shape)
    assert pixels.shape == (*plane.shape, 3)
    assert pixels.dtype == np.float32
    assert pixels.min() >= 0
    assert pixels.max() <= 1
    assert not nonfinite
    return pixels


def grey(values) -> np.ndarray:
    """A single channel, clipped and repeated to three."""
    return np.repeat(np.clip(np.asarray(values, dtype=np.float64), 0, 1)[..., None], 3, axis=2)


def full_range(dtype) -> np.ndarray:
    """An image of shape (7, 5) from one end of a type to the other (floats: from -3 to 11)."""
    kind = np.dtype(dtype)
    low, high = (-3, 11) if kind.kind == "f" else (np.iinfo(kind).min, np.iinfo(kind).max)
    steps = [low + (high - low) * k // 34 for k in range(35)] if kind.kind != "f" else np.linspace(low, high, 35)
    return np.array(steps, dtype=kind).reshape(7, 5)


# --- one channel


def test_bool_becomes_black_and_white():
    image = random.random((7, 5)) > 0.5
    np.testing.assert_array_equal(whole(image_plane(image)), grey(image))


def test_uint8_is_divided_by_255_whatever_it_holds():
    image = random.integers(40, 90, (7, 5)).astype(np.uint8)
    np.testing.assert_allclose(whole(image_plane(image)), grey(image / 255), atol=1e-6)


@pytest.mark.parametrize("dtype", INTEGERS + FLOATS + SWAPPED)
def test_single_channels_are_stretched_between_minimum_and_maximum(dtype):
    image = full_range(dtype)
    exact = [[int(v) if np.dtype(dtype).kind != "f" else float(v) for v in row] for row in image]
    low, high = min(map(min, exact)), max(map(max, exact))
    expected = [[(value - low) / (high - low) for value in row] for row in exact]
    np.testing.assert_allclose(whole(image_plane(image)), grey(expected), atol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", *INTEGERS, *FLOATS, *SWAPPED])
def test_contrast_limits_stretch_and_clip(dtype):
    image = (random.random((7, 5)) * 100).astype(dtype)
    found = whole(image_plane(image, contrast_limits=(20, 70)))
    np.testing.assert_allclose(found, grey((image.astype(np.float64) - 20) / 50), atol=1e-6)
    assert found.min() == 0
    assert found.max() == 1


@pytest.mark.parametrize("dtype", ["uint32", "int64", "float64"])
def test_fine_steps_on_a_high_pedestal_survive(dtype):
    image = np.arange(35).reshape(7, 5).astype(dtype) + 2**31
    np.testing.assert_allclose(whole(image_plane(image)), grey(np.arange(35).reshape(7, 5) / 34), atol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "ends"),
    [("float32", (-1, 1)), ("float32", (-1, 0)), ("float32", (0, 1)), ("float64", (-0.5, 0.5)), ("float64", (-1, 0))],
)
def test_the_largest_numbers_of_a_type_are_no_trap(dtype, ends):
    low, high = (end * np.finfo(dtype).max for end in ends)
    image = np.array([[low, high], [low / 2 + high / 2, low]], dtype=dtype)
    np.testing.assert_allclose(whole(image_plane(image)), grey([[0, 1], [0.5, 0]]), atol=1e-6)


def test_a_trailing_axis_of_one_is_a_single_channel():
    image = full_range("uint16")
    np.testing.assert_array_equal(whole(image_plane(image[..., None])), whole(image_plane(image)))


def test_one_pixel_is_an_image():
    assert whole(image_plane(np.array([[200]], dtype=np.uint8))).tolist() == [[[np.float32(200 / 255)] * 3]]


@pytest.mark.parametrize("value", [0, 7, -2.5])
def test_a_constant_image_is_black_and_holds_no_nan(value):
    assert (whole(image_plane(np.full((6, 4), value, dtype=np.float32))) == 0).all()


# --- RGB


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int16", ">u2"])
def test_integer_rgb_is_divided_by_the_maximum_of_its_type(dtype, channels):
    most = np.iinfo(dtype).max
    image = (random.random((7, 5, channels)) * most * 0.8).astype(dtype)
    expected = image[..., :3].astype(np.float64) / most
    np.testing.assert_allclose(whole(image_plane(image)), expected, atol=1e-6)


def test_negative_rgb_is_black():
    image = np.full((2, 3, 3), -100, dtype=np.int16)
    assert (whole(image_plane(image)) == 0).all()


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("dtype", FLOATS)
def test_float_rgb_is_taken_as_it_is_and_clipped(dtype, channels):
    image = (random.random((7, 5, channels)) * 1.6 - 0.3).astype(dtype)
    expected = np.clip(image[..., :3].astype(np.float64), 0, 1)
    np.testing.assert_allclose(whole(image_plane(image)), expected, atol=1e-6)


def test_bool_rgb_is_black_and_white():
    image = random.random((7, 5, 3)) > 0.5
    np.testing.assert_array_equal(whole(image_plane(image)), image)


def test_alpha_is_dropped_even_where_it_is_not_finite():
    image = random.random((7, 5, 4)).astype(np.float32)
    image[..., 3] = np.nan
    np.testing.assert_array_equal(whole(image_plane(image)), image[..., :3])


def test_contrast_limits_stretch_rgb_where_they_are_given():
    image = random.random((7, 5, 3))
    found = whole(image_plane(image, contrast_limits=(0.25, 0.75)))
    np.testing.assert_allclose(found, np.clip((image - 0.25) / 0.5, 0, 1), atol=1e-6)


@pytest.mark.parametrize("channels", [2, 5])
def test_rgb_of_other_than_three_or_four_entries_is_refused(channels):
    with pytest.raises(ImageError, match=rf"RGB image: found {channels} channels, expected 3 or 4"):
        image_plane(np.zeros((7, 5, channels)), rgb=True)


def test_rgb_says_nothing_of_an_image_without_channels():
    image = full_range("uint16")
    np.testing.assert_array_equal(whole(image_plane(image, rgb=True)), whole(image_plane(image)))


# --- other channels


def test_two_channels_are_magenta_and_green():
    image = np.zeros((2, 2, 2), dtype=np.uint16)
    image[0, 0, 0] = image[1, 1, 0] = 900
    image[0, 1, 1] = image[1, 1, 1] = 30
    expected = [[[1, 0, 1], [0, 1, 0]], [[0, 0, 0], [1, 1, 1]]]
    np.testing.assert_allclose(whole(image_plane(image)), expected, atol=1e-6)


@pytest.mark.parametrize("channels", [2, 3, 5, 7, 32])
def test_all_channels_together_are_white_and_none_is_black(channels):
    image = np.zeros((3, channels, channels))
    image[0] = np.arange(1, channels + 1)
    image[2] = image[0] / 2
    found = whole(image_plane(image, rgb=False))
    np.testing.assert_allclose(found[0], 1, atol=1e-6)
    assert (found[1] == 0).all()
    np.testing.assert_allclose(found[2], 0.5, atol=1e-6)


@pytest.mark.parametrize("channels", [2, 3, 5])
def test_each_channel_has_a_colour_of_its_own_at_its_own_maximum(channels):
    image = np.zeros((1, channels + 1, channels))
    for channel in range(channels):
        image[0, channel, channel] = 10.0**channel
    colours = whole(image_plane(image, rgb=False))[0, :-1]
    assert len({tuple(np.round(colour, 3)) for colour in colours}) == channels
    np.testing.assert_allclose(colours[0], colours[0] * [1, 0, 1])
    assert colours.max(axis=1).min() > 0.3


def test_three_entries_are_rgb_unless_told_otherwise():
    image = random.integers(0, 255, (7, 5, 3)).astype(np.uint8)
    np.testing.assert_allclose(whole(image_plane(image)), image / 255, atol=1e-6)
    assert not np.allclose(whole(image_plane(image, rgb=False)), image / 255, atol=0.01)


# --- not finite


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("channels", [(), (3,), (5,)])
def test_what_is_not_finite_is_black_and_told(bad, channels):
    image = random.random((7, 5, *channels)).astype(np.float32) + 0.2
    spoilt = image.copy()
    spoilt[2, 3] = bad
    pixels, nonfinite = image_plane(spoilt).window(0, 0, 7, 5)
    assert nonfinite
    assert (pixels[2, 3] == 0).all()
    assert np.isfinite(pixels).all()
    sound, _ = image_plane(spoilt).window(0, 0, 2, 5)
    assert not image_plane(spoilt).window(0, 0, 2, 5)[1]
    np.testing.assert_array_equal(sound, pixels[:2])
    assert pixels.max() > 0.5


def test_the_range_is_that_of_the_finite_values():
    image = np.array([[2, np.inf, 4], [np.nan, 3, -np.inf]])
    pixels, _ = image_plane(image).window(0, 0, 2, 3)
    np.testing.assert_allclose(pixels[..., 0], [[0, 0, 1], [0, 0.5, 0]])


def test_nothing_finite_at_all_is_black():
    pixels, nonfinite = image_plane(np.full((4, 3), np.nan)).window(0, 0, 4, 3)
    assert nonfinite
    assert (pixels == 0).all()


# --- windows


@given(*[st.integers(1, 30)] * 4, st.data())
def test_a_window_is_a_part_of_the_whole_and_black_beyond(height, width, tall, wide, data):
    image = np.random.default_rng(height * 31 + width).integers(1, 255, (height, width)).astype(np.uint8)
    top, left = data.draw(st.integers(0, height + 3)), data.draw(st.integers(0, width + 3))
    padded = np.zeros((height + 40, width + 40))
    padded[:height, :width] = image / 255
    pixels, _ = image_plane(image).window(top, left, tall, wide)
    np.testing.assert_allclose(pixels, grey(padded[top : top + tall, left : left + wide]), atol=1e-6)


def test_black_beyond_the_edge_is_not_the_lowest_intensity():
    pixels, _ = image_plane(np.full((2, 2), 50, dtype=np.int16), contrast_limits=(-100, 100)).window(0, 0, 3, 3)
    np.testing.assert_allclose(pixels[..., 0], [[0.75, 0.75, 0], [0.75, 0.75, 0], [0, 0, 0]])


# --- kinds of arrays


def memory_map(image, folder):
    path = folder / "image.npy"
    np.save(path, image)
    return np.load(path, mmap_mode="r")


def read_only(image, _folder):
    image = image.copy()
    image.flags.writeable = False
    return image


ARRAYS = {
    "read-only": read_only,
    "memory map": memory_map,
    "dask": lambda image, _: dask.array.from_array(image, chunks=3),
    "reversed": lambda image, _: image[::-1, ::-1].copy()[::-1, ::-1],
    "column-major": lambda image, _: np.asfortranarray(image),
    "every other": lambda image, _: np.repeat(np.repeat(image, 2, axis=0), 3, axis=1)[::2, ::3],
    "list": lambda image, _: image.tolist(),
}


@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("channels", [(), (3,), (5,)])
def test_every_kind_of_array_reads_the_same_and_is_left_alone(kind, channels, tmp_path):
    image = random.random((7, 5, *channels))
    array = ARRAYS[kind](image, tmp_path)
    np.testing.assert_array_equal(whole(image_plane(array)), whole(image_plane(image)))
    np.testing.assert_array_equal(np.asarray(array), image)


def test_a_lazy_array_is_read_window_by_window():
    read = []

    class Lazy:
        shape, dtype, ndim = (100, 90), np.dtype(np.uint8), 2

        def __getitem__(self, index):
            read.append(index)
            return np.zeros(self.shape, dtype=self.dtype)[index]

    plane = image_plane(Lazy())
    assert not read
    plane.window(10, 20, 30, 40)
    assert read == [(slice(10, 40), slice(20, 60))]


# --- refused


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((4, 4), dtype=complex), "data type: found 'complex128', expected bool, integer or real numbers"),
        (np.full((4, 4), None), "data type: found 'object'"),
        (np.full((4, 4), "a"), "data type: found 'str32'"),
        (np.zeros((4, 4), dtype="datetime64[s]"), r"data type: found 'datetime64\[s\]'"),
        (np.zeros((4, 4), dtype=[("a", int)]), "data type: found 'void64'"),
        (np.zeros((0, 4)), r"empty image: found shape \(0, 4\), expected at least one pixel"),
        (np.zeros((4, 0)), r"empty image: found shape \(4, 0\)"),
        (np.zeros((4, 4, 0)), r"empty image: found shape \(4, 4, 0\)"),
        (np.zeros(()), r"image shape: found \(\), expected \(height, width\) or \(height, width, channels\)"),
        (np.zeros(5), r"image shape: found \(5,\)"),
        (np.zeros((2, 3, 4, 3)), r"image shape: found \(2, 3, 4, 3\)"),
        (np.zeros((2, 3, 33)), r"image shape: found \(2, 3, 33\).*plane by plane"),
    ],
)
def test_what_is_no_image_is_refused_by_name(data, message):
    with pytest.raises(ImageError, match=message):
        image_plane(data)


@pytest.mark.parametrize("limits", [(1, 1), (2, 1), (np.nan, 1), (0, np.inf), (-np.inf, 0)])
def test_contrast_limits_of_no_use_are_refused(limits):
    with pytest.raises(ImageError, match=r"contrast limits: found .* expected two finite numbers, low < high"):
        image_plane(np.zeros((4, 4)), contrast_limits=limits)


def test_reading_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = np.array([[np.nan, np.inf], [-np.inf, 1e38]], dtype=np.float32)
        image_plane(image).window(0, 0, 2, 2)
        image_plane(image, contrast_limits=(0, 1e300)).window(0, 0, 2, 2)
