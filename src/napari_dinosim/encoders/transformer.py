"""Frozen transformers and ConvNeXts of timm as encoders."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final

import torch
from timm.models.convnext import ConvNeXt

from napari_dinosim.encoders.devices import resolve_precision
from napari_dinosim.errors import EncodingError, LayerError, OutOfMemoryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor, nn

    from napari_dinosim.encoders.base import EncoderSpec

WINDOW_SIDE: Final = 768
"""Side in pixels of the windows that :attr:`TimmEncoder.windows_per_batch` counts."""

MOST_WINDOWS: Final = 16
"""More at once gains nothing and makes cancelling slow."""

MEMORY_SHARE: Final = 0.5
"""So much of a GPU's free memory may a batch take; the rest is left to embeddings and to others."""

OUT_OF_MEMORY: Final = ("out of memory", "can't allocate memory", "not enough memory")
"""What torch's allocators say on devices without an error class of their own (CPU, MPS)."""


class TimmEncoder:
    """A frozen model of timm's, giving patch tokens.

    Satisfies :class:`~napari_dinosim.encoders.base.Encoder`.

    Parameters
    ----------
    model : nn.Module
        A model of timm's with ``forward_intermediates``, weights loaded.
    spec : EncoderSpec
        Its facts.
    digest : str
        A short hash of its weights.
    device : torch.device
        Where to compute; the model is moved there.
    precision : {"auto", "float32", "bfloat16"}
        bfloat16 is autocast: weights and tokens stay float32.
    layers : int or sequence of int, optional
        Blocks whose tokens to take, counted from 0, negative from the last; several are averaged. Each goes through the
        final norm. By default the last block. Convolutional encoders have the last stage only.

    Raises
    ------
    DeviceError
        If the precision is none of the three.
    LayerError
        If there is no such block.
    EncodingError
        If the device has no room for the model.
    """

    def __init__(
        self,
        model: nn.Module,
        spec: EncoderSpec,
        digest: str,
        device: torch.device,
        precision: str = "auto",
        layers: int | Sequence[int] | None = None,
    ) -> None:
        self._spec = spec
        self._device = device
        self._dtype = resolve_precision(precision, device)
        chosen = chosen_layers(layers, spec)
        last = max(spec.blocks, 1)
        self._indices = [layer - last for layer in chosen]
        self._identity = f"{spec.name}@{digest}" + "".join(
            f"+block{layer}" for layer in chosen if chosen != (last - 1,)
        )
        with _told_as_encoding_error(spec, device):
            self._model: Any = model.eval().requires_grad_(False).to(device)
            self._mean = torch.tensor(spec.mean, device=device).reshape(1, 3, 1, 1)
            self._std = torch.tensor(spec.std, device=device).reshape(1, 3, 1, 1)

    @property
    def spec(self) -> EncoderSpec:
        """The facts about the encoder."""
        return self._spec

    @property
    def identity(self) -> str:
        """Name, hash of the weights, and the blocks where they are not the default: ``"dinov3_vits16@1f2e3d4c"``."""
        return self._identity

    @property
    def device(self) -> torch.device:
        """Where the encoder computes and where its embeddings live."""
        return self._device

    @property
    def precision(self) -> str:
        """``"float32"`` or ``"bfloat16"``: what the encoder computes in."""
        return "bfloat16" if self._dtype == torch.bfloat16 else "float32"

    @property
    def windows_per_batch(self) -> int:
        """How many windows of 768 × 768 pixels to give at once: 1 but on CUDA, where free memory decides."""
        needed = self._spec.memory_per_1000_patches * (WINDOW_SIDE / self._spec.patch_size) ** 2 / 1000
        if self._device.type != "cuda" or not needed:
            return 1
        free, _ = torch.cuda.mem_get_info(self._device)
        return max(1, min(MOST_WINDOWS, int(MEMORY_SHARE * free / needed)))

    def encode(self, batch: Tensor) -> Tensor:
        """Patch tokens of a batch of windows.

        Parameters
        ----------
        batch : Tensor of shape (B, H, W, 3), float32
            RGB in [0, 1], *before* the encoder's normalisation; H and W are multiples of the patch size.

        Returns
        -------
        Tensor of shape (B, H / P, W / P, D), float32, on :attr:`device`
            Final-norm patch tokens, not yet of unit length; no class token, no register tokens.

        Raises
        ------
        EncodingError
            If the batch has another shape, the device fails, or tokens are not finite.
        OutOfMemoryError
            If the device has too little memory for the batch.
        """
        size = self._spec.patch_size
        if batch.ndim != 4 or batch.shape[3] != 3 or 0 in batch.shape or batch.shape[1] % size or batch.shape[2] % size:
            raise EncodingError(
                f"windows for {self._spec.name!r}: found shape {tuple(batch.shape)}, expected (B, H, W, 3), H and W "
                f"multiples of {size}. Pad the image to whole patches."
            )
        with _told_as_encoding_error(self._spec, self._device), torch.no_grad():
            pixels = batch.to(self._device, torch.float32, non_blocking=True).permute(0, 3, 1, 2)
            tokens = self._tokens((pixels - self._mean) / self._std).permute(0, 2, 3, 1).contiguous()
            finite = bool(torch.isfinite(tokens).all())
        if not finite:
            raise EncodingError(
                f"encoder {self._spec.name!r}: found tokens that are not finite in {self.precision} on {self._device}, "
                "expected numbers. Choose precision 'float32'; if they stay, the weights are damaged."
            )
        return tokens

    def _tokens(self, pixels: Tensor) -> Tensor:
        """Mean over the chosen blocks of their tokens after the final norm, (B, D, rows, cols), float32."""
        half = self._dtype == torch.bfloat16
        with torch.autocast(self._device.type, torch.bfloat16) if half else nullcontext():
            maps = self._model.forward_intermediates(
                pixels, indices=self._indices, norm=True, output_fmt="NCHW", intermediates_only=True, stop_early=True
            )
            if isinstance(self._model, ConvNeXt):  # timm keeps its final norm in the head
                maps = [self._model.head.norm(one) for one in maps]
        return torch.stack([one.float() for one in maps]).mean(dim=0) if len(maps) > 1 else maps[0].float()


def chosen_layers(layers: int | Sequence[int] | None, spec: EncoderSpec) -> tuple[int, ...]:
    """Numbers of the blocks to take tokens from.

    Parameters
    ----------
    layers : int, sequence of int or None
        As a person gives them: counted from 0, negative from the last; None is the last.
    spec : EncoderSpec

    Returns
    -------
    tuple of int
        Each once, ascending, in ``range(spec.blocks)``.

    Raises
    ------
    LayerError
        If one is not there, none is given, or a convolutional encoder is asked for another stage than its last.
    """
    wanted = [-1] if layers is None else [layers] if isinstance(layers, int) else list(layers)
    count = max(spec.blocks, 1)
    first = count - 1 if spec.family == "dinov3-convnext" else 0  # its stages have other strides
    numbers = sorted({layer + count if layer < 0 else layer for layer in wanted})
    if not numbers or numbers[0] < first or numbers[-1] >= count:
        raise LayerError(
            f"layers of {spec.name!r}: found {layers!r}, expected numbers from {first} to {count - 1}, "
            "or negative ones from the last. Leave them out for the last."
        )
    return tuple(numbers)


@contextmanager
def _told_as_encoding_error(spec: EncoderSpec, device: torch.device) -> Iterator[None]:
    """Turn torch's errors, which are bare ``RuntimeError``, into those of this package."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        reason = str(error).partition("\n")[0][:200]
        short = isinstance(error, (torch.OutOfMemoryError, MemoryError))
        if short or any(sign in str(error).lower() for sign in OUT_OF_MEMORY):
            raise OutOfMemoryError(
                f"memory of {device}: found too little for {spec.name!r} ({reason}). "
                "Embed smaller windows or fewer at once, choose a smaller encoder, or the CPU."
            ) from error
        raise EncodingError(
            f"encoder {spec.name!r} failed on {device}: {type(error).__name__}: {reason}. "
            "Choose another device or encoder."
        ) from error
