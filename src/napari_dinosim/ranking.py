"""Scores of one plane for each class, and which class is the winner where."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_dinosim.states import SimilarityMap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.grid import PatchGrid
    from napari_dinosim.similarity import Query

    Extremes = tuple[float, float]

MORE = 0.25
"""Of a pass over the vectors, each further vector of a query takes so much."""

COMBINED = {"max": 15, "mean": 0, "top": 60}
"""To combine the cosines of one patch takes, for each of them, as long as so many numbers of the vectors do."""

NOBODY = -1
"""Winner where nothing is embedded."""


@dataclass(frozen=True, eq=False)
class PlaneScores:
    """Scores of one plane.

    Parameters
    ----------
    by_label : dict of str or None to Tensor of shape (rows, cols), float32
        One for each class, and for None the highest of them.
    extremes : dict of str or None to (lowest, highest)
        Of each; NaN where nothing is embedded.
    grid : PatchGrid
    first : Tensor of shape (rows, cols), int64, optional
        Number of the class with the highest score, the first of equal ones; None where there is but one.
    """

    by_label: dict[str | None, Tensor]
    extremes: dict[str | None, Extremes]
    grid: PatchGrid
    first: Tensor | None = None

    @functools.cached_property
    def winners(self) -> NDArray[np.int16]:
        """Number of the winning class, (rows, cols); :data:`NOBODY` where nothing is embedded."""
        first = self.first
        winners = np.zeros(self.grid.shape, np.int16) if first is None else first.numpy().astype(np.int16)
        winners[np.isnan(self.by_label[None].numpy())] = NOBODY
        return winners

    @staticmethod
    def work(embeddings: PatchEmbeddings, queries: Mapping[str, Query]) -> int:
        """How long it takes to score a plane, in numbers of its vectors that are gone through once."""
        negatives = {id(query.negatives): query for query in queries.values() if query.negatives is not None}
        groups = [(len(query.vectors), query.combine) for query in queries.values()]
        groups += [(len(query.negatives), query.combine) for query in negatives.values() if query.negatives is not None]
        columns = sum(1 if combine == "mean" else count for count, combine in groups)
        combined = sum(count * COMBINED[combine] for count, combine in groups if count > 1)
        return int(embeddings.count * (1 + MORE * (columns - 1)) + math.prod(embeddings.grid.shape) * combined)

    @classmethod
    def of(cls, embeddings: PatchEmbeddings, queries: Mapping[str, Query]) -> PlaneScores:
        """Score a plane, in one pass over its vectors.

        Parameters
        ----------
        embeddings : PatchEmbeddings
        queries : mapping of str to Query
            By class, at least one.
        """
        from napari_dinosim.similarity import extremes

        scores = embeddings.cosines(list(queries.values()))
        by_label: dict[str | None, Tensor] = dict(zip(queries, scores, strict=True))
        if len(queries) == 1:
            by_label[None] = scores[0]
            pair = extremes(scores[0])
            pairs = dict.fromkeys(by_label, pair)
            return cls(by_label, pairs, embeddings.grid)
        highest, first = scores.max(dim=0)  # of equal ones torch gives the first
        by_label[None] = highest
        pairs = {label: extremes(found) for label, found in by_label.items()}
        made = cls(by_label, pairs, embeddings.grid, first)
        _ = made.winners  # here, in the thread that has the time
        return made

    def map(self, label: str | None, over: Extremes | None) -> SimilarityMap:
        """Map of a class, or of the highest score.

        Parameters
        ----------
        label : str or None
        over : (low, high), optional
            What becomes 0 and 1; None leaves the scores as they are.
        """
        return SimilarityMap(self.by_label[label], self.grid, self.extremes[label][1], over)
