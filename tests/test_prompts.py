"""Prompts are values: the whole set is replaced."""

import dataclasses

import pytest

from napari_dinosim.prompts import Prompt, PromptSet


def test_an_empty_set_asks_for_the_maximum_of_nothing():
    prompts = PromptSet()
    assert len(prompts) == 0
    assert list(prompts) == []
    assert prompts.sources() == {}
    assert prompts.combine == "max"


def test_places_are_told_by_input_and_plane_in_order():
    prompts = PromptSet(
        (
            Prompt("b", 1, 2),
            Prompt("a", 3, 4, (0,)),
            Prompt("b", 5, 6),
            Prompt("a", 7, 8, (1,)),
            Prompt("a", 9, 10, (0,)),
        )
    )
    assert len(prompts) == 5
    assert [prompt.y for prompt in prompts] == [1, 3, 5, 7, 9]
    assert list(prompts.sources().items()) == [
        (("b", ()), [(1, 2), (5, 6)]),
        (("a", (0,)), [(3, 4), (9, 10)]),
        (("a", (1,)), [(7, 8)]),
    ]


def test_equal_prompts_are_equal_values():
    assert PromptSet((Prompt("a", 1, 2),), "mean") == PromptSet((Prompt("a", 1, 2),), "mean")
    assert PromptSet((Prompt("a", 1, 2),)) != PromptSet((Prompt("a", 2, 1),))


@pytest.mark.parametrize("value", [Prompt("a", 1, 2), PromptSet()])
def test_they_cannot_be_patched(value):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, dataclasses.fields(value)[0].name, "b")
