"""Another resolution in a session: another embedding, right by the formulas, and kept for a return to it."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from skimage.transform import resize_local_mean

from desk import A, Desk, patchwork
from napari_dinosim.cache import EmbeddingCache
from napari_dinosim.errors import ResolutionError
from napari_dinosim.image import image_plane
from napari_dinosim.plan import View
from napari_dinosim.planes import PlaneView
from napari_dinosim.pyramid import Pyramid
from napari_dinosim.sampling import Sampling
from napari_dinosim.states import ImageInput, Stage
from planted import seed_map

ONE, TWO = patchwork(200, 300), patchwork(150, 122, seed=1)
HALF = (32.0, 32.0)


@pytest.fixture
def desk():
    made = Desk()
    yield made
    made.gate.set()
    made.engine.shutdown()


def put(desk: Desk, key: str, image: np.ndarray, covered=None, version=0, plane=(), rgb=True) -> None:
    """Give an image, or a stack, to the session at a resolution."""
    spatial = image.shape[:-1] if rgb else image.shape

    def read(index):
        desk.read.append((desk.session.encoder.name, key, index))
        return image_plane(PlaneView(image, index, rgb), rgb=rgb)

    found = ImageInput(f"image {key}", spatial[-2:], read, version, spatial[:-2], covered)
    desk.session.set_input(key, found, plane)


def shrunk(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Averaged over areas by another library, float64 in [0, 1]."""
    return resize_local_mean(image / 255, (height, width), channel_axis=-1)


def assert_values(desk: Desk, key: str, image01, clicks, source01=None) -> None:
    """The map of an input, patch by patch, is that of the seeds over images of the patch size 16."""
    found = desk.session.shown_map(key)
    expected = seed_map(image01, 16, clicks, source01)[::16, ::16]
    assert np.ptp(expected) > 0.9
    np.testing.assert_allclose(found.values, expected, atol=1e-5)


def test_a_map_at_half_the_resolution_is_that_of_the_shrunken_image(desk):
    put(desk, "one", ONE, HALF)
    desk.start()
    desk.prompt(("one", 67, 260))
    assert_values(desk, "one", shrunk(ONE, 100, 150), [(33, 130)])
    assert desk.heat("one").shape == ONE.shape[:2]
    assert desk.session.shown_map("one").grid.footprint == (32, 32)


def test_one_query_over_images_of_other_resolutions(desk):
    put(desk, "one", ONE, HALF)
    put(desk, "two", TWO)
    put(desk, "tall", TWO, (32.0, 16.0))
    desk.start()
    desk.prompt(("one", 67, 260))
    source = shrunk(ONE, 100, 150)
    assert_values(desk, "two", TWO / 255, [(33, 130)], source)
    assert_values(desk, "tall", shrunk(TWO, 75, 122), [(33, 130)], source)
    desk.prompt(("two", 149, 3))
    assert_values(desk, "one", source, [(149, 3)], TWO / 255)


def test_back_to_a_resolution_nothing_is_encoded_again(desk):
    put(desk, "one", ONE)
    desk.prompt(("one", 67, 260))
    desk.start()
    native = desk.heat("one")
    put(desk, "one", ONE, HALF)
    desk.wait()
    coarse, calls = desk.heat("one"), desk.loaded[0]().calls
    assert calls == len(desk.read) == 2
    for covered, heat in ((None, native), (HALF, coarse), (None, native)):
        put(desk, "one", ONE, covered)
        desk.wait()
        np.testing.assert_array_equal(desk.heat("one"), heat)
        assert desk.session.state("one").stage is Stage.READY
    assert (desk.loaded[0]().calls, len(desk.read)) == (calls, 2)
    assert np.abs(native - coarse).max() > 0.1


def test_other_pixels_leave_no_resolution_behind(desk):
    put(desk, "one", ONE)
    desk.start()
    put(desk, "one", ONE, HALF)
    desk.wait()
    put(desk, "one", ONE[::-1].copy(), HALF, version=1)
    desk.wait()
    put(desk, "one", ONE[::-1].copy(), None, version=1)
    desk.wait()
    assert len(desk.read) == 4


def test_a_job_at_a_resolution_that_nobody_wants_any_more_is_dropped(desk):
    desk.close_gate()
    put(desk, "one", ONE)
    desk.session.start()
    desk.wait_until_encoding()
    put(desk, "one", ONE, HALF)
    desk.prompt(("one", 67, 260))
    desk.open_gate()
    assert_values(desk, "one", shrunk(ONE, 100, 150), [(33, 130)])


def test_finer_is_an_encoder_of_its_own_that_is_loaded_once(desk):
    put(desk, "one", ONE)
    put(desk, "two", TWO, HALF)
    desk.start()
    desk.prompt(("one", 67, 260))
    before = desk.heat("two")
    desk.session.set_encoder(replace(A, finer=2))
    desk.wait()
    for key, shape in (("one", (25, 38)), ("two", (10, 8))):
        found = desk.session.shown_map(key)
        assert found.values.shape == found.grid.shape == shape
    assert len(desk.loaded) == 1
    assert len(desk.read) == 4
    assert desk.session.map("one", ()).best == pytest.approx(1)
    desk.session.set_encoder(A)
    desk.wait()
    np.testing.assert_array_equal(desk.heat("two"), before)
    assert len(desk.read) == 4


def test_finer_with_the_positional_bias_removed(desk):
    put(desk, "one", ONE, HALF)
    desk.prompt(("one", 67, 260))
    desk.session.set_encoder(replace(A, finer=2, debias=True))
    desk.start()
    assert desk.session.shown_map("one").grid.finer == 2
    desk.session.set_encoder(replace(A, finer=2))
    desk.wait()
    assert len(desk.read) == 1


def test_of_a_resized_image_the_part_in_view_comes_first(desk):
    large = patchwork(3000, 5000)
    desk.session.set_scope("field")
    put(desk, "large", large, (24.0, 24.0))
    desk.session.set_encoder(replace(A, finer=2))
    desk.session.show_view("large", View(2700, 4700, 2900, 4900))
    desk.start()
    found = desk.session.embeddings("large", ())
    known = np.isfinite(found.similarity_map(found.query([(2800, 4800)])))
    assert known[2800, 4800]
    assert not known[:1500, :2500].any()
    read = len(desk.read)
    desk.session.show_view("large", View(2700, 4700, 2890, 4900))
    desk.wait()
    assert len(desk.read) == read  # nothing more is in view


@pytest.mark.parametrize(
    ("covered", "words"),
    [((0.5, 0.5), "at least 1 × 1"), ((400.0, 400.0), "which is all of it"), ((1.0, 1.0), "expected at most")],
)
def test_what_cannot_be_sampled_is_told_before_anything_is_read(desk, covered, words):
    huge = ImageInput("huge", (8000, 9000), partial(pytest.fail, "it was read"), covered=covered)
    huge = huge if covered[0] == 1 else replace(huge, shape=(200, 300))
    desk.session.set_input("huge", huge)
    put(desk, "one", ONE)
    desk.start()
    state = desk.session.state("huge")
    assert (state.stage, words in state.reason) == (Stage.FAILED, True)
    assert desk.session.state("one").stage is Stage.READY
    assert [type(error) for error in desk.failures] == [ResolutionError]


@pytest.mark.parametrize("covered", [(2.0,), (2.0, 3.0, 4.0), (2.0, 0.0), (2.0, float("nan")), (float("inf"), 2.0)])
def test_an_input_that_says_nothing_of_its_axes_is_refused(covered):
    with pytest.raises(ResolutionError, match="expected 2 positive numbers, one for each axis of 'flat'"):
        ImageInput("flat", (20, 30), print, covered=covered)


def test_planes_along_other_axes_are_sampled_along_these():
    image = ImageInput("deep", (200, 300), print, planes=(40,), covered=(4.0, 20.0, 30.0))
    assert image.sampling((3,)) == Sampling(covered=(20.0, 30.0))
    assert image.sampling((3, -3, -1)) == Sampling(covered=(4.0, 30.0))
    assert image.sampling((3, -1, -2)) == Sampling(covered=(30.0, 20.0))


def test_a_plane_along_other_axes_is_right_by_the_formulas(desk):
    stack = np.stack([patchwork(64, 150, seed) for seed in range(60)])
    put(desk, "deep", stack, (20.0, 10.0, 25.0), plane=(33, -3, -1))  # a (z, x) plane
    desk.session.set_scope("plane")
    desk.start()
    desk.prompt(("deep", 45, 130, (33, -3, -1)))
    assert_values(desk, "deep", shrunk(stack[:, 33], 48, 96), [(int(45.5 * 0.8), int(130.5 * 0.64))])


def test_planes_of_another_resolution_make_room_where_memory_is_full(desk):
    stack = np.stack([patchwork(160, 160, seed) for seed in range(4)])
    full = Desk(cache=EmbeddingCache(budget=4 * 100 * 3 * 4))
    put(full, "deep", stack, plane=(0,))
    full.start()
    put(full, "deep", stack, (1.0, *HALF), plane=(0,))
    full.wait()
    assert full.session.state("deep").planes == (4, 4)
    assert full.messages == []
    full.engine.shutdown()


# --- pyramids


class Unreadable:
    """A level that raises where it is read."""

    ndim, dtype = 3, np.dtype(np.uint8)

    def __init__(self, *shape: int) -> None:
        self.shape = (*shape, 3)

    def __getitem__(self, key):
        raise OSError("level 0 is far away")


def test_a_pyramid_is_read_from_the_level_that_fits(desk):
    coarse = patchwork(100, 150)
    levels = [Unreadable(800, 1200), Unreadable(400, 600), coarse]

    def read(_plane):
        return Pyramid([image_plane(level, rgb=True) for level in levels])

    desk.session.set_input("deep", ImageInput("pyramid", (800, 1200), read, covered=(128.0, 128.0)))
    desk.prompt(("deep", 266, 1040))
    desk.start()
    assert_values(desk, "deep", coarse / 255, [(33, 130)])
    desk.session.set_input("deep", ImageInput("pyramid", (800, 1200), read))
    desk.wait()
    assert "level 0 is far away" in desk.session.state("deep").reason


def test_a_pyramid_as_it_is_is_its_first_level():
    plane = Pyramid([image_plane(ONE), image_plane(ONE[::2, ::2])])
    np.testing.assert_array_equal(plane.window(16, 32, 64, 80)[0], image_plane(ONE).window(16, 32, 64, 80)[0])
    assert (plane.shape, plane.grid(16)) == ((200, 300), image_plane(ONE).grid(16))
