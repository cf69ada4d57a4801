"""Maps of what is under the cursor, shown in place of those of the prompts while a person looks around.

The maps of the prompts are kept beside them, and are there again, as they were, once the preview ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

from psygnal import Signal

from napari_dinosim.errors import NotEmbeddedError
from napari_dinosim.prompts import POSITIVE
from napari_dinosim.scoring import Scoring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.engine import Engine
    from napari_dinosim.grid import PatchGrid
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.prompts import Prompt
    from napari_dinosim.scoring import Normalisation
    from napari_dinosim.similarity import Query
    from napari_dinosim.states import SimilarityMap


class Previewed(NamedTuple):
    """The patch whose maps are shown: key of its input, plane, and place in the patch grid."""

    source: str
    plane: PlaneIndex
    row: int
    col: int

    @classmethod
    def under(cls, prompt: Prompt, grid: PatchGrid) -> Self:
        """Patch under a place; raises an OutsideImageError where that lies outside the image."""
        return cls(prompt.source, prompt.plane, *grid.patch_at(prompt.y, prompt.x))


class PreviewedScoring(Scoring):
    """Similarity maps by input and plane: those of a preview while there is one, else those of the prompts.

    Those of a preview are stretched over planes on screen alone: a whole stack takes longer than a cursor rests.

    Parameters
    ----------
    engine, embeddings, planes, sources
        As :class:`~napari_dinosim.scoring.Scoring` takes them.
    shown : callable(key) -> plane index
        Plane of an input that is on screen.
    """

    replaced = Signal()
    """A preview has begun, moved or ended: all maps are others."""

    def __init__(
        self,
        engine: Engine,
        embeddings: Callable[[str, PlaneIndex], PatchEmbeddings | None],
        planes: Callable[[str], list[PlaneIndex]],
        sources: Callable[[], Iterable[str]],
        shown: Callable[[str], PlaneIndex],
    ) -> None:
        super().__init__(engine, embeddings, planes, sources)
        self._tried = Scoring(engine, embeddings, lambda source: [shown(source)], sources)
        self._tried.changed.connect(self._made)
        self._tried.failed.connect(self._not_made)
        self._previewed: Previewed | None = None
        self._encoder = ""
        self._next: tuple[Previewed, Query] | None = None

    @property
    def previewed(self) -> Previewed | None:
        """What is previewed."""
        return self._previewed

    def preview(self, prompt: Prompt | None) -> None:
        """Show the maps of one place, or, with None, those of the prompts again.

        Within the same patch nothing happens. While a worker still makes the large maps of the place before, this one
        waits until they are there; of several that wait, the last one wins.

        Raises
        ------
        NotEmbeddedError
            If the place is not embedded yet.
        OutsideImageError
            If it lies outside its image.
        """
        self._next = None
        if prompt is None:
            self._end()
            return
        found = self._embeddings(prompt.source, prompt.plane)
        if found is None:
            raise NotEmbeddedError(
                f"preview: found no embedding of plane {prompt.plane} of {prompt.source!r}. Start, or wait for it."
            )
        query = found.query([(prompt.y, prompt.x)])
        place = Previewed.under(prompt, found.grid)
        if place == self._previewed:
            return
        if self._tried.busy:
            self._next = place, query
        else:
            self._show(place, query)

    def get(self, source: str, plane: PlaneIndex, label: str | None = None) -> SimilarityMap | None:
        """Similarity map of a plane; that of the prompts while the first one of a preview is made, and of a class."""
        one = label is None or (label == POSITIVE and not self.classes)
        tried = self._tried.get(source, plane) if one and self._previewed else None
        return super().get(source, plane, label) if tried is None else tried

    def set_normalisation(self, normalisation: Normalisation) -> None:
        """Stretch maps over something else."""
        super().set_normalisation(normalisation)
        self._tried.set_normalisation(normalisation)

    def set_queries(self, queries: Mapping[str, Query], *, named: bool = False) -> None:
        """Begin anew with other queries, or with none; a preview goes on where its embeddings are those of before."""
        super().set_queries(queries, named=named)
        if self._previewed is not None:
            found = self._embeddings(*self._previewed[:2])
            if found is None or found.encoder != self._encoder:
                self.preview(None)

    def renew(self, source: str, plane: PlaneIndex) -> None:
        """Make the map of a plane anew, of which more is embedded."""
        super().renew(source, plane)
        self._tried.renew(source, plane)

    def forget(self, source: str) -> None:
        """Let go of all maps of an input: it is another, or gone."""
        super().forget(source)
        self._tried.forget(source)
        if self._previewed is not None and self._previewed.source == source:
            self.preview(None)

    def _show(self, place: Previewed, query: Query) -> None:
        self._previewed, self._encoder = place, query.encoder
        self._tried.set_queries({POSITIVE: query})
        self.replaced.emit()

    def _end(self) -> None:
        if self._previewed is not None:
            self._previewed = None
            self._tried.set_queries({})
            self.replaced.emit()

    def _made(self, source: str) -> None:
        self.changed.emit(source)
        self._go_on()

    def _not_made(self, error: object) -> None:
        self.failed.emit(error)
        self._go_on()

    def _go_on(self) -> None:
        """Show the place that waits, once all maps of the one before are there."""
        if self._next is not None and not self._tried.busy:
            waiting, self._next = self._next, None
            self._show(*waiting)
