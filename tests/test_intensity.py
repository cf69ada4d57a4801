"""Limits of intensities, found once per image from a sample: each mode against what was planted."""

from __future__ import annotations

import warnings

import dask.array
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from napari.layers.utils.layer_utils import calc_data_range

from napari_dinosim.embedding import embed
from napari_dinosim.errors import ImageError
from napari_dinosim.image import image_plane
from napari_dinosim.intensity import LAZY_BLOCK, LAZY_BLOCKS, SAMPLE, Intensity, Mode, envelope, sample
from planted import MeanColourEncoder

random = np.random.default_rng(5)

TYPES = ["uint16", "uint32", "uint64", "int16", "int32", "int64", "float16", "float32", "float64", ">u2", ">i4", ">f4"]


def planted(dtype, shape=(40, 50)) -> np.ndarray:
    """Values 0 … 1000 in equal numbers, shuffled: percentile p is 10 p."""
    values = np.linspace(0, 1000, int(np.prod(shape)))
    return random.permutation(values).astype(dtype).reshape(shape)


class Lazy:
    """A ramp along one axis that is computed when asked for, and notes what is asked."""

    def __init__(self, shape, axis) -> None:
        self.shape, self.dtype, self.ndim = shape, np.dtype(np.float64), len(shape)
        self.reads: list[tuple] = []
        self._axis = axis

    def __getitem__(self, index):
        self.reads.append(index)
        index = (*index, *[slice(None)] * (self.ndim - len(index)))
        steps = [np.arange(size)[part] for size, part in zip(self.shape, index, strict=True)]
        ramp = np.zeros([np.size(step) for step in steps])
        ramp += np.moveaxis(np.atleast_1d(steps[self._axis])[(..., *[None] * (self.ndim - 1))], 0, self._axis)
        return ramp.reshape([np.size(step) for step in steps if np.ndim(step)])


# --- modes


@pytest.mark.parametrize("dtype", TYPES)
def test_percentiles(dtype):
    found = Intensity("percentiles", percentiles=(10, 75)).limits(planted(dtype))
    np.testing.assert_allclose(found, (100, 750), atol=1.5)


@pytest.mark.parametrize("dtype", TYPES)
def test_more_than_8_bits_are_read_from_the_1st_to_the_99th_percentile(dtype):
    np.testing.assert_allclose(Intensity().limits(planted(dtype)), (10, 990), atol=1.5)


def test_limits_that_someone_set_come_first():
    image = planted("uint16")
    assert Intensity().limits(image, contrast_limits=(300, 400)) == (300, 400)
    assert Intensity("contrast limits").limits(image, contrast_limits=(300, 400)) == (300, 400)
    assert Intensity().limits((image / 5).astype(np.uint8), contrast_limits=(30, 40)) == (30, 40)
    assert Intensity("percentiles").limits(image, contrast_limits=(300, 400)) != (300, 400)


@pytest.mark.parametrize(("dtype", "expected"), [("uint8", (0, 255)), ("int8", (-128, 127))])
def test_8_bits_are_read_by_their_full_range(dtype, expected):
    assert Intensity().limits(np.full((3, 4), 9, dtype)) == expected


@pytest.mark.parametrize("dtype", ["uint16", "int16", "uint32", "int64", ">u2"])
def test_full_range_of_integers(dtype):
    image = planted(dtype)
    ends = float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)
    assert Intensity("full range of the type").limits(image) == ends
    rgb = np.stack([image] * 3, axis=-1)
    assert Intensity("full range of the type").limits(rgb, rgb=True) == (0, ends[1])


@pytest.mark.parametrize(
    ("values", "expected"), [((0.2, 0.7), (0, 1)), ((-0.5, 0.75), (-0.5, 0.75)), ((0.25, 400), (0.25, 400))]
)
def test_full_range_of_floats(values, expected):
    assert Intensity("full range of the type").limits(np.array([values], dtype=np.float32)) == expected


def test_fixed_numbers():
    assert Intensity("fixed", fixed=(3, 70)).limits(planted("uint16")) == (3, 70)
    assert Intensity("fixed", fixed=(3, 70)).limits(planted("uint16"), contrast_limits=(1, 2)) == (3, 70)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("channels", [3, 4])
def test_photographs_and_bool_pass_through_unchanged(mode, channels):
    intensity = Intensity(mode, fixed=(20, 30))
    photograph = random.integers(0, 256, (6, 7, channels)).astype(np.uint8)
    assert intensity.limits(photograph, rgb=True, contrast_limits=(20, 30)) is None
    pixels, _ = image_plane(photograph, intensity=intensity, contrast_limits=(20, 30)).window(0, 0, 6, 7)
    np.testing.assert_allclose(pixels, photograph[..., :3] / 255, atol=1e-6)
    mask = random.random((6, 7)) > 0.5
    assert intensity.limits(mask, contrast_limits=(0.2, 0.3)) is None
    np.testing.assert_array_equal(image_plane(mask, intensity=intensity).window(0, 0, 6, 7)[0][..., 0], mask)


def test_one_pair_over_the_colours_without_alpha():
    rgba = np.zeros((10, 10, 4), dtype=np.uint16)
    rgba[..., :3] = random.permutation(np.arange(300)).reshape(10, 10, 3)
    rgba[..., 3] = 60000
    np.testing.assert_allclose(Intensity("percentiles").limits(rgba, rgb=True), (2.99, 296.01))
    assert Intensity().limits(rgba, rgb=True) == (0, 65535)


# --- traps


def test_a_dark_field_with_few_lights_is_not_white():
    image = np.zeros((50, 60), dtype=np.uint16)
    image[20, 30:33] = (50, 70, 900)
    assert Intensity().limits(image) == (0, 900)


@pytest.mark.parametrize(
    ("value", "expected"), [(0, (0, 1)), (0.5, (0, 1)), (7, (0, 7)), (-3, (-3, 1)), (2.0**60, (0, 2.0**60))]
)
def test_a_constant_image_is_read_as_napari_shows_it(value, expected):
    image = np.full((5, 6), value)
    assert Intensity().limits(image) == expected == calc_data_range(image)


def test_what_is_not_finite_counts_for_nothing():
    image = planted("float32")
    image[::3] = np.nan
    image[1::3, 5] = np.inf
    image[1::3, 6] = -np.inf
    low, high = Intensity("percentiles", percentiles=(0, 100)).limits(image)
    assert 0 <= low < 20
    assert 980 < high <= 1000
    assert Intensity().limits(np.full((4, 5), np.nan)) == (0, 1)


def test_reading_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Intensity().limits(np.array([[np.nan, np.inf], [60000, -60000]], dtype=np.float16))


def memory_map(image, folder):
    np.save(folder / "image.npy", image)
    return np.load(folder / "image.npy", mmap_mode="r")


def read_only(image, _folder):
    image.flags.writeable = False
    return image


@pytest.mark.parametrize(
    "kind",
    [
        memory_map,
        read_only,
        lambda image, _: dask.array.from_array(image, chunks=7),
        lambda image, _: np.repeat(image, 3, axis=1)[:, ::3],
        lambda image, _: np.asfortranarray(image),
    ],
    ids=["memory map", "read-only", "dask", "not contiguous", "column-major"],
)
def test_every_kind_of_array(kind, tmp_path):
    image = planted("uint16")
    expected = Intensity().limits(image.copy())
    assert Intensity().limits(kind(image, tmp_path)) == expected


# --- a bounded sample


def test_a_small_stack_is_looked_at_whole():
    stack = planted("uint16", (6, 20, 30))
    assert sorted(sample(stack)) == sorted(stack.reshape(-1))


@pytest.mark.parametrize("shape", [(50_000, 40_000), (300, 4000, 3000), (5, 7, 2000, 900), (3, 10_000_000)])
@pytest.mark.parametrize("rgb", [False, True])
def test_a_large_lazy_array_is_read_in_few_small_parts_all_over_it(shape, rgb):
    lazy = Lazy((*shape, 3) if rgb else shape, axis=0)
    assert 0 < sample(lazy, rgb=rgb).size <= SAMPLE
    assert len(lazy.reads) <= LAZY_BLOCKS
    for index in lazy.reads:
        top, left = index[len(shape) - 2 : len(shape)]
        assert top.stop - top.start <= LAZY_BLOCK
        assert left.stop - left.start <= LAZY_BLOCK
        assert 0 <= top.start < top.stop <= shape[-2]
        assert 0 <= left.start < left.stop <= shape[-1]
    if not rgb:
        for axis, size in enumerate(shape):
            parts = [index[axis] for index in lazy.reads]
            ends = [(part.start, part.stop) if isinstance(part, slice) else (part, part + 1) for part in parts]
            assert min(start for start, _ in ends) <= 0.2 * size
            assert max(stop for _, stop in ends) >= 0.8 * size


def test_the_sample_of_a_large_ramp_gives_its_percentiles():
    percentiles = Intensity("percentiles", percentiles=(10, 90))
    np.testing.assert_allclose(percentiles.limits(Lazy((20_000, 30_000), axis=1)), (3000, 27000), atol=1500)
    np.testing.assert_allclose(percentiles.limits(Lazy((20_000, 30_000), axis=0)), (2000, 18000), atol=1000)
    np.testing.assert_allclose(percentiles.limits(Lazy((400, 2000, 1000), axis=0)), (40, 360), atol=30)


def test_all_windows_of_a_large_image_have_one_pair_of_limits():
    reads = Lazy((4000, 3000), axis=1)
    plane = image_plane(reads, intensity=Intensity())
    count = len(reads.reads)
    for top in (0, 1000, 3000):
        plane.window(top, 0, 50, 60)
    assert len(reads.reads) == count + 3


# --- one pair for all


def test_envelope_holds_all_pairs():
    assert envelope([(3, 50), None, (-1, 20)]) == (-1, 50)
    assert envelope([None]) is None


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0.1, 1e6)), min_size=1))
def test_a_number_means_the_same_in_each_image_of_an_envelope(pairs):
    low, high = envelope([(low, low + width) for low, width in pairs])
    assert all(low <= a and a + width <= high for a, width in pairs)


def test_embed_reads_by_an_intensity():
    encoder = MeanColourEncoder(complement=True)
    image = np.kron(random.random((3, 4)), np.ones((16, 16)))
    chosen = embed(image, encoder, intensity=Intensity("fixed", fixed=(0.2, 0.5)))
    np.testing.assert_allclose(chosen.vectors, embed(image, encoder, (0.2, 0.5)).vectors)
    assert not np.allclose(chosen.vectors, embed(image, encoder).vectors, atol=0.01)


def test_several_channels_have_each_their_own_percentiles():
    image = np.stack([planted("uint16"), planted("uint16") * 3, planted("uint16") * 7], axis=-1)
    found = image_plane(image, rgb=False, intensity=Intensity())
    np.testing.assert_allclose(found.high / found.high[0], (1, 3, 7), rtol=0.01)


# --- refused


@pytest.mark.parametrize("limits", [(5, 5), (9, 3), (np.nan, 1), (0, np.inf)])
def test_limits_the_wrong_way_round(limits):
    with pytest.raises(ImageError, match=r"contrast limits: found \(.*, expected two finite numbers, low < high"):
        Intensity().limits(planted("uint16"), contrast_limits=limits)
    with pytest.raises(ImageError, match=r"fixed intensities: found \(.*low < high. Change one of them"):
        Intensity("fixed", fixed=limits)
    with pytest.raises(ImageError, match=r"percentiles: found \(.*two finite numbers from 0 to 100, low < high"):
        Intensity("percentiles", percentiles=limits)


def test_percentiles_beyond_a_hundred():
    with pytest.raises(ImageError, match=r"percentiles: found \(1, 101\), expected two finite numbers from 0 to 100"):
        Intensity("percentiles", percentiles=(1, 101))


def test_no_such_mode():
    with pytest.raises(ImageError, match=r"intensity: found mode 'gamma', expected one of 'automatic', 'contrast"):
        Intensity("gamma")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((4, 4), dtype=complex), "data type: found 'complex128', expected bool, integer or real numbers"),
        (np.full((4, 4), None), "data type: found 'object'"),
        (np.zeros((3, 0, 4)), r"empty image: found shape \(3, 0, 4\), expected at least one pixel"),
    ],
)
def test_what_holds_no_intensities(data, message):
    with pytest.raises(ImageError, match=message):
        Intensity().limits(data)


class BrokenPlane:
    """A lazy stack of which some planes cannot be read."""

    dtype, ndim = np.dtype(np.float32), 3

    def __init__(self, planes: int, side: int, broken: set[int]) -> None:
        self.shape, self._broken = (planes, side, side), broken

    def __getitem__(self, place):
        index = place if isinstance(place, tuple) else (place,)
        if index[0] in self._broken:
            raise OSError(f"plane {index[0]} is gone")
        return np.full(self.shape[1:], index[0], np.float32)[index[1:]]


@pytest.mark.parametrize("side", [20, 3000])
def test_a_plane_that_cannot_be_read_is_left_out_of_the_sample(side):
    assert set(np.unique(sample(BrokenPlane(3, side, {1})))) == {0, 2}


@pytest.mark.parametrize("side", [20, 3000])
def test_a_sample_of_nothing_that_can_be_read_is_refused(side):
    with pytest.raises(OSError, match="is gone"):
        sample(BrokenPlane(3, side, {0, 1, 2}))
