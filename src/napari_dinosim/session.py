"""The heart: inputs, their embeddings, the prompts, the maps. Knows no screen.

All methods are called in one thread, the owner's; the engine brings results back into it. The truth is here alone:
what is chosen (inputs, encoder, prompts) and what is known (embeddings, failures). Everything else follows from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from napari_dinosim.cache import CacheKey, EmbeddingCache
from napari_dinosim.errors import OutsideImageError
from napari_dinosim.loading import EncoderChoice, EncoderSlot
from napari_dinosim.prompts import PromptSet
from napari_dinosim.schedule import EmbeddingSchedule
from napari_dinosim.states import ImageInput, InputState, PlaneIndex, SimilarityMap, Stage

if TYPE_CHECKING:
    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.engine import Engine
    from napari_dinosim.errors import DinosimError
    from napari_dinosim.similarity import Query


class SimilaritySession:
    """One query over many images.

    Parameters
    ----------
    engine : Engine
        Runs the embedding.
    encoder : EncoderChoice
        The encoder to begin with.
    slot : EncoderSlot, optional
        Where the loaded encoder is kept; sessions may share one.
    cache : EmbeddingCache, optional
        Where embeddings are kept.

    Examples
    --------
    >>> from napari_dinosim.engine import Engine
    >>> session = SimilaritySession(Engine(), EncoderChoice("builtin"))
    >>> session.encoder.name
    'builtin'
    """

    state_changed = Signal(str)
    """An input's state may be another: its key."""
    map_changed = Signal(str)
    """An input's maps are others: its key."""
    progress_changed = Signal(object)
    """Overall progress: an :class:`Overall`, or None when nothing runs."""
    message = Signal(str)
    """Something to tell the person once."""
    failed = Signal(object)
    """A DinosimError that stopped the work."""

    def __init__(
        self,
        engine: Engine,
        encoder: EncoderChoice,
        slot: EncoderSlot | None = None,
        cache: EmbeddingCache | None = None,
    ) -> None:
        self._cache = EmbeddingCache() if cache is None else cache
        self._encoder = encoder
        self._inputs: dict[str, ImageInput] = {}
        self._shown: dict[str, PlaneIndex] = {}
        self._prompts = PromptSet()
        self._maps: dict[tuple[str, PlaneIndex], SimilarityMap] = {}
        self._query: Query | None = None
        self._stale: dict[str, str] = {}
        self._told_nonfinite: set[str] = set()
        self._patch_sizes: dict[EncoderChoice, int] = {}
        self._schedule = EmbeddingSchedule(engine, slot or EncoderSlot(), self._cache, self._wanted)
        self._schedule.embedded.connect(self._embedded)
        self._schedule.changed.connect(self.state_changed.emit)
        self._schedule.progress_changed.connect(self.progress_changed.emit)
        self._schedule.told.connect(self.message.emit)
        self._schedule.failed.connect(self._failed)

    # ---- what is chosen ------------------------------------------------------------------------------------------

    @property
    def encoder(self) -> EncoderChoice:
        """The chosen encoder."""
        return self._encoder

    @property
    def inputs(self) -> dict[str, ImageInput]:
        """The inputs by key, in order; a copy."""
        return dict(self._inputs)

    @property
    def prompts(self) -> PromptSet:
        """The prompts."""
        return self._prompts

    @property
    def patch_size(self) -> int | None:
        """Patch size of the chosen encoder in pixels, known once it has embedded something."""
        return self._patch_sizes.get(self._encoder)

    @property
    def started(self) -> bool:
        """Whether what is missing gets embedded."""
        return self._schedule.started

    @property
    def busy(self) -> bool:
        """Whether an image is being embedded right now."""
        return self._schedule.running is not None

    def set_encoder(self, encoder: EncoderChoice) -> None:
        """Choose another encoder; embeddings of the old one are kept for a return to it, but never mixed in."""
        if encoder == self._encoder:
            return
        self._encoder = encoder
        if self._schedule.stopped_by_failure:  # a person who has pressed Start and takes a way on need not press again
            self._schedule.start()
        self._refresh()

    def set_input(self, key: str, image: ImageInput, plane: PlaneIndex = ()) -> None:
        """Add an input, or replace it where its pixels have changed."""
        known = self._inputs.get(key)
        if known is None or known.version != image.version:
            self._stale.pop(key, None)
        self._inputs[key] = image
        self._shown[key] = plane
        self._cache.drop_other_versions(key, image.version)
        self._refresh()

    def remove_input(self, key: str, *, forget: bool = False) -> None:
        """Take an input out; its embeddings are kept for its return unless they shall be forgotten."""
        if self._inputs.pop(key, None) is not None:
            self._shown.pop(key)
            self._refresh()
            self.map_changed.emit(key)
        if forget:
            self._cache.forget(key)

    def show_plane(self, key: str, plane: PlaneIndex) -> None:
        """Tell which plane of an input is on screen; it is embedded first."""
        if key in self._inputs and self._shown[key] != plane:
            self._shown[key] = plane
            self.state_changed.emit(key)
            self._schedule.pump()

    def mark_stale(self, key: str, reason: str) -> None:
        """Note that an input is no longer seen as it is embedded, or, with an empty reason, that it is so again."""
        if key in self._inputs:
            self._stale[key] = reason
            self.state_changed.emit(key)

    def set_prompts(self, prompts: PromptSet) -> None:
        """Replace all prompts; the maps follow."""
        self._prompts = prompts
        self._refresh()

    def start(self) -> None:
        """Embed what is missing, from now on, whenever something is."""
        self._schedule.start()
        self._tell_states()

    def prepare(self) -> None:
        """Load the chosen encoder, so that the first image need not wait for it."""
        self._schedule.prepare(self._encoder)

    def cancel(self) -> None:
        """Stop embedding; what is ready stays."""
        self._schedule.cancel()
        self._tell_states()

    # ---- what is known -------------------------------------------------------------------------------------------

    def state(self, key: str) -> InputState:
        """State of the plane of an input that is on screen."""
        if key not in self._inputs:
            return InputState(Stage.ABSENT)
        plane = self._shown[key]
        cache_key = self._cache_key(key, plane)
        if cache_key not in self._cache:
            return self._schedule.state(cache_key)
        found = self.map(key, plane)
        best = None if found is None else found.best
        if self._stale.get(key):
            return InputState(Stage.STALE, 1.0, best, self._stale[key])
        return InputState(Stage.READY, 1.0, best)

    def map(self, key: str, plane: PlaneIndex) -> SimilarityMap | None:
        """Similarity map of a plane, or None while there is no query or no embedding of it."""
        from napari_dinosim.similarity import min_max

        if self._query is None:
            return None
        if (key, plane) not in self._maps:
            embeddings = self._embeddings(key, plane)
            if embeddings is None:
                return None
            scores = embeddings.cosine(self._query)
            found = SimilarityMap(scores, min_max(scores).numpy(), embeddings.grid, float(scores.max()))
            self._maps[key, plane] = found
        return self._maps[key, plane]

    def shown_map(self, key: str) -> SimilarityMap | None:
        """Similarity map of the plane of an input that is on screen."""
        return self.map(key, self._shown[key]) if key in self._inputs else None

    # ---- how the one follows from the other ----------------------------------------------------------------------

    def _cache_key(self, key: str, plane: PlaneIndex) -> CacheKey:
        return CacheKey(key, plane, self._inputs[key].version, self._encoder)

    def _embeddings(self, key: str, plane: PlaneIndex) -> PatchEmbeddings | None:
        return self._cache.get(self._cache_key(key, plane)) if key in self._inputs else None

    def _refresh(self) -> None:
        """Make the query anew from all prompts whose plane is embedded, then everything that hangs on it."""
        self._query = self._make_query()
        self._maps.clear()
        for key in self._inputs:
            self.map_changed.emit(key)
        self._tell_states()
        self._schedule.pump()

    def _make_query(self) -> Query | None:
        from napari_dinosim.similarity import Query

        queries = []
        for (source, plane), places in self._prompts.sources().items():
            embeddings = self._embeddings(source, plane)
            if embeddings is None:  # not yet: it joins the query when it is embedded
                continue
            for place in places:
                try:
                    queries.append(embeddings.query([place], self._prompts.combine))
                except OutsideImageError as error:
                    self.message.emit(f"{self._inputs[source].name}: {error}")
        return Query.join(queries) if queries else None

    def _tell_states(self) -> None:
        for key in self._inputs:
            self.state_changed.emit(key)

    # ---- embedding -----------------------------------------------------------------------------------------------

    def _wanted(self) -> dict[CacheKey, ImageInput]:
        """Planes that should be embedded, the most wanted first: on screen, then those that hold prompts."""
        places = [*self._shown.items(), *(place for place in self._prompts.sources() if place[0] in self._inputs)]
        return {self._cache_key(*place): self._inputs[place[0]] for place in places}

    def _failed(self, error: DinosimError) -> None:
        self.failed.emit(error)
        self._tell_states()

    def _embedded(self, key: CacheKey, embeddings: PatchEmbeddings) -> None:
        if key.encoder not in self._patch_sizes:
            self._patch_sizes[key.encoder] = embeddings.grid.patch_size
            self._tell_states()
        if embeddings.nonfinite and key.source not in self._told_nonfinite:
            self._told_nonfinite.add(key.source)
            self.message.emit(f"{self._inputs[key.source].name} holds NaN or ±inf; they are treated as black.")
        if (key.source, key.plane) in self._prompts.sources():
            self._refresh()
            return
        self.map_changed.emit(key.source)
        self.state_changed.emit(key.source)
