"""How much of the sample one patch covers: what is planted is found at any zoom, and only what is needed is read."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from skimage.transform import resize_local_mean

from napari_dinosim import (
    EncoderChoice,
    Engine,
    ImageInput,
    PatchGrid,
    Prompt,
    PromptSet,
    Sampling,
    SimilaritySession,
    embed,
    sampling,
)
from napari_dinosim.errors import ImageError, ResolutionError
from napari_dinosim.image import ImagePlane, image_plane
from napari_dinosim.loading import EncoderSlot
from napari_dinosim.sampling import SampledPlane, sampled_plane
from napari_dinosim.similarity import min_max
from pictures import colours
from planted import MeanColourEncoder, planted_spec
from projected import ProjectionEncoder


class Recorder:
    """An array that counts what is read of it."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape, self.dtype, self.ndim = array, array.shape, array.dtype, array.ndim
        self.read = 0

    def __getitem__(self, key):
        part = self.array[key]
        self.read += part.size
        return part


def encoder(patch_size: int = 16, **more) -> MeanColourEncoder:
    return MeanColourEncoder(planted_spec(patch_size), **more)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + 1e-8)


def colour_of(image: np.ndarray, bounds: tuple[float, float, float, float]) -> np.ndarray:
    """Mean colour of a rectangle, its edges in data coordinates, pixel by pixel with the part that is inside."""
    top, left, bottom, right = (edge + 0.5 for edge in bounds)
    down, across = (
        np.clip(np.minimum(end, np.arange(n) + 1) - np.maximum(start, np.arange(n)), 0, 1)
        for n, start, end in ((image.shape[0], top, bottom), (image.shape[1], left, right))
    )
    return np.einsum("y,x,yxc->c", down, across, image / 255) / (down.sum() * across.sum())


# --- what is asked for


@pytest.mark.parametrize(
    ("asked", "patch_size", "shape"),
    [
        (Sampling.native(), 16, (300, 410)),
        (Sampling.zoomed(2), 16, (600, 820)),
        (Sampling.zoomed(0.5), 14, (150, 205)),
        (Sampling.zoomed((0.25, 2)), 16, (75, 820)),
        (Sampling.zoomed(1 / 7), 16, (43, 59)),
        (Sampling.physical(16, 0.5), 16, (150, 205)),
        (Sampling.physical(16, 0.5), 8, (75, 102)),
        (Sampling.physical(8, (0.25, 1)), 16, (150, 820)),
        (Sampling.physical((8, 4), 0.5), 16, (300, 820)),
    ],
)
def test_shapes_of_what_is_asked(asked, patch_size, shape):
    assert asked.shape((300, 410), patch_size) == shape


def test_a_patch_covers_the_extent_that_was_asked():
    asked = Sampling.physical(7.5, (0.21, 0.4))
    grid = PatchGrid(2000, 3000, 14, asked.shape((2000, 3000), 14))
    covered = np.multiply(grid.footprint, (0.21, 0.4))
    np.testing.assert_allclose(covered, 7.5, rtol=1e-3)  # of the rounding to whole pixels


def test_a_line_does_not_vanish():
    assert Sampling.zoomed(0.1).shape((3, 2000), 16) == (1, 200)


@pytest.mark.parametrize("zoom", [0, -1, float("nan"), float("inf"), (1, 0), (1, -2)])
def test_a_zoom_that_is_not_positive_is_refused(zoom):
    with pytest.raises(ResolutionError, match=r"zoom: found .* × .*, expected positive numbers"):
        Sampling.zoomed(zoom)


@pytest.mark.parametrize(
    ("extent", "pixel_size", "what"),
    [
        (0, 1, "extent of a patch: found 0 × 0"),
        (1, -1, "pixel size: found -1 × -1"),
        (1, (1, 0), "pixel size: found 1"),
    ],
)
def test_extents_that_are_not_positive_are_refused(extent, pixel_size, what):
    with pytest.raises(ResolutionError, match=f"{what}.*expected positive numbers. Give positive numbers"):
        Sampling.physical(extent, pixel_size)


@pytest.mark.parametrize("zoom", ["much", (1, 2, 3), None, (1, "x")])
def test_what_is_no_number_is_refused(zoom):
    with pytest.raises(ResolutionError, match=r"resolution: found .*, expected one number, or two"):
        Sampling.zoomed(zoom)


def test_less_than_a_pixel_a_patch_is_refused():
    with pytest.raises(ResolutionError, match=r"cover 16 × 0.8 pixels of 50 × 60, expected at least 1 × 1. Choose"):
        Sampling.zoomed((1, 20)).shape((50, 60), 16)


def test_a_patch_that_covers_everything_is_refused():
    with pytest.raises(
        ResolutionError, match=r"cover 1e\+04 × 1e\+04 pixels of 500 × 600, which is all of it.*one unit"
    ):
        Sampling.physical(5000, 0.5).shape((500, 600), 16)
    assert Sampling.native().shape((5, 6), 16) == (5, 6)  # as small images always were


def test_absurdly_many_patches_are_refused():
    with pytest.raises(ResolutionError, match=r"there would be 6.25e\+08 patches, expected at most 5e\+07. Choose"):
        Sampling.zoomed(8).shape((50_000, 50_000), 16)


# --- planes


def test_what_needs_no_resizing_is_left_alone():
    plane = image_plane(colours(40, 50))
    assert sampled_plane(plane, None, 16) is plane
    assert sampled_plane(plane, Sampling.zoomed(1), 16) is plane
    assert sampled_plane(plane, Sampling.physical(8, 0.5), 16, [image_plane(colours(20, 25))]) is plane


def test_a_plane_that_is_resized_already_is_read_from_its_levels_anew():
    """Else it would be resized twice, and windows asked of it in pixels of another size."""
    plane, level = image_plane(colours(64, 96)), image_plane(colours(32, 48))
    half = sampled_plane(plane, Sampling.zoomed(0.25), 8, [level])
    assert sampled_plane(half, None, 8) is half
    assert sampled_plane(half, Sampling.native(), 8) is plane
    again, once = sampled_plane(half, Sampling.zoomed(2), 8), sampled_plane(plane, Sampling.zoomed(2), 8)
    np.testing.assert_array_equal(again.window(5, 7, 90, 80)[0], once.window(5, 7, 90, 80)[0])
    assert again.levels[1] is level
    assert embed(half, encoder(8)).grid == PatchGrid(64, 96, 8, (16, 24))


def test_a_plane_says_where_its_patches_lie():
    plane = sampled_plane(image_plane(colours(40, 50)), Sampling.zoomed(0.5), 16)
    assert plane.shape == (40, 50)
    assert plane.grid(16) == PatchGrid(40, 50, 16, (20, 25))


@pytest.mark.parametrize("zoom", [0.31, 2.7, (0.4, 3)])
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_window_is_a_crop_of_the_whole_image_resized(zoom, data):
    plane = sampled_plane(image_plane(colours(61, 83)), Sampling.zoomed(zoom), 4)
    height, width = plane.sampled
    whole, _ = plane.window(0, 0, height, width)
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    tall, wide = data.draw(st.integers(1, height + 5)), data.draw(st.integers(1, width + 5))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "STRIP_PIXELS", data.draw(st.sampled_from([1, 400, 10**6])))
        found, nonfinite = plane.window(top, left, tall, wide)
    expected = np.zeros((tall, wide, 3), dtype=np.float32)
    part = whole[top : top + tall, left : left + wide]
    expected[: part.shape[0], : part.shape[1]] = part
    np.testing.assert_array_equal(found, expected)
    assert (found.dtype, nonfinite) == (np.float32, False)


def test_intensities_are_scaled_before_they_are_averaged():
    """What is clipped counts as clipped: else a hot pixel would light up its surroundings."""
    image = np.zeros((40, 60), dtype=np.float32)
    image[10, 20] = 1000
    plane = sampled_plane(image_plane(image, contrast_limits=(0, 1)), Sampling.zoomed(0.5), 4)
    assert plane.window(0, 0, 20, 30)[0].max() == 0.25


def test_enlarging_never_leaves_the_range():
    checkers = np.kron(np.indices((8, 9)).sum(axis=0) % 2, np.ones((3, 3))).astype(bool)
    found, _ = sampled_plane(image_plane(checkers), Sampling.zoomed(3.3), 4).window(0, 0, 79, 89)
    assert (found.min(), found.max()) == (0, 1)


@pytest.mark.parametrize("zoom", [0.4, 2.5])
def test_what_is_not_finite_is_black_and_told(zoom):
    image = np.full((50, 70), 0.5, dtype=np.float32)
    image[12, 33] = np.nan
    plane = sampled_plane(image_plane(image, contrast_limits=(0, 1)), Sampling.zoomed(zoom), 4)
    found, nonfinite = plane.window(0, 0, *plane.sampled)
    assert nonfinite
    assert np.isfinite(found).all()
    assert found[int(12.5 * zoom), int(33.5 * zoom)].max() < 0.47
    assert not plane.window(plane.sampled[0] - 3, 0, 3, 20)[1]


# --- pyramids


def pyramid(height: int, width: int, levels: int) -> list[np.ndarray]:
    """Each level the mean of 2 × 2 pixels of the one before."""
    found = [np.random.default_rng(2).random((height, width), dtype=np.float32)]
    for _ in range(levels - 1):
        shape = tuple(-(-n // 2) for n in found[-1].shape)
        found.append(resize_local_mean(found[-1], shape).astype(np.float32))
    return found


def planes(levels: list[Recorder]) -> list[ImagePlane]:
    return [image_plane(level, contrast_limits=(0, 1)) for level in levels]


@pytest.mark.parametrize(
    ("zoom", "level"), [(3, 0), (1.5, 0), (0.9, 0), (0.51, 0), (0.5, 1), (0.3, 1), (0.25, 2), (0.1, 3), (0.02, 3)]
)
def test_the_smallest_level_that_suffices_is_read(zoom, level):
    levels = [Recorder(array) for array in pyramid(640, 960, 4)]
    plane = sampled_plane(planes(levels)[0], Sampling.zoomed(zoom), 4, planes(levels)[1:])
    plane.window(0, 0, 4, 4)
    assert [array.read > 0 for array in levels] == [number == level for number in range(4)]


def test_a_level_is_enough_only_if_it_is_along_both_axes():
    levels = [Recorder(array) for array in pyramid(640, 960, 3)]
    plane = sampled_plane(planes(levels)[0], Sampling.zoomed((0.2, 0.6)), 4, planes(levels)[1:])
    plane.window(0, 0, 4, 4)
    assert [array.read > 0 for array in levels] == [True, False, False]


@pytest.mark.parametrize("zoom", [0.5, 0.2, 1, 1.002, 3])
def test_only_what_a_window_needs_is_read(zoom):
    levels = [Recorder(array) for array in pyramid(1280, 1920, 3)]
    plane = SampledPlane(planes(levels), tuple(round(n * zoom) for n in levels[0].shape))
    plane.window(128, 96, 64, 48)
    scale = plane._level().shape[0] / plane.sampled[0]
    needed = 64 * scale * 48 * scale
    assert needed * 0.9 <= sum(array.read for array in levels) <= (64 * scale + 4) * (48 * scale + 4)


def test_strips_read_little_twice(monkeypatch):
    image = Recorder(np.random.default_rng(0).random((1000, 900), dtype=np.float32))
    monkeypatch.setattr(sampling, "STRIP_PIXELS", 100_000)
    parts = []
    plane = sampled_plane(image_plane(image, contrast_limits=(0, 1)), Sampling.zoomed(0.3), 16)
    original = Recorder.__getitem__
    monkeypatch.setattr(Recorder, "__getitem__", lambda array, key: parts.append(original(array, key)) or parts[-1])
    plane.window(0, 0, *plane.sampled)
    assert len(parts) > 5
    assert max(part.size for part in parts) <= 110_000
    assert image.read <= 1.02 * 900_000


@pytest.mark.parametrize("shape", [(80, 90), (40, 91), (81, 45)])
def test_levels_that_do_not_shrink_are_refused(shape):
    image = image_plane(np.zeros((80, 90)))
    with pytest.raises(
        ImageError, match=rf"found level 1 of {shape[0]} × {shape[1]} after one of 80 × 90, expected each"
    ):
        sampled_plane(image, Sampling.zoomed(0.5), 4, [image_plane(np.zeros(shape))])


# --- embeddings and maps


@pytest.mark.parametrize("zoom", [2, 4, 0.5, 0.25, (0.5, 2)])
def test_blocks_of_colour_give_their_grid(zoom):
    """Blocks as large as a patch's footprint: each is one patch, whatever the zoom."""
    down, across = (int(16 / factor) for factor in (zoom if isinstance(zoom, tuple) else (zoom, zoom)))
    planted = np.random.default_rng(1).integers(20, 256, (5, 7, 3), dtype=np.uint8)
    image = np.kron(planted, np.ones((down, across, 1), dtype=np.uint8))
    found = embed(image, encoder(), sampling=Sampling.zoomed(zoom))
    assert found.grid.shape == (5, 7)
    assert found.grid.footprint == (down, across)
    blur = 0.08 if np.max(zoom) > 1 else 1e-5  # the cubic softens the edges of blocks, which is not wrong
    np.testing.assert_allclose(found.vectors, unit(planted / 255), atol=blur)
    y, x = 3 * down + 1, 5 * across + 1
    heat = found.similarity_map(found.query([(y, x)]))
    assert heat.shape == image.shape[:2]
    assert np.unravel_index(heat.argmax(), heat.shape) == (3 * down, 5 * across)


@settings(max_examples=60, deadline=None)
@given(st.integers(20, 150), st.integers(20, 150), st.floats(0.1, 1), st.floats(0.1, 1), st.integers(4, 20), st.data())
def test_a_shrunk_patch_has_the_colour_of_its_bounds(height, width, down, across, patch_size, data):
    image = colours(height, width, seed=height)
    asked = Sampling.zoomed((down, across))
    assume(max(height * down, width * across) > patch_size)
    found = embed(image, encoder(patch_size), sampling=asked)
    y, x = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    row, col = found.grid.patch_at(y, x)
    expected = unit(colour_of(image, found.grid.patch_bounds(row, col)))
    np.testing.assert_allclose(found.query([(y, x)]).vectors[0], expected, atol=1e-4)


@settings(max_examples=80, deadline=None)
@given(
    st.tuples(st.integers(2, 130), st.integers(2, 130)),
    st.tuples(st.floats(0.1, 3), st.floats(0.1, 3)),
    st.integers(4, 18),
    st.sampled_from([1, 2, 4]),
    st.data(),
)
@example((33, 100), (0.7, 1.9), 14, 4, None)
def test_the_patch_under_a_click_is_the_one_of_the_query(shape, zoom, patch_size, finer, data):
    """A unique number in each cell comes back at the clicked pixel, found by exact fractions."""
    assume(any(n * z > patch_size for n, z in zip(shape, zoom, strict=True)) or max(shape) <= patch_size)
    found = embed(colours(*shape), encoder(patch_size), sampling=Sampling.zoomed(zoom), finer=finer)
    pick = (lambda n: n // 3) if data is None else (lambda n: data.draw(st.integers(0, n - 1)))
    y, x = pick(shape[0]), pick(shape[1])
    cells = []
    for pixel, n, factor in ((y, shape[0], zoom[0]), (x, shape[1], zoom[1])):
        resized = max(1, round(n / (patch_size / factor) * patch_size))
        cells.append(int((pixel + Fraction(1, 2)) * resized / n / Fraction(patch_size, finer)))
    row, col = cells
    np.testing.assert_array_equal(found.query([(y, x)]).vectors[0], found.vectors[row, col])
    scores = found.cosine(found.query([(y, x)]))
    assert scores[row, col] == pytest.approx(1, abs=1e-5)
    heat = found.similarity_map(found.query([(y, x)]))
    assert heat.shape == shape
    assert heat[y, x] == min_max(scores)[row, col]


def scene(height: int, width: int) -> np.ndarray:
    """A scene at the finest resolution: colours in blocks, with noise."""
    noise = np.random.default_rng(9).integers(0, 40, (height, width, 3))
    return np.clip(colours(height, width).astype(int) + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("extent", [5.2, 10.4, 2.6])
def test_two_objectives_agree_at_one_extent(extent):
    """20× and 60× of one scene, 0.325 and 0.1083… µm a pixel: a projection of pixels tells any other resolution."""
    fine = scene(600, 840)
    coarse = fine.reshape(200, 3, 280, 3, 3).mean(axis=(1, 3)).astype(np.float32) / 255
    at_20 = embed(coarse, ProjectionEncoder(), sampling=Sampling.physical(extent, 0.325))
    at_60 = embed(fine, ProjectionEncoder(), sampling=Sampling.physical(extent, 0.325 / 3))
    assert at_20.grid.shape == at_60.grid.shape
    tight = 1e-4 if extent >= 5.2 else 0.5  # enlarged from 20×, there is less to see than at 60×
    map_20, map_60 = (found.cosine(at_20.query([(90, 200)])).numpy() for found in (at_20, at_60))
    assert np.abs(map_20 - map_60).max() < tight
    click = at_60.query([(3 * 90 + 1, 3 * 200 + 1)])
    assert int(at_20.cosine(click).argmax()) == np.argmax(map_20)


def test_two_objectives_disagree_at_native_resolution():
    """What the extent is for."""
    fine = scene(600, 840)
    coarse = fine.reshape(200, 3, 280, 3, 3).mean(axis=(1, 3)).astype(np.float32) / 255
    query = embed(coarse, ProjectionEncoder()).query([(90, 200)])
    row, col = PatchGrid(600, 840, 16).patch_at(3 * 90 + 1, 3 * 200 + 1)
    assert embed(fine, ProjectionEncoder()).cosine(query)[row, col] < 0.9


def test_large_resized_images_are_cut_where_the_resized_one_is_large():
    image, plain = colours(700, 530), encoder()
    enlarged = embed(image, plain, sampling=Sampling.zoomed(2))
    assert plain.calls > 1
    one_pass = encoder()
    embed(np.kron(image, np.ones((2, 2, 1), dtype=np.uint8)), one_pass, sampling=Sampling.zoomed(0.5))
    assert one_pass.calls == 1
    assert enlarged.grid.shape == (88, 67)


def test_a_session_maps_a_resized_image_at_its_own_size():
    """A prompt in an image read at half its resolution is put to one that is read as it is."""
    image = scene(200, 280)
    half = image.reshape(100, 2, 140, 2, 3).mean(axis=(1, 3)).astype(np.float32) / 255
    engine = Engine()
    session = SimilaritySession(engine, EncoderChoice("projection"), EncoderSlot(lambda _choice: ProjectionEncoder()))
    shrunk = lambda _plane: sampled_plane(image_plane(image), Sampling.zoomed(0.5), 16)  # noqa: E731
    session.set_input("fine", ImageInput("fine", (200, 280), shrunk))
    session.set_input("coarse", ImageInput("coarse", (100, 140), lambda _plane: image_plane(half)))
    session.set_prompts(PromptSet((Prompt("fine", 130, 210),)))
    session.start()
    assert engine.wait(60)
    fine, coarse = (session.shown_map(key) for key in ("fine", "coarse"))
    engine.shutdown()
    assert fine.grid == PatchGrid(200, 280, 16, (100, 140))
    assert fine.grid.upsample(fine.values).shape == (200, 280)
    assert fine.values[130 // 32, 210 // 32] == fine.values.max()
    np.testing.assert_allclose(fine.values, coarse.values, atol=1e-4)


def test_a_pyramid_of_one_level_is_the_image():
    plane = image_plane(colours(64, 96))
    lone = SampledPlane([plane], (32, 48))
    np.testing.assert_array_equal(
        lone.window(0, 0, 32, 48)[0], sampled_plane(plane, Sampling.zoomed(0.5), 8).window(0, 0, 32, 48)[0]
    )
