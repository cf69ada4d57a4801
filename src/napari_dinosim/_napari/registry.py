"""One controller per viewer, one encoder in memory for all of them."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_dinosim._napari import preferences
from napari_dinosim._napari.controller import Controller
from napari_dinosim._napari.encoder_choices import patch_size
from napari_dinosim._napari.guard import guarded
from napari_dinosim.loading import EncoderSlot

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import ViewerModel

    from napari_dinosim._napari.kept import Kept, KeptChoices
    from napari_dinosim.loading import EncoderChoice

_slot = EncoderSlot()


@dataclass(slots=True)
class _Held:
    """A viewer's controller, the widgets that show it, and the end of its watch over the preferences."""

    controller: Controller
    unwatch: Callable[[], None]
    users: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Left:
    """What a viewer's last widget was closed with."""

    viewer: weakref.ref[ViewerModel]
    encoder: EncoderChoice
    images: Kept
    choices: KeptChoices


_controllers: dict[int, _Held] = {}
_remembered: dict[int, _Left] = {}


def acquire(viewer: ViewerModel, user: object) -> Controller:
    """Return the viewer's controller for a widget that will :func:`release` it."""
    viewer = getattr(viewer, "__wrapped__", viewer)  # napari hands plugins a proxy, whose layers are never identical
    if id(viewer) not in _controllers:
        left = _left_by(viewer)
        choice = preferences.first_choice() if left is None else left.encoder
        _controllers[id(viewer)] = _hold(Controller(viewer, choice, _slot, patch_size))
        if left is not None:
            _controllers[id(viewer)].controller.offering.restore(left.images)
            _controllers[id(viewer)].controller.restore(left.choices)
    held = _controllers[id(viewer)]
    held.users.add(id(user))
    return held.controller


def release(controller: Controller, user: int) -> None:
    """Let a controller go; with its last widget it leaves the viewer, and with the last one the encoder is freed."""
    held = _controllers.get(id(controller.viewer))
    if held is None or held.controller is not controller:
        return
    held.users.discard(user)
    if not held.users:
        _remembered[id(controller.viewer)] = _Left(
            weakref.ref(controller.viewer), controller.session.encoder, controller.offering.kept(), controller.kept()
        )
        del _controllers[id(controller.viewer)]
        held.unwatch()
        controller.shutdown()
    if not _controllers:
        _slot.clear()


def _left_by(viewer: ViewerModel) -> _Left | None:
    """Return what this viewer's widget was closed with, where there was one."""
    left = _remembered.pop(id(viewer), None)
    return left if left is not None and left.viewer() is viewer else None


def _hold(controller: Controller) -> _Held:
    def follow(name: str) -> None:
        if name in preferences.ENCODING:
            controller.choose_encoder(preferences.preferred(controller.session.encoder, [name]))
        elif name == "budget":
            controller.session.set_budget(preferences.memory_budget())
        else:
            preferences.apply_cache_folder()
            controller.choices_changed.emit()  # weights may be here now, or not any more

    preferences.apply_cache_folder()
    controller.session.set_budget(preferences.memory_budget())
    return _Held(controller, preferences.watch(guarded(follow)))
