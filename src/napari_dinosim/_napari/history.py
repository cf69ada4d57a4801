"""What was done to a layer of points or shapes, so that it can be undone and done again.

A step is a change of what they say: where they are, or their features. Looks alone (symbols, colours, sizes) are no
step; they are restored with what they belong to.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from psygnal import Signal

from napari_dinosim._napari.layer_state import LayerState, described

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_dinosim._napari.reading import Owner

State = TypeVar("State", bound=LayerState)

DEPTH = 100
"""Steps that are kept: more than a person goes back through; of a thousand points, at most some 20 MB."""


class History(Generic[State]):
    """The steps of one layer.

    Parameters
    ----------
    layer : Points or Shapes
        As it is now: history begins here.
    state : type
        What lies in such a layer at one moment.
    """

    changed = Signal()
    """What can be undone, or done again, is another."""

    def __init__(self, layer: Any, state: type[State]) -> None:
        self._layer, self._state = layer, state
        self._past: deque[State] = deque(maxlen=DEPTH)
        self._future: list[State] = []
        self._present = state.of(layer)

    @property
    def undoable(self) -> str:
        """What would be undone, in a few words; empty where nothing can be."""
        return described(self._past[-1], self._present) if self._past else ""

    @property
    def redoable(self) -> str:
        """What would be done again, in a few words; empty where nothing can be."""
        return described(self._present, self._future[-1]) if self._future else ""

    @property
    def owners(self) -> dict[bytes, Owner]:
        """Which image each belongs to, as last kept at this moment of the history."""
        return dict(self._present.owners)

    def record(self) -> None:
        """Look at the layer; where it says something else than before, that is a step."""
        now = self._state.of(self._layer)
        if now.says_the_same(self._present):
            self._present = replace(now, owners=self._present.owners)
            return
        self._past.append(self._present)
        self._present = now.with_owners(self._present.owners)
        self._future.clear()
        self.changed.emit()

    def amend(self) -> None:
        """Take what lies there now for what the last step left: a change that is no step of its own."""
        self._present = replace(self._state.of(self._layer), owners=self._present.owners)
        if self._past and self._present.says_the_same(self._past[-1]):  # nothing is left of that step
            self._past.pop()
        self.changed.emit()

    def rename(self, column: str, old: str, new: str) -> None:
        """Let a value of a column of the features be another one at all moments; the layer has it already."""
        self._past = deque((state.renamed(column, old, new) for state in self._past), DEPTH)
        self._future = [state.renamed(column, old, new) for state in self._future]
        self._present = self._present.renamed(column, old, new)

    def keep_owners(self, owners: Mapping[bytes, Owner]) -> None:
        """Note which image each belongs to, so that it does when it is here again.

        While they are dragged, those of places on the way are told, which are none of this moment: these are not kept.
        """
        if owners.keys() <= set(self._present.places):
            self._present = self._present.with_owners({**self._present.owners, **owners})

    def change_owners(self, change: Callable[[Owner], Owner]) -> None:
        """Give what lay there at all moments to other images."""

        def changed(state: State) -> State:
            return replace(state, owners={place: change(owner) for place, owner in state.owners.items()})

        self._past = deque(map(changed, self._past), DEPTH)
        self._future = [changed(state) for state in self._future]
        self._present = changed(self._present)

    def undo(self) -> str:
        """Go back one step; returns what was undone, empty where nothing could be.

        The layer's events stay silent: who calls this tells of it.
        """
        self.record()  # what nobody told of
        text = self.undoable
        if text:
            self._future.append(self._present)
            self._show(self._past.pop())
        return text

    def redo(self) -> str:
        """Go forward again one step; returns what was done again, empty where nothing could be."""
        self.record()
        text = self.redoable
        if text:
            self._past.append(self._present)
            self._show(self._future.pop())
        return text

    def _show(self, state: State) -> None:
        state.put(self._layer)
        self._present = replace(self._state.of(self._layer), owners=state.owners)
        self.changed.emit()
