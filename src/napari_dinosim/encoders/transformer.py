"""Frozen transformers and ConvNeXts of timm as encoders."""

from __future__ import annotations

import copy
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any, Final

import torch
from timm.models.convnext import ConvNeXt

from napari_dinosim.encoders._encoding import check_windows, described, told_as_encoding_error
from napari_dinosim.encoders._probe import choose_precision
from napari_dinosim.encoders.devices import shared_devices
from napari_dinosim.errors import EncodingError, LayerError, OutOfMemoryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from napari_dinosim.encoders.base import EncoderSpec

WINDOW_SIDE: Final = 768
"""Side in pixels of the windows that :attr:`TimmEncoder.windows_per_batch` counts."""

MOST_WINDOWS: Final = 16
"""More at once on one device gains nothing and makes cancelling slow."""

MEMORY_SHARE: Final = 0.5
"""So much of a GPU's free memory may a batch take; the rest is left to embeddings and to others."""


class TimmEncoder:
    """A frozen model of timm's, giving patch tokens.

    Satisfies :class:`~napari_dinosim.encoders.base.Encoder`. Several threads may use one; they wait for each other.

    Parameters
    ----------
    model : nn.Module
        A model of timm's with ``forward_intermediates``, weights loaded.
    spec : EncoderSpec
        Its facts.
    digest : str
        A short hash of its weights.
    device : torch.device
        Where to compute; the model is moved there. ``cuda`` without a number is every GPU of the first one's kind.
    precision : {"auto", "float32", "bfloat16"}
        bfloat16 is autocast: weights and tokens stay float32. ``"auto"`` is the faster one, measured once.
    layers : int or sequence of int, optional
        Blocks whose tokens to take, counted from 0, negative from the last; several are averaged. Each goes through the
        final norm. By default the last block. Convolutional encoders have the last stage only.
    devices : sequence of torch.device, optional
        The devices that share the windows of a batch, the first of which gathers the tokens; by default those that
        ``device`` stands for. Those after the first on which the model finds no room are left out.

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
        *,
        devices: Sequence[torch.device] | None = None,
    ) -> None:
        devices = shared_devices(device) if devices is None else devices
        self._spec = spec
        self._wanted = precision
        dtype = choose_precision(precision, devices[0])
        chosen = chosen_layers(layers, spec)
        last = max(spec.blocks, 1)
        self._indices = [layer - last for layer in chosen]
        self._identity = f"{spec.name}@{digest}" + "".join(
            f"+block{layer}" for layer in chosen if chosen != (last - 1,)
        )
        self._lock = threading.Lock()
        model = model.eval().requires_grad_(False)
        copies = []
        for other in devices[1:]:  # before the model itself leaves the CPU
            with suppress(OutOfMemoryError):
                copies.append(_Replica(copy.deepcopy(model), spec, other, dtype))
        self._replicas = [_Replica(model, spec, devices[0], dtype), *copies]

    def __repr__(self) -> str:
        where = ", ".join(map(str, self.devices))
        return f"<{self._identity}, {described(self._spec)}, {self.precision} on {where}>"

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
        """Where the tokens are gathered, and where embeddings live."""
        return self._replicas[0].device

    @property
    def devices(self) -> tuple[torch.device, ...]:
        """Where the encoder computes: those that share the windows of a batch."""
        return tuple(replica.device for replica in self._replicas)

    @property
    def precision(self) -> str:
        """``"float32"`` or ``"bfloat16"``: what the encoder computes in."""
        return self._replicas[0].precision

    @property
    def windows_per_batch(self) -> int:
        """How many windows of 768 × 768 pixels to give at once: 1 but on CUDA, where free memory decides; per GPU."""
        needed = self._spec.memory_per_1000_patches * (WINDOW_SIDE / self._spec.patch_size) ** 2 / 1000
        devices = self.devices
        return min(_windows_on(device, needed) for device in devices) * len(devices)

    def encode(self, batch: Tensor) -> Tensor:
        """Patch tokens of a batch of windows; shapes and values as in :class:`~napari_dinosim.encoders.base.Encoder`.

        Raises
        ------
        EncodingError
            If the batch has another shape, the device fails, or tokens are not finite.
        OutOfMemoryError
            If a device has too little memory for its share of the batch.
        """
        check_windows(batch, self._spec)
        with self._lock:
            parts = torch.tensor_split(batch, min(len(batch), len(self._replicas)))
            replicas = self._replicas[: len(parts)]
            if len(parts) == 1:
                return replicas[0].encode(batch, self._indices)
            with ThreadPoolExecutor(len(parts)) as pool:
                tokens = list(pool.map(lambda replica, part: replica.encode(part, self._indices), replicas, parts))
            with told_as_encoding_error(self._spec, self.device):
                return torch.cat([part.to(self.device) for part in tokens])

    def to_cpu(self) -> None:
        """Move the model to the CPU, for good, and leave the GPUs; tokens come from there for all who share it.

        Raises
        ------
        EncodingError
            If a device cannot be read any more, or there is no room for the model.
        """
        with self._lock:
            if self.device.type == "cpu":
                return
            cpu, old = torch.device("cpu"), self._replicas[0]
            self._replicas = [_Replica(old.model, self._spec, cpu, choose_precision(self._wanted, cpu))]
        if old.device.type == "cuda":
            torch.cuda.empty_cache()


class _Replica:
    """A model on one device, computing in one precision."""

    def __init__(self, model: nn.Module, spec: EncoderSpec, device: torch.device, dtype: torch.dtype) -> None:
        self.device = device
        self._spec, self._dtype = spec, dtype
        with told_as_encoding_error(spec, device):
            self.model: Any = model.to(device)
            self._mean = torch.tensor(spec.mean, device=device).reshape(1, 3, 1, 1)
            self._std = torch.tensor(spec.std, device=device).reshape(1, 3, 1, 1)

    @property
    def precision(self) -> str:
        return "bfloat16" if self._dtype == torch.bfloat16 else "float32"

    def encode(self, batch: Tensor, indices: list[int]) -> Tensor:
        """Patch tokens of windows, see :meth:`TimmEncoder.encode`."""
        with told_as_encoding_error(self._spec, self.device), torch.no_grad():
            pixels = batch.to(self.device, torch.float32, non_blocking=True).permute(0, 3, 1, 2)
            tokens = self._tokens((pixels - self._mean) / self._std, indices).permute(0, 2, 3, 1).contiguous()
            finite = bool(torch.isfinite(tokens).all())
        if not finite:
            raise EncodingError(
                f"encoder {self._spec.name!r}: found tokens that are not finite in {self.precision} on {self.device}, "
                "expected numbers. Choose precision 'float32'; if they stay, the weights are damaged."
            )
        return tokens

    def _tokens(self, pixels: Tensor, indices: list[int]) -> Tensor:
        """Mean over the chosen blocks of their tokens after the final norm, (B, D, rows, cols), float32."""
        half = self._dtype == torch.bfloat16
        with torch.autocast(self.device.type, torch.bfloat16) if half else nullcontext():
            maps = self.model.forward_intermediates(
                pixels, indices=indices, norm=True, output_fmt="NCHW", intermediates_only=True, stop_early=True
            )
            if isinstance(self.model, ConvNeXt):  # timm keeps its final norm in the head
                maps = [self.model.head.norm(one) for one in maps]
        return torch.stack([one.float() for one in maps]).mean(dim=0) if len(maps) > 1 else maps[0].float()


def _windows_on(device: torch.device, needed: float) -> int:
    """How many windows that need so many bytes each one device is best given at once."""
    if device.type != "cuda" or not needed:
        return 1
    free, _ = torch.cuda.mem_get_info(device)
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # torch's own, not in use
    return max(1, min(MOST_WINDOWS, int(MEMORY_SHARE * free / needed)))


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
