"""Maps held at one moment are those of the session, and stay."""

from __future__ import annotations

import numpy as np
import pytest

from desk import Desk, patchwork

IMAGES = np.stack([patchwork(70, 90, seed) for seed in range(3)])


@pytest.fixture
def desk():
    made = Desk()
    yield made
    made.engine.shutdown()


def stack(desk: Desk) -> None:
    """A stack whose planes are all embedded."""
    for plane in range(3):
        desk.add("a", IMAGES, plane=(plane,))
        desk.start()


@pytest.mark.parametrize("normalisation", ["plane", "stack"])
def test_equal_to_the_maps_of_the_session(desk, normalisation):
    stack(desk)
    desk.prompt(("a", 33, 70, (1,)))
    desk.session.set_normalisation(normalisation)
    frozen = desk.session.frozen_maps("a")
    for plane in [(2,), (0,), (1,), (1,)]:
        desk.session.map("a", plane)
        desk.wait()
        found, expected = frozen(plane), desk.session.map("a", plane)
        np.testing.assert_array_equal(found.values, expected.values)
        assert (found.best, found.grid) == (expected.best, expected.grid)
    lowest = [frozen((plane,)).values.min() for plane in range(3)]
    assert (max(lowest) > 0.01) == (normalisation == "stack")


def test_later_prompts_and_images_change_nothing(desk):
    stack(desk)
    desk.prompt(("a", 33, 70, (1,)))
    frozen = desk.session.frozen_maps("a")
    before = desk.session.map("a", (2,)).values
    desk.prompt(("a", 5, 5, (0,)))
    desk.session.remove_input("a", forget=True)
    np.testing.assert_array_equal(frozen((2,)).values, before)


def test_without_a_query_or_embeddings_there_is_no_map(desk):
    stack(desk)
    assert desk.session.frozen_maps("a")((1,)) is None
    desk.prompt(("a", 33, 70, (1,)))
    frozen = desk.session.frozen_maps("a")
    assert frozen((1,)) is not None
    assert frozen((7,)) is None
    assert desk.session.frozen_maps("unknown")((0,)) is None
