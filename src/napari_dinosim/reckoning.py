"""What is still to be embedded, and what it will take: reckoned before it begins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_dinosim.cache import CacheKey, EmbeddingCache
    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.grid import PatchGrid
    from napari_dinosim.loading import EncoderChoice
    from napari_dinosim.plan import Plan
    from napari_dinosim.states import ImageInput

ENOUGH = 1000
"""Patches over which the speed of an encoder is measured; what was measured over fewer gives way to any other."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What embedding some images comes to.

    Parameters
    ----------
    planes : int
        Planes that shall be embedded.
    missing : int
        Planes among them of which nothing is embedded yet.
    patches : int
        Embeddings of all these planes; where a patch has several cells, cells.
    memory : int
        Bytes that they take.
    seconds : float, optional
        That embedding the missing ones will take; None where it is not known how fast the encoder is.
    """

    planes: int = 0
    missing: int = 0
    patches: int = 0
    memory: int = 0
    seconds: float | None = 0.0

    def __add__(self, other: Expected) -> Expected:
        unknown = self.seconds is None or other.seconds is None
        return Expected(
            self.planes + other.planes,
            self.missing + other.missing,
            self.patches + other.patches,
            self.memory + other.memory,
            None if unknown else (self.seconds or 0.0) + (other.seconds or 0.0),
        )


@dataclass(frozen=True, slots=True)
class EncoderFacts:
    """What has to be known of an encoder, and is so before it is loaded where it has a name of its own.

    Parameters
    ----------
    patch_size : int
        Side P of a patch, in pixels.
    dimension : int
        Numbers of an embedding.
    device : str
        Where they live: ``"cpu"``, ``"cuda"``, ``"cuda:0"`` or ``"mps"``.
    """

    patch_size: int
    dimension: int
    device: str = "cpu"

    @property
    def patch_bytes(self) -> int:
        """Bytes of one embedding: float32 on the CPU, float16 on an accelerator."""
        return self.dimension * (4 if self.device == "cpu" else 2)


class Paces:
    """How fast each encoder was when it was used last, on each device that was chosen for it."""

    def __init__(self) -> None:
        self._measured: dict[EncoderChoice, tuple[int, float]] = {}

    def note(self, choice: EncoderChoice, encoded: int, seconds: float) -> None:
        """Note how many seconds so many patches took that went through the encoder."""
        before = self._measured.get(choice.loaded, (0, 0.0))[0]
        if encoded and seconds > 0 and encoded >= min(before, ENOUGH):
            self._measured[choice.loaded] = encoded, seconds

    def per_second(self, choice: EncoderChoice) -> float | None:
        """Patches that go through an encoder in a second; None before it has embedded anything."""
        encoded, seconds = self._measured.get(choice.loaded, (0, 0.0))
        return encoded / seconds if encoded else None


class Reckoning:
    """Reckons with what is chosen and what is embedded.

    Parameters
    ----------
    plan : Plan
        What is chosen.
    cache : EmbeddingCache
        What is embedded.
    paces : Paces
        How fast that was.
    """

    def __init__(self, plan: Plan, cache: EmbeddingCache, paces: Paces) -> None:
        self._plan, self._cache, self._paces = plan, cache, paces
        self._facts: dict[EncoderChoice, EncoderFacts] = {}

    def note(self, choice: EncoderChoice, embeddings: PatchEmbeddings) -> bool:
        """Take note of an encoder's embeddings; whether they were its first."""
        new = choice.loaded not in self._facts
        device = embeddings.mosaic.device
        if new or device != "cpu":  # what is not whole is on the CPU wherever it was computed
            self._facts[choice.loaded] = EncoderFacts(embeddings.grid.patch_size, embeddings.dimension, device)
        return new

    def facts(self, choice: EncoderChoice) -> EncoderFacts | None:
        """Return what was found of an encoder; None before it has embedded anything."""
        return self._facts.get(choice.loaded)

    def budget(self, facts: EncoderFacts) -> int:
        """Bytes that embeddings may take where an encoder keeps its own."""
        return self._cache.budget_of(facts.device)

    def per_second(self, choice: EncoderChoice) -> float | None:
        """Patches that go through an encoder in a second; None before it has embedded anything."""
        return self._paces.per_second(choice)

    def expected(
        self, source: str, image: ImageInput, encoder: EncoderChoice, facts: EncoderFacts | None = None
    ) -> Expected:
        """Reckon what an input, of which so much is wanted as is chosen, comes to, were it embedded so.

        Parameters
        ----------
        source : str
            The key of an input of the session.
        image : ImageInput
            As which it would be embedded: at another resolution, say.
        encoder : EncoderChoice
        facts : EncoderFacts, optional
            By default what was found of that encoder; without, the planes alone are counted.

        Raises
        ------
        ResolutionError
            If it cannot be sampled so.
        """
        plan = replace(self._plan, inputs={**self._plan.inputs, source: image}, encoder=encoder)
        facts = facts or self.facts(encoder)
        shown = plan.key(source, plan.shown[source])
        found = Expected()
        if plan.scope == "all":
            planes = image.count(shown.plane)
            missing = planes - min(self._cache.count(shown.stack), planes)
            found += self._of(plan, shown, image, planes, missing, facts)
        for key in plan.urgent():
            if key.source == source and not (plan.scope == "all" and key.stack == shown.stack):
                found += self._of(plan, key, image, 1, int(key not in self._cache), facts)
        return found

    def _of(
        self, plan: Plan, key: CacheKey, image: ImageInput, planes: int, missing: int, facts: EncoderFacts | None
    ) -> Expected:
        """Of planes that are all like one."""
        if facts is None:
            return Expected(planes, missing, seconds=None)
        if 0 in image.like(key.plane)[1]:
            return Expected()
        grid = image.grid(key.plane, facts.patch_size, key.encoder.finer)
        patches, encoded = grid.rows * grid.cols, None
        pace = self._paces.per_second(key.encoder)
        if plan.scope == "field" and key.source in plan.views:
            patches, encoded = _in_view(plan, key, grid)
        elif pace:
            from napari_dinosim.cost import encoded_in_all  # needs torch, which is here when a pace is known

            encoded = encoded_in_all(grid)
        seconds = missing * encoded / pace if pace and encoded is not None else None if missing else 0.0
        return Expected(planes, missing, planes * patches, planes * patches * facts.patch_bytes, seconds)


def _in_view(plan: Plan, key: CacheKey, grid: PatchGrid) -> tuple[int, int]:
    """Cells of the windows that are in view, and patches that go through the encoder for them.

    A huge grid has thousands of windows: none of them is made for this.
    """
    from napari_dinosim.cost import encoded_patches
    from napari_dinosim.partial import Window
    from napari_dinosim.tiling import window_starts

    whole = replace(grid, finer=1)
    focus = plan.focus(key, whole)
    *starts, shape = window_starts(whole)
    down, across = (np.array(found) for found in starts)
    wanted = [] if focus is None else [focus.view, *(Window(row, col, 1, 1) for row, col in focus.places)]
    rows = _meet(down, shape[0], [(one.row, one.rows) for one in wanted])
    cols = _meet(across, shape[1], [(one.col, one.cols) for one in wanted])
    needed = rows.T @ cols > 0 if wanted else np.ones((len(down), len(across)), dtype=bool)
    covered = _covered(needed, down, across, shape)
    return covered * grid.finer**2, int(needed.sum()) * encoded_patches(Window(0, 0, *shape), grid)


def _meet(starts: NDArray[np.intp], length: int, spans: Sequence[tuple[int, int]]) -> NDArray[np.float32]:
    """Which windows have something of which spans along one axis, (spans, windows); 1 where they do."""
    begin, size = np.array(spans, dtype=np.intp).reshape(-1, 2).T
    found = (starts < (begin + size)[:, None]) & (begin[:, None] < starts + length)
    return found.astype(np.float32)


def _covered(
    needed: NDArray[np.bool_], down: NDArray[np.intp], across: NDArray[np.intp], shape: tuple[int, int]
) -> int:
    """Patches that lie in at least one of the needed windows, which overlap."""
    ys, xs = (np.union1d(starts, starts + n) for starts, n in zip((down, across), shape, strict=True))
    steps = np.zeros((len(ys), len(xs)), dtype=np.intp)  # how many windows more than at the edge before, along y and x
    for edge_y, sign_y in ((down, 1), (down + shape[0], -1)):
        for edge_x, sign_x in ((across, 1), (across + shape[1], -1)):
            steps[np.ix_(np.searchsorted(ys, edge_y), np.searchsorted(xs, edge_x))] += sign_y * sign_x * needed
    within = steps.cumsum(axis=0).cumsum(axis=1)[:-1, :-1] > 0
    return int(np.diff(ys) @ within @ np.diff(xs))
