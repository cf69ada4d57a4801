"""What shall be embedded, and in which order."""

from __future__ import annotations

import pytest

from napari_dinosim.cache import CacheKey
from napari_dinosim.grid import PatchGrid
from napari_dinosim.loading import EncoderChoice
from napari_dinosim.partial import Focus, Window
from napari_dinosim.plan import Plan, View
from napari_dinosim.prompts import Prompt, PromptSet
from napari_dinosim.states import ImageInput

CHOICE = EncoderChoice("planted")


def plan(**facts) -> Plan:
    made = Plan(CHOICE, **facts)
    made.inputs["stack"] = ImageInput("stack", (70, 100), lambda _plane: None, 7, (2, 3))
    made.inputs["one"] = ImageInput("one", (70, 100), lambda _plane: None)
    made.shown |= {"stack": (0, 1), "one": ()}
    return made


def key(source, plane=(), version=0, encoder=CHOICE) -> CacheKey:
    return CacheKey(source, plane, version, encoder)


def test_what_is_on_screen_comes_before_what_holds_prompts():
    made = plan(prompts=PromptSet((Prompt("one", 1, 2), Prompt("stack", 1, 2, (1, 2)), Prompt("gone", 1, 2))))
    assert list(made.urgent()) == [key("stack", (0, 1), 7), key("one"), key("stack", (1, 2), 7)]


def test_the_others_come_outward_from_the_plane_on_screen():
    planes = [found.plane for found, image in plan().others() if image.name == "stack"]
    assert planes == [(0, 1), (0, 0), (0, 2), (1, 1), (1, 0), (1, 2)]


@pytest.mark.parametrize("scope", ["plane", "field"])
def test_only_where_all_planes_are_wanted_are_there_others(scope):
    made = plan(scope=scope)
    assert list(made.others()) == list(made.stacks()) == []
    assert made.wants(key("stack", (0, 1), 7))
    assert not made.wants(key("stack", (1, 1), 7))


def test_stacks_are_inputs_of_which_all_planes_are_wanted():
    assert [found for found, _ in plan().stacks()] == [key("stack", (), 7), key("one")]


@pytest.mark.parametrize(
    "other", [key("stack", (1, 1), 6), key("stack", (1, 1), 7, EncoderChoice("b")), key("gone", (1, 1), 7)]
)
def test_what_has_changed_is_not_wanted(other):
    assert plan().wants(key("stack", (1, 1), 7))
    assert not plan().wants(other)


GRID = PatchGrid(70, 100, 16)


@pytest.mark.parametrize(
    ("view", "window"),
    [
        (View(-0.5, -0.5, 69.5, 99.5), Window(0, 0, 5, 7)),
        (View(16, 40, 31, 41), Window(1, 2, 1, 1)),
        (View(-900, 15, 15.6, 16), Window(0, 0, 2, 2)),
        (View(500, 20, 600, 70), Window(4, 1, 1, 4)),
        (View(-90, -90, -80, -70), Window(0, 0, 1, 1)),
    ],
)
def test_what_is_in_view_in_patches(view, window):
    made = plan(views={"one": view})
    assert made.focus(key("one"), GRID) == Focus(window)


def test_places_of_prompts_are_needed_too():
    made = plan(views={"one": View(0, 0, 5, 5)}, scope="field")
    made.prompts = PromptSet((Prompt("one", 60, 90), Prompt("stack", 1, 2, (1, 2)), Prompt("one", -5, 0)))
    assert made.focus(key("one"), GRID) == Focus(Window(0, 0, 1, 1), True, ((3, 5),))


def test_nothing_is_known_of_what_is_not_on_screen():
    made = plan(views={"stack": View(0, 0, 5, 5)})
    assert made.focus(key("stack", (1, 1), 7), GRID) is None
    assert made.focus(key("one"), GRID) is None


def test_windows_in_view_come_first_then_outward():
    near, far, inside = Window(0, 20, 10, 10), Window(0, 40, 10, 10), Window(0, 0, 10, 10)
    focus = Focus(Window(2, 2, 3, 3))
    assert sorted([far, near, inside], key=focus.rank) == [inside, near, far]
    assert (focus.rank(inside)[0], Window(0, 4, 10, 10).gap(focus.view), Window(0, 5, 10, 10).gap(focus.view)) == (
        0,
        0,
        1,
    )
    assert Focus(Window(2, 2, 3, 3), False, ((5, 45),)).rank(far)[0] == 0
