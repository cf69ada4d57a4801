"""The heart: inputs, their embeddings, the prompts, the maps. Knows no screen.

All methods are called in one thread, the owner's; the engine brings results back into it. The truth is here alone:
what is chosen (the plan) and what is known (embeddings, failures). Everything else follows from it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_dinosim.answers import Answers
from napari_dinosim.cache import CacheKey, EmbeddingCache
from napari_dinosim.loading import EncoderChoice, EncoderSlot
from napari_dinosim.plan import Plan, Scope, View
from napari_dinosim.querying import RegionVectors, make_queries, represented_each
from napari_dinosim.reckoning import Reckoning
from napari_dinosim.schedule import EmbeddingSchedule
from napari_dinosim.states import ImageInput, InputState, Stage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.engine import Engine, Job
    from napari_dinosim.errors import DinosimError
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.prompts import PromptSet, RegionPrompt


class SimilaritySession(Answers):
    """One query, or one for each of several classes, over many images.

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

    Attributes
    ----------
    reckoning : Reckoning
        What embedding will cost.

    Examples
    --------
    >>> from napari_dinosim.engine import Engine
    >>> session = SimilaritySession(Engine(), EncoderChoice("builtin"))
    >>> session.encoder.name
    'builtin'
    """

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
        super().__init__(engine, Plan(encoder), EmbeddingCache() if cache is None else cache)
        self._engine = engine
        self._representing: Job[Any] | None = None
        self._stale: dict[str, str] = {}
        self._told_nonfinite: set[str] = set()
        self._regions = RegionVectors()
        self._scoring.failed.connect(self.failed.emit)
        self._schedule = EmbeddingSchedule(engine, slot or EncoderSlot(), self._cache, self._plan)
        self.reckoning = Reckoning(self._plan, self._cache, self._schedule.paces)
        self._schedule.embedded.connect(self._embedded)
        self._schedule.changed.connect(self.state_changed.emit)
        self._schedule.progress_changed.connect(self.progress_changed.emit)
        self._schedule.told.connect(self.message.emit)
        self._schedule.failed.connect(self._failed)

    @property
    def encoder(self) -> EncoderChoice:
        """The chosen encoder."""
        return self._plan.encoder

    @property
    def inputs(self) -> dict[str, ImageInput]:
        """The inputs by key, in order; a copy."""
        return dict(self._plan.inputs)

    @property
    def prompts(self) -> PromptSet:
        """What was clicked."""
        return self._plan.prompts

    @property
    def scope(self) -> Scope:
        """How much of each input is embedded."""
        return self._plan.scope

    @property
    def patch_size(self) -> int | None:
        """Patch size of the chosen encoder in pixels, known once it has embedded something."""
        found = self.reckoning.facts(self._plan.encoder)
        return None if found is None else found.patch_size

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
        if encoder == self._plan.encoder:
            return
        self._plan.encoder = encoder
        if self._schedule.stopped_by_failure:  # a person who has pressed Start and takes a way on need not press again
            self._schedule.start()
        self._refresh()

    def set_scope(self, scope: Scope) -> None:
        """Choose how much of each input is embedded."""
        self._plan.scope = scope
        self._tell_states()
        self._schedule.pump()

    def set_budget(self, budget: int) -> None:
        """Choose how many bytes of the computer's memory embeddings may take."""
        self._cache.set_budget(budget, self._plan.urgent())
        self._tell_states()
        self._schedule.pump()

    def set_input(self, key: str, image: ImageInput, plane: PlaneIndex = ()) -> None:
        """Add an input, or replace it where its pixels have changed, or it is to be sampled otherwise."""
        self.set_inputs({key: (image, plane)})

    def set_inputs(self, inputs: Mapping[str, tuple[ImageInput, PlaneIndex]]) -> None:
        """Add or replace several inputs, each with its plane on screen: at once, as all maps follow from all inputs."""
        for key, (image, plane) in inputs.items():
            known = self._plan.inputs.get(key)
            if known is None or (known.version, known.covered) != (image.version, image.covered):
                self._stale.pop(key, None)
                self._scoring.forget(key)
            self._plan.inputs[key] = image
            self._plan.shown[key] = plane
            self._cache.drop_other_versions(key, image.version)
        self._refresh()

    def remove_input(self, key: str, *, forget: bool = False) -> None:
        """Take an input out; its embeddings are kept for its return unless they shall be forgotten."""
        if self._plan.inputs.pop(key, None) is not None:
            self._plan.shown.pop(key)
            self._plan.views.pop(key, None)
            self._scoring.forget(key)
            self._refresh()
            self.map_changed.emit(key)
        if forget:
            self._cache.forget(key)

    def show_plane(self, key: str, plane: PlaneIndex) -> None:
        """Tell which plane of an input is on screen; it is embedded first."""
        if key in self._plan.inputs and self._plan.shown[key] != plane:
            self._plan.shown[key] = plane
            self.state_changed.emit(key)
            self._schedule.pump()

    def shown_plane(self, key: str) -> PlaneIndex:
        """Plane of an input that is on screen."""
        return self._plan.shown[key]

    def show_view(self, key: str, view: View) -> None:
        """Tell which part of the plane on screen is in view; it is embedded first, or alone, as the scope says."""
        if key in self._plan.inputs and self._plan.views.get(key) != view:
            self._plan.views[key] = view
            if self._plan.scope == "field":
                self._schedule.pump()

    def mark_stale(self, key: str, reason: str) -> None:
        """Note that an input is no longer seen as it is embedded, or, with an empty reason, that it is so again."""
        if key in self._plan.inputs:
            self._stale[key] = reason
            self.state_changed.emit(key)

    def set_prompts(self, prompts: PromptSet) -> None:
        """Replace all prompts; the maps follow. That they look for nothing is told."""
        self._plan.prompts = prompts
        self._refresh()
        if prompts.problem:
            self.message.emit(prompts.problem)

    def start(self) -> None:
        """Embed what is missing, from now on, whenever something is."""
        self._schedule.start()
        self._tell_states()

    def prepare(self) -> None:
        """Load the chosen encoder, so that the first image need not wait for it."""
        self._schedule.prepare(self._plan.encoder)

    def cancel(self) -> None:
        """Stop embedding; what is ready stays."""
        self._schedule.cancel()
        self._tell_states()

    def state(self, key: str) -> InputState:
        """State of the plane of an input that is on screen, and how many planes are embedded."""
        image = self._plan.inputs.get(key)
        if image is None:
            return InputState(Stage.ABSENT)
        cache_key = self._plan.key(key, self._plan.shown[key])
        state = self._schedule.state(cache_key)
        if (planes := image.count(cache_key.plane)) > 1:
            state = replace(state, planes=(self._cache.count(cache_key.stack), planes))
        if cache_key not in self._cache:
            return state
        found = self.shown_map(key)
        best, against = None if found is None else found.best, self._plan.prompts.against and self.previewed is None
        by_class = tuple((one, each.best) for one in self.classes if (each := self.shown_map(key, one)) is not None)
        state = replace(state, best=best, threshold=self.threshold, against=against, by_class=by_class)
        if state.stage is Stage.READY and self._stale.get(key):
            return replace(state, stage=Stage.STALE, reason=self._stale[key])
        return state

    def _refresh(self) -> None:
        """Make the queries anew: at once, or when a worker knows what stands for the regions; maps stay until then."""
        late = self._regions.late(self._plan.prompts.regions, self.embeddings)
        if self._representing is not None:
            self._representing.cancel()
        self._representing = self._represent(late) if len(late) > 1 else None
        if self._representing is None:
            self._query()
        else:
            self._schedule.pump()

    def _query(self) -> None:
        """Make the queries from all prompts whose plane is embedded, then everything that hangs on them."""
        prompts = self._plan.prompts
        queries = make_queries(prompts, self.embeddings, self._outside, self._unknown, self._regions)
        self._scoring.set_queries(queries, named=bool(prompts.classes))
        self._tell_maps()
        self._tell_states()
        self._schedule.pump()

    def _represent(self, late: list[tuple[RegionPrompt, PatchEmbeddings]]) -> Job[Any]:
        """Have a worker find what stands for regions."""

        def done(found: list[tuple[RegionPrompt, tuple[object, Tensor]]]) -> None:
            for prompt, vectors in found:
                self._regions.keep(prompt, vectors)
            self._representing = None
            self._query()

        def work(job: Job[Any]) -> list[tuple[RegionPrompt, tuple[object, Tensor]]]:
            return represented_each(late, lambda: job.cancelled)

        return self._engine.submit(work, on_done=done, on_error=self._failed, lane="scoring")

    def _outside(self, source: str, error: DinosimError) -> None:
        self.message.emit(f"{self._plan.inputs[source].name}: {error}")

    def _unknown(self, source: str) -> None:
        """Say why nothing is found for a prompt, where what it lies on will not come by itself."""
        if self._schedule.state(self._plan.key(source, self._plan.shown[source])).unread:
            self.message.emit(
                f"{self._plan.inputs[source].name}: what lies under a prompt could not be read, so nothing is searched "
                "for it. Press Start to try again."
            )

    def _failed(self, error: DinosimError) -> None:
        self.failed.emit(error)
        self._tell_states()

    def _embedded(self, key: CacheKey, embeddings: PatchEmbeddings) -> None:
        if self.reckoning.note(key.encoder, embeddings):
            self._tell_states()
        if embeddings.nonfinite and key.source not in self._told_nonfinite:
            self._told_nonfinite.add(key.source)
            self.message.emit(f"{self._plan.inputs[key.source].name} holds NaN or ±inf; they are treated as black.")
        self._scoring.renew(key.source, key.plane)
        if (key.source, key.plane) in self._plan.prompts.planes():
            self._refresh()
            return
        self._map_made(key.source)
        if self.normalisation == "shared":  # the others are stretched over it too
            self._tell_maps()
