"""The maps of all planes under one query, made when they are asked for.

Small ones are made at once, in the owner's thread. Where there are more numbers to go through than a frame allows, a
worker does it, and the map of the query before stays until then.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

from psygnal import Signal

from napari_dinosim.frozen import FrozenMaps
from napari_dinosim.states import SimilarityMap

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.engine import Engine, Job
    from napari_dinosim.errors import DinosimError
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.similarity import Query

    Place = tuple[str, PlaneIndex]
    Extremes = tuple[float, float]

Normalisation = Literal["plane", "stack"]
"""Over what a map is stretched to [0, 1]: its plane, or all embedded planes of its input."""

AT_ONCE = 110_000_000
"""Numbers that are gone through in the owner's thread in a row, for all maps: 20 ms on two cores."""

ROW_SECONDS = 0.1
"""Maps that are asked for within so long are made in a row."""


class Scoring:
    """Similarity maps by input and plane.

    Parameters
    ----------
    engine : Engine
        Makes the large ones.
    embeddings : callable(key, plane) -> PatchEmbeddings or None
    planes : callable(key) -> list of plane index
        Planes of an input that are embedded.
    """

    changed = Signal(str)
    """A worker has finished a map of an input: its key."""
    failed = Signal(object)
    """A DinosimError."""

    def __init__(
        self,
        engine: Engine,
        embeddings: Callable[[str, PlaneIndex], PatchEmbeddings | None],
        planes: Callable[[str], list[PlaneIndex]],
    ) -> None:
        self._engine, self._embeddings, self._planes = engine, embeddings, planes
        self._query: Query | None = None
        self._normalisation: Normalisation = "plane"
        self._maps: dict[Place, SimilarityMap] = {}
        self._before: dict[Place, SimilarityMap] = {}
        self._extremes: dict[Place, Extremes] = {}
        self._jobs: dict[Place | str, Job[Any]] = {}
        self._row = 0.0, 0

    @property
    def normalisation(self) -> Normalisation:
        """Over what maps are stretched."""
        return self._normalisation

    def set_query(self, query: Query | None) -> None:
        """Begin anew with another query, or with none."""
        comparable = query is not None and self._query is not None and query.encoder == self._query.encoder
        self._before = {**self._before, **self._maps} if comparable else {}
        self._query, self._row = query, (0.0, 0)
        self._drop_jobs(list(self._jobs))
        self._maps, self._extremes = {}, {}

    def set_normalisation(self, normalisation: Normalisation) -> None:
        """Stretch maps over something else."""
        self._normalisation = normalisation
        self._maps = {place: self._map(place, found.scores, found) for place, found in self._maps.items()}

    def renew(self, source: str, plane: PlaneIndex) -> None:
        """Make the map of a plane anew, of which more is embedded; over the stack, those of the others with it."""
        place = source, plane
        if place in self._maps:
            self._before[place] = self._maps.pop(place)
        self._extremes.pop(place, None)
        if self._normalisation == "stack":
            self._maps = {other: found for other, found in self._maps.items() if other[0] != source}
        self._drop_jobs([name for name in (source, place) if name in self._jobs])

    def forget(self, source: str) -> None:
        """Let go of all maps of an input: it is another, or gone."""
        for held in (self._maps, self._before, self._extremes):
            for place in [place for place in held if place[0] == source]:
                del held[place]
        self._drop_jobs([name for name in self._jobs if source in (name, name[0])])

    def get(self, source: str, plane: PlaneIndex) -> SimilarityMap | None:
        """Similarity map of a plane; None while there is no query or no embedding of it, or while it is made."""
        place = source, plane
        if self._query is None:
            return None
        if place not in self._maps:
            embeddings = self._embeddings(*place)
            if embeddings is None or embeddings.encoder != self._query.encoder:  # as of loose prompts alone
                return None
            if not self._fits_in_a_row(embeddings.count):
                self._ask(place, embeddings, self._query)
                return self._before.get(place)
            self._take(place, embeddings.cosine(self._query), embeddings)
        if self._normalisation == "stack":
            self._ask_stack(source)
        return self._maps[place]

    def frozen(self, source: str) -> FrozenMaps:
        """Hold the maps of an input as they are now, for another thread to make."""
        held = {
            plane: found for plane in self._planes(source) if (found := self._embeddings(source, plane)) is not None
        }
        return FrozenMaps(self._query, held, over_all=self._normalisation == "stack")

    def _fits_in_a_row(self, count: int) -> bool:
        """Whether so many numbers more can be gone through at once; if so, they are counted."""
        began, spent = self._row
        if time.monotonic() - began > ROW_SECONDS:
            began, spent = time.monotonic(), 0
        fits = spent + count <= AT_ONCE
        self._row = began, spent + count * fits
        return fits

    def _take(self, place: Place, scores: Tensor, embeddings: PatchEmbeddings) -> None:
        self._before.pop(place, None)
        self._extremes.pop(place, None)
        self._maps[place] = self._map(place, scores, embeddings)

    def _map(self, place: Place, scores: Tensor, of: PatchEmbeddings | SimilarityMap) -> SimilarityMap:
        from napari_dinosim.similarity import extremes, joint_extremes

        own = self._extremes.get(place) or extremes(scores)
        self._extremes[place] = own
        stack = (found for (source, _), found in self._extremes.items() if source == place[0])
        return SimilarityMap.of(scores, of.grid, own, own if self._normalisation == "plane" else joint_extremes(stack))

    def _ask(self, place: Place, embeddings: PatchEmbeddings, query: Query) -> None:
        """Have a worker make one map."""
        if place in self._jobs:
            return

        def done(scores: Tensor) -> None:
            del self._jobs[place]
            self._take(place, scores, embeddings)
            self.changed.emit(place[0])

        self._submit(place, lambda: embeddings.cosine(query), done)

    def _ask_stack(self, source: str) -> None:
        """Have a worker find the extremes of the planes that were not looked at yet."""
        query = self._query
        found = {plane: self._embeddings(source, plane) for plane in self._planes(source)
                 if (source, plane) not in self._extremes}  # fmt: skip
        missing = {plane: embeddings for plane, embeddings in found.items() if embeddings is not None}
        if source in self._jobs or not missing or query is None:
            return

        def work() -> dict[PlaneIndex, Extremes]:
            from napari_dinosim.similarity import extremes

            return {plane: extremes(embeddings.cosine(query)) for plane, embeddings in missing.items()}

        def done(extremes: dict[PlaneIndex, Extremes]) -> None:
            del self._jobs[source]
            self._extremes |= {(source, plane): pair for plane, pair in extremes.items()}
            for place, found in list(self._maps.items()):
                if place[0] == source:
                    self._maps[place] = self._map(place, found.scores, found)
            self.changed.emit(source)

        self._submit(source, work, done)

    def _submit(self, name: Place | str, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        self._jobs[name] = self._engine.submit(
            lambda _job: work(), on_done=done, on_error=lambda error: self._failed(name, error), lane="scoring"
        )

    def _drop_jobs(self, names: list[Place | str]) -> None:
        for name in names:
            self._jobs.pop(name).cancel()

    def _failed(self, name: Place | str, error: DinosimError) -> None:
        self._jobs.pop(name, None)
        self.failed.emit(error)
