"""Which precision is the faster one on a device: measured once, for less than a second, and remembered."""

from __future__ import annotations

import threading
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Final

import torch
from torch.nn import functional

from napari_dinosim.encoders._hub_settings import read_settings, write_settings
from napari_dinosim.encoders.devices import (
    AUTO,
    KINDS,
    describe_device,
    native_bfloat16,
    resolve_precision,
    synchronise,
)
from napari_dinosim.errors import DownloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

SECONDS: Final = 1.0
"""What measuring may take in all, warm-up included; the first use of a GPU, which loads its libraries, takes longer."""

ROUNDS: Final = 10
"""So often is each precision timed at most; the fastest of its rounds counts."""

WIDTH: Final = 384
"""Of the block that is timed, as in the smallest DINOv3; wider ones gain more from bfloat16."""

HEADS: Final = 6

TOKENS: Final = {"cuda": (4, 2309), "mps": (1, 2309), "cpu": (1, 517)}
"""Windows at once, and tokens of each: a window of 768 × 768 pixels on a GPU, less on the CPU, to be done in time."""

_lock = threading.Lock()
_known: dict[str, torch.dtype] = {}


def choose_precision(precision: str, device: torch.device) -> torch.dtype:
    """Turn the name of a precision into the type to compute in; for ``"auto"`` the measured faster one.

    Measured once per device and version of torch, and only where the device has bfloat16 in hardware; elsewhere
    ``"auto"`` is float32. What was measured is remembered across sessions, where the settings can be written.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}
    device : torch.device

    Returns
    -------
    torch.dtype
        ``torch.bfloat16`` or ``torch.float32``.

    Raises
    ------
    DeviceError
        If the precision is another one, or the device cannot compute it.
    """
    resolved = resolve_precision(precision, device)
    if precision != AUTO or not native_bfloat16(device):
        return resolved
    where = place(device)
    with _lock:
        if where not in _known:
            found = _remembered(where) or _measured(where, device)
            if found is None:
                return resolved
            _known[where] = found
        return _known[where]


def place(device: torch.device) -> str:
    """Name what the faster precision depends on: the device, the processor's model for the CPU, torch's version."""
    model = ""
    if device.type == "cpu" and hasattr(torch.cpu, "get_capabilities"):
        model = f"{torch.cpu.get_capabilities().get('cpu_name', '')}, "
    return f"{model}{describe_device(device)}, torch {torch.__version__}"


def _remembered(where: str) -> torch.dtype | None:
    return KINDS.get(read_settings().precisions.get(where, ""))


def _measured(where: str, device: torch.device) -> torch.dtype | None:
    """Measure and remember; None where the device could not even do that."""
    try:
        seconds = time_precisions(device)
    except (RuntimeError, MemoryError):  # a full GPU says nothing about which one is faster
        return None
    faster = min(seconds, key=lambda name: seconds[name])
    with suppress(DownloadError):  # settings that cannot be written: known until the program ends
        settings = read_settings()
        write_settings(replace(settings, precisions={**settings.precisions, where: faster}))
    return KINDS[faster]


def time_precisions(device: torch.device) -> dict[str, float]:
    """Seconds that a block of a transformer takes on a device in each precision.

    Parameters
    ----------
    device : torch.device

    Returns
    -------
    dict of float
        By the name of the precision: the fastest of at most :data:`ROUNDS` rounds.
    """
    began = perf_counter()
    best: dict[str, float] = {}
    with _one_thread():
        block = make_block(device)
        for dtype in KINDS.values():
            block(dtype)
        for _ in range(ROUNDS):
            round_began = perf_counter()
            for name, dtype in KINDS.items():
                start = perf_counter()
                block(dtype)
                best[name] = min(best.get(name, float("inf")), perf_counter() - start)
            now = perf_counter()
            if now - began + (now - round_began) > SECONDS:
                break
    return best


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute in one thread: where others keep the cores busy, threads that wait for each other measure the waiting."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def make_block(device: torch.device) -> Callable[[torch.dtype], None]:
    """Make a block of a transformer with random weights; calling it runs it to its end in a precision.

    As in a frozen encoder, the weights stay float32 and are rounded at each use.
    """
    random = torch.Generator().manual_seed(0)  # its own, so that nobody else's numbers change

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=random).to(device)

    windows, count = TOKENS.get(device.type, TOKENS["cpu"])
    tokens = normal(windows, count, WIDTH)
    weights = [normal(out, into) / into**0.5 for out, into in _SHAPES]

    def run(dtype: torch.dtype) -> None:
        half = torch.autocast(device.type, dtype) if dtype != torch.float32 else nullcontext()
        with torch.no_grad(), half:
            _forward(tokens, weights)
        synchronise(device)

    return run


_SHAPES: Final = ((3 * WIDTH, WIDTH), (WIDTH, WIDTH), (4 * WIDTH, WIDTH), (WIDTH, 4 * WIDTH))
"""Output and input width of the four matrices of a block: queries, keys and values; projection; two of the MLP."""


def _forward(tokens: Tensor, weights: list[Tensor]) -> Tensor:
    """Attention, then MLP, each after a norm and with a shortcut."""
    batch, count, width = tokens.shape
    mixed = functional.linear(functional.layer_norm(tokens, (width,)), weights[0])
    query, key, value = mixed.reshape(batch, count, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
    attended = functional.scaled_dot_product_attention(query, key, value)
    tokens = tokens + functional.linear(attended.transpose(1, 2).reshape(batch, count, width), weights[1])
    hidden = functional.gelu(functional.linear(functional.layer_norm(tokens, (width,)), weights[2]))
    return tokens + functional.linear(hidden, weights[3])
