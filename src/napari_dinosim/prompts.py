"""Prompts: the places that a person clicked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Combine = Literal["max", "mean"]
"""How the cosines of several prompts become one score: their maximum or their mean."""


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
    """

    source: str
    y: float
    x: float
    plane: tuple[int, ...] = ()


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
    label: str = "positive"


@dataclass(frozen=True, slots=True)
class PromptSet:
    """All prompts at one moment; the whole set is replaced, never patched.

    Parameters
    ----------
    prompts : tuple of Prompt
        Those that lie in images.
    combine : {"max", "mean"}
    loose : tuple of LoosePrompt
        Those that do not.
    """

    prompts: tuple[Prompt, ...] = ()
    combine: Combine = "max"
    loose: tuple[LoosePrompt, ...] = ()

    def __len__(self) -> int:
        return len(self.prompts) + len(self.loose)

    def __iter__(self) -> Iterator[Prompt]:
        return iter(self.prompts)

    def sources(self) -> dict[tuple[str, tuple[int, ...]], list[tuple[float, float]]]:
        """Places by input and plane, in the order of the prompts."""
        places: dict[tuple[str, tuple[int, ...]], list[tuple[float, float]]] = {}
        for prompt in self.prompts:
            places.setdefault((prompt.source, prompt.plane), []).append((prompt.y, prompt.x))
        return places
