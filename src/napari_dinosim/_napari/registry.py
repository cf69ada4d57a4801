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

    from napari_dinosim._napari.kept import Kept
    from napari_dinosim.loading import EncoderChoice

_slot = EncoderSlot()


@dataclass(slots=True)
class _Held:
    """A viewer's controller, the widgets that show it, and the end of its watch over the preferences."""

    controller: Controller
    unwatch: Callable[[], None]
    users: set[int] = field(default_factory=set)


_controllers: dict[int, _Held] = {}
_remembered: dict[int, tuple[weakref.ref[ViewerModel], EncoderChoice, Kept]] = {}


def acquire(viewer: ViewerModel, user: object) -> Controller:
    """Return the viewer's controller for a widget that will :func:`release` it."""
    viewer = getattr(viewer, "__wrapped__", viewer)  # napari hands plugins a proxy, whose layers are never identical
    if id(viewer) not in _controllers:
        choice, kept = _last_choices(viewer)
        _controllers[id(viewer)] = _hold(Controller(viewer, choice, _slot, patch_size))
        if kept is not None:
            _controllers[id(viewer)].controller.offering.restore(kept)
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
        kept = controller.offering.kept()
        _remembered[id(controller.viewer)] = weakref.ref(controller.viewer), controller.session.encoder, kept
        del _controllers[id(controller.viewer)]
        held.unwatch()
        controller.shutdown()
    if not _controllers:
        _slot.clear()


def _last_choices(viewer: ViewerModel) -> tuple[EncoderChoice, Kept | None]:
    """Choose what this viewer's widget was closed with, else the preferred encoder."""
    reference, choice, kept = _remembered.pop(id(viewer), (None, None, None))
    if reference is not None and choice is not None and reference() is viewer:
        return choice, kept
    return preferences.first_choice(), None


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
