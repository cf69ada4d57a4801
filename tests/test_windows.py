"""Images that take several windows: what is in view first, what cannot be read stays empty, the map grows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from desk import Desk, patchwork
from napari_dinosim import schedule
from napari_dinosim.cache import EmbeddingCache
from napari_dinosim.errors import ImageError
from napari_dinosim.grid import PatchGrid
from napari_dinosim.image import image_plane
from napari_dinosim.plan import View
from napari_dinosim.states import ImageInput, Stage
from napari_dinosim.tiling import plan_windows

SHAPE = (1100, 2500)
LARGE = patchwork(*SHAPE)
WINDOWS = plan_windows(PatchGrid(*SHAPE, 16))
CORNER = View(900, 2200, 1000, 2400)


class Broken:
    """An array of which some parts cannot be read: those that hold one of its broken pixels."""

    def __init__(self, *pixels: tuple[int, int]) -> None:
        self.shape, self.dtype, self.ndim = LARGE.shape, LARGE.dtype, 3
        self.broken = set(pixels)
        self.reads: list[tuple[int, int]] = []

    def __getitem__(self, key):
        rows, cols = key[:2]
        self.reads.append((rows.start, cols.start))
        if any(rows.start <= y < rows.stop and cols.start <= x < cols.stop for y, x in self.broken):
            raise OSError("the disk is gone")
        return LARGE[key]


def add(desk: Desk, array, name="large") -> None:
    desk.session.set_input(name, ImageInput(f"image {name}", SHAPE, lambda _plane: image_plane(array, rgb=True)))


def known(desk: Desk) -> np.ndarray:
    return ~desk.session.shown_map("large").scores.isnan().numpy()


def test_it_takes_several_windows():
    assert len(WINDOWS) == 8


def test_what_is_in_view_is_read_first_then_outward():
    desk, array = Desk(), Broken()
    add(desk, array)
    desk.session.show_view("large", CORNER)
    desk.start()
    last = max((window.row, window.col) for window in WINDOWS)
    assert array.reads[0] == (last[0] * 16, last[1] * 16)
    cols = [col for _, col in array.reads]
    assert cols == sorted(cols, reverse=True)
    assert len(array.reads) == 8
    assert desk.session.state("large").text == "ready"


def test_only_what_is_in_view_and_where_prompts_are_is_embedded():
    desk, array = Desk(), Broken()
    add(desk, array)
    desk.session.set_scope("field")
    desk.session.show_view("large", CORNER)
    desk.start()
    assert len(array.reads) < 4
    assert desk.session.state("large").stage == Stage.READY
    desk.prompt(("large", 950, 2300))
    assert known(desk)[59, 143]
    assert not known(desk)[0, 0]
    desk.prompt(("large", 950, 2300), ("large", 3, 4))
    desk.wait()
    assert known(desk)[0, 0]
    reads = len(array.reads)
    desk.session.show_view("large", View(900, 1200, 910, 1210))
    desk.wait()
    assert len(array.reads) > reads
    assert len(set(array.reads)) == len(array.reads)
    desk.session.set_scope("all")
    desk.wait()
    assert known(desk).all()
    assert len(array.reads) == 8


def test_the_result_does_not_depend_on_what_was_in_view():
    first, second = Desk(), Desk()
    for desk in (first, second):
        add(desk, LARGE)
    second.session.set_scope("field")
    second.session.show_view("large", CORNER)
    second.start()
    second.session.set_scope("all")
    second.wait()
    first.start()
    for desk in (first, second):
        desk.prompt(("large", 500, 700))
    torch.testing.assert_close(
        first.session.shown_map("large").scores, second.session.shown_map("large").scores, atol=1e-6, rtol=0
    )


def test_the_map_grows_while_it_is_embedded(monkeypatch):
    monkeypatch.setattr(schedule, "GROWS_EVERY", 0)
    desk, sizes = Desk(), []
    add(desk, LARGE)
    desk.prompt(("large", 5, 5))
    desk.session.map_changed.connect(
        lambda _key: sizes.append(int(known(desk).sum()) if desk.session.shown_map("large") else 0)
    )
    desk.start()
    assert sizes == sorted(sizes)
    assert len({size for size in sizes if size}) == 8
    assert sizes[-1] == 69 * 157
    assert desk.session.state("large").stage == Stage.READY


def test_what_cannot_be_read_stays_empty_and_is_tried_again():
    desk, array = Desk(), Broken((100, 30))
    add(desk, array)
    desk.start()
    assert desk.session.state("large").text == "ready · a part unread"
    assert desk.session.state("large").reason.startswith("Reading failed with OSError: the disk is gone. Press Start")
    assert len(desk.messages) == 1
    assert "That part stays empty; press Start to try it again." in desk.messages[0]
    desk.prompt(("large", 950, 2300))
    assert not known(desk)[20, 2]
    assert known(desk).mean() > 0.7
    assert len(desk.messages) == 1
    desk.prompt(("large", 325, 40))
    assert desk.session.shown_map("large") is None
    assert "what lies under a prompt could not be read, so nothing is searched for it." in desk.messages[-1]
    desk.prompt(("large", 950, 2300))
    reads = len(array.reads)
    desk.session.set_prompts(desk.session.prompts)
    desk.wait()
    assert len(array.reads) == reads
    array.broken.clear()
    desk.start()
    assert len(array.reads) == reads + 1
    assert desk.session.state("large").text == "ready · best match 1.00"
    assert known(desk).all()


def test_an_image_of_which_nothing_can_be_read_fails():
    desk, array = Desk(), Broken(*[(y, x) for y in range(0, 1100, 300) for x in range(0, 2500, 300)])
    add(desk, array)
    desk.start()
    assert desk.session.state("large").stage == Stage.FAILED
    assert isinstance(desk.failures[0], ImageError)
    assert "Nothing of the image could be read" in desk.session.state("large").reason
    array.broken.clear()
    desk.start()
    assert desk.session.state("large").text == "ready"


def test_embeddings_beyond_the_budget_are_refused_before_memory_ends():
    desk = Desk(cache=EmbeddingCache(1000))
    add(desk, LARGE)
    desk.start()
    assert desk.session.state("large").stage == Stage.FAILED
    assert "memory: the embeddings of image large take" in str(desk.failures[0])
    assert "Embed the visible field only" in str(desk.failures[0])


def test_an_urgent_plane_interrupts_a_large_one_of_the_background_which_loses_nothing(monkeypatch):
    monkeypatch.setattr(schedule, "GROWS_EVERY", 0)
    desk = Desk()

    def scroll(key, _embeddings) -> None:
        if key.plane == (1,):
            desk.session.show_plane("stack", (2,))

    desk.session._schedule.embedded.connect(scroll)
    desk.add("stack", np.stack([LARGE] * 3), plane=(0,))
    desk.start()
    assert [plane for *_, plane in desk.read] == [(0,), (1,), (2,), (1,)]
    assert desk.session.state("stack").planes == (3, 3)
    assert desk.loaded[0]().calls == 3 * 8


@pytest.mark.parametrize("scope", ["all", "field"])
def test_without_a_known_view_the_plane_is_embedded(scope):
    desk = Desk()
    add(desk, LARGE)
    desk.session.set_scope(scope)
    desk.start()
    desk.prompt(("large", 5, 5))
    assert known(desk).all()
