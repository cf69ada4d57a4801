"""What to embed next: one plane at a time, the most wanted first, nothing twice."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_dinosim.engine import Note
from napari_dinosim.errors import EncodingError, ImageError
from napari_dinosim.states import ImageInput, InputState, Overall, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dinosim.cache import CacheKey, EmbeddingCache
    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.encoders.base import Encoder
    from napari_dinosim.engine import Engine, Job, Progress
    from napari_dinosim.errors import DinosimError
    from napari_dinosim.image import Plane
    from napari_dinosim.loading import EncoderChoice, EncoderSlot
    from napari_dinosim.partial import PartialPlane

    Embedded = tuple[PatchEmbeddings, PatchEmbeddings]
    """What the encoder gives, and what was chosen to be made of it."""


@dataclass(slots=True, eq=False)
class _Underway:
    """What is done of a plane that is not finished, and the seconds it took; the worker fills it, one job at a time."""

    partial: PartialPlane | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Running:
    """The job that runs: the plane that it embeds, its ticket, and how far it is, from 0 to 1."""

    key: CacheKey
    job: Job[Embedded]
    fraction: float = 0.0


class EmbeddingSchedule:
    """Embeds whatever is wanted and missing.

    Parameters
    ----------
    engine : Engine
        Runs the jobs.
    slot : EncoderSlot
        Gives the loaded encoder, in the worker thread.
    cache : EmbeddingCache
        Where the results go.
    wanted : callable() -> dict
        Planes that should be embedded, the most wanted first; asked whenever a job could begin.
    """

    embedded = Signal(object, object)
    """A plane is embedded: its CacheKey and PatchEmbeddings."""
    changed = Signal(str)
    """An input's state may be another: its key."""
    progress_changed = Signal(object)
    """Overall progress, or None when nothing runs."""
    told = Signal(str)
    """Something that the person should know, once for each start."""
    failed = Signal(object)
    """A DinosimError."""

    def __init__(
        self,
        engine: Engine,
        slot: EncoderSlot,
        cache: EmbeddingCache,
        wanted: Callable[[], dict[CacheKey, ImageInput]],
    ) -> None:
        self._engine, self._slot, self._cache, self._wanted = engine, slot, cache, wanted
        self._running: _Running | None = None
        self._failures: dict[CacheKey, DinosimError] = {}
        self._underway: dict[CacheKey, _Underway] = {}
        self._told: set[str] = set()
        self._pixels_done = 0
        self.started = False

    @property
    def running(self) -> CacheKey | None:
        """The plane that is being embedded."""
        return None if self._running is None else self._running.key

    @property
    def stopped_by_failure(self) -> bool:
        """Whether it was not the person who stopped the work but an encoder that could not be had."""
        return not self.started and any(_is_fatal(error) for error in self._failures.values())

    def start(self) -> None:
        """Embed from now on; what failed is tried again."""
        self.started = True
        self._failures.clear()
        self._told.clear()
        self.pump()

    def prepare(self, choice: EncoderChoice) -> None:
        """Load an encoder ahead of its first use; what goes wrong with it is told when it is used."""

        def work(_job: Job[None]) -> None:
            self._slot.get(choice)

        self._engine.submit(work, on_done=_nothing, on_error=_nothing)

    def cancel(self) -> None:
        """Stop; what is embedded stays, and so does what is done of the plane in work."""
        self.started = False
        self._drop_job()
        self.progress_changed.emit(None)

    def state(self, key: CacheKey) -> InputState:
        """State of a plane that is not embedded."""
        if key in self._failures:
            return InputState(Stage.FAILED, reason=str(self._failures[key]))
        if self._running is not None and key == self._running.key:
            return InputState(Stage.RUNNING, self._running.fraction)
        return InputState(Stage.WAITING if self.started else Stage.ABSENT)

    def pump(self) -> None:
        """Drop a job that nobody wants any more, and begin the most wanted one where nothing runs."""
        wanted = self._wanted()
        resumable = {_resumed_as(key) for key in wanted}
        self._underway = {key: held for key, held in self._underway.items() if key in resumable}
        if self._running is not None and self._running.key not in wanted:
            self._drop_job()
        if self._running is not None or not self.started:
            return
        missing = self._missing(wanted)
        if not missing:
            self._pixels_done = 0
            self.progress_changed.emit(None)
            return
        key, image = next(iter(missing.items()))
        self._begin(key, image)

    def _missing(self, wanted: dict[CacheKey, ImageInput]) -> dict[CacheKey, ImageInput]:
        return {key: image for key, image in wanted.items() if key not in self._cache and key not in self._failures}

    def _begin(self, key: CacheKey, image: ImageInput) -> None:
        known = self._cache.get(_plain(key))  # then only what comes after is left to do
        held = self._underway.setdefault(_resumed_as(key), _Underway())

        def work(job: Job[Embedded]) -> Embedded:
            from napari_dinosim.positional import rebound

            encoder = self._slot.get(key.encoder)
            if known is not None:  # its encoder may have been freed and loaded anew since
                return (plain := rebound(known, encoder)), key.encoder.finish(plain)
            plain = _embed(job, image.read(key.plane), encoder, held)
            return plain, key.encoder.finish(plain)

        job = self._engine.submit(
            work,
            on_done=lambda both: self._done(key, image, *both),
            on_error=lambda error: self._fail(key, error),
            on_progress=lambda report: self._hear(key, image, report),
        )
        self._running = _Running(key, job)
        self.progress_changed.emit(Overall(self._share(image, 0.0), None, f"Preparing {image.name}"))
        self.changed.emit(key.source)

    def _left(self) -> int:
        """Pixels that are wanted and missing, those of the running plane included."""
        return sum(_pixels(image) for image in self._missing(self._wanted()).values())

    def _share(self, image: ImageInput, fraction: float) -> float:
        """Share of this run's pixels that is embedded."""
        total = self._pixels_done + self._left()
        return (self._pixels_done + fraction * _pixels(image)) / total if total else 0.0

    def _hear(self, key: CacheKey, image: ImageInput, report: Progress | Note) -> None:
        """Hear from the job that runs; what was told since the start is not told again."""
        if not isinstance(report, Note):
            self._advance(key, image, report)
        elif report.text not in self._told:
            self._told.add(report.text)
            self.told.emit(report.text)

    def _advance(self, key: CacheKey, image: ImageInput, progress: Progress) -> None:
        if self._running is not None:
            self._running = replace(self._running, fraction=progress.fraction)
        done = progress.fraction * _pixels(image)
        seconds = (self._left() - done) * progress.seconds / done if done else None
        self.progress_changed.emit(Overall(self._share(image, progress.fraction), seconds, f"Embedding {image.name}"))
        self.changed.emit(key.source)

    def _done(self, key: CacheKey, image: ImageInput, plain: PatchEmbeddings, embeddings: PatchEmbeddings) -> None:
        self._running = None
        self._underway.pop(_resumed_as(key), None)
        self._pixels_done += _pixels(image)
        wanted = self._wanted()
        if embeddings is not plain:  # kept too, so that turning an option off embeds nothing again
            self._cache.put(_plain(key), plain, wanted)
        self._cache.put(key, embeddings, wanted)
        self.embedded.emit(key, embeddings)
        self.pump()

    def _fail(self, key: CacheKey, error: DinosimError) -> None:
        """Pass over an image that fails; stop for an encoder that cannot be had."""
        self._running = None
        self._failures[key] = error
        if _is_fatal(error):
            self.cancel()
        self.failed.emit(error)
        self.changed.emit(key.source)
        self.pump()

    def _drop_job(self) -> None:
        if self._running is not None:
            self._running.job.cancel()
        self._running = None
        self._pixels_done = 0


def _is_fatal(error: DinosimError) -> bool:
    """Whether an error means every image, not one."""
    return not isinstance(error, ImageError | EncodingError)


def _nothing(_what: object) -> None:
    """Do nothing about it."""


def _plain(key: CacheKey) -> CacheKey:
    """Key of what the encoder itself gives, before anything is done to it."""
    return key._replace(encoder=key.encoder.model)


def _resumed_as(key: CacheKey) -> CacheKey:
    """Key under which a plane is gone on with: wherever it is computed, so that another device can finish it."""
    return key._replace(encoder=replace(key.encoder.model, device="auto", precision="auto"))


def _embed(job: Job[Embedded], plane: Plane, encoder: Encoder, held: _Underway) -> PatchEmbeddings:
    """Embed a plane in the worker, from where it was left."""
    from napari_dinosim.partial import PartialPlane
    from napari_dinosim.tiling import encode_plane

    if held.partial is None:
        held.partial = PartialPlane()
    job.begin(held.seconds)
    began = time.perf_counter()
    try:
        return encode_plane(
            plane,
            encoder,
            on_progress=job.advance,
            cancelled=lambda: job.cancelled,
            told=job.tell,
            partial=held.partial,
        )
    finally:
        held.seconds += time.perf_counter() - began


def _pixels(image: ImageInput) -> int:
    height, width = image.shape
    return height * width
