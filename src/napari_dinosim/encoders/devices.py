"""Where an encoder computes, and in which precision."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import torch

from napari_dinosim.errors import DeviceError, EncodingError, OutOfMemoryError

AUTO: Final = "auto"
KINDS: Final = {"float32": torch.float32, "bfloat16": torch.bfloat16}
PRECISIONS: Final = (AUTO, *KINDS)
"""Never float16: DINOv3 overflows it and returns NaN."""

CUDA_BFLOAT16_CAPABILITY: Final = (8, 0)
"""The first NVIDIA generation (Ampere) that computes bfloat16 natively; below, it is emulated and slow."""

MPS_BFLOAT16_MACOS: Final = (14, 0)
"""The first macOS whose Metal knows bfloat16; below, torch turns autocast off with a warning."""

OUT_OF_MEMORY: Final = ("out of memory", "can't allocate memory", "not enough memory")
"""What torch's allocators say on devices without an error class of their own (CPU, MPS)."""


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
        ``cuda`` without a number where several GPUs shall share the work, see :func:`shared_devices`.

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
    if there[0] == "cuda:0" and name in (AUTO, "cuda"):
        several = torch.device("cuda")
        every = shared_devices(several)
        return several if len(every) > 1 else every[0]
    if name == AUTO:
        return torch.device(there[0])
    with suppress(RuntimeError):  # torch's for a name that is none, such as "gpu"
        device = torch.device(name)
        wanted = f"cuda:{device.index or 0}" if device.type == "cuda" else device.type
        if wanted in there and (device.type == "cuda" or not device.index):
            return torch.device(wanted)
    raise DeviceError(f"device: found {name!r}, expected {AUTO!r} or one of {', '.join(there)}. Choose {AUTO!r}.")


def shared_devices(device: torch.device) -> tuple[torch.device, ...]:
    """Devices that share the windows of an image.

    Parameters
    ----------
    device : torch.device

    Returns
    -------
    tuple of torch.device
        For ``cuda`` without a number every GPU of the first one's kind, the first one first: another kind would
        compute other last digits, and a slower one would keep the others waiting. Else the device alone.
    """
    if str(device) != "cuda":
        return (device,)
    every = [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    return tuple(one for one in every if torch.cuda.get_device_name(one) == torch.cuda.get_device_name(every[0]))


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
        True for NVIDIA GPUs from compute capability 8 on, Apple's from macOS 14 on, and CPUs with AMX or
        AVX-512 BF16.
    """
    if device.type == "cuda":
        return bool(torch.version.hip) or torch.cuda.get_device_capability(device) >= CUDA_BFLOAT16_CAPABILITY
    if device.type == "mps":
        return torch.backends.mps.is_macos_or_newer(*MPS_BFLOAT16_MACOS)
    if device.type == "cpu":
        # Public from some version after 2.10 on; the older private functions tell the same.
        if hasattr(torch.cpu, "get_capabilities"):
            capabilities = torch.cpu.get_capabilities()
            return any(capabilities.get(name, False) for name in ("amx_bf16", "avx512_bf16"))
        return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return False


def resolve_precision(precision: str, device: torch.device) -> torch.dtype:
    """Turn the name of a precision into the type to compute in, without measuring.

    Encoders take :func:`~napari_dinosim.encoders._probe.choose_precision`, which measures for ``"auto"``.

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
        If the precision is another one (float16 is refused because DINOv3 overflows it), or the device cannot
        compute it at all.
    """
    if precision not in PRECISIONS:
        why = " (float16 turns DINOv3's tokens into NaN)" if precision in ("float16", "half") else ""
        raise DeviceError(
            f"precision: found {precision!r}, expected one of {', '.join(map(repr, PRECISIONS))}{why}. Choose 'auto'."
        )
    if precision == AUTO:
        return KINDS["bfloat16" if native_bfloat16(device) else "float32"]
    if precision == "bfloat16" and device.type == "mps" and not native_bfloat16(device):
        raise DeviceError(
            "precision: found 'bfloat16' for an Apple GPU under a macOS before 14, which does not know it. "
            "Choose 'auto' or 'float32'."
        )
    return KINDS[precision]


def synchronise(device: torch.device) -> None:
    """Wait until a GPU has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or the one that caused it, says that a device has too little memory.

    Parameters
    ----------
    error : BaseException or None

    Returns
    -------
    bool
        True for this package's error and those of torch's allocators, some of which are bare ``RuntimeError``.
    """
    if isinstance(error, OutOfMemoryError | torch.OutOfMemoryError | MemoryError):
        return True
    if isinstance(error, RuntimeError):
        return any(sign in str(error).lower() for sign in OUT_OF_MEMORY)
    return isinstance(error, EncodingError) and is_out_of_memory(error.__cause__)
