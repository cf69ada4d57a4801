"""Speed and memory of encoders; those with random weights need no file. Imports torch, and timm when a model is built.

Random weights cost what real ones cost: time and memory do not depend on their values.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_dinosim.errors import DinosimError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from torch import nn

    from napari_dinosim.encoders.base import Encoder, EncoderSpec

RANDOM_VIT = "random-vit"
"""Name of an encoder that has learnt nothing: :data:`RANDOM_ARCHITECTURE` with random weights."""

RANDOM_ARCHITECTURE = "vit_small_patch16_dinov3"

SIZES = (512, 768, 1024)
"""Sides of the windows, in pixels."""

PRECISIONS = ("float32", "bfloat16")

WARM_UPS, LEAST_RUNS, MOST_RUNS, ENOUGH_SECONDS = 2, 3, 20, 3.0
"""Runs before timing, and how long to time: at most so many runs, fewer once so much time has passed."""

SAMPLE_SECONDS = 0.005
"""How often the memory of the process is read."""


class PeakMemory:
    """Memory that a device needed at most since :meth:`restart`, weights included.

    On CUDA what torch had allocated at most; elsewhere the growth of the process's resident memory since this was
    opened, read every 5 ms (it is None where psutil is missing).

    Parameters
    ----------
    device : torch.device
    """

    def __init__(self, device: torch.device) -> None:
        self._device, self._closed = device, threading.Event()
        self._thread: threading.Thread | None = None
        self._start = self._most = 0

    def __enter__(self) -> Self:
        _give_back()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        else:
            self._watch()
        self.restart()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def restart(self) -> None:
        """Forget the peak so far."""
        self._most = 0
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)

    @property
    def peak(self) -> int | None:
        """Bytes."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device)
        return max(0, self._most - self._start) if self._thread is not None else None

    def _watch(self) -> None:
        try:
            import psutil
        except ImportError:
            return
        process = psutil.Process()
        self._start = process.memory_info().rss

        def sample() -> None:
            while not self._closed.wait(SAMPLE_SECONDS):
                self._most = max(self._most, process.memory_info().rss)

        self._thread = threading.Thread(target=sample, daemon=True)
        self._thread.start()


def _give_back() -> None:
    """Return freed memory to the system, so that one encoder's leavings do not hide the next one's needs."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
        if trim is not None:
            trim(0)


def random_model(name: str, seed: int = 0) -> tuple[nn.Module, EncoderSpec, str]:
    """Build a model of timm's with random weights, on the road that real weights take.

    Parameters
    ----------
    name : str
        Of timm's, such as ``"vit_base_patch16_dinov3"``.
    seed : int
        Of the weights.

    Returns
    -------
    model, spec, digest
        As of :func:`napari_dinosim.encoders.generic.build_generic`.

    Raises
    ------
    UnknownEncoderError
        If timm has no such model, or it gives no dense features.
    """
    import timm

    from napari_dinosim.encoders.checkpoints import Checkpoint
    from napari_dinosim.encoders.generic import build_generic, generic_spec

    spec = generic_spec(f"timm:{name}")
    with torch.random.fork_rng(devices=[]):  # around both: building draws, too
        torch.manual_seed(seed)
        tensors = timm.create_model(name, pretrained=False, num_classes=0).state_dict()
        return build_generic(spec, Checkpoint(Path(f"random weights, seed {seed}"), tensors))


def random_encoder(name: str, device: torch.device, precision: str = "auto", seed: int = 0) -> Encoder:
    """Return an encoder that has learnt nothing; see :func:`random_model`."""
    from napari_dinosim.encoders.transformer import TimmEncoder

    return TimmEncoder(*random_model(name, seed), device, precision)


@dataclass(frozen=True, slots=True)
class Speed:
    """Cost of one architecture at one size.

    Parameters
    ----------
    encoder, precision : str
    side, batch : int
        Pixels of a window's side, cut to whole patches, and windows at once.
    milliseconds : float
        Median time of a batch, the copy of its pixels to the device included.
    patches_per_second : float
    memory : int or None
        Peak in bytes, see `PeakMemory`; weights included.
    runs : int
        Runs that were timed.
    """

    encoder: str
    precision: str
    side: int
    batch: int
    milliseconds: float
    patches_per_second: float
    memory: int | None
    runs: int


def measure_speed(
    name: str,
    device: torch.device,
    sizes: Iterable[int] = SIZES,
    batches: Iterable[int] = (1,),
    precisions: Iterable[str] = PRECISIONS,
    *,
    tell: Callable[[str], None],
) -> Iterator[Speed]:
    """Time one architecture with random weights.

    Parameters
    ----------
    name : str
        Of timm's.
    device : torch.device
    sizes, batches, precisions : iterable
        All combinations are measured.
    tell : callable(str)
        Told of combinations that fail, for lack of memory say; they are left out.

    Raises
    ------
    DinosimError
        If the model cannot be built or moved to the device.
    """
    from napari_dinosim.encoders.transformer import TimmEncoder

    sizes, batches = tuple(sizes), tuple(batches)
    with PeakMemory(device) as memory:
        model, spec, digest = random_model(name)
        for precision in precisions:
            encoder = TimmEncoder(model, spec, digest, device, precision)
            for side in sizes:
                for batch in batches:
                    memory.restart()
                    try:
                        yield _time_batch(encoder, name, side, batch, memory)
                    except DinosimError as error:
                        tell(f"{name}, {precision}, {side} px, batch of {batch}: {error}")


def _time_batch(encoder: Encoder, name: str, side: int, batch: int, memory: PeakMemory) -> Speed:
    """Time batches of random pixels."""
    size = encoder.spec.patch_size
    patches = side // size
    if not patches:
        raise DinosimError(f"side: found {side} pixels, expected at least one patch of {size}. Choose a larger side.")
    pixels = torch.rand(batch, patches * size, patches * size, 3, generator=torch.Generator().manual_seed(0))
    times: list[float] = []
    for run in range(WARM_UPS + MOST_RUNS):
        begun = time.perf_counter()
        encoder.encode(pixels)  # looks whether all is finite, so it waits for the device
        if run >= WARM_UPS:
            times.append(time.perf_counter() - begun)
        if len(times) >= LEAST_RUNS and sum(times) >= ENOUGH_SECONDS:
            break
    seconds = float(np.median(times))
    return Speed(
        encoder=name,
        precision=getattr(encoder, "precision", "float32"),
        side=patches * size,
        batch=batch,
        milliseconds=1000 * seconds,
        patches_per_second=batch * patches**2 / seconds,
        memory=memory.peak,
        runs=len(times),
    )
