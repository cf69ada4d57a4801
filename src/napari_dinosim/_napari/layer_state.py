"""What lies in a layer at one moment, points or shapes: what undo goes back to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from napari_dinosim._napari.sentences import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from pandas import DataFrame

    from napari_dinosim._napari.reading import Owner


@dataclass(frozen=True, eq=False)
class LayerState(ABC):
    """All that lies in a layer at one moment.

    Parameters
    ----------
    features : DataFrame of n rows
    looks : dict of str to sequence of n entries
        By the name of the layer's attribute.
    owners : mapping of bytes to Owner
        Which image each belongs to, by its place.
    """

    features: DataFrame
    looks: dict[str, Any]
    owners: Mapping[bytes, Owner] = field(default_factory=dict, kw_only=True)

    noun: ClassVar[str]
    """What lies in the layer, as people call one of it."""

    @classmethod
    @abstractmethod
    def of(cls, layer: Any) -> Self:
        """Copy what a layer holds now."""

    @abstractmethod
    def fill(self, layer: Any) -> None:
        """Make a layer hold this; its events are blocked."""

    @abstractmethod
    def _places(self) -> list[bytes]:
        """Say where each lies, by its coordinates."""

    @cached_property
    def places(self) -> list[bytes]:
        """Name of each, by its place: no two are of one name."""
        return numbered(self._places())

    def moved_from(self, other: Self) -> int:
        """How many lie elsewhere than they did, of as many."""
        return sum(one != before for one, before in zip(self._places(), other._places(), strict=True))

    def __len__(self) -> int:
        return len(self.places)

    def says_the_same(self, other: Self) -> bool:
        """Whether the same lies at the same places, with the same features, in the same order."""
        if self.places != other.places:
            return False
        if not len(self) or self.features.equals(other.features):
            return True
        return not relabelled(self, other)  # pandas takes the same words of another type for others

    def with_owners(self, owners: Mapping[bytes, Owner]) -> Self:
        """Let it belong to images, by its places; what is told of other places is left out."""
        here = set(self.places)
        return replace(self, owners={place: owner for place, owner in owners.items() if place in here})

    def renamed(self, column: str, old: str, new: str) -> Self:
        """Let a value of a column of the features be another one."""
        if column not in self.features:
            return self
        values = [new if isinstance(value, str) and value == old else value for value in self.features[column]]
        return replace(self, features=self.features.assign(**{column: np.array(values, dtype=object)}))

    def put(self, layer: Any) -> None:
        """Make a layer hold this, and tell nobody; what comes next stays as it is chosen."""
        defaults = layer.feature_defaults.copy()
        with layer.events.blocker_all():
            layer.selected_data = set()  # else a later Delete asks for what is gone
            self.fill(layer)
            if set(defaults) == set(layer.features):
                layer.feature_defaults = defaults


def numbered(places: Iterable[bytes]) -> list[bytes]:
    """Name places: no two are of one name, also where several are one place."""
    counts: Counter[bytes] = Counter()
    names = []
    for place in places:
        names.append(place + bytes(str(counts[place] or ""), "ascii"))
        counts[place] += 1
    return names


def without(owners: Mapping[bytes, Owner], places: Sequence[bytes], removed: Collection[int]) -> dict[bytes, Owner]:
    """Say whose those are that are left, by the names that they will have.

    Parameters
    ----------
    owners : mapping of bytes to Owner
        Whose all are, by their names.
    places : sequence of bytes
        Where all are.
    removed : collection of int
        Which of them are about to be removed; negative ones count from the end.
    """
    gone = {number % len(places) for number in removed}
    left = [index for index in range(len(places)) if index not in gone]
    before = numbered(places)
    names = zip(left, numbered(places[index] for index in left), strict=True)
    return {name: owners[before[index]] for index, name in names if before[index] in owners}


def carried(owners: Mapping[bytes, Owner], before: Sequence[bytes], now: Sequence[bytes]) -> dict[bytes, Owner]:
    """Say whose those are that stayed where they were, by their names now that others there moved away.

    Parameters
    ----------
    owners : mapping of bytes to Owner
        Whose all are, by the names that they had.
    before, now : sequence of bytes
        Where all were, and are; nothing is carried over where they are not as many.
    """
    if len(before) != len(now):
        return dict(owners)
    stayed = [index for index in range(len(now)) if before[index] == now[index]]
    names, named = numbered(before), numbered(now)
    return {**owners, **{named[index]: owners[names[index]] for index in stayed if names[index] in owners}}


def relabelled(before: LayerState, after: LayerState) -> int:
    """How many have other features."""
    if list(before.features) != list(after.features):
        return len(after)
    old, new = before.features.to_dict("records"), after.features.to_dict("records")
    return sum(repr(one) != repr(other) for one, other in zip(old, new, strict=True))


def described(before: LayerState, after: LayerState) -> str:
    """Say in a few words what happened between two moments.

    Returns
    -------
    str
        ``"1 point added"``, ``"2 regions moved"``, …
    """

    def several(count: int) -> str:
        return counted(count, before.noun)

    more = len(after) - len(before)
    if more > 0 and before.places == after.places[: len(before)]:
        return f"{several(more)} added"
    if more < 0 and _lies_in(after.places, before.places):
        return f"{several(-more)} deleted"
    if more:
        return f"{several(len(before))} replaced by {len(after)}"
    moved = after.moved_from(before)
    return f"{several(moved)} moved" if moved else f"{several(relabelled(before, after))} relabelled"


def _lies_in(few: Sequence[bytes], many: Sequence[bytes]) -> bool:
    """Whether some are found among others, in their order."""
    left = iter(many)
    return all(place in left for place in few)
