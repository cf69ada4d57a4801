"""Encoders by name: the built-in one, every DINOv3 and DINOv2, any timm model. Imports torch and timm when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dinosim.encoders.catalogue import (
    BUILTIN,
    BUILTIN_NAME,
    CATALOGUE,
    HUB_PREFIX,
    TIMM_PREFIX,
    catalogue_spec,
    same_weights,
)
from napari_dinosim.errors import LayerError, WeightsError, WeightsNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import torch

    from napari_dinosim.encoders.base import Encoder, EncoderSpec

__all__ = ["available_encoders", "encoder_spec", "load_encoder"]


def available_encoders() -> tuple[EncoderSpec, ...]:
    """List the encoders that have a name of their own, the built-in one first.

    Returns
    -------
    tuple of EncoderSpec
        Whether the weights of one are on this computer is told by
        :func:`~napari_dinosim.encoders.hub.cached_weights`.
    """
    return (BUILTIN, *CATALOGUE)


def encoder_spec(name: str) -> EncoderSpec:
    """Look up what is known of an encoder before it is loaded.

    Parameters
    ----------
    name : str
        As :func:`load_encoder` takes it.

    Returns
    -------
    EncoderSpec
        For ``timm:`` and ``hf-hub:`` names, patch size and dimension are 0 until the encoder is loaded.

    Raises
    ------
    UnknownEncoderError
        If there is no such encoder; near matches are told.
    """
    if name == BUILTIN_NAME:
        return BUILTIN
    if (known := same_weights(name)) is not None:
        return known
    if name.startswith((TIMM_PREFIX, HUB_PREFIX)):
        from napari_dinosim.encoders.generic import generic_spec

        return generic_spec(name)
    return catalogue_spec(name)


def load_encoder(
    name: str | None,
    weights: str | Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    *,
    layers: int | Sequence[int] | None = None,
) -> Encoder:
    """Load an encoder; never from the network.

    Parameters
    ----------
    name : str or None
        ``"builtin"``, Meta's name of a DINOv3 or DINOv2 (``"dinov3_vits16"``, ``"dinov2_vitb14_reg"``, see
        :func:`available_encoders`), ``"timm:NAME"``, or ``"hf-hub:OWNER/REPO"``. None or ``""``: told by the weights.
    weights : str or Path, optional
        A file or folder: Meta's ``.pth``, timm's or transformers' ``.safetensors``; by default the hub's cache.
    device : str
        ``"auto"`` (CUDA, then MPS, then CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.
    precision : {"auto", "float32", "bfloat16"}
        ``"auto"`` is bfloat16 where the device has it in hardware.
    layers : int or sequence of int, optional
        Blocks to take patch tokens from, counted from 0, negative from the last; several are averaged. By default the
        last.

    Returns
    -------
    Encoder

    Raises
    ------
    UnknownEncoderError
        If there is no such encoder.
    WeightsNotFoundError
        If its weights are not on this computer. Nothing is downloaded, and no other encoder takes its place.
    WeightsError
        If the weights are damaged, unsafe or another encoder's.
    DeviceError
        If this computer has no such device, or the precision is none of the three.
    LayerError
        If the encoder has no such block.
    EncodingError
        If the device has no room for the weights.

    Examples
    --------
    >>> load_encoder("builtin", device="cpu").spec.name
    'builtin'
    """
    from napari_dinosim.encoders.devices import resolve_device, resolve_precision

    chosen = resolve_device(device)
    resolve_precision(precision, chosen)  # before anything slow
    if name == BUILTIN_NAME:
        return _builtin(chosen, weights, layers)
    spec = encoder_spec(name) if name else None
    return _load(spec, _cached(spec) if weights is None else weights, chosen, precision, layers)


def _builtin(device: torch.device, weights: str | Path | None, layers: int | Sequence[int] | None) -> Encoder:
    """Make the encoder that needs no weights."""
    from napari_dinosim.encoders.builtin import BuiltinEncoder

    if weights is not None:
        raise WeightsError(f"weights: found {str(weights)!r} for {BUILTIN_NAME!r}, which takes none. Leave them out.")
    if layers is not None:
        raise LayerError(f"layers: found {layers!r} for {BUILTIN_NAME!r}, which has none. Leave them out.")
    return BuiltinEncoder(device)


def _load(
    spec: EncoderSpec | None,
    weights: str | Path,
    device: torch.device,
    precision: str,
    layers: int | Sequence[int] | None,
) -> Encoder:
    """Load an encoder of timm's from a file or folder."""
    from napari_dinosim.encoders._llvm import bind_triton_to_itself

    bind_triton_to_itself()  # before timm is imported
    from napari_dinosim.encoders.building import build_model
    from napari_dinosim.encoders.checkpoints import read_checkpoint
    from napari_dinosim.encoders.layouts import plain_names, possible_encoders
    from napari_dinosim.encoders.transformer import TimmEncoder, chosen_layers

    checkpoint = read_checkpoint(weights)
    if spec is None:
        possible = possible_encoders(plain_names(checkpoint.tensors), checkpoint.path)
        if not possible:
            names = sorted(checkpoint.tensors)
            raise WeightsError(
                f"weights: {checkpoint.path.name!r} holds {len(names)} tensors ({', '.join(names[:3])}, …), expected "
                "those of a DINOv3 or DINOv2 encoder. Name the encoder, or give another file."
            )
        spec = possible[0]
    if spec.family == "timm":
        from napari_dinosim.encoders.generic import build_generic

        model, spec, digest = build_generic(spec, checkpoint)
    else:
        chosen_layers(layers, spec)  # before anything slow
        model, digest = build_model(spec, checkpoint)
    return TimmEncoder(model, spec, digest, device, precision, layers)


def _cached(spec: EncoderSpec | None) -> Path:
    """Weights from the hub's cache on this computer."""
    if spec is None:
        raise WeightsError("weights: found none and no name, expected one of them. Name the encoder, or give a file.")
    from napari_dinosim.encoders.hub import cached_weights

    found = cached_weights(spec)
    if found is not None:
        return found
    raise WeightsNotFoundError(
        f"The weights of {spec.name!r} are not on this computer, and nothing is downloaded unasked. Three ways on: "
        "give a local file (From file…, weights=…), use the built-in encoder ('builtin'), or download them (Download…, "
        f"napari_dinosim.download_weights({spec.name!r})) and try again."
    )
