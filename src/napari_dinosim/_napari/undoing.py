"""Undo and redo of prompts: the history of the prompts layer, and the keys on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app_model.types import KeyBinding, KeyCode, KeyMod
from napari.layers.base import ActionType
from psygnal import Signal

from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.history import History

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari.components import ViewerModel
    from napari.layers import Points

    from napari_dinosim._napari.reading import Owner

UNDO_KEY = KeyBinding.from_int(KeyMod.CtrlCmd | KeyCode.KeyZ)
REDO_KEY = KeyBinding.from_int(KeyMod.CtrlCmd | KeyMod.Shift | KeyCode.KeyZ)
"""Those of napari's Labels layers; on macOS with Cmd."""

BEGINNINGS = {"adding", "removing", "changing"}
"""Actions that say what is about to be done to the points."""


class Undoing:
    """Undo and redo on the prompts layer of a viewer.

    Parameters
    ----------
    viewer : Viewer
    give_owners : callable(mapping of bytes to Owner)
        Is told which image the points belong to that are about to be there again.
    """

    changed = Signal()
    """What can be undone, or done again, is another."""

    def __init__(self, viewer: ViewerModel, give_owners: Callable[[Mapping[bytes, Owner]], None]) -> None:
        self._viewer, self._give_owners = viewer, give_owners
        self._layer: Points | None = None
        self._history: History | None = None
        self._dragging = False
        self._keys = {UNDO_KEY: self._undo_pressed, REDO_KEY: self._redo_pressed}

    @property
    def undoable(self) -> str:
        """What would be undone, in a few words; empty where nothing can be."""
        return self._history.undoable if self._history else ""

    @property
    def redoable(self) -> str:
        """What would be done again, in a few words; empty where nothing can be."""
        return self._history.redoable if self._history else ""

    def follow(self, layer: Points) -> None:
        """Begin the history of a layer, as it is now, and bind the keys; a key that a person has bound stays theirs."""
        self._layer, self._history, self._dragging = layer, History(layer), False
        self._history.changed.connect(self.changed.emit)
        for key, action in self._keys.items():
            if key not in layer.keymap:
                layer.bind_key(key, action)
        self.changed.emit()

    def leave(self) -> None:
        """Forget the history, and unbind the keys."""
        if self._layer is None:
            return
        for key, action in self._keys.items():
            if self._layer.keymap.get(key) == action:
                self._layer.bind_key(key, None)
        self._layer = self._history = None
        self.changed.emit()

    def note(self, action: str) -> None:
        """Take note of an event of the layer.

        Parameters
        ----------
        action : str
            That of an event of the points, such as ``"added"``; empty for any other event.
        """
        if action:
            self._dragging = action == "changing"  # until it is told that they have: a drag is one step
        if self._history is not None and not self._dragging and action not in BEGINNINGS:
            self._history.record()

    def keep_owners(self, owners: Mapping[bytes, Owner]) -> None:
        """Note which image the points belong to."""
        if self._history is not None:
            self._history.keep_owners(owners)

    def change_owners(self, change: Callable[[Owner], Owner]) -> None:
        """Give points of all moments to other images."""
        if self._history is not None:
            self._history.change_owners(change)

    def undo(self) -> None:
        """Take back the last change of the points, and say what it was."""
        if self._history is not None:
            self._tell("Undone", self._history.undo(), "Nothing to undo.")

    def redo(self) -> None:
        """Do again what was undone last, and say what it was."""
        if self._history is not None:
            self._tell("Redone", self._history.redo(), "Nothing to redo.")

    def _tell(self, done: str, what: str, otherwise: str) -> None:
        """Tell of restored points as napari tells of others: the whole list is read again."""
        layer, history = self._layer, self._history
        self._dragging = False
        if what and layer is not None and history is not None:
            self._give_owners(history.owners)
            layer.refresh()
            every = tuple(range(len(layer.data)))
            layer.events.data(value=layer.data, action=ActionType.CHANGED, data_indices=every, vertex_indices=((),))
            layer.events.features()
        self._viewer.status = f"{done}: {what}" if what else otherwise

    def _undo_pressed(self, _layer: Any) -> None:
        """Undo the last change of the prompts."""
        guarded(self.undo)()

    def _redo_pressed(self, _layer: Any) -> None:
        """Do again the change of the prompts that was undone last."""
        guarded(self.redo)()
