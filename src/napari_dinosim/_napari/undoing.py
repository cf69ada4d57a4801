"""Undo and redo of points and regions: the history of their layer, and the keys on it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from app_model.types import KeyBinding, KeyCode, KeyMod
from napari.layers.base import ActionType
from psygnal import Signal

from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.history import History
from napari_dinosim._napari.layer_state import LayerState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_dinosim._napari.reading import Owner

State = TypeVar("State", bound=LayerState)

UNDO_KEY = KeyBinding.from_int(KeyMod.CtrlCmd | KeyCode.KeyZ)
REDO_KEY = KeyBinding.from_int(KeyMod.CtrlCmd | KeyMod.Shift | KeyCode.KeyZ)
"""Those of napari's Labels layers; on macOS with Cmd."""

OWNERS: WeakKeyDictionary[Layer, Mapping[bytes, Owner]] = WeakKeyDictionary()
"""Which images that belongs to which lies in layers that no widget follows at the moment."""

BEGINNINGS = {"adding", "removing", "changing"}
"""Actions that say what is about to be done."""


class Undoing(Generic[State]):
    """Undo and redo on the layer of points or of regions of a viewer.

    Parameters
    ----------
    viewer : Viewer
    state : type
        What lies in such a layer at one moment.
    give_owners : callable(mapping of bytes to Owner)
        Is told which image that belongs to that is about to be there again.
    owners : callable() -> mapping of bytes to Owner
        Says which image that belongs to that was read last.
    """

    changed = Signal()
    """What can be undone, or done again, is another."""

    undone = Signal()
    """A step was taken back; the layer is about to tell of it."""

    def __init__(
        self,
        viewer: ViewerModel,
        state: type[State],
        give_owners: Callable[[Mapping[bytes, Owner]], None],
        owners: Callable[[], Mapping[bytes, Owner]],
    ) -> None:
        self._viewer, self.state, self._give_owners, self._owners = viewer, state, give_owners, owners
        self._layer: Any = None
        self._history: History[State] | None = None
        self.drawing = False
        """Whether something is being drawn that is not yet there."""
        self._dragging = self._amending = False
        self._keys = {UNDO_KEY: self._undo_pressed, REDO_KEY: self._redo_pressed}

    @property
    def undoable(self) -> str:
        """What would be undone, in a few words; empty where nothing can be."""
        return self._history.undoable if self._history else ""

    @property
    def redoable(self) -> str:
        """What would be done again, in a few words; empty where nothing can be."""
        return self._history.redoable if self._history else ""

    def follow(self, layer: Any) -> None:
        """Begin the history of a layer, as it is now, and bind the keys; a key that a person has bound stays theirs."""
        self._layer, self._history, self._dragging = layer, History(layer, self.state), False
        self._history.changed.connect(self.changed.emit)
        if layer in OWNERS:
            self._give_owners(OWNERS.pop(layer))
        self.lend_keys(layer)
        self.changed.emit()

    def leave(self) -> None:
        """Forget the history, and unbind the keys."""
        if self._layer is None:
            return
        self.take_keys(self._layer)
        if self._history is not None:
            OWNERS[self._layer] = self._history.owners
        self._layer = self._history = None
        self.changed.emit()

    def lend_keys(self, layer: Any) -> None:
        """Bind the keys on a layer, be it another one; a key that a person has bound stays theirs."""
        for key, action in self._keys.items():
            if key not in layer.keymap:
                layer.bind_key(key, action)

    def take_keys(self, layer: Any) -> None:
        """Unbind the keys on a layer."""
        for key, action in self._keys.items():
            if layer.keymap.get(key) == action:
                layer.bind_key(key, None)

    def note(self, action: str) -> None:
        """Take note of an event of the layer.

        Parameters
        ----------
        action : str
            That of an event of the data, such as ``"added"``; empty for any other event.
        """
        if action:
            self._dragging = action == "changing"  # until it is told that they have: a drag is one step
        quiet = self._dragging or self._amending or self.drawing or action in BEGINNINGS
        if self._history is not None and not quiet:
            self._history.record()
            self._history.keep_owners(self._owners())  # what was dragged may have been read where it is now

    @contextmanager
    def amending(self) -> Iterator[None]:
        """Let what is done meanwhile belong to the last step, which is undone with it."""
        history = None if self._dragging or self.drawing else self._history  # these take it in where they end
        if history is not None:
            history.record()  # what nobody told of
        self._amending = True
        try:
            yield
        finally:
            self._amending = False
            if history is not None:
                history.amend()

    def rename(self, column: str, old: str, new: str) -> None:
        """Let a value of a column of the features be another one at all moments: no step."""
        if self._history is not None:
            self._history.rename(column, old, new)
            self.changed.emit()

    def keep_owners(self, owners: Mapping[bytes, Owner]) -> None:
        """Note which image each belongs to."""
        if self._history is not None:
            self._history.keep_owners(owners)

    def change_owners(self, change: Callable[[Owner], Owner]) -> None:
        """Give what lay there at all moments to other images."""
        if self._history is not None:
            self._history.change_owners(change)

    def undo(self) -> None:
        """Take back the last change, and say what it was."""
        if self._history is not None and not self._is_drawing():
            what = self._history.undo()
            if what:
                self.undone.emit()
            self._tell("Undone", what, "Nothing to undo.")

    def redo(self) -> None:
        """Do again what was undone last, and say what it was."""
        if self._history is not None and not self._is_drawing():
            self._tell("Redone", self._history.redo(), "Nothing to redo.")

    def _is_drawing(self) -> bool:
        if self.drawing:
            self._viewer.status = "Finish what you draw first: Escape."
        return self.drawing

    def _tell(self, done: str, what: str, otherwise: str) -> None:
        """Tell of what is restored as napari tells of changes: the whole list is read again."""
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
        """Undo the last change of the layer."""
        guarded(self.undo)()

    def _redo_pressed(self, _layer: Any) -> None:
        """Do again the change of the layer that was undone last."""
        guarded(self.redo)()
