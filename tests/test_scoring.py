"""Maps of stacks and of images so large that a worker makes them."""

from __future__ import annotations

import numpy as np
import pytest

from desk import A, B, Desk, patchwork
from napari_dinosim import cache, scoring
from napari_dinosim.cache import EmbeddingCache
from napari_dinosim.mosaic import Mosaic
from napari_dinosim.similarity import joint_extremes
from napari_dinosim.states import Stage

PLANES = np.stack([patchwork(60, 90, seed) for seed in range(4)])
PLANES[2] //= 3
ONE = patchwork(70, 50, 9)
CLICK = ("stack", 41, 77, (1,))


@pytest.fixture
def desk():
    made = Desk()
    made.add("stack", PLANES, plane=(1,))
    made.add("one", ONE)
    return made


def scores(desk, plane):
    return desk.session.map("stack", plane).scores


def test_all_planes_are_embedded_the_near_ones_first(desk):
    desk.start()
    assert [(source, plane) for _, source, plane in desk.read] == [
        ("stack", (1,)),
        ("one", ()),
        ("stack", (0,)),
        ("stack", (2,)),
        ("stack", (3,)),
    ]
    assert desk.session.state("stack").text == "ready · 4 of 4 planes"
    assert desk.progress[-1] is None
    shares = [overall.fraction for overall in desk.progress[:-1]]
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_a_plane_that_comes_on_screen_goes_before_the_others(desk):
    desk.close_gate()
    desk.session.start()
    desk.wait_until_encoding()
    desk.session.show_plane("stack", (3,))
    desk.open_gate()
    assert [(source, plane) for _, source, plane in desk.read][:3] == [("stack", (1,)), ("stack", (3,)), ("one", ())]


def test_choosing_all_planes_later_embeds_what_is_missing(desk):
    desk.session.set_scope("plane")
    desk.start()
    assert desk.session.state("stack").text == "ready · 1 of 4 planes"
    desk.session.set_scope("all")
    desk.wait()
    assert len(desk.read) == 5
    assert desk.session.state("stack").planes == (4, 4)


def test_maps_are_stretched_over_the_plane_or_over_the_stack(desk):
    desk.start()
    desk.prompt(CLICK)
    desk.wait()
    for plane in range(4):
        values = desk.session.map("stack", (plane,)).values
        assert (values.min(), values.max()) == pytest.approx((0, 1), abs=1e-6)
    desk.session.set_normalisation("stack")
    desk.session.shown_map("stack")
    desk.wait()
    everything = np.stack([scores(desk, (plane,)) for plane in range(4)])
    low, high = everything.min(), everything.max()
    for plane in range(4):
        found = desk.session.map("stack", (plane,))
        np.testing.assert_allclose(found.values, (everything[plane] - low) / (high - low), atol=1e-6)
        assert found.best == pytest.approx(everything[plane].max())
    desk.session.set_normalisation("plane")
    assert desk.session.map("stack", (3,)).values.max() == pytest.approx(1)


def test_a_plane_that_comes_later_counts_in_the_stack(desk):
    desk.session.set_scope("plane")
    desk.session.set_normalisation("stack")
    desk.start()
    desk.prompt(CLICK)
    alone = desk.session.map("stack", (1,)).values.copy()
    desk.clear_notes()
    desk.session.set_scope("all")
    desk.wait()
    assert "stack" in desk.maps
    desk.session.shown_map("stack")
    desk.wait()
    everything = np.stack([scores(desk, (plane,)) for plane in range(4)])
    low, high = everything.min(), everything.max()
    found = desk.session.map("stack", (1,)).values
    np.testing.assert_allclose(found, (everything[1] - low) / (high - low), atol=1e-6)
    assert not np.allclose(found, alone)


def test_large_maps_are_made_by_a_worker_and_the_one_before_stays_until_then(desk, monkeypatch):
    desk.start()
    desk.prompt(CLICK)
    first = desk.session.map("stack", (1,)).values
    monkeypatch.setattr(scoring, "AT_ONCE", 0)
    desk.prompt(("stack", 5, 5, (1,)))
    assert desk.session.map("stack", (1,)).values is first
    desk.clear_notes()
    desk.wait()
    assert "stack" in desk.maps
    assert "stack" in desk.states
    found = desk.session.map("stack", (1,))
    assert float(found.scores[0, 0]) == pytest.approx(1, abs=1e-6)
    assert found.values is not first
    desk.prompt()
    assert desk.session.map("stack", (1,)) is None


def test_many_maps_in_a_row_go_to_the_worker_too(desk, monkeypatch):
    desk.start()
    counts = [desk.session.embeddings(*place).count for place in (("stack", (1,)), ("one", ()))]
    monkeypatch.setattr(scoring, "AT_ONCE", sum(counts) - 1)
    monkeypatch.setattr(scoring, "ROW_SECONDS", 1000)
    desk.prompt(CLICK)
    assert desk.session.map("stack", (1,)) is not None
    assert desk.session.map("one", ()) is None
    desk.wait()
    assert desk.session.map("one", ()) is not None


@pytest.mark.parametrize(("combine", "fits"), [("max", False), ("top", False), ("mean", True)])
def test_many_points_are_more_to_go_through_than_one(desk, monkeypatch, combine, fits):
    desk.start()
    monkeypatch.setattr(scoring, "AT_ONCE", 2 * desk.session.embeddings("stack", (1,)).count)
    desk.prompt(CLICK)
    assert desk.session.map("stack", (1,)) is not None
    desk.prompt(*[("stack", y, x, (1,)) for y in range(0, 40, 10) for x in range(0, 90, 10)], combine=combine)
    before = desk.session.map("stack", (1,))
    desk.wait()
    assert (desk.session.map("stack", (1,)) is before) == fits


def test_only_the_last_query_is_answered(desk, monkeypatch):
    monkeypatch.setattr(scoring, "AT_ONCE", 0)
    desk.start()
    for place in ((5, 5), (41, 77)):
        desk.prompt(("stack", *place, (1,)))
        assert desk.session.map("stack", (1,)) is None
    desk.clear_notes()
    desk.wait()
    assert desk.maps.count("stack") == 1
    assert float(desk.session.map("stack", (1,)).scores[2, 4]) == pytest.approx(1, abs=1e-6)


# --- memory


def plane_bytes() -> int:
    return 4 * 6 * 3 * 4


def test_a_long_stack_stops_where_the_budget_is_full_and_says_so():
    desk = Desk(cache=EmbeddingCache(2 * plane_bytes()))
    desk.add("stack", PLANES, plane=(1,))
    desk.start()
    assert [plane for *_, plane in desk.read] == [(1,), (0,)]
    assert desk.session.state("stack").text == "ready · 2 of 4 planes"
    assert (
        len([text for text in desk.messages if "The memory budget of" in text and "2 planes of image stack" in text])
        == 1
    )
    assert desk.progress[-1] is None


def test_the_plane_on_screen_is_embedded_even_then_and_the_least_used_leaves():
    desk = Desk(cache=EmbeddingCache(2 * plane_bytes()))
    desk.add("stack", PLANES, plane=(1,))
    desk.start()
    desk.session.show_plane("stack", (3,))
    desk.wait()
    assert desk.session.state("stack").text == "ready · 2 of 4 planes"
    desk.session.show_plane("stack", (1,))
    assert desk.session.state("stack").stage != Stage.READY
    assert desk.session.state("stack").planes == (2, 4)


def test_a_stack_stops_where_the_memory_of_a_gpu_is_full_too(monkeypatch):
    """Where the embeddings live is what counts: else each plane would push out the one before, without an end."""
    monkeypatch.setattr(Mosaic, "device", "cuda:0")
    monkeypatch.setattr(cache, "_budget_of", lambda _device: 2 * plane_bytes())
    desk = Desk(cache=EmbeddingCache(1000 * plane_bytes()))
    desk.add("stack", PLANES, plane=(1,))
    desk.start()
    assert [plane for *_, plane in desk.read] == [(1,), (0,)]
    assert desk.session.state("stack").text == "ready · 2 of 4 planes"
    assert [text for text in desk.messages if "is full" in text and "embed on the CPU" in text]


def test_a_larger_budget_goes_on_and_a_smaller_one_frees_memory():
    desk = Desk(cache=EmbeddingCache(2 * plane_bytes()))
    desk.add("stack", PLANES, plane=(1,))
    desk.start()
    desk.session.set_budget(3 * plane_bytes())
    desk.wait()
    assert desk.session.state("stack").planes == (3, 4)
    desk.session.cancel()
    desk.session.set_budget(1)
    assert desk.session.state("stack").text == "ready · 1 of 4 planes"


def test_no_map_of_other_pixels_is_shown_while_a_new_one_is_made(desk, monkeypatch):
    desk.start()
    desk.prompt(CLICK)
    assert desk.session.map("one", ()) is not None
    monkeypatch.setattr(scoring, "AT_ONCE", 0)
    desk.add("one", ONE[::-1].copy(), version=1)
    desk.wait()
    assert desk.session.map("one", ()) is None
    desk.wait()
    assert desk.session.map("one", ()) is not None


def test_no_map_of_another_encoder_is_shown_while_a_new_one_is_made(desk, monkeypatch):
    desk.start()
    desk.prompt(CLICK)
    assert desk.session.map("one", ()) is not None
    desk.session.set_encoder(B)
    desk.wait()
    desk.session.set_encoder(A)
    assert desk.session.map("one", ()) is not None
    monkeypatch.setattr(scoring, "AT_ONCE", 0)
    desk.session.set_encoder(B)  # both are embedded: from query to query
    assert desk.session.map("one", ()) is None


def test_maps_of_what_is_gone_are_let_go(desk):
    desk.start()
    for place in (30, 40):
        desk.prompt(("stack", place, 20, (1,)))
        assert desk.session.map("one", ()) is not None
    desk.session.remove_input("one")
    held = desk.session._scoring
    assert "one" not in {source for maps in (held._maps, held._before, held._extremes) for source, _ in maps}


def test_a_stack_of_which_nothing_is_known_is_stretched_over_nothing():
    assert np.isnan(joint_extremes([])).all()
    assert joint_extremes([(float("nan"), float("nan")), (-0.5, 0.5), (0.25, 0.75)]) == (-0.5, 0.75)
