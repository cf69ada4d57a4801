"""One controller per viewer, one encoder for all, and none when nobody looks."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_dinosim._napari import registry
from napari_dinosim._napari.limits import Intensities
from napari_dinosim.intensity import Intensity
from napari_dinosim.loading import EncoderChoice


class User:
    """Someone who holds a controller."""


@pytest.fixture
def users(qapp, encoders) -> tuple[User, User]:
    return User(), User()


def test_two_users_of_a_viewer_share(users):
    viewer = ViewerModel()
    first, second = (registry.acquire(viewer, user) for user in users)
    assert first is second
    registry.release(first, id(users[0]))
    assert registry.acquire(viewer, users[1]) is first
    registry.release(first, id(users[1]))
    assert not registry._controllers


def test_viewers_have_their_own(users):
    first, second = (registry.acquire(ViewerModel(), user) for user in users)
    assert first is not second
    slot = registry._slot
    encoder = slot.get(EncoderChoice("builtin"))
    registry.release(first, id(users[0]))
    assert slot.get(EncoderChoice("builtin")) is encoder
    registry.release(second, id(users[1]))
    assert slot.get(EncoderChoice("builtin")) is not encoder
    slot.clear()


def test_release_twice_is_harmless(users):
    viewer = ViewerModel()
    first = registry.acquire(viewer, users[0])
    registry.release(first, id(users[0]))
    second = registry.acquire(viewer, users[0])
    assert second is not first
    registry.release(first, id(users[0]))
    assert registry.acquire(viewer, users[1]) is second
    for user in users:
        registry.release(second, id(user))


def test_what_was_chosen_of_the_images_outlives_a_closed_widget(users):
    viewer = ViewerModel()
    first, second, stack, left_out = (
        viewer.add_image(np.random.default_rng(i).random(shape), name=name)
        for i, (name, shape) in enumerate({"a": (50, 40), "b": (50, 40), "c": (3, 30, 20), "d": (20, 30)}.items())
    )
    controller = registry.acquire(viewer, users[0])
    offering = controller.offering
    controller.compose([str(first.unique_id), str(second.unique_id)])
    controller.compose([str(stack.unique_id)], -3)
    controller.check(str(left_out.unique_id), False)
    offering.intensities = Intensities(Intensity("fixed", fixed=(0.1, 0.4)))
    shown = [(row.name, row.checked) for row in controller.rows()]
    assert shown == [("d", False), ("c (3 channels)", True), ("a + b", True)]
    registry.release(controller, id(users[0]))
    again = registry.acquire(viewer, users[0])
    assert again is not controller
    assert [(row.name, row.checked) for row in again.rows()] == shown
    assert again.offering.intensities == offering.intensities
    assert len(again.session.inputs) == 2
    registry.release(again, id(users[0]))
    viewer.layers.remove(second)  # what is composed of it cannot come back
    last = registry.acquire(viewer, users[0])
    assert [row.name for row in last.rows()] == ["d", "c (3 channels)", "a"]
    registry.release(last, id(users[0]))
