"""Matches: the k best places of an image, each a value with its score and rank.

The patch with the highest score comes first; patches nearer to it than the radius are struck out; then comes the
highest of what is left, and so on. What is dropped as not mutual strikes out what is near it all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from napari_dinosim.analysis.places import BestPlaces
from napari_dinosim.errors import Cancelled, SelectionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from napari_dinosim.analysis.mutual import Mutual
    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.regions import Region
    from napari_dinosim.states import SimilarityMap

    Lookup = Callable[[PlaneIndex], SimilarityMap | None]

CHECKED_AT_ONCE = 64
"""Places that are checked for being mutual in one product."""

CHECKED_PER_MATCH = 32
"""Of each plane, at most this many times k places are checked for being mutual, the best first."""


@dataclass(frozen=True, slots=True)
class Match:
    """One place that looks like what is searched for; see :func:`find_matches`.

    Parameters
    ----------
    source : str
        Key of the input.
    y, x : float
        Middle of its patch in pixels of the plane, pixel centres at integers.
    score : float
        Cosine with the query, in [-1, 1], or in [-2, 2] where that with negative prompts is subtracted.
    rank : int
        1 for the best of its input.
    plane : tuple of int
        As in :class:`~napari_dinosim.prompts.Prompt`.

    Examples
    --------
    >>> import torch
    >>> from napari_dinosim.grid import PatchGrid
    >>> from napari_dinosim.states import SimilarityMap
    >>> scores = torch.tensor([[0.1, 0.9, 0.8], [0.7, 0.2, 0.3]])
    >>> heat = SimilarityMap(scores, PatchGrid(32, 48, 16), best=0.9)
    >>> [(match.y, match.x, round(match.score, 1)) for match in find_matches(heat, MatchCriteria(k=2, radius=17))]
    [(7.5, 23.5, 0.9), (23.5, 7.5, 0.7)]
    """

    source: str
    y: float
    x: float
    score: float
    rank: int
    plane: PlaneIndex = ()


@dataclass(frozen=True, slots=True)
class MatchCriteria:
    """Which places are matches.

    Parameters
    ----------
    k : int
        The most matches of one image, at least 1.
    radius : float
        Smallest distance of two matches of one plane, in the unit of the pixel size, between the middles of their
        patches. 0 gives every patch.
    threshold : float
        Lowest score of a match: a cosine, in [-1, 1], or in [-2, 2] where that with negative prompts is subtracted.

    Raises
    ------
    SelectionError
        If one of these makes no sense.

    Examples
    --------
    >>> MatchCriteria(k=5, radius=32, threshold=0.6)
    MatchCriteria(k=5, radius=32, threshold=0.6)
    """

    k: int = 10
    radius: float = 0.0
    threshold: float = -2.0

    def __post_init__(self) -> None:
        if self.k < 1:
            raise SelectionError(f"matches: found k = {self.k}, expected at least 1. Ask for one match or more.")
        if not self.radius >= 0:
            raise SelectionError(f"matches: found a radius of {self.radius:g}, expected 0 or more.")
        if not -2 <= self.threshold <= 2:
            raise SelectionError(
                f"matches: found a threshold of {self.threshold:g}, expected a score, from -2 to 2. "
                "Maps on screen are stretched to [0, 1]; their scores are cosines."
            )


def find_matches(
    maps: SimilarityMap | Lookup,
    wanted: MatchCriteria | int = 10,
    *,
    source: str = "",
    planes: Iterable[PlaneIndex] = ((),),
    pixel_size: tuple[float, float] = (1.0, 1.0),
    exclude: Mapping[PlaneIndex, Sequence[tuple[float, float] | Region]] | None = None,
    mutual: Mutual | None = None,
    embeddings: Callable[[PlaneIndex], PatchEmbeddings | None] | None = None,
    on_plane: Callable[[], None] = lambda: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[Match]:
    """Find the k best places of an image, over all its planes, by greedy non-maximum suppression in each plane.

    Parameters
    ----------
    maps : SimilarityMap, or callable(plane index) -> SimilarityMap or None
        Such as ``session.map(key, plane)``, or ``session.frozen_maps(key)`` for a worker thread.
    wanted : MatchCriteria or int
        How many, how far apart and how similar; a number is k.
    source, planes : str, iterable of plane index
        Key of the input, noted in the matches; where to look, see ``session.embedded_planes``.
    pixel_size : (float, float)
        Distance of two pixels along y and x, in the unit of the radius; by default the radius is in pixels.
    exclude : mapping of plane index to sequence of (y, x) or Region, optional
        Points, in pixels, and regions, in and around which nothing is wanted within the radius: what was pointed at.
        A :class:`~napari_dinosim.errors.RegionError` is raised for a region of an image of another size.
    mutual : Mutual, optional
        Drop what is not mutual, of at most 32 k places of each plane; ``embeddings(plane index)`` is needed then.
    on_plane, cancelled : callable, optional
        Called after each plane; asked before each one, and obeyed with a :class:`~napari_dinosim.errors.Cancelled`.

    Returns
    -------
    list of Match
        The best first; of equal scores, those of earlier planes, then in reading order.

    Examples
    --------
    >>> import torch
    >>> from napari_dinosim import PatchGrid, states
    >>> heat = states.SimilarityMap(torch.tensor([[0.1, 0.9, 0.8], [0.7, 0.2, 0.3]]), PatchGrid(32, 48, 16), best=0.9)
    >>> [(match.rank, match.y, match.x) for match in find_matches(heat, 2, exclude={(): [(8, 24)]})]
    [(1, 7.5, 39.5), (2, 23.5, 7.5)]
    """
    wanted = MatchCriteria(wanted) if isinstance(wanted, int) else wanted
    found: list[Match] = []
    for plane in planes:
        if cancelled():
            raise Cancelled("cancelled")
        if (heat := maps(plane) if callable(maps) else maps) is not None:
            places = _best(heat, wanted, pixel_size, (exclude or {}).get(plane, ()))
            places = _above(places, found[-1].score if len(found) == wanted.k else None)
            if mutual is not None and embeddings is not None:
                places = _mutual(places, mutual, (source, plane), embeddings(plane), wanted.k)
            here = _matches((source, plane), heat, islice(places, wanted.k))
            found = sorted([*found, *here], key=lambda match: -match.score)[: wanted.k]  # of equal ones, earlier planes
        on_plane()
    return [replace(match, rank=rank) for rank, match in enumerate(found, 1)]


def _best(
    heat: SimilarityMap,
    wanted: MatchCriteria,
    pixel_size: tuple[float, float],
    exclude: Sequence[tuple[float, float] | Region],
) -> Iterator[tuple[int, int, float]]:
    """Give the places of a map away from what was pointed at, the best first."""
    best = BestPlaces(heat.scores.numpy(), heat.grid, wanted.radius, pixel_size, wanted.threshold)
    best.exclude(exclude)
    return iter(best)


def _matches(
    place: tuple[str, PlaneIndex], heat: SimilarityMap, patches: Iterable[tuple[int, int, float]]
) -> list[Match]:
    """Say where patches lie; their rank is not known yet."""
    ys, xs = heat.grid.centres()
    return [Match(place[0], float(ys[row]), float(xs[col]), score, 0, place[1]) for row, col, score in patches]


def _above(places: Iterable[tuple[int, int, float]], floor: float | None) -> Iterator[tuple[int, int, float]]:
    """Give places while they are better than what k other ones have."""
    for place in places:
        if floor is not None and place[2] <= floor:
            return
        yield place


def _mutual(
    places: Iterator[tuple[int, int, float]],
    mutual: Mutual,
    here: tuple[str, PlaneIndex],
    embeddings: PatchEmbeddings | None,
    k: int,
) -> Iterator[tuple[int, int, float]]:
    """Give those places that are mutual."""
    places = islice(places, CHECKED_PER_MATCH * k)
    while embeddings is not None and (batch := list(islice(places, CHECKED_AT_ONCE))):
        kept = mutual.keep(here, embeddings, [(row, col) for row, col, _ in batch])
        yield from (place for place, good in zip(batch, kept, strict=True) if good)
