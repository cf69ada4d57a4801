"""Where an encoder computes, and in which precision."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import torch

from napari_dinosim.errors import DeviceError

AUTO: Final = "auto"
PRECISIONS: Final = ("auto", "float32", "bfloat16")
"""Never float16: DINOv3 overflows it and returns NaN."""

CUDA_BFLOAT16_CAPABILITY: Final = (8, 0)
"""The first NVIDIA generation (Ampere) that computes bfloat16 natively; below, it is emulated and slow."""


def _available() -> list[str]:
    """Names of the devices of this computer, the preferred one first."""
    names = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        names.append("mps")
    return [*names, "cpu"]


def resolve_device(name: str = AUTO) -> torch.device:
    """Turn the name of a device into one that this computer has.

    Parameters
    ----------
    name : str
        ``"auto"`` (CUDA, then MPS, then CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.

    Returns
    -------
    torch.device

    Raises
    ------
    DeviceError
        If this computer has no such device; those that it has are named.

    Examples
    --------
    >>> resolve_device("cpu")
    device(type='cpu')
    """
    there = _available()
    if name == AUTO:
        return torch.device(there[0])
    with suppress(RuntimeError):  # torch's for a name that is none, such as "gpu"
        device = torch.device(name)
        wanted = f"cuda:{device.index or 0}" if device.type == "cuda" else device.type
        if wanted in there and (device.type == "cuda" or not device.index):
            return torch.device(wanted)
    raise DeviceError(f"device: found {name!r}, expected {AUTO!r} or one of {', '.join(there)}. Choose {AUTO!r}.")


def describe_device(device: torch.device) -> str:
    """Name a device for people.

    Returns
    -------
    str
        For example ``"NVIDIA H100 (cuda:0)"``, ``"Apple GPU (mps)"`` or ``"CPU, 8 threads"``.
    """
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} ({device})"
    if device.type == "mps":
        return "Apple GPU (mps)"
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'' if threads == 1 else 's'}"


def native_bfloat16(device: torch.device) -> bool:
    """Whether a device computes bfloat16 in hardware.

    Returns
    -------
    bool
        True for NVIDIA GPUs from compute capability 8 on and for CPUs with AMX or AVX-512 BF16.
    """
    if device.type == "cuda":
        return bool(torch.version.hip) or torch.cuda.get_device_capability(device) >= CUDA_BFLOAT16_CAPABILITY
    if device.type == "cpu":
        # Public from some version after 2.10 on; the older private functions tell the same.
        if hasattr(torch.cpu, "get_capabilities"):
            capabilities = torch.cpu.get_capabilities()
            return any(capabilities.get(name, False) for name in ("amx_bf16", "avx512_bf16"))
        return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return False


def resolve_precision(precision: str, device: torch.device) -> torch.dtype:
    """Turn the name of a precision into the type to compute in.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}
        ``"auto"`` is bfloat16 where the device has it in hardware, else float32.
    device : torch.device

    Returns
    -------
    torch.dtype
        ``torch.bfloat16`` or ``torch.float32``.

    Raises
    ------
    DeviceError
        If the precision is another one; float16 is refused because DINOv3 overflows it.
    """
    if precision not in PRECISIONS:
        why = " (float16 turns DINOv3's tokens into NaN)" if precision in ("float16", "half") else ""
        raise DeviceError(
            f"precision: found {precision!r}, expected one of {', '.join(map(repr, PRECISIONS))}{why}. Choose 'auto'."
        )
    if precision == AUTO:
        return torch.bfloat16 if native_bfloat16(device) else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32
