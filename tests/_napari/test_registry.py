"""One controller per viewer, one encoder for all, and none when nobody looks."""

from __future__ import annotations

import pytest
from napari.components import ViewerModel

from napari_dinosim._napari import registry
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
