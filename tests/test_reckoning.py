"""What embedding will cost, told before it begins, is what it then does."""

import time
from dataclasses import replace

import numpy as np
import pytest

from desk import A, B, Desk, patchwork
from napari_dinosim.cache import EmbeddingCache
from napari_dinosim.cost import encoded_patches
from napari_dinosim.errors import ResolutionError
from napari_dinosim.image import image_plane
from napari_dinosim.partial import Window
from napari_dinosim.plan import View
from napari_dinosim.planes import PlaneView
from napari_dinosim.reckoning import ENOUGH, EncoderFacts, Expected, Paces, _in_view, _meet
from napari_dinosim.states import ImageInput
from napari_dinosim.tiling import plan_windows

FACTS = EncoderFacts(16, 3)


@pytest.fixture
def desk():
    made = Desk()
    yield made
    made.gate.set()
    made.engine.shutdown()


def image_of(array: np.ndarray, covered=None) -> ImageInput:
    spatial = array.shape[:-1]

    def read(plane):
        return image_plane(PlaneView(array, plane, True), rgb=True)

    return ImageInput("image", spatial[-2:], read, planes=spatial[:-2], covered=covered)


def embedded(desk: Desk, key: str) -> tuple[int, int]:
    """Patches and bytes of all planes that are embedded."""
    found = [desk.session.embeddings(key, plane) for plane in desk.session.embedded_planes(key)]
    return sum(one.grid.rows * one.grid.cols for one in found), sum(one.mosaic.nbytes for one in found)


@pytest.mark.parametrize("finer", [1, 2, 4])
@pytest.mark.parametrize("covered", [None, (32.0, 24.0), (9.0, 7.0)])
@pytest.mark.parametrize("planes", [(), (3,)])
def test_what_is_foretold_is_what_is_embedded(desk, planes, covered, finer):
    array = np.stack([patchwork(120, 170, seed) for seed in range(3)]) if planes else patchwork(120, 170)
    image = image_of(array, None if covered is None else (1.0,) * len(planes) + covered)
    encoder = replace(A, finer=finer)
    desk.session.set_input("one", image, (1,) * len(planes))
    foretold = desk.session.reckoning.expected("one", image, encoder, FACTS)
    assert foretold.missing == foretold.planes == max(1, *planes, 0)
    assert foretold.seconds is None
    desk.session.set_encoder(encoder)
    desk.start()
    assert (foretold.patches, foretold.memory) == embedded(desk, "one")
    after = desk.session.reckoning.expected("one", image, encoder)
    assert after == replace(foretold, missing=0, seconds=0.0)


def test_only_what_is_wanted_counts(desk):
    stack = image_of(np.stack([patchwork(120, 170, seed) for seed in range(5)]))
    desk.session.set_input("deep", stack, (2,))
    reckoning = desk.session.reckoning
    one = reckoning.expected("deep", stack, A, FACTS).patches // 5
    desk.session.set_scope("plane")
    assert reckoning.expected("deep", stack, A, FACTS).patches == one
    desk.prompt(("deep", 5, 5, (4,)), ("deep", 9, 9, (4,)), ("deep", 5, 5, (2,)))
    assert reckoning.expected("deep", stack, A, FACTS).patches == 2 * one
    desk.start()
    assert embedded(desk, "deep")[0] == 2 * one
    desk.session.set_scope("all")
    assert reckoning.expected("deep", stack, A).missing == 3


@pytest.mark.parametrize("covered", [None, (24.0, 20.0)])
def test_of_the_visible_field_what_the_windows_in_view_have(desk, covered):
    image = image_of(patchwork(2400, 3100), covered)
    desk.session.set_scope("field")
    desk.session.set_input("large", image)
    desk.session.show_view("large", View(1500, 2000, 1700, 2200))
    foretold = desk.session.reckoning.expected("large", image, A, FACTS)
    desk.start()
    found = desk.session.embeddings("large", ())
    cells = np.isfinite(found.cosine(found.query([(1600, 2100)])).numpy())
    assert foretold.patches == cells.sum() < cells.size


@pytest.mark.parametrize("finer", [1, 2])
@pytest.mark.parametrize("places", [(), ((2300, 70),), ((10, 3090), (1300, 1400), (2390, 5))])
@pytest.mark.parametrize("view", [View(1500, 2000, 1700, 2200), View(0, 0, 2400, 900), View(-90, 3000, -20, 4000)])
def test_windows_are_counted_as_if_each_was_looked_at(desk, view, places, finer):
    image = image_of(patchwork(2400, 3100), (11.0, 13.0))
    desk.session.set_scope("field")
    desk.session.set_input("large", image)
    desk.session.show_view("large", view)
    desk.prompt(*(("large", y, x) for y, x in places))
    plan, whole = desk.session._plan, image.grid((), 16)
    focus = plan.focus(plan.key("large", ()), whole)
    windows = [window for window in plan_windows(whole) if focus.rank(window)[0] == 0]
    seen = np.zeros(whole.shape, bool)
    for window in windows:
        seen[window.row : window.row + window.rows, window.col : window.col + window.cols] = True
    found = _in_view(plan, plan.key("large", ()), image.grid((), 16, finer))
    assert found == (
        seen.sum() * finer**2,
        sum(encoded_patches(window, image.grid((), 16, finer)) for window in windows),
    )
    assert 0 < len(windows) < len(plan_windows(whole))


def test_windows_meet_what_they_share_a_patch_with():
    starts, spans = np.array([0, 9, 20]), [(begin, size) for begin in range(40) for size in (1, 5)]
    expected = [
        [Window(0, start, 1, 12).gap(Window(0, begin, 1, size)) == 0 for start in starts] for begin, size in spans
    ]
    np.testing.assert_array_equal(_meet(starts, 12, spans), expected)


@pytest.mark.parametrize("scope", ["all", "plane", "field"])
def test_reckoning_of_a_huge_image_does_not_hold_up_the_screen(desk, scope):
    desk.session.set_scope(scope)
    desk.session.set_input("small", image_of(patchwork(100, 100)))
    desk.start()  # so that it is known how fast the encoder is
    desk.session.cancel()
    image = ImageInput("huge", (50_000, 50_000), lambda _plane: None, covered=(8.0, 8.0))
    desk.session.set_input("huge", image)
    desk.session.show_view("huge", View(0, 0, 40_000, 50_000))
    took = []
    for _ in range(3):
        began = time.process_time()
        found = desk.session.reckoning.expected("huge", image, replace(A, finer=4))
        took.append(time.process_time() - began)
    assert found.seconds > 0
    assert min(took) < 0.05  # 3 ms; 130 ms when each window was made


def test_seconds_come_from_what_was_measured(desk):
    encoder = replace(A, finer=2)
    image, other = image_of(patchwork(400, 400)), image_of(patchwork(800, 800), (32.0, 32.0))
    desk.session.set_input("one", image)
    desk.start()
    pace = desk.session.reckoning.per_second(A)
    assert pace > 0
    assert desk.session.reckoning.per_second(B) is None
    desk.session.set_input("two", other)
    # each window of 25 × 25 patches is seen as it is, moved down, moved right, and both
    expected = (25 * 25 + 2 * 25 * 26 + 26 * 26) / pace
    assert desk.session.reckoning.expected("two", other, encoder).seconds == pytest.approx(expected)
    assert desk.session.reckoning.expected("two", other, replace(A, debias=True)).seconds == pytest.approx(625 / pace)


def test_of_an_unknown_encoder_the_planes_are_known(desk):
    image = image_of(patchwork(400, 400))
    desk.session.set_input("one", image)
    assert desk.session.reckoning.facts(A) is None
    assert desk.session.reckoning.expected("one", image, A) == Expected(1, 1, 0, 0, None)
    desk.start()
    assert desk.session.reckoning.facts(A) == FACTS
    assert desk.session.patch_size == 16


def test_what_cannot_be_sampled_cannot_be_reckoned(desk):
    image = image_of(patchwork(400, 400), (0.5, 0.5))
    desk.session.set_input("one", image)
    with pytest.raises(ResolutionError, match="at least 1 × 1"):
        desk.session.reckoning.expected("one", image, A, FACTS)


def test_sums():
    whole = Expected(2, 1, 30, 400, 2.0) + Expected(1, 0, 5, 60, 0.5)
    assert whole == Expected(3, 1, 35, 460, 2.5)
    assert (whole + Expected(1, 1, 5, 60, None)).seconds is None


def test_a_small_image_does_not_spoil_what_a_large_one_told():
    paces = Paces()
    paces.note(A, 70, 2.0)
    assert paces.per_second(A) == 35
    paces.note(A, ENOUGH, 2.0)
    paces.note(A, 70, 2.0)
    assert paces.per_second(A) == ENOUGH / 2
    paces.note(replace(A, finer=2, centre=True), 2 * ENOUGH, 1.0)
    assert paces.per_second(A) == 2 * ENOUGH
    paces.note(A, 5 * ENOUGH, 0.0)
    assert paces.per_second(A) == 2 * ENOUGH


def test_an_accelerator_holds_half_as_many_bytes():
    assert EncoderFacts(16, 384, "cuda:0").patch_bytes == 768
    assert EncoderFacts(16, 384).patch_bytes == 1536


def test_the_budget_is_that_of_the_device(monkeypatch):
    from napari_dinosim import cache

    desk = Desk(cache=EmbeddingCache(budget=5000))
    monkeypatch.setattr(cache, "_budget_of", lambda device: {"cuda:0": 700}[device])
    assert desk.session.reckoning.budget(FACTS) == 5000
    assert desk.session.reckoning.budget(replace(FACTS, device="cuda:0")) == 700
    desk.engine.shutdown()
