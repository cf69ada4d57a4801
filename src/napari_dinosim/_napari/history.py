"""What was done to a Points layer, so that it can be undone and done again.

A step is a change of what the points say: where they are, or their features. Looks alone (symbols, colours, sizes) are
no step; they are restored with the points that they belong to.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from psygnal import Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari.layers import Points
    from numpy.typing import NDArray
    from pandas import DataFrame

    from napari_dinosim._napari.reading import Owner

DEPTH = 100
"""Steps that are kept: more than a person goes back through; of a thousand points, at most some 20 MB."""

LOOKS = ("symbol", "size", "border_width", "shown")
"""What each point looks like, colours left out: those may follow from the features."""

COLOURS = ("face_color", "border_color")


@dataclass(frozen=True, slots=True, eq=False)
class PointsState:
    """All points of a layer at one moment.

    Parameters
    ----------
    data : ndarray of shape (n, d)
        Where they are, in data coordinates of the layer.
    features : DataFrame of n rows
    looks : dict of str to ndarray of n entries
        By the name of the layer's attribute.
    owners : mapping of bytes to Owner
        Which image the points belong to, by their coordinates.
    """

    data: NDArray[np.float64]
    features: DataFrame
    looks: dict[str, NDArray[np.generic]]
    owners: Mapping[bytes, Owner] = field(default_factory=dict)

    @classmethod
    def of(cls, layer: Points) -> Self:
        """Copy what a layer holds now."""
        looks = {name: np.array(getattr(layer, name)) for name in (*LOOKS, *COLOURS)}
        return cls(np.array(layer.data), layer.features.copy(), looks)

    def __len__(self) -> int:
        return len(self.data)

    def says_the_same(self, other: Self) -> bool:
        """Whether the points are at the same places, with the same features, in the same order."""
        if self.data.shape != other.data.shape or self.data.tobytes() != other.data.tobytes():
            return False
        return not len(self) or self.features.equals(other.features)

    def with_owners(self, owners: Mapping[bytes, Owner]) -> Self:
        """Let the points belong to images, by their coordinates; what is told of other places is left out."""
        here = {point.tobytes() for point in self.data}
        return replace(self, owners={place: owner for place, owner in owners.items() if place in here})

    def put(self, layer: Points) -> None:
        """Make a layer hold these points, and tell nobody; what the next point will be stays as it is chosen."""
        defaults = layer.feature_defaults.copy()
        with layer.events.blocker_all():
            layer.selected_data = set()  # else a later Delete asks for points that are gone
            layer.data = self.data.copy()
            layer.features = self.features.copy()
            for name in (*LOOKS, *COLOURS) if len(self) else ():
                if name in LOOKS or getattr(layer, f"{name}_mode") == "direct":  # else it follows from the features
                    setattr(layer, name, self.looks[name].copy())
            if set(defaults) == set(layer.features):
                layer.feature_defaults = defaults


def described(before: PointsState, after: PointsState) -> str:
    """Say in a few words what happened between two moments.

    Returns
    -------
    str
        ``"1 point added"``, ``"2 points moved"``, …
    """
    more = len(after) - len(before)
    if more > 0 and before.data.tobytes() == after.data[: len(before)].tobytes():
        return f"{_points(more)} added"
    if more < 0 and _lies_in(after.data, before.data):
        return f"{_points(-more)} deleted"
    if more:
        return f"{_points(len(before))} replaced by {len(after)}"
    moved = int((before.data != after.data).any(axis=1).sum())
    return f"{_points(moved)} moved" if moved else f"{_points(_relabelled(before, after))} relabelled"


class History:
    """The steps of one Points layer.

    Parameters
    ----------
    layer : Points
        As it is now: history begins here.
    """

    changed = Signal()
    """What can be undone, or done again, is another."""

    def __init__(self, layer: Points) -> None:
        self._layer = layer
        self._past: deque[PointsState] = deque(maxlen=DEPTH)
        self._future: list[PointsState] = []
        self._present = PointsState.of(layer)

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
        """Which image the points belong to, as last kept at this moment of the history."""
        return dict(self._present.owners)

    def record(self) -> None:
        """Look at the layer; where its points say something else than before, that is a step."""
        now = PointsState.of(self._layer)
        if now.says_the_same(self._present):
            self._present = replace(now, owners=self._present.owners)
            return
        self._past.append(self._present)
        self._present = now.with_owners(self._present.owners)
        self._future.clear()
        self.changed.emit()

    def keep_owners(self, owners: Mapping[bytes, Owner]) -> None:
        """Note which image the points belong to, so that they do when they are here again.

        While they are dragged, those of places on the way are told, which are none of this moment.
        """
        self._present = self._present.with_owners({**self._present.owners, **owners})

    def change_owners(self, change: Callable[[Owner], Owner]) -> None:
        """Give points of all moments to other images."""

        def changed(state: PointsState) -> PointsState:
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

    def _show(self, state: PointsState) -> None:
        state.put(self._layer)
        self._present = replace(PointsState.of(self._layer), owners=state.owners)
        self.changed.emit()


def _points(count: int) -> str:
    return f"{count} point" if count == 1 else f"{count} points"


def _lies_in(few: NDArray[np.float64], many: NDArray[np.float64]) -> bool:
    """Whether some rows are found among others, in their order."""
    left = iter([row.tobytes() for row in many])
    return all(row.tobytes() in left for row in few)


def _relabelled(before: PointsState, after: PointsState) -> int:
    """How many points have other features."""
    if list(before.features) != list(after.features):
        return len(after)
    old, new = before.features.to_dict("records"), after.features.to_dict("records")
    return sum(repr(one) != repr(other) for one, other in zip(old, new, strict=True))
