"""Embeddings in memory, under a budget: the least recently used leave first."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

import psutil

if TYPE_CHECKING:
    from collections.abc import Container, Hashable

    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.loading import EncoderChoice

BUDGET_FRACTION = 0.25
"""Share of the computer's memory that embeddings may take."""


class CacheKey(NamedTuple):
    """What embeddings are of: a plane of an input at one version, seen by one encoder."""

    source: str
    plane: tuple[int, ...]
    version: Hashable
    encoder: EncoderChoice


class EmbeddingCache:
    """Least-recently-used embeddings.

    Parameters
    ----------
    budget : int, optional
        Bytes; by default a quarter of the computer's memory.
    """

    def __init__(self, budget: int | None = None) -> None:
        self._budget = int(psutil.virtual_memory().total * BUDGET_FRACTION) if budget is None else budget
        self._held: OrderedDict[CacheKey, PatchEmbeddings] = OrderedDict()
        self._bytes = 0

    def __contains__(self, key: CacheKey) -> bool:
        return key in self._held

    def get(self, key: CacheKey) -> PatchEmbeddings | None:
        """Embeddings of a key, which become the most recently used."""
        if key in self._held:
            self._held.move_to_end(key)
        return self._held.get(key)

    def put(self, key: CacheKey, embeddings: PatchEmbeddings, wanted: Container[CacheKey] = ()) -> None:
        """Keep embeddings; while the budget is exceeded, others leave that are not wanted right now."""
        self._drop(key)
        self._held[key] = embeddings
        self._bytes += embeddings.vectors.nbytes
        for old in list(self._held):
            if self._bytes <= self._budget:
                break
            if old != key and old not in wanted:
                self._drop(old)

    def forget(self, source: str) -> None:
        """Drop all that is held of one input."""
        for key in [key for key in self._held if key.source == source]:
            self._drop(key)

    def drop_other_versions(self, source: str, version: Hashable) -> None:
        """Drop what is held of an input whose pixels have changed since."""
        for key in [key for key in self._held if key.source == source and key.version != version]:
            self._drop(key)

    def _drop(self, key: CacheKey) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            self._bytes -= held.vectors.nbytes
