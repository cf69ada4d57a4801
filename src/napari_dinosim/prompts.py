"""Prompts: the places that a person clicked, and the regions that they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_dinosim.regions import RegionPrompt

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
class PromptSet:
    """All prompts at one moment; the whole set is replaced, never patched.

    Parameters
    ----------
    prompts : tuple of Prompt
        The places; they are what is counted and iterated over.
    combine : {"max", "mean"}
        How the cosines of several become one score.
    regions : tuple of RegionPrompt
        What is looked for besides.
    """

    prompts: tuple[Prompt, ...] = ()
    combine: Combine = "max"
    regions: tuple[RegionPrompt, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to look for: a point or a region."""
        return bool(self.prompts or self.regions)

    def __len__(self) -> int:
        return len(self.prompts)

    def __iter__(self) -> Iterator[Prompt]:
        return iter(self.prompts)

    def sources(self) -> dict[tuple[str, tuple[int, ...]], list[tuple[float, float]]]:
        """Places by input and plane, in the order of the prompts."""
        places: dict[tuple[str, tuple[int, ...]], list[tuple[float, float]]] = {}
        for prompt in self.prompts:
            places.setdefault((prompt.source, prompt.plane), []).append((prompt.y, prompt.x))
        return places

    def planes(self) -> dict[tuple[str, tuple[int, ...]], None]:
        """List the inputs and planes that hold prompts or regions, in their order, each once."""
        return dict.fromkeys([*self.sources(), *((region.source, region.plane) for region in self.regions)])
