"""The labels that points can have, how each looks, and which one the next points get."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_dinosim.errors import LabelError
from napari_dinosim.prompts import NEGATIVE, POSITIVE, clean_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Look:
    """How the points of a label look; no two of the first 56 classes look alike.

    Parameters
    ----------
    colour : str
        ``"#rrggbb"``.
    symbol : str
        One of napari's.
    """

    colour: str
    symbol: str


COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
"""Colours that colour-blind people can tell apart: Okabe and Ito's, as in Wong, Nature Methods 8, 441 (2011)."""

SYMBOLS = ("disc", "square", "triangle_up", "diamond", "star", "triangle_down", "ring", "clobber")

LOOKS = {POSITIVE: Look("#ff2d78", "cross"), NEGATIVE: Look("#2b4c9b", "hbar")}
"""A plus and a minus."""

CLASS_LOOKS = tuple(Look(COLOURS[i % len(COLOURS)], SYMBOLS[i % len(SYMBOLS)]) for i in range(56))


class LabelBook:
    """Labels of one viewer's points: positive, negative, and classes in the order in which they were named."""

    changed = Signal()
    """The labels, or the one that the next points get, are others."""
    renamed = Signal(str, str)
    """A class has another name: the old one, the new one."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._former: dict[str, int] = {}
        self._current = POSITIVE

    @property
    def current(self) -> str:
        """Label that the next points get."""
        return self._current

    @property
    def classes(self) -> dict[str, int]:
        """Numbers of the classes by name, in order; a copy.

        A number is never that of another class, now or later, until a session is opened that says otherwise.
        """
        return dict(self._numbers)

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, in order."""
        return (POSITIVE, NEGATIVE, *self._numbers)

    def look(self, label: str) -> Look:
        """How the points of a label look."""
        return LOOKS[label] if label in LOOKS else CLASS_LOOKS[self._numbers[label] % len(CLASS_LOOKS)]

    def value(self, label: str) -> int:
        """Give the value of a class in a Labels layer: 1 for positive points among classes, then the others."""
        return 1 if label == POSITIVE else 2 + self._numbers[label]

    def choose(self, label: str) -> None:
        """Say which label the next points get."""
        if label in self.labels and label != self._current:
            self._current = label
            self.changed.emit()

    def choose_next(self) -> None:
        """Go on to the next label, after the last to the first."""
        labels = self.labels
        self.choose(labels[(labels.index(self._current) + 1) % len(labels)])

    def add(self, text: str) -> str:
        """Name a class; the next points are its.

        Raises
        ------
        LabelError
            If the name is empty, or there is such a label.
        """
        label = self._free(text)
        self._enter(label)
        self._current = label
        self.changed.emit()
        return label

    def meet(self, labels: Iterable[str]) -> None:
        """Enter labels that points are found to have."""
        unknown = [label for label in dict.fromkeys(labels) if label not in self.labels]
        for label in unknown:
            self._enter(label)
        if unknown:
            self.changed.emit()

    def rename(self, old: str, text: str) -> str:
        """Give a class another name.

        Raises
        ------
        LabelError
            If it is no class, or the name is empty or taken.
        """
        self._want_class(old)
        if clean_label(text) == old:
            return old
        new = self._free(text, besides=old)
        self._numbers = {new if label == old else label: number for label, number in self._numbers.items()}
        self._current = new if self._current == old else self._current
        self.renamed.emit(old, new)
        self.changed.emit()
        return new

    def remove(self, label: str) -> None:
        """Forget a class.

        Raises
        ------
        LabelError
            If it is none.
        """
        self._want_class(label)
        self._former[label] = self._numbers.pop(label)
        self._current = POSITIVE if self._current == label else self._current
        self.changed.emit()

    def restore(self, numbers: Mapping[str, int]) -> None:
        """Take the classes that an earlier widget left, where there are none yet."""
        if numbers and not self._numbers:
            self._numbers = {str(label): int(number) for label, number in numbers.items()}
            self.changed.emit()

    def take(self, numbers: Mapping[str, int], current: str, *, append: bool) -> None:
        """Take the classes of a session, beside those that there are.

        Parameters
        ----------
        numbers : mapping of str to int
            Those of the session, by name.
        current : str
            Label that its next points got.
        append : bool
            Whether classes that are here keep their numbers, and the person goes on with the label in hand; else the
            session's keep theirs, and its label is the one in hand.
        """
        first, then = (self._numbers, dict(numbers)) if append else (dict(numbers), self._numbers)
        self._numbers, given = dict(first), set(first.values())
        self._former = {old: n for old, n in self._former.items() if n not in given and old not in first}
        for label, number in then.items():
            if label not in self._numbers and number not in {*self._numbers.values(), *self._former.values()}:
                self._numbers[label] = number
            elif label not in self._numbers:
                self._enter(label)
        if not append:
            self._current = current if current in self.labels else POSITIVE
        self.changed.emit()

    def _enter(self, label: str) -> None:
        """Give a label its number: that which it had before, or one that none ever had."""
        taken = {*self._numbers.values(), *self._former.values()}
        self._numbers[label] = self._former.pop(label, next(number for number in count() if number not in taken))

    def _free(self, text: str, besides: str = "") -> str:
        """Read a name that no label has yet; capitals make no other label."""
        label = clean_label(text)
        taken = next((held for held in self.labels if held.casefold() == label.casefold() and held != besides), None)
        if taken is not None:
            raise LabelError(f"label: found {text.strip()!r}, but there is {taken!r} already. Choose another name.")
        return label

    def _want_class(self, label: str) -> None:
        if label not in self._numbers:
            classes = ", ".join(self._numbers) or "none yet"
            raise LabelError(f"label: found {label!r}, expected a class (there are: {classes}). Choose one of them.")
