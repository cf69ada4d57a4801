"""Watches a viewer's image layers, those of the person's, and tells what happens to them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_dinosim._napari.channels import LOOKS
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.roles import is_image, key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import ViewerModel
    from napari.layers import Image

PLACE_EVENTS = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
LIST_EVENTS = ("inserted", "removed", "reordered")


class ImageWatch:
    """Follows the layer list.

    Parameters
    ----------
    viewer : Viewer
    """

    joined = Signal(object)
    """An image layer came."""
    left = Signal(str)
    """An image layer went: its key."""
    removed = Signal(object)
    """Any layer was removed, ours among them."""
    listed = Signal()
    """The list of image layers, or its order, is another."""
    pixels_changed = Signal(object)
    """A layer has other data."""
    renamed = Signal(object)
    """A layer has another name."""
    contrast_changed = Signal(object)
    """A layer has other contrast limits."""
    looks_changed = Signal(object)
    """A layer has other looks, its contrast limits left out: see :data:`LOOKS`."""
    placed = Signal(object)
    """A layer lies elsewhere."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._connections: dict[str, list[tuple[Any, Callable[[Any], None]]]] = {}
        self._on_list = guarded(self._list_changed)
        for name in LIST_EVENTS:
            getattr(viewer.layers.events, name).connect(self._on_list)

    def images(self) -> list[Image]:
        """Image layers of the person's, the topmost first."""
        return [layer for layer in reversed(self._viewer.layers) if is_image(layer)]

    def find(self, key: str) -> Image | None:
        """Image layer of a key."""
        return next((layer for layer in self.images() if key_of(layer) == key), None)

    def follow(self) -> None:
        """Bring the connections in line with the layer list, and tell what came and went."""
        present = {key_of(layer): layer for layer in self.images()}
        for key in [key for key in self._connections if key not in present]:
            self._disconnect(key)
            self.left.emit(key)
        for key, layer in present.items():
            if key not in self._connections:
                self._connect(key, layer)
                self.joined.emit(layer)

    def close(self) -> None:
        """Leave the viewer."""
        for name in LIST_EVENTS:
            getattr(self._viewer.layers.events, name).disconnect(self._on_list)
        for key in list(self._connections):
            self._disconnect(key)

    def _list_changed(self, event: Any) -> None:
        self.follow()
        if event.type == "removed":
            self.removed.emit(event.value)
        self.listed.emit()

    def _connect(self, key: str, layer: Image) -> None:
        signals = {"data": self.pixels_changed, "name": self.renamed, "contrast_limits": self.contrast_changed}
        signals |= dict.fromkeys(PLACE_EVENTS, self.placed) | dict.fromkeys(LOOKS, self.looks_changed)
        self._connections[key] = []
        for name, signal in signals.items():
            emitter, callback = getattr(layer.events, name), guarded(partial(_emit, signal, layer))
            emitter.connect(callback)
            self._connections[key].append((emitter, callback))

    def _disconnect(self, key: str) -> None:
        for emitter, callback in self._connections.pop(key):
            emitter.disconnect(callback)


def _emit(signal: Any, layer: Image, _event: Any) -> None:
    signal.emit(layer)
