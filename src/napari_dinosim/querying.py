"""From prompts and the embeddings under them to a query."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, ref

from napari_dinosim.errors import NotEmbeddedError, OutsideImageError, RegionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.errors import DinosimError
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.prompts import PromptSet
    from napari_dinosim.regions import RegionPrompt
    from napari_dinosim.similarity import Query


def make_query(
    prompts: PromptSet,
    embeddings: Callable[[str, PlaneIndex], PatchEmbeddings | None],
    outside: Callable[[str, DinosimError], None],
    remembered: RegionVectors | None = None,
) -> Query | None:
    """Make one query of all prompts and regions whose plane is embedded.

    Parameters
    ----------
    prompts : PromptSet
    embeddings : callable(key, plane) -> PatchEmbeddings or None
        A prompt without them joins the query when there are some.
    outside : callable(key, DinosimError)
        Is told of a prompt that lies outside its image, and of a region that says nothing there.
    remembered : RegionVectors, optional
        What was found for the same regions before.

    Returns
    -------
    Query or None
        None where no prompt lies in what is embedded.
    """
    from napari_dinosim.similarity import Query

    queries = []
    for (source, plane), places in prompts.sources().items():
        found = embeddings(source, plane)
        if found is None:
            continue
        for place in places:
            try:
                queries.append(found.query([place], prompts.combine))
            except OutsideImageError as error:
                outside(source, error)
            except NotEmbeddedError:
                continue
    remembered = remembered or RegionVectors()
    for region in prompts.regions:
        found = embeddings(region.source, region.plane)
        if found is None:
            continue
        try:
            queries.append(Query(remembered.of(region, found), found.encoder, prompts.combine))
        except RegionError as error:
            outside(region.source, error)
        except NotEmbeddedError:
            continue
    return Query.join(queries) if queries else None


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
        from napari_dinosim.representatives import represent

        state = ref(embeddings.mosaic), embeddings.mosaic.revision
        held = self._held.get(prompt)
        if held is None or held[0] != state:
            covered = prompt.region.patches(embeddings.grid)
            count = min(prompt.representatives, len(covered.rows))
            held = self._held[prompt] = state, represent(embeddings.mosaic, covered, count)
        return held[1]
