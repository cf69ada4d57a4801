"""What every encoder does around its own work: windows are checked, torch's errors are told as this package's."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_dinosim.encoders.devices import is_out_of_memory
from napari_dinosim.errors import EncodingError, OutOfMemoryError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch
    from torch import Tensor

    from napari_dinosim.encoders.base import EncoderSpec


def described(spec: EncoderSpec) -> str:
    """Say in a few words what comes out of an encoder: ``"16 × 16 pixels → 384 numbers"``."""
    return f"{spec.patch_size} × {spec.patch_size} pixels → {spec.dimension} numbers"


def check_windows(batch: Tensor, spec: EncoderSpec) -> None:
    """Refuse a batch that is none of windows of whole patches.

    Raises
    ------
    EncodingError
    """
    size = spec.patch_size
    if batch.ndim != 4 or batch.shape[3] != 3 or 0 in batch.shape or batch.shape[1] % size or batch.shape[2] % size:
        raise EncodingError(
            f"windows for {spec.name!r}: found shape {tuple(batch.shape)}, expected (B, H, W, 3), H and W "
            f"multiples of {size}. Pad the image to whole patches."
        )


@contextmanager
def told_as_encoding_error(spec: EncoderSpec, device: torch.device) -> Iterator[None]:
    """Turn torch's errors, which are bare ``RuntimeError``, into those of this package.

    Raises
    ------
    OutOfMemoryError
        If the device has too little memory.
    EncodingError
        If it fails otherwise.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        reason = str(error).partition("\n")[0][:200]
        if is_out_of_memory(error):
            raise OutOfMemoryError(
                f"memory of {device}: found too little for {spec.name!r} ({reason}). "
                "Embed smaller windows or fewer at once, choose a smaller encoder, or the CPU."
            ) from error
        raise EncodingError(
            f"encoder {spec.name!r} failed on {device}: {type(error).__name__}: {reason}. "
            "Choose another device or encoder."
        ) from error
