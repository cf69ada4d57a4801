"""Prompts: the places and regions that a person points at, and what is meant by each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from napari_dinosim.errors import LabelError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_dinosim.regions import Region

Combine = Literal["max", "mean", "top"]
"""How the cosines of several prompts become one: their maximum, their mean, or the soft mean of the highest few."""

POSITIVE = "positive"
"""Label of a prompt on what is looked for."""

NEGATIVE = "negative"
"""Label of a prompt on what is not meant; it counts against every class."""


def clean_label(text: str) -> str:
    """Read a label as a person writes it.

    Parameters
    ----------
    text : str
        Blanks around it do not count, those within it count once; ``"Positive"`` and ``"NEGATIVE"`` mean the two
        labels of that name.

    Returns
    -------
    str

    Raises
    ------
    LabelError
        If nothing is left.

    Examples
    --------
    >>> clean_label("  thick   root "), clean_label("Negative")
    ('thick root', 'negative')
    """
    label = " ".join(text.split())
    if not label:
        raise LabelError(f"label: found {text!r}, expected a name such as 'nucleus'. Give it one.")
    return label.casefold() if label.casefold() in (POSITIVE, NEGATIVE) else label


def check_label(label: str) -> None:
    """Refuse a label that is not written as :func:`clean_label` gives it.

    Raises
    ------
    LabelError
        If it is empty, or written otherwise.
    """
    clean = clean_label(label)
    if clean != label:
        raise LabelError(f"label: found {label!r}, expected {clean!r}. Put it through clean_label first.")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One clicked place.

    Parameters
    ----------
    source : str
        Key of the input that was clicked.
    y, x : float
        Data coordinates in pixels of that input's plane, pixel centres at integers.
    plane : tuple of int
        Index along the leading axes (t, z, …); empty for a single plane.
    label : str
        :data:`POSITIVE`, :data:`NEGATIVE`, or the name of a class.

    Raises
    ------
    LabelError
        If the label is empty, or not written as :func:`clean_label` gives it.
    """

    source: str
    y: float
    x: float
    plane: tuple[int, ...] = ()
    label: str = POSITIVE

    def __post_init__(self) -> None:
        check_label(self.label)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class RegionPrompt:
    """One region that is looked for.

    Parameters
    ----------
    source : str
        Key of the input that it lies in.
    region : Region
    plane : tuple of int
        Index along the leading axes (t, z, …); empty for a single plane.
    label : str
        ``"positive"``, ``"negative"`` or the name of a class, as of a prompt.
    representatives : int
        How many vectors stand for it: 1 for the mean of its patches, more for centres found by k-means.

    Raises
    ------
    LabelError
        If the label is empty, or not written as :func:`napari_dinosim.prompts.clean_label` gives it.
    """

    source: str
    region: Region
    plane: tuple[int, ...] = ()
    label: str = POSITIVE
    representatives: int = 1

    def __post_init__(self) -> None:
        check_label(self.label)


@dataclass(frozen=True, slots=True)
class LoosePrompt:
    """A prompt that lies in no image: what was there when it was saved is known by its vector.

    Parameters
    ----------
    vector : tuple of float
        Unit vector of length D.
    encoder : str
        Identity of the encoder that made it (name and weights); it counts for embeddings by that one only.
    label : str
        As of other prompts.
    """

    vector: tuple[float, ...]
    encoder: str
    label: str = POSITIVE

    def __post_init__(self) -> None:
        check_label(self.label)


@dataclass(frozen=True, slots=True)
class PromptSet:
    """All prompts at one moment; the whole set is replaced, never patched.

    Parameters
    ----------
    prompts : tuple of Prompt
        The places; they are what is iterated over.
    combine : {"max", "mean", "top"}
        How the cosines of several prompts of one label become one; see
        :func:`napari_dinosim.similarity.combined`.
    regions : tuple of RegionPrompt
        What is looked for besides.
    loose : tuple of LoosePrompt
        Those that lie in no image, and are known by their vectors.
    """

    prompts: tuple[Prompt, ...] = ()
    combine: Combine = "max"
    regions: tuple[RegionPrompt, ...] = ()
    loose: tuple[LoosePrompt, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to look for: a point, a region or a vector."""
        return bool(self.prompts or self.regions or self.loose)

    def __len__(self) -> int:
        return len(self.prompts)

    def __iter__(self) -> Iterator[Prompt]:
        return iter(self.prompts)

    @property
    def sought(self) -> tuple[str, ...]:
        """Labels of all that is looked for, in the order of their first points, then regions, then loose prompts.

        :data:`NEGATIVE` is none of them.
        """
        labels = [
            *(prompt.label for prompt in self.prompts),
            *(region.label for region in self.regions),
            *(loose.label for loose in self.loose),
        ]
        return tuple(dict.fromkeys(label for label in labels if label != NEGATIVE))

    @property
    def against(self) -> bool:
        """Whether anything counts against what is looked for."""
        points, regions, loose = self.prompts, self.regions, self.loose
        labels = [*(one.label for one in points), *(one.label for one in regions), *(one.label for one in loose)]
        return NEGATIVE in labels

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes, in the order of their first prompts; none while no prompt names one.

        Once one does, the prompts labelled :data:`POSITIVE` are a class of that name.
        """
        return self.sought if any(label != POSITIVE for label in self.sought) else ()

    @property
    def problem(self) -> str:
        """Why these prompts look for nothing, and the way on; empty where they look for something, or are none."""
        if self.sought or not self:
            return ""
        kinds = (len(self.prompts) + len(self.loose), "point"), (len(self.regions), "region")
        found = " and ".join(f"{count} negative {name}{'s' * (count > 1)}" for count, name in kinds if count)
        return f"Found {found} and no other: they only say what is not meant. Add a positive point, or one of a class."

    def sources(self) -> dict[tuple[str, tuple[int, ...]], list[tuple[float, float]]]:
        """Places by input and plane, in the order of the prompts."""
        places: dict[tuple[str, tuple[int, ...]], list[tuple[float, float]]] = {}
        for prompt in self.prompts:
            places.setdefault((prompt.source, prompt.plane), []).append((prompt.y, prompt.x))
        return places

    def planes(self) -> dict[tuple[str, tuple[int, ...]], None]:
        """List the inputs and planes that hold prompts or regions, in their order, each once."""
        return dict.fromkeys([*self.sources(), *((region.source, region.plane) for region in self.regions)])
