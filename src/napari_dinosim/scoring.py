"""The maps of all planes under the queries of all classes, made when they are asked for.

Small ones are made at once, in the owner's thread. Where there are more numbers to go through than a frame allows, a
worker does it, and the map of the queries before stays until then.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

from psygnal import Signal

from napari_dinosim.frozen import FrozenMaps
from napari_dinosim.prompts import POSITIVE
from napari_dinosim.ranking import PlaneScores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.engine import Engine, Job
    from napari_dinosim.errors import DinosimError
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.ranking import Extremes
    from napari_dinosim.similarity import Query
    from napari_dinosim.states import SimilarityMap

    Place = tuple[str, PlaneIndex]

Normalisation = Literal["plane", "stack", "shared", "cosine"]
"""Over what a map is stretched to [0, 1]: its plane; all embedded planes of its input; those of all inputs; or nothing.

``"cosine"`` leaves scores as they are, in [-1, 1], or in [-2, 2] where those of negative prompts were subtracted. Each
class has a range of its own.
"""

AT_ONCE = 110_000_000
"""Numbers that are gone through in the owner's thread in a row, for all maps: 20 ms on two cores."""

ROW_SECONDS = 0.1
"""Maps that are asked for within so long are made in a row."""


class Scoring:
    """Similarity maps by input, plane and class.

    Parameters
    ----------
    engine : Engine
        Makes the large ones.
    embeddings : callable(key, plane) -> PatchEmbeddings or None
    planes : callable(key) -> list of plane index
        Planes of an input that are embedded.
    sources : callable() -> iterable of str
        Keys of all inputs.
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
        sources: Callable[[], Iterable[str]],
    ) -> None:
        self._engine, self._embedded, self._planes, self._sources = engine, embeddings, planes, sources
        self._queries: dict[str, Query] = {}
        self._normalisation: Normalisation = "plane"
        self.classes: tuple[str, ...] = ()
        self._scores: dict[Place, PlaneScores] = {}
        self._extremes: dict[Place, dict[str | None, Extremes]] = {}
        self._maps: dict[Place, dict[str | None, SimilarityMap]] = {}
        self._before: dict[Place, dict[str | None, SimilarityMap]] = {}
        self._winners_before: dict[Place, NDArray[np.int16]] = {}
        self._jobs: dict[tuple[str, PlaneIndex | None], Job[Any]] = {}
        self._row = 0.0, 0

    @property
    def normalisation(self) -> Normalisation:
        """Over what maps are stretched."""
        return self._normalisation

    @property
    def busy(self) -> bool:
        """Whether a worker makes maps."""
        return bool(self._jobs)

    def set_queries(self, queries: Mapping[str, Query], *, named: bool = False) -> None:
        """Begin anew with other queries, or with none.

        Parameters
        ----------
        queries : mapping of str to Query
            By label.
        named : bool
            Whether these are classes; if not, there is but one query.
        """
        identities = {query.encoder for query in (*queries.values(), *self._queries.values())}
        classes = tuple(queries) if named else ()
        kept = bool(queries) and len(identities) == 1
        self._before = {**self._before, **self._maps} if kept else {}
        winners = {place: found.winners for place, found in self._scores.items()} if self.classes else {}
        self._winners_before = {**self._winners_before, **winners} if kept and classes == self.classes else {}
        self._queries, self.classes, self._row = dict(queries), classes, (0.0, 0)
        self._drop_jobs(list(self._jobs))
        self._maps, self._scores, self._extremes = {}, {}, {}

    def set_normalisation(self, normalisation: Normalisation) -> None:
        """Stretch maps over something else."""
        self._normalisation = normalisation
        self._maps = {}

    def renew(self, source: str, plane: PlaneIndex) -> None:
        """Make the maps of a plane anew, of which more is embedded, and those that are stretched over it too."""
        place = source, plane
        if place in self._maps:
            self._before[place] = self._maps.pop(place)
        scores = self._scores.pop(place, None)
        if scores is not None and self.classes:
            self._winners_before[place] = scores.winners
        self._extremes.pop(place, None)
        self._stretch_anew(self._stretched_with(source))
        self._drop_jobs([name for name in self._jobs if name == place or (name[1] is None and name[0] in ("", source))])

    def forget(self, source: str) -> None:
        """Let go of all maps of an input: it is another, or gone."""
        held: tuple[dict[Place, Any], ...] = (self._maps, self._scores, self._before, self._extremes)
        for one in (*held, self._winners_before):
            for place in [place for place in one if place[0] == source]:
                del one[place]
        self._drop_jobs([name for name in self._jobs if name[0] in ("", source)])

    def get(self, source: str, plane: PlaneIndex, label: str | None = None) -> SimilarityMap | None:
        """Similarity map of a class, or of the highest score of all, in a plane.

        None while there is no such class or no embedding, or while the map is made.
        """
        place = source, plane
        label = None if label == POSITIVE and not self.classes else label
        if label is not None and label not in self.classes:
            return None
        scores = self._scored(place)
        if scores is None:
            return self._before.get(place, {}).get(label) if self._queries else None
        if self._normalisation in ("stack", "shared"):
            self._know_range(source)
        maps = self._maps.setdefault(place, {})
        if label not in maps:
            maps[label] = scores.map(label, self._over(place, label))
        return maps[label]

    def winners(self, source: str, plane: PlaneIndex) -> NDArray[np.int16] | None:
        """Tell the number of the class with the highest score, of shape (rows, cols); None as for :meth:`get`."""
        scores = self._scored((source, plane)) if self.classes else None
        return self._winners_before.get((source, plane)) if scores is None else scores.winners

    def frozen(self, source: str, label: str | None = None) -> FrozenMaps:
        """Hold the maps of an input as they are now, for another thread to make."""
        held = {plane: found for (_, plane), found in self._held([source])}
        over: list[PatchEmbeddings] | None = [found for _, found in self._held(self._stretched_with(source))]
        label = None if label == POSITIVE and not self.classes else label
        return FrozenMaps(self._queries, held, label, None if self._normalisation == "cosine" else over)

    # ---- how they are stretched ----------------------------------------------------------------------------------

    def _stretched_with(self, source: str) -> list[str]:
        """List the inputs over all of whose planes the maps of one are stretched."""
        if self._normalisation == "shared":
            return list(self._sources())
        return [source] if self._normalisation == "stack" else []

    def _held(self, sources: Iterable[str]) -> list[tuple[Place, PatchEmbeddings]]:
        places = [(source, plane) for source in sources for plane in self._planes(source)]
        return [(place, found) for place in places if (found := self._embeddings(*place)) is not None]

    def _over(self, place: Place, label: str | None) -> Extremes | None:
        from napari_dinosim.similarity import joint_extremes

        if self._normalisation == "cosine":
            return None
        together = self._stretched_with(place[0])
        if not together:
            return self._extremes[place][label]
        return joint_extremes(found[label] for other, found in self._extremes.items() if other[0] in together)

    def _stretch_anew(self, sources: Iterable[str]) -> None:
        """Let go of maps that are stretched over another range than it now is; their scores stay."""
        for place in [place for place in self._maps if place[0] in sources]:
            del self._maps[place]

    def _know_range(self, source: str) -> None:
        """Find the extremes of the planes that were not looked at yet: at once if that fits, or by a worker."""
        together = self._stretched_with(source)
        name = source if self._normalisation == "stack" else "", None
        known = (*self._extremes, *self._jobs)
        missing = [(place, found) for place, found in self._held(together) if place not in known]
        if name in self._jobs or not missing:
            return
        if self._fits_in_a_row(sum(PlaneScores.work(found, self._queries) for _, found in missing)):
            for place, found in missing:
                self._take(place, PlaneScores.of(found, self._queries))
            return
        queries = self._queries

        def work() -> dict[Place, dict[str | None, Extremes]]:
            return {place: PlaneScores.of(found, queries).extremes for place, found in missing}

        def done(extremes: dict[Place, dict[str | None, Extremes]]) -> None:
            del self._jobs[name]
            self._extremes |= extremes
            self._stretch_anew(together)
            self._tell(together)

        self._submit(name, work, done)

    def _embeddings(self, source: str, plane: PlaneIndex) -> PatchEmbeddings | None:
        """Embeddings of a plane, unless they are by another encoder than the queries: those of loose prompts may be."""
        found = self._embedded(source, plane)
        wanted = next(iter(self._queries.values()), None)
        return found if found is None or wanted is None or found.encoder == wanted.encoder else None

    # ---- how they are made ---------------------------------------------------------------------------------------

    def _scored(self, place: Place) -> PlaneScores | None:
        """Scores of a plane; None while there are no queries or no embedding, or while they are made."""
        if not self._queries or place in self._scores:
            return self._scores.get(place)
        embeddings = self._embeddings(*place)
        if embeddings is None:
            return None
        if not self._fits_in_a_row(PlaneScores.work(embeddings, self._queries)):
            self._ask(place, embeddings, self._queries)
            return None
        return self._take(place, PlaneScores.of(embeddings, self._queries))

    def _fits_in_a_row(self, count: int) -> bool:
        """Whether so many numbers more can be gone through at once; if so, they are counted."""
        began, spent = self._row
        if time.monotonic() - began > ROW_SECONDS:
            began, spent = time.monotonic(), 0
        fits = spent + count <= AT_ONCE
        self._row = began, spent + count * fits
        return fits

    def _take(self, place: Place, scores: PlaneScores) -> PlaneScores:
        self._before.pop(place, None)
        self._winners_before.pop(place, None)
        self._scores[place], self._extremes[place] = scores, scores.extremes
        self._stretch_anew(self._stretched_with(place[0]))
        return scores

    def _ask(self, place: Place, embeddings: PatchEmbeddings, queries: Mapping[str, Query]) -> None:
        """Have a worker make the maps of a plane."""
        if place in self._jobs:
            return

        def done(scores: PlaneScores) -> None:
            del self._jobs[place]
            self._take(place, scores)
            self._tell(self._stretched_with(place[0]) or [place[0]])

        self._submit(place, lambda: PlaneScores.of(embeddings, queries), done)

    def _tell(self, sources: Iterable[str]) -> None:
        for source in sources:
            self.changed.emit(source)

    def _submit(
        self, name: tuple[str, PlaneIndex | None], work: Callable[[], Any], done: Callable[[Any], None]
    ) -> None:
        self._jobs[name] = self._engine.submit(
            lambda _job: work(), on_done=done, on_error=lambda error: self._failed(name, error), lane="scoring"
        )

    def _drop_jobs(self, names: Iterable[tuple[str, PlaneIndex | None]]) -> None:
        for name in names:
            self._jobs.pop(name).cancel()

    def _failed(self, name: tuple[str, PlaneIndex | None], error: DinosimError) -> None:
        self._jobs.pop(name, None)
        self.failed.emit(error)
