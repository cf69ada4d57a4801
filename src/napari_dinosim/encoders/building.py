"""From tensors to a model of timm's that equals the authors' own, number by number.

1. The file's names become Meta's or timm's (:mod:`.layouts`), and timm's own filter turns Meta's into timm's.
2. Names and shapes are held against the model's, all of them, before anything is copied.
3. What timm leaves out or does otherwise is set right: RoPE periods, position embeddings (DINOv2 without registers).
"""

from __future__ import annotations

import hashlib
import math
import weakref
from typing import TYPE_CHECKING, Any, Final

import timm
import torch
from timm.models import convnext, eva, vision_transformer
from torch import nn

from napari_dinosim.encoders.layouts import plain_names, possible_encoders
from napari_dinosim.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from napari_dinosim.encoders.base import EncoderSpec
    from napari_dinosim.encoders.checkpoints import Checkpoint

ROPE_BASE: Final = 100.0
"""Periods of DINOv3's rotary embedding are ``100 ** (4 k / d)`` for heads of width d (arXiv 2508.10104)."""

META_OFFSET: Final = 0.1
"""Added to the patch counts where DINOv2 without registers interpolates its position embedding (Meta's default)."""

TOLD: Final = 3
"""So many names are told where names differ."""

DIGEST_DIGITS: Final = 8

FILTERS: Final = {
    "dinov3": eva.checkpoint_filter_fn,
    "dinov3-convnext": convnext.checkpoint_filter_fn,
    "dinov2": vision_transformer.checkpoint_filter_fn,
}
"""timm's conversions of Meta's layout, by family."""


def build_model(spec: EncoderSpec, checkpoint: Checkpoint) -> tuple[nn.Module, str]:
    """Build an encoder of the catalogue with the weights of a checkpoint.

    Parameters
    ----------
    spec : EncoderSpec
        Of the catalogue.
    checkpoint : Checkpoint
        In Meta's, timm's or transformers' layout.

    Returns
    -------
    model : nn.Module
        On the CPU, float32, frozen, in evaluation mode.
    digest : str
        8 hexadecimal digits of the sha256 of the weights; equal for equal weights, whatever the layout of their file.

    Raises
    ------
    WeightsError
        If the tensors belong to another encoder, or one is missing, unexpected or of another shape.
    """
    tensors = plain_names(checkpoint.tensors)
    _check_encoder(spec, tensors, checkpoint)
    options = {"dynamic_img_size": True} if spec.family == "dinov2" else {}
    # On no device: nothing is initialised or allocated but the weights that are loaded.
    model: nn.Module = timm.create_model(spec.timm_name, pretrained=False, num_classes=0, device="meta", **options)
    state = _timm_state(spec, tensors, model)
    check_state(state, model.state_dict(), spec.name, checkpoint.path.name)
    weights = put_state(model, state)
    periods = tensors.get("rope_embed.periods")
    for module in model.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if name == "periods":
                found = _rope_periods(len(buffer)) if periods is None else periods.to(torch.float32, copy=True)
                setattr(module, name, found)
                weights["rope_embed.periods"] = found
            elif name == "k_bias":
                setattr(module, name, torch.zeros(buffer.shape))
    if spec.family == "dinov2" and spec.prefix_tokens == 1:
        _interpolate_as_meta(model)
    return model.eval().requires_grad_(False), weights_digest(weights)


def _check_encoder(spec: EncoderSpec, tensors: Mapping[str, Tensor], checkpoint: Checkpoint) -> None:
    """Refuse weights that are recognised as another encoder's."""
    found = [one.name for one in possible_encoders(tensors, checkpoint.path)]
    if found and spec.name not in found:
        raise WeightsError(
            f"weights: {checkpoint.path.name!r} holds {found[0]!r}, expected {spec.name!r}. "
            f"Choose the encoder {found[0]!r}, or another file."
        )


def _timm_state(spec: EncoderSpec, tensors: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Names of timm for tensors in Meta's or timm's layout."""
    expected = model.state_dict()
    for name, tensor in tensors.items():
        # timm would resample these silently; the result is no longer the authors' model.
        if name in ("patch_embed.proj.weight", "pos_embed"):
            wanted = list(expected[name].shape) if name in expected else []
            if name == "pos_embed" and "register_tokens" in tensors and wanted:
                wanted[1] += 1  # Meta's holds the class token's entry too
            if list(tensor.shape) != wanted:
                raise WeightsError(
                    f"weights of {spec.name!r}: found {name} of shape {tuple(tensor.shape)}, expected {tuple(wanted)}. "
                    "Choose another file or encoder."
                )
    if spec.family == "dinov2" and "register_tokens" in tensors:
        tensors = {
            "mask_token": tensors["cls_token"],
            **tensors,
        }  # by this name timm knows Meta's layout, then drops it
    if spec.family == "dinov3" and "storage_tokens" in tensors and not any(".q_bias" in name for name in expected):
        biases = [name for name in tensors if name.endswith(".qkv.bias")]
        if biases:
            raise WeightsError(
                f"weights of {spec.name!r}: found {len(biases)} biases ({biases[0]}, …), expected none. "
                "Choose another file or encoder."
            )
    state = FILTERS[spec.family](dict(tensors), model)
    state.pop("mask_token", None)
    if "reg_token" in tensors and not any(".q_bias" in name for name in state):
        # timm's own files of the distilled models leave out query and value biases where they are all zero.
        for name, wanted_bias in expected.items():
            if name.endswith((".q_bias", ".v_bias")):
                state[name] = torch.zeros(wanted_bias.shape)
    return dict(state)


def check_state(found: Mapping[str, Tensor], expected: Mapping[str, Tensor], name: str, file: str) -> None:
    """Hold names, shapes and types of tensors against a model's, all of them.

    Parameters
    ----------
    found, expected : mapping of str to Tensor
        The weights, and the model's own.
    name, file : str
        What to call the encoder and the file in the message.

    Raises
    ------
    WeightsError
        In one line: how many are missing, unexpected or of another shape, and the first few names.
    """
    missing = sorted(expected.keys() - found.keys())
    unexpected = sorted(found.keys() - expected.keys())
    both = sorted(expected.keys() & found.keys())
    other = [
        f"{key} {tuple(found[key].shape)} for {tuple(expected[key].shape)}"
        for key in both
        if found[key].shape != expected[key].shape
    ]
    quantised = [
        f"{key} ({found[key].dtype})"
        for key in both
        if expected[key].is_floating_point() and not found[key].is_floating_point()
    ]
    faults = {"missing": missing, "unexpected": unexpected, "of another shape": other, "not of floats": quantised}
    told = "; ".join(
        f"{len(names)} {what} ({', '.join(names[:TOLD])}{', …' if len(names) > TOLD else ''})"
        for what, names in faults.items()
        if names
    )
    if told:
        raise WeightsError(
            f"weights: {file!r} does not fit {name!r}: found {len(found)} tensors, expected {len(expected)}: {told}. "
            "Choose another file or encoder."
        )


def put_state(model: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give a model its weights, in float32.

    Parameters
    ----------
    model : nn.Module
        Possibly on no device yet.
    state : mapping of str to Tensor
        All of the model's weights, see :func:`check_state`.

    Returns
    -------
    dict of str to Tensor
        What the model now holds: copies, so that nothing depends on the file (whose tensors may be views of it).
    """
    weights = {
        name: tensor.to(torch.float32 if tensor.is_floating_point() else tensor.dtype, copy=True).contiguous()
        for name, tensor in state.items()
    }
    model.load_state_dict(weights, strict=True, assign=True)
    return weights


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """First 8 hexadecimal digits of the sha256 of names and values.

    Parameters
    ----------
    weights : mapping of str to Tensor
        On the CPU, contiguous.

    Returns
    -------
    str
    """
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:DIGEST_DIGITS]


def _rope_periods(count: int) -> Tensor:
    """Periods as Meta publishes them, rounded to bfloat16, for files that leave them out."""
    exponents = torch.arange(count, dtype=torch.float32) / count
    return (ROPE_BASE**exponents).to(torch.bfloat16).to(torch.float32)


def _interpolate_as_meta(model: Any) -> None:
    """Let a DINOv2 without registers interpolate its position embedding with Meta's offset and without antialiasing.

    timm interpolates to the exact size with antialiasing, as Meta does for the variants with registers only.
    """
    side = math.isqrt(model.pos_embed.shape[1] - 1)

    def with_positions(self: Any, patches: Tensor) -> Tensor:
        count, rows, cols, dimension = patches.shape
        cls_position, positions = self.pos_embed[:, :1], self.pos_embed[:, 1:]
        if (rows, cols) != (side, side):
            grid = positions.float().reshape(1, side, side, dimension).permute(0, 3, 1, 2)
            scale = ((rows + META_OFFSET) / side, (cols + META_OFFSET) / side)
            grid = nn.functional.interpolate(grid, scale_factor=scale, mode="bicubic", antialias=False)
            positions = grid.permute(0, 2, 3, 1).reshape(1, rows * cols, dimension)
        return torch.cat(
            [(self.cls_token + cls_position).expand(count, -1, -1), patches.flatten(1, 2) + positions], dim=1
        )

    itself = weakref.ref(model)  # a bound method would be a cycle, and keep the model until the next collection
    model._pos_embed = lambda patches: with_positions(itself(), patches)
