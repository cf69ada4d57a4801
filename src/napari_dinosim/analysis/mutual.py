"""Which places are mutual: whose own best patch, where the prompts are, is that of a prompt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_dinosim.analysis.nearest import nearest_patches
from napari_dinosim.errors import OutsideImageError, RegionError
from napari_dinosim.prompts import NEGATIVE, Prompt, PromptSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.prompts import RegionPrompt

    Patches = NDArray[np.intp]

BESIDE = 1
"""A patch counts as the prompt's own up to so many rows and columns away: objects are seldom cut the same way twice."""

MOST_COMPARED = 1 << 13
"""Of more patches of prompts in one plane, as many drawn at random say how alike a place is to them."""


@dataclass(frozen=True, slots=True, eq=False)
class Mutual:
    """Keeps those places whose own best patch, where the prompts are, is that of a prompt.

    A place is compared with the prompt that it is most like, and looked for in the plane of that prompt: the nearest
    neighbour must be mutual, as in Dekel et al., "Best-Buddies Similarity for Robust Template Matching", CVPR 2015
    (doi:10.1109/CVPR.2015.7298813). Of a region, each patch that it covers counts. In the prompt's own plane every
    patch is its own nearest neighbour: nothing is asked of places there.

    Parameters
    ----------
    patches : mapping of (key, plane) to ndarray of shape (n, 2), int
        Row and column of the patches of the prompts, all of them embedded.
    embeddings : mapping of (key, plane) to PatchEmbeddings
        Of those planes.
    beside : int
        How many rows and columns the best patch may be off.

    Examples
    --------
    >>> import napari_dinosim as dinosim
    >>> image = np.random.default_rng(0).random((96, 144)).repeat(2, axis=0)
    >>> encoder = dinosim.load_encoder("builtin")
    >>> first, second = dinosim.embed(image, encoder), dinosim.embed(np.roll(image, 32, axis=1), encoder)
    >>> mutual = Mutual.of([Prompt("a", 72, 40)], lambda key, plane: first)
    >>> mutual.keep(("b", ()), second, [(4, 4), (4, 7)])
    [True, False]
    """

    patches: Mapping[tuple[str, PlaneIndex], Patches]
    embeddings: Mapping[tuple[str, PlaneIndex], PatchEmbeddings]
    beside: int = BESIDE

    @classmethod
    def of(
        cls,
        prompts: PromptSet | Iterable[Prompt | RegionPrompt],
        embeddings: Callable[[str, PlaneIndex], PatchEmbeddings | None],
    ) -> Mutual | None:
        """Check with the prompts whose place is embedded; None where there is no such prompt.

        Parameters
        ----------
        prompts : PromptSet, or iterable of Prompt and RegionPrompt
            Such as ``session.prompts``, its regions included; negative ones do not count.
        embeddings : callable(key, plane) -> PatchEmbeddings or None
            Such as ``session.embeddings``.
        """
        every = [*prompts, *prompts.regions] if isinstance(prompts, PromptSet) else list(prompts)
        places: dict[tuple[str, PlaneIndex], list[Patches]] = {}
        held = {}
        for prompt in every:
            home = prompt.source, prompt.plane
            found = None if prompt.label == NEGATIVE else embeddings(*home)
            patches = None if found is None else _embedded(prompt, found)
            if patches is not None and len(patches):
                places.setdefault(home, []).append(patches)
                held[home] = found
        joined = {home: np.unique(np.concatenate(parts), axis=0) for home, parts in places.items()}
        return cls(joined, {home: found for home, found in held.items() if found is not None}) if joined else None

    def asks(self, place: tuple[str, PlaneIndex]) -> bool:
        """Whether anything is asked of places in a plane: in one that holds all prompts, nothing is."""
        return any(home != place for home in self.patches)

    def keep(
        self, place: tuple[str, PlaneIndex], embeddings: PatchEmbeddings, patches: Sequence[tuple[int, int]]
    ) -> list[bool]:
        """Say of each patch of a plane whether it is kept.

        Parameters
        ----------
        place : (key, plane)
        embeddings : PatchEmbeddings
            Of that plane.
        patches : sequence of (row, col)

        Raises
        ------
        EncoderMismatchError
            If the planes were embedded by different encoders.
        """
        import torch

        vectors = embeddings.mosaic.at(patches)
        homes = list(self.patches)
        likeness = torch.full((len(patches), len(homes)), -torch.inf)
        for column, home in enumerate(homes):
            some = self.patches[home]
            if len(some) > MOST_COMPARED:
                some = np.random.default_rng(0).choice(some, MOST_COMPARED, replace=False)
            asked, _ = self.embeddings[home].mosaic.known_at(some[:, 0], some[:, 1])
            likeness[:, column] = (vectors @ asked.T).amax(dim=1)
        kept = np.zeros(len(patches), dtype=bool)
        for column, home in enumerate(homes):
            here = np.flatnonzero((likeness.argmax(dim=1) == column).numpy())
            if home == place:
                kept[here] = True
            elif len(here):
                nearest = nearest_patches(self.embeddings[home], vectors[here], embeddings.encoder)
                kept[here] = self._at_prompts(home, np.stack([nearest.rows.numpy(), nearest.cols.numpy()], axis=1))
        return kept.tolist()

    def _at_prompts(self, home: tuple[str, PlaneIndex], patches: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether patches are those of prompts, or beside them."""
        width = self.embeddings[home].grid.cols + 2 * self.beside  # no patch is beside one of the next row
        own = self.patches[home] @ np.array([width, 1])
        steps = range(-self.beside, self.beside + 1)
        beside = np.array([down * width + across for down in steps for across in steps])
        return np.asarray(np.isin((patches @ np.array([width, 1]))[:, None] + beside, own).any(axis=1))


def _embedded(prompt: Prompt | RegionPrompt, embeddings: PatchEmbeddings) -> Patches | None:
    """Row and column of those patches of a prompt that are embedded; None where it lies in no patch of the plane."""
    try:
        if isinstance(prompt, Prompt):
            patches = np.array([embeddings.grid.patch_at(prompt.y, prompt.x)])
        else:
            patches = np.stack(prompt.region.patches(embeddings.grid)[:2], axis=1)
    except (OutsideImageError, RegionError):
        return None
    return patches[embeddings.mosaic.known_at(patches[:, 0], patches[:, 1])[1]]
