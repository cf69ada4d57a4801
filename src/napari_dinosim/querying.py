"""From prompts and the embeddings under them to one query per class."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, ref

from napari_dinosim.errors import NotEmbeddedError, OutsideImageError, RegionError
from napari_dinosim.prompts import NEGATIVE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from torch import Tensor

    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.errors import DinosimError
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.prompts import Combine, Prompt, PromptSet, RegionPrompt
    from napari_dinosim.similarity import Query


def make_queries(
    prompts: PromptSet,
    embeddings: Callable[[str, PlaneIndex], PatchEmbeddings | None],
    outside: Callable[[str, DinosimError], None],
    unknown: Callable[[str], None] = lambda _source: None,
    remembered: RegionVectors | None = None,
) -> dict[str, Query]:
    """Make one query per label of all prompts and regions whose plane is embedded, in whichever image they lie.

    Loose prompts join those that were made with the same encoder.

    Parameters
    ----------
    prompts : PromptSet
    embeddings : callable(key, plane) -> PatchEmbeddings or None
        A prompt without them joins its query when there are some.
    outside : callable(key, DinosimError)
        Is told of a prompt that lies outside its image, and of a region that says nothing there.
    unknown : callable(key)
        Is told of a prompt whose patches are not embedded, in an image that is so elsewhere.
    remembered : RegionVectors, optional
        What was found for the same regions before.

    Returns
    -------
    dict of str to Query
        By label, in the order of the first prompts, each against all negative prompts; empty where no prompt of
        anything that is looked for lies in what is embedded.
    """
    from napari_dinosim.similarity import Query

    parts: dict[str, list[Query]] = {}
    remembered = remembered or RegionVectors()
    for (source, plane, label), points in groupby(prompts, lambda one: (one.source, one.plane, one.label)):
        if (found := embeddings(source, plane)) is not None:
            parts.setdefault(label, []).extend(_of_points(list(points), found, prompts.combine, outside, unknown))
    for region in prompts.regions:
        if (found := embeddings(region.source, region.plane)) is None:
            continue
        try:
            query = Query(remembered.of(region, found), found.encoder, prompts.combine)
        except (OutsideImageError, RegionError) as error:
            outside(region.source, error)
        except NotEmbeddedError:
            unknown(region.source)
        else:
            parts.setdefault(region.label, []).append(query)
    parts = {label: queries for label, queries in parts.items() if queries}
    for label, query in _loose(prompts, next((found[0].encoder for found in parts.values()), None)):
        parts.setdefault(label, []).append(query)
    sought = {label: Query.join(parts[label]) for label in prompts.sought if label in parts}
    if NEGATIVE not in parts or not sought:
        return sought
    negatives = Query.join(parts[NEGATIVE]).vectors  # one tensor, which all share
    return {label: replace(query, negatives=negatives) for label, query in sought.items()}


def _of_points(
    points: Sequence[Prompt],
    found: PatchEmbeddings,
    combine: Combine,
    outside: Callable[[str, DinosimError], None],
    unknown: Callable[[str], None],
) -> list[Query]:
    """Make one query of points of one plane; where some of them say nothing, one of each of the others."""
    try:
        return [found.query([(one.y, one.x) for one in points], combine)]
    except (OutsideImageError, NotEmbeddedError) as error:
        if len(points) > 1:
            return [query for one in points for query in _of_points([one], found, combine, outside, unknown)]
        if isinstance(error, NotEmbeddedError):
            unknown(points[0].source)
        else:
            outside(points[0].source, error)
        return []


class RegionVectors:
    """The vectors of regions, kept until the region goes or more of its image is embedded."""

    def __init__(self) -> None:
        self._held: WeakKeyDictionary[RegionPrompt, tuple[object, Tensor]] = WeakKeyDictionary()

    def of(self, prompt: RegionPrompt, embeddings: PatchEmbeddings) -> Tensor:
        """Find the unit vectors, (n, D), that stand for a region; no more than it has patches.

        Raises
        ------
        RegionError
            If the region belongs to an image of another size.
        NotEmbeddedError
            If none of its patches is embedded.
        """
        held = self._held.get(prompt)
        if held is None or held[0] != _state(embeddings):
            held = self._held[prompt] = represented(prompt, embeddings)
        return held[1]

    def late(
        self, prompts: Iterable[RegionPrompt], embeddings: Callable[[str, PlaneIndex], PatchEmbeddings | None]
    ) -> list[tuple[RegionPrompt, PatchEmbeddings]]:
        """Return the regions whose vectors are found by k-means and are not known yet: 20 ms each."""
        several = [(one, embeddings(one.source, one.plane)) for one in prompts if one.representatives > 1]
        there = [(one, found) for one, found in several if found is not None]
        return [(one, found) for one, found in there if self._held.get(one, (None,))[0] != _state(found)]

    def keep(self, prompt: RegionPrompt, found: tuple[object, Tensor]) -> None:
        """Keep what :func:`represented` has found."""
        self._held[prompt] = found


def represented_each(
    late: Sequence[tuple[RegionPrompt, PatchEmbeddings]], cancelled: Callable[[], bool]
) -> list[tuple[RegionPrompt, tuple[object, Tensor]]]:
    """Find what stands for several regions; those for which there is nothing are left out."""
    found = []
    for prompt, embeddings in late:
        if not cancelled():
            with suppress(RegionError, NotEmbeddedError):  # told when the queries are made
                found.append((prompt, represented(prompt, embeddings)))
    return found


def represented(prompt: RegionPrompt, embeddings: PatchEmbeddings) -> tuple[object, Tensor]:
    """Find the unit vectors, (n, D), that stand for a region, and the state of the embeddings that they are of.

    Raises
    ------
    RegionError, NotEmbeddedError
        As of :meth:`RegionVectors.of`.
    """
    from napari_dinosim.representatives import represent

    state = _state(embeddings)
    covered = prompt.region.patches(embeddings.grid)
    return state, represent(embeddings.mosaic, covered, min(prompt.representatives, len(covered.rows)))


def _state(embeddings: PatchEmbeddings) -> object:
    return ref(embeddings.mosaic), embeddings.mosaic.revision


def _loose(prompts: PromptSet, encoder: str | None) -> Iterator[tuple[str, Query]]:
    """Make queries of loose prompts: of those of an encoder, by default of the first one's."""
    import torch

    from napari_dinosim.similarity import Query

    for prompt in prompts.loose:
        encoder = encoder or prompt.encoder
        if prompt.encoder == encoder:
            vectors = torch.tensor([prompt.vector], dtype=torch.float32)
            yield prompt.label, Query(vectors, prompt.encoder, prompts.combine)
