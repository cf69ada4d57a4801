"""The maps of an input at one moment, to be made wherever there is time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.similarity import Query
    from napari_dinosim.states import SimilarityMap


class FrozenMaps:
    """Maps of planes under one query; what happens to the session meanwhile does not change them.

    Parameters
    ----------
    query : Query or None
        None where nothing is looked for: then there is no map.
    embeddings : mapping of plane index to PatchEmbeddings
    over_all : bool
        Whether maps are stretched over all these planes, or each over itself.
    """

    def __init__(
        self, query: Query | None, embeddings: Mapping[PlaneIndex, PatchEmbeddings], *, over_all: bool
    ) -> None:
        self._query, self._embeddings, self._over_all = query, embeddings, over_all
        self._extremes: tuple[float, float] | None = None
        self._last: tuple[PlaneIndex, SimilarityMap] | None = None

    def __call__(self, plane: PlaneIndex) -> SimilarityMap | None:
        """Make the map of a plane, or give it again; None where it is not embedded. For one thread at a time."""
        if self._last is None or self._last[0] != plane:
            embeddings = self._embeddings.get(plane)
            if embeddings is None or self._query is None:
                return None
            self._last = plane, self._made(embeddings, self._query)
        return self._last[1]

    def _made(self, embeddings: PatchEmbeddings, query: Query) -> SimilarityMap:
        from napari_dinosim.similarity import extremes
        from napari_dinosim.states import SimilarityMap

        scores = embeddings.cosine(query)
        own = extremes(scores)
        return SimilarityMap.of(scores, embeddings.grid, own, self._overall(query) if self._over_all else own)

    def _overall(self, query: Query) -> tuple[float, float]:
        from napari_dinosim.similarity import extremes, joint_extremes

        if self._extremes is None:
            self._extremes = joint_extremes(extremes(found.cosine(query)) for found in self._embeddings.values())
        return self._extremes
