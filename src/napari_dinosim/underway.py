"""Planes that are not whole: what is done of them, and how the worker goes on with it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_dinosim.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari_dinosim.cache import CacheKey, EmbeddingCache
    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.encoders.base import Encoder
    from napari_dinosim.engine import Job
    from napari_dinosim.grid import PatchGrid
    from napari_dinosim.partial import Focus, PartialPlane
    from napari_dinosim.states import ImageInput


@dataclass(slots=True, eq=False)
class Underway:
    """What is done of a plane that is not whole; the worker fills it, one job at a time.

    Parameters
    ----------
    partial : PartialPlane, optional
        None before the worker has begun.
    seconds : float
        That it took.
    shown_as : CacheKey, optional
        The key under which it can be searched already.
    """

    partial: PartialPlane | None = None
    seconds: float = 0.0
    shown_as: CacheKey | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Grown:
    """Embeddings of what is done so far."""

    embeddings: PatchEmbeddings


class UnderwayPlanes:
    """All of them, by their cache keys; a plane that one device began, another can finish."""

    def __init__(self) -> None:
        self._held: dict[CacheKey, Underway] = {}

    def __len__(self) -> int:
        return len(self._held)

    def begin(self, key: CacheKey) -> Underway:
        """Return what is done of a plane, to go on with."""
        return self._held.setdefault(_resumed_as(key), Underway())

    def end(self, key: CacheKey) -> None:
        """Take note that a plane is whole."""
        self._held.pop(_resumed_as(key), None)

    def show(self, key: CacheKey) -> None:
        """Take note that what is done of a plane can be searched."""
        held = self._held.get(_resumed_as(key))
        if held is not None:
            held.shown_as = key

    def retry(self) -> None:
        """Let what could not be read be read again."""
        for held in self._held.values():
            if held.partial is not None:
                held.partial.unread.clear()

    def unread(self, key: CacheKey) -> dict[int, str]:
        """Windows of a plane that could not be read, by number, and why."""
        partial = self._partial(key)
        return {} if partial is None else partial.unread

    def encoded(self, key: CacheKey, windows: int) -> int:
        """How many patches have gone through the encoder for so many windows of a plane; 0 where nothing has begun."""
        from napari_dinosim.cost import encoded_patches

        partial = self._partial(key)
        if partial is None or partial.of is None or not partial.windows:
            return 0
        return windows * encoded_patches(partial.windows[0], partial.of[0])

    def can_be_left(self, key: CacheKey) -> bool:
        """Whether a plane takes several windows, so that leaving it now loses little."""
        partial = self._partial(key)
        return partial is not None and len(partial.windows) > 1

    def lacks(self, key: CacheKey, focus: Callable[[CacheKey, PatchGrid], Focus | None]) -> bool:
        """Whether windows are left to do of a plane that can be searched already."""
        partial = self._partial(key) if self._held else None
        if partial is None or partial.of is None:
            return False
        return bool(partial.todo(focus(key, replace(partial.of[0], finer=1))))  # windows are of whole patches

    def forget(self, wanted: Iterable[CacheKey], cache: EmbeddingCache) -> None:
        """Let go of planes that nobody waits for, and of those that had to leave the memory."""
        kept = {_resumed_as(key) for key in wanted}
        self._held = {
            key: held
            for key, held in self._held.items()
            if (key in kept if held.shown_as is None else held.shown_as in cache)
        }

    def _partial(self, key: CacheKey) -> PartialPlane | None:
        held = self._held.get(_resumed_as(key))
        return None if held is None else held.partial


def plain_key(key: CacheKey) -> CacheKey:
    """Key of what the encoder itself gives, before anything is done to it."""
    return key._replace(encoder=key.encoder.model)


def _resumed_as(key: CacheKey) -> CacheKey:
    """Key under which a plane is gone on with: wherever it is computed, so that another device can finish it."""
    return key._replace(encoder=replace(key.encoder.model, device="auto", precision="auto"))


def embed_underway(
    job: Job[Any],
    image: ImageInput,
    key: CacheKey,
    encoder: Encoder,
    held: Underway,
    look: Callable[[PatchGrid], Focus | None],
    budget: int,
) -> PatchEmbeddings:
    """Embed a plane in the worker, from where it was left.

    Parameters
    ----------
    job : Job
        Told how far it is and what is done so far.
    image : ImageInput
    key : CacheKey
    encoder : Encoder
    held : Underway
        What is done.
    look : callable(PatchGrid) -> Focus or None
        Which part comes first.
    budget : int
        Bytes that the embeddings may take.

    Raises
    ------
    ImageError
        If they take more, or nothing of the plane can be read.
    ResolutionError
        If it cannot be sampled as the key says.
    """
    from napari_dinosim.partial import PartialPlane
    from napari_dinosim.sampling import sampled_plane
    from napari_dinosim.tiling import embeddings_of, encode_plane

    work = held.partial = held.partial or PartialPlane()
    if key.sampling is not None:  # refused before anything is read
        key.sampling.shape(image.like(key.plane)[1], encoder.spec.patch_size)
    plane = sampled_plane(image.read(key.plane), key.sampling, encoder.spec.patch_size)
    job.begin(held.seconds)
    began = time.perf_counter()

    def advance(done: int, total: int) -> None:
        job.advance(done, total)
        found = embeddings_of(work, encoder)
        if len(work.windows) > 1:
            _check_size(image, found.mosaic.nbytes, budget)
        if done < total and key == plain_key(key):
            job.report(Grown(found))

    def cancelled() -> bool:
        return job.cancelled

    try:
        return encode_plane(
            plane, encoder, on_progress=advance, cancelled=cancelled, told=job.tell, partial=work, focus=look
        )
    finally:
        held.seconds += time.perf_counter() - began


def _check_size(image: ImageInput, size: int, budget: int) -> None:
    if size > budget:
        raise ImageError(
            f"memory: the embeddings of {image.name} take {size / 1e9:.1f} GB so far, the budget is "
            f"{budget / 1e9:.1f} GB. Embed the visible field only, or raise the budget in Preferences."
        )
