"""The maps of an input at one moment, to be made wherever there is time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dinosim.ranking import PlaneScores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.similarity import Query
    from napari_dinosim.states import SimilarityMap


class FrozenMaps:
    """Maps of planes under one query, or several; what happens to the session meanwhile does not change them.

    Parameters
    ----------
    queries : mapping of str to Query
        By class; empty where nothing is looked for: then there is no map.
    embeddings : mapping of plane index to PatchEmbeddings
    label : str, optional
        The class whose maps are made; by default those of the highest score.
    over : sequence of PatchEmbeddings or None, optional
        What maps are stretched over: by default each over itself; None leaves the scores as they are.
    """

    def __init__(
        self,
        queries: Mapping[str, Query],
        embeddings: Mapping[PlaneIndex, PatchEmbeddings],
        label: str | None = None,
        over: Sequence[PatchEmbeddings] | None = (),
    ) -> None:
        self._queries, self._embeddings, self._label, self._over = queries, embeddings, label, over
        self._extremes: tuple[float, float] | None = None
        self._last: tuple[PlaneIndex, SimilarityMap] | None = None

    def __call__(self, plane: PlaneIndex) -> SimilarityMap | None:
        """Make the map of a plane, or give it again; None where it is not embedded. For one thread at a time."""
        if self._last is None or self._last[0] != plane:
            embeddings = self._embeddings.get(plane)
            if embeddings is None or not self._queries or self._label not in (None, *self._queries):
                return None
            scores = PlaneScores.of(embeddings, self._queries)
            if self._over is None:
                over = None
            else:
                over = self._overall(self._over) if self._over else scores.extremes[self._label]
            self._last = plane, scores.map(self._label, over)
        return self._last[1]

    def unstretched(self) -> FrozenMaps:
        """Give maps whose values are their scores: for those who need nothing else, and for another thread."""
        return FrozenMaps(self._queries, self._embeddings, self._label, None)

    def _overall(self, over: Sequence[PatchEmbeddings]) -> tuple[float, float]:
        from napari_dinosim.similarity import joint_extremes

        if self._extremes is None:
            found = (PlaneScores.of(embeddings, self._queries) for embeddings in over)
            self._extremes = joint_extremes(scores.extremes[self._label] for scores in found)
        return self._extremes
