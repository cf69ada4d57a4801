"""Embeddings in memory, under a budget: the least recently used leave first."""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, NamedTuple

import psutil

from napari_dinosim.planes import direction_of

if TYPE_CHECKING:
    from collections.abc import Container, Hashable, Iterable

    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.loading import EncoderChoice
    from napari_dinosim.sampling import Sampling

BUDGET_FRACTION = 0.25
"""Share of the computer's memory, and of a GPU's, that embeddings may take."""


class CacheKey(NamedTuple):
    """What embeddings are of: a plane of an input at one version, seen by one encoder, at one resolution."""

    source: str
    plane: tuple[int, ...]
    version: Hashable
    encoder: EncoderChoice
    sampling: Sampling | None = None

    @property
    def stack(self) -> CacheKey:
        """What all planes of the input along the same axes have in common."""
        return self._replace(plane=direction_of(self.plane))


class EmbeddingCache:
    """Least-recently-used embeddings.

    Parameters
    ----------
    budget : int, optional
        Bytes in the computer's memory; by default a quarter of it. On a GPU it is a quarter of the GPU's memory.
    """

    def __init__(self, budget: int | None = None) -> None:
        self.budget = default_budget() if budget is None else budget
        self._held: OrderedDict[CacheKey, PatchEmbeddings] = OrderedDict()
        self._sizes: dict[CacheKey, tuple[str, int]] = {}
        self._bytes: Counter[str] = Counter()
        self._stacks: Counter[CacheKey] = Counter()
        self._stack_bytes: Counter[tuple[CacheKey, str]] = Counter()

    def __contains__(self, key: CacheKey) -> bool:
        return key in self._held

    def get(self, key: CacheKey) -> PatchEmbeddings | None:
        """Embeddings of a key, which become the most recently used."""
        if key in self._held:
            self._held.move_to_end(key)
        return self._held.get(key)

    def planes(self, stack: CacheKey) -> list[tuple[int, ...]]:
        """Planes of an input that are held, for a key's :attr:`~CacheKey.stack`."""
        return [key.plane for key in self._held if key.stack == stack] if self._stacks[stack] else []

    def count(self, stack: CacheKey) -> int:
        """How many planes of an input are held, for a key's :attr:`~CacheKey.stack`."""
        return self._stacks[stack]

    def room(self, stacks: Iterable[CacheKey] | None = None, device: str = "cpu") -> int:
        """Bytes left in the memory of a device; negative where the budget is exceeded.

        Parameters
        ----------
        stacks : iterable of CacheKey, optional
            Only what is held of these counts: all else, such as another resolution, can leave. By default all counts.
        device : str
            ``"cpu"``, ``"cuda:0"`` or ``"mps"``.
        """
        held = self._bytes[device] if stacks is None else sum(self._stack_bytes[key, device] for key in stacks)
        return self.budget_of(device) - held

    def budget_of(self, device: str) -> int:
        """Bytes that embeddings may take on a device, given as ``"cpu"``, ``"cuda:0"`` or ``"mps"``."""
        return self.budget if device == "cpu" else _budget_of(device)

    def put(self, key: CacheKey, embeddings: PatchEmbeddings, wanted: Container[CacheKey] = ()) -> None:
        """Keep embeddings; while the budget is exceeded, others leave that are not wanted right now."""
        self.drop(key)
        self._held[key] = embeddings
        device = embeddings.mosaic.device
        self._sizes[key] = device, embeddings.mosaic.nbytes
        self._bytes[device] += embeddings.mosaic.nbytes
        self._stacks[key.stack] += 1
        self._stack_bytes[key.stack, device] += embeddings.mosaic.nbytes
        self._make_room(device, key, wanted)

    def set_budget(self, budget: int, wanted: Container[CacheKey] = ()) -> None:
        """Change the budget in the computer's memory, in bytes; what is too much leaves at once."""
        self.budget = budget
        self._make_room("cpu", None, wanted)

    def drop(self, key: CacheKey) -> None:
        """Let embeddings go, where they are held."""
        if self._held.pop(key, None) is not None:
            device, size = self._sizes.pop(key)
            self._bytes[device] -= size
            self._stacks[key.stack] -= 1
            self._stack_bytes[key.stack, device] -= size

    def forget(self, source: str) -> None:
        """Drop all that is held of one input."""
        for key in [key for key in self._held if key.source == source]:
            self.drop(key)

    def drop_other_versions(self, source: str, version: Hashable) -> None:
        """Drop what is held of an input whose pixels have changed since."""
        for key in [key for key in self._held if key.source == source and key.version != version]:
            self.drop(key)

    def _make_room(self, device: str, new: CacheKey | None, wanted: Container[CacheKey]) -> None:
        budget = self.budget_of(device)
        for old in list(self._held):
            if self._bytes[device] <= budget:
                break
            if old != new and old not in wanted and self._sizes[old][0] == device:
                self.drop(old)


def default_budget() -> int:
    """Bytes in the computer's memory that embeddings may take, if nobody says otherwise: a quarter."""
    return int(psutil.virtual_memory().total * BUDGET_FRACTION)


def _budget_of(device: str) -> int:
    """Bytes that embeddings may take on an accelerator, given as ``"cuda:0"`` or ``"mps"``."""
    import torch

    if device.startswith("cuda"):
        return int(torch.cuda.get_device_properties(device).total_memory * BUDGET_FRACTION)
    return default_budget()  # shares the computer's memory
