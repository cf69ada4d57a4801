"""What the search for matches needs of one image, gathered beforehand, so that a worker can do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_dinosim.analysis.matches import MatchCriteria, find_matches
from napari_dinosim.prompts import Prompt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dinosim.analysis.matches import Match
    from napari_dinosim.analysis.mutual import Mutual
    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.engine import Job
    from napari_dinosim.frozen import FrozenMaps
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.records.tools import MatchChoices
    from napari_dinosim.regions import Region
    from napari_dinosim.session import SimilaritySession

AUTOMATIC = 2.0
"""Radius where none is given, in patches: neighbours of one thing are one match."""


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """One image as it was when it was asked for.

    Parameters
    ----------
    key : str
    maps : FrozenMaps
    criteria : MatchCriteria
    exclude : dict of plane index to list of (y, x) or Region
        What was pointed at there.
    embeddings : dict of plane index to PatchEmbeddings
        The planes to search.
    """

    key: str
    maps: FrozenMaps
    criteria: MatchCriteria
    exclude: dict[PlaneIndex, list[tuple[float, float] | Region]]
    embeddings: dict[PlaneIndex, PatchEmbeddings]


def gather(session: SimilaritySession, key: str, request: MatchChoices) -> Search:
    """Note all that is needed of an image.

    Parameters
    ----------
    session : SimilaritySession
    key : str
        Of the image.
    request : MatchChoices
    """
    planes = session.embedded_planes(key)
    embeddings = {plane: held for plane in planes if (held := session.embeddings(key, plane)) is not None}
    radius = request.radius
    if not request.radius and embeddings:
        radius = AUTOMATIC * max(next(iter(embeddings.values())).grid.footprint)
    exclude: dict[PlaneIndex, list[tuple[float, float] | Region]] = {}
    for prompt in (*session.prompts, *session.prompts.regions):
        grid = embeddings[prompt.plane].grid if prompt.source == key and prompt.plane in embeddings else None
        if grid is None:
            continue
        if isinstance(prompt, Prompt):
            if grid.contains(prompt.y, prompt.x):
                exclude.setdefault(prompt.plane, []).append((prompt.y, prompt.x))
        elif prompt.region.shape == grid.image_shape:
            exclude.setdefault(prompt.plane, []).append(prompt.region)
    criteria = MatchCriteria(request.k, radius, request.threshold)
    return Search(key, session.frozen_maps(key).unstretched(), criteria, exclude, embeddings)


def run(searches: Sequence[Search], mutual: Mutual | None, job: Job[list[Match]]) -> list[Match]:
    """Find the matches of all images; for a worker.

    Parameters
    ----------
    searches : sequence of Search
    mutual : Mutual, optional
    job : Job
        Is told how far it is, and asked whether it is cancelled.
    """
    matches: list[Match] = []
    done, total = 0, sum(len(search.embeddings) for search in searches)

    def step() -> None:
        nonlocal done
        done += 1
        job.advance(done, total)

    for search in searches:
        matches += find_matches(
            search.maps,
            search.criteria,
            source=search.key,
            planes=sorted(search.embeddings),
            exclude=search.exclude,
            mutual=mutual,
            embeddings=search.embeddings.get,
            on_plane=step,
            cancelled=lambda: job.cancelled,
        )
    return matches


def unchecked(searches: Sequence[Search], mutual: Mutual | None, name: Callable[[str], str]) -> str:
    """Say which images were not asked for being mutual, and why; empty where all were.

    Parameters
    ----------
    searches : sequence of Search
    mutual : Mutual, optional
    name : callable(key) -> str
        What an image is called.
    """
    if mutual is None:
        return " Not checked for being mutual: found no point or region in an embedded image to look for again."
    planes = {search.key: [mutual.asks((search.key, plane)) for plane in search.embeddings] for search in searches}
    own = [name(key) for key, asked in planes.items() if not any(asked)]
    return f" Not checked for being mutual in {', '.join(own)}: what was pointed at lies there." if own else ""
