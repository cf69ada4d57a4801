"""One controller per viewer, one encoder in memory for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dinosim._napari.controller import Controller
from napari_dinosim._napari.encoder_choices import DEFAULT_ENCODER, patch_size
from napari_dinosim.loading import EncoderChoice, EncoderSlot

if TYPE_CHECKING:
    from napari.components import ViewerModel

_slot = EncoderSlot()
_controllers: dict[int, tuple[Controller, set[int]]] = {}


def acquire(viewer: ViewerModel, user: object) -> Controller:
    """Return the viewer's controller for a widget that will :func:`release` it."""
    viewer = getattr(viewer, "__wrapped__", viewer)  # napari hands plugins a proxy, whose layers are never identical
    if id(viewer) not in _controllers:
        _controllers[id(viewer)] = Controller(viewer, EncoderChoice(DEFAULT_ENCODER), _slot, patch_size), set()
    controller, users = _controllers[id(viewer)]
    users.add(id(user))
    return controller


def release(controller: Controller, user: int) -> None:
    """Let a controller go; with its last widget it leaves the viewer, and with the last one the encoder is freed."""
    held = _controllers.get(id(controller.viewer))
    if held is None or held[0] is not controller:
        return
    held[1].discard(user)
    if not held[1]:
        del _controllers[id(controller.viewer)]
        controller.shutdown()
    if not _controllers:
        _slot.clear()
