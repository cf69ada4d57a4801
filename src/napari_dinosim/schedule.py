"""What to embed next: one plane at a time, the most wanted first, nothing twice.

Urgent planes come first: those on screen and those that hold prompts. The others follow as long as the memory budget
has room for them; of what is in memory, only what is not urgent ever leaves.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_dinosim.engine import Note
from napari_dinosim.errors import EncodingError, ImageError, ResolutionError
from napari_dinosim.reckoning import Paces
from napari_dinosim.states import ImageInput, InputState, Overall, Stage
from napari_dinosim.underway import Grown, UnderwayPlanes, embed_underway, plain_key

if TYPE_CHECKING:
    from napari_dinosim.cache import CacheKey, EmbeddingCache
    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.engine import Engine, Job, Progress
    from napari_dinosim.errors import DinosimError
    from napari_dinosim.loading import EncoderChoice, EncoderSlot
    from napari_dinosim.plan import Plan

    Embedded = tuple[PatchEmbeddings, PatchEmbeddings]
    """What the encoder gives, and what was chosen to be made of it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Running:
    """The job that runs: the plane that it embeds, its ticket, and how far it is, from 0 to 1."""

    key: CacheKey
    job: Job[Embedded]
    fraction: float = 0.0


GROWS_EVERY = 0.5
"""Seconds between two looks at a plane that is being embedded."""


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
    wanted : Plan
        Asked whenever a job could begin.
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

    def __init__(self, engine: Engine, slot: EncoderSlot, cache: EmbeddingCache, wanted: Plan) -> None:
        self._engine, self._slot, self._cache, self._wanted = engine, slot, cache, wanted
        self._running: _Running | None = None
        self._failures: dict[CacheKey, DinosimError] = {}
        self._underway = UnderwayPlanes()
        self._told: set[str] = set()
        self._plane_sizes: dict[CacheKey, tuple[int, str]] = {}
        self._pixels_done = self._pixels_left = 0.0
        self._grown_at = 0.0
        self.started = False
        self.paces = Paces()

    @property
    def running(self) -> CacheKey | None:
        """The plane that is being embedded."""
        return None if self._running is None else self._running.key

    @property
    def stopped_by_failure(self) -> bool:
        """Whether it was not the person who stopped the work but an encoder that could not be had."""
        return not self.started and any(_is_fatal(error) for error in self._failures.values())

    def start(self) -> None:
        """Embed from now on; what failed, and what could not be read, is tried again."""
        self.started = True
        self._failures.clear()
        self._told.clear()
        self._underway.retry()
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
        """State of a plane: of one that is embedded as a whole, too."""
        if key in self._failures:
            return InputState(Stage.FAILED, reason=str(self._failures[key]))
        if self._running is not None and key == self._running.key:
            return InputState(Stage.RUNNING, self._running.fraction)
        if key in self._cache:
            unread = self._underway.unread(key)
            reason = f"{next(iter(unread.values()))} Press Start to try again." if unread else ""
            stage = Stage.PARTIAL if self._lacks(key) else Stage.READY
            return InputState(stage, 1.0, reason=reason, unread=len(unread))
        return InputState(Stage.WAITING if self.started else Stage.ABSENT)

    def pump(self) -> None:
        """Drop a job that nobody wants any more, and begin the most wanted one where nothing runs."""
        urgent = self._wanted.urgent()
        self._underway.forget([*urgent, *([self._running.key] if self._running else [])], self._cache)
        missing = self._missing(urgent)
        if self._running is not None and not self._goes_on(self._running.key, urgent, missing):
            self._drop_job()
        if self._running is not None or not self.started:
            return
        kept = {plain_key(key.stack) for key in urgent} | {key.stack for key in urgent}
        kept |= {stack for key, _ in self._wanted.stacks() for stack in (key, plain_key(key))}
        lacking = (one for one in self._wanted.others() if self._lacks(one[0]))
        nearest = next((one for one in lacking if self._has_room(*one, kept)), None)
        following = next(iter(missing.items()), nearest)
        if following is None:
            self._pixels_done = 0
            self.progress_changed.emit(None)
            return
        self._pixels_left = sum(_pixels(*one) for one in missing.items())
        self._pixels_left += 0 if nearest is None else self._pixels_of_others(urgent)
        self._begin(*following)

    def _pixels_of_others(self, urgent: dict[CacheKey, ImageInput]) -> float:
        """Pixels of the planes that are wanted beside the urgent ones, and missing."""
        counted = Counter(key.stack for key in urgent if key not in self._cache)
        return sum(
            max(image.count(stack.plane) - self._cache.count(stack) - counted[stack], 0) * _pixels(stack, image)
            for stack, image in self._wanted.stacks()
        )

    def _goes_on(self, key: CacheKey, urgent: dict[CacheKey, ImageInput], missing: dict[CacheKey, ImageInput]) -> bool:
        """Whether what runs goes on: it does unless nobody wants it, or it takes long and something urgent waits."""
        if key in urgent:
            return True
        return self._wanted.wants(key) and not (missing and self._underway.can_be_left(key))

    def _missing(self, planes: dict[CacheKey, ImageInput]) -> dict[CacheKey, ImageInput]:
        return {key: image for key, image in planes.items() if self._lacks(key)}

    def _lacks(self, key: CacheKey) -> bool:
        """Whether something is left to do of a plane."""
        if key in self._failures:
            return False
        return key not in self._cache or self._underway.lacks(key, self._wanted.focus)

    def _has_room(self, key: CacheKey, image: ImageInput, kept: set[CacheKey]) -> bool:
        """Whether a plane that is not urgent fits into the budget beside all that is there."""
        size, device = self._plane_sizes.get(key.stack, (0, "cpu"))
        if size <= self._cache.room(kept, device):
            return True
        way = "raise the budget in Preferences" if device == "cpu" else "embed on the CPU"
        held = f"{self._cache.count(key.stack)} planes of {image.name} are embedded"
        budget = f"The memory budget of {self._cache.budget_of(device) / 1e9:.1f} GB is full"
        self._tell(f"{budget}: {held}. The plane on screen always is; for more, {way}.")
        return False

    def _begin(self, key: CacheKey, image: ImageInput) -> None:
        held = self._underway.begin(key)
        known = None if held.shown_as else self._cache.get(plain_key(key))  # then only what comes after is left to do
        budget = self._cache.budget

        def work(job: Job[Embedded]) -> Embedded:
            from napari_dinosim.positional import rebound

            encoder = self._slot.get(key.encoder)
            if known is not None:  # its encoder may have been freed and loaded anew since
                return (plain := rebound(known, encoder)), key.encoder.finish(plain)
            plain = embed_underway(job, image, key, encoder, held, partial(self._wanted.focus, key), budget)
            return plain, key.encoder.finish(plain)

        job = self._engine.submit(
            work,
            on_done=lambda both: self._done(key, image, *both),
            on_error=lambda error: self._fail(key, error),
            on_progress=lambda report: self._hear(key, image, report),
        )
        self._running = _Running(key, job)
        self.progress_changed.emit(Overall(self._share(key, image, 0.0), None, f"Preparing {image.name}"))
        self.changed.emit(key.source)

    def _share(self, key: CacheKey, image: ImageInput, fraction: float) -> float:
        """Share of this run's pixels that is embedded."""
        total = self._pixels_done + self._pixels_left
        return (self._pixels_done + fraction * _pixels(key, image)) / total if total else 0.0

    def _hear(self, key: CacheKey, image: ImageInput, report: Progress | Note | Grown) -> None:
        """Hear from the job that runs."""
        if isinstance(report, Note):
            self._tell(report.text)
        elif isinstance(report, Grown):
            self._grow(key, report.embeddings)
        else:
            self._advance(key, image, report)

    def _tell(self, text: str) -> None:
        """Tell something, once since the start."""
        if text not in self._told:
            self._told.add(text)
            self.told.emit(text)

    def _grow(self, key: CacheKey, embeddings: PatchEmbeddings) -> None:
        """Show what is done so far, now and then."""
        if time.monotonic() - self._grown_at < GROWS_EVERY:
            return
        self._show(key, embeddings)
        self._grown_at = time.monotonic()

    def _show(self, key: CacheKey, embeddings: PatchEmbeddings) -> None:
        self._underway.show(key)
        self._cache.put(key, embeddings, self._wanted.urgent())
        self.embedded.emit(key, embeddings)

    def _advance(self, key: CacheKey, image: ImageInput, progress: Progress) -> None:
        if self._running is not None:
            self._running = replace(self._running, fraction=progress.fraction)
        self.paces.note(key.encoder, self._underway.encoded(key, progress.done), progress.seconds)
        done = progress.fraction * _pixels(key, image)
        seconds = (self._pixels_left - done) * progress.seconds / done if done else None
        self.progress_changed.emit(
            Overall(self._share(key, image, progress.fraction), seconds, f"Embedding {image.name}")
        )
        self.changed.emit(key.source)

    def _done(self, key: CacheKey, image: ImageInput, plain: PatchEmbeddings, embeddings: PatchEmbeddings) -> None:
        self._running = None
        self._pixels_done += _pixels(key, image)
        self._plane_sizes[key.stack] = embeddings.mosaic.nbytes, embeddings.mosaic.device
        if plain.mosaic.complete:
            self._underway.end(key)
        if embeddings is not plain:  # kept too, so that turning an option off embeds nothing again
            self._cache.put(plain_key(key), plain, self._wanted.urgent())
        self._show(key, embeddings)
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
    return not isinstance(error, ImageError | ResolutionError | EncodingError)


def _nothing(_what: object) -> None:
    """Do nothing about it."""


def _pixels(key: CacheKey, image: ImageInput) -> float:
    """Pixels that a plane has; of a resized one, those of as many patches of 16 × 16."""
    covered = (16.0, 16.0) if key.sampling is None else key.sampling.covered or (16.0, 16.0)
    return math.prod(image.like(key.plane)[1]) / math.prod(covered) * 16 * 16
