"""How three projects name the same weights, and which encoder a set of tensors belongs to.

Meta's layout is the middle: transformers' names are turned into Meta's here, and Meta's into timm's by timm.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import torch

from napari_dinosim.encoders._training import is_satellite
from napari_dinosim.encoders.catalogue import CATALOGUE, SATELLITE_DATA

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from napari_dinosim.encoders.base import EncoderSpec

WRAPPERS: Final = re.compile(
    r"^(?:_orig_mod\.|module\.|model\.|backbone\.|dinov2\.|dinov2_with_registers\.|dinov3_vit\.|dinov3_convnext\.)+"
)
"""Prefixes that training loops and transformers' larger models put in front."""

VIT_NAMES: Final = (
    (r"^embeddings\.patch_embeddings\.(?:projection\.)?", "patch_embed.proj."),
    (r"^embeddings\.position_embeddings$", "pos_embed"),
    (r"^embeddings\.(cls_token|mask_token|register_tokens)$", r"\1"),
    (r"^(?:encoder\.)?layer\.(\d+)\.", r"blocks.\1."),
    (r"\.attention\.(?:attention\.)?(?:q_proj|query)\.", ".attn.q."),
    (r"\.attention\.(?:attention\.)?(?:k_proj|key)\.", ".attn.k."),
    (r"\.attention\.(?:attention\.)?(?:v_proj|value)\.", ".attn.v."),
    (r"\.attention\.(?:o_proj|output\.dense)\.", ".attn.proj."),
    (r"\.layer_scale([12])\.lambda1$", r".ls\1.gamma"),
    (r"\.mlp\.weights_in\.", ".mlp.w12."),
    (r"\.mlp\.weights_out\.", ".mlp.w3."),
    (r"^layernorm\.", "norm."),
)
"""transformers' names of vision transformers → Meta's."""

CONVNEXT_NAMES: Final = (
    (r"^stages\.(\d)\.downsample_layers\.", r"downsample_layers.\1."),
    (r"^stages\.(\d)\.layers\.", r"stages.\1."),
    (r"depthwise_conv", "dwconv"),
    (r"pointwise_conv", "pwconv"),
    (r"layer_norm\.", "norm."),
)
"""transformers' names of ConvNeXts → Meta's."""

NOT_COUNTED: Final = re.compile(r"mask_token|bias_mask|rope|local_cls_norm|projectors\.|^norms\.|\.periods$")
"""Tensors of pretraining, which no encoder uses."""

SIZE_TOLERANCE: Final = 0.03
"""Sizes of one family differ by a quarter or more; copies with and without biases by a hundredth."""


def plain_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Strip the prefixes of training loops and larger models, and turn transformers' names into Meta's.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        As read from a file. Where some names begin with ``backbone.``, the others (heads) are left out.

    Returns
    -------
    dict of str to Tensor
        In Meta's or timm's layout, or unchanged where neither is recognised.
    """
    if any(name.startswith("backbone.") for name in tensors):
        tensors = {name: tensor for name, tensor in tensors.items() if name.startswith("backbone.")}
    plain = {WRAPPERS.sub("", name): tensor for name, tensor in tensors.items()}
    if any(name.startswith("embeddings.") for name in plain):
        return _vit_to_meta(plain)
    if any(re.match(r"stages\.\d\.downsample_layers\.", name) for name in plain):
        return _rename(plain, CONVNEXT_NAMES)
    return plain


def _rename(tensors: Mapping[str, Tensor], names: tuple[tuple[str, str], ...]) -> dict[str, Tensor]:
    renamed = {}
    for name, tensor in tensors.items():
        for pattern, replacement in names:
            name = re.sub(pattern, replacement, name)
        renamed[name] = tensor
    return renamed


def _vit_to_meta(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Turn transformers' DINOv2 or DINOv3 into Meta's layout, with queries, keys and values in one tensor."""
    renamed = _rename(tensors, VIT_NAMES)
    if "pos_embed" not in renamed:  # DINOv3
        gated = any(".mlp.gate_proj." in name for name in renamed)
        first = (
            (("gate_proj", "w1"), ("up_proj", "w2"), ("down_proj", "w3"))
            if gated
            else (("up_proj", "fc1"), ("down_proj", "fc2"))
        )
        renamed = _rename(renamed, tuple((rf"\.mlp\.{theirs}\.", f".mlp.{metas}.") for theirs, metas in first))
        if "register_tokens" in renamed:
            renamed["storage_tokens"] = renamed.pop("register_tokens")
    for name in [name for name in renamed if name.endswith(".attn.q.weight")]:
        block = name.removesuffix("q.weight")
        for kind in ("weight", "bias"):
            query, key, value = (renamed.get(f"{block}{part}.{kind}") for part in "qkv")
            # DINOv3's keys have no bias: Meta masks it with zeros, transformers leaves it out. One that is there stays
            # under its name, and is refused as unexpected.
            masked = kind == "bias" and "storage_tokens" in renamed
            if query is None or value is None or (key is None and not masked):
                continue
            middle = torch.zeros_like(query) if masked or key is None else key
            renamed[f"{block}qkv.{kind}"] = torch.cat([query, middle, value])
            for part in "qv" if masked else "qkv":
                renamed.pop(f"{block}{part}.{kind}")
    return renamed


def possible_encoders(tensors: Mapping[str, Tensor], path: Path) -> list[EncoderSpec]:
    """Tell from the tensors which encoder they belong to.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        In Meta's or timm's layout, see :func:`plain_names`.
    path : Path
        Their file or folder; looked at only to tell weights trained on satellite images from those on photographs.

    Returns
    -------
    list of EncoderSpec
        Empty where the tensors are no DINOv3 or DINOv2 encoder; two, photographs first, where nothing tells which.
    """
    count = sum(tensor.numel() for name, tensor in tensors.items() if not NOT_COUNTED.search(name))
    stem = tensors.get("patch_embed.proj.weight")
    if stem is not None:
        if stem.ndim != 4 or not {"blocks.0.norm1.weight", "norm.weight"} <= tensors.keys():
            return []
        family = "dinov2" if "pos_embed" in tensors else "dinov3"
        patch, registers = stem.shape[-1], 0
        for name in ("storage_tokens", "register_tokens", "reg_token"):
            if name in tensors:
                registers = tensors[name].shape[-2]
        dimension, prefix = stem.shape[0], 1 + registers
    elif "norm.weight" in tensors or "head.norm.weight" in tensors:
        family, patch, prefix = "dinov3-convnext", 32, 0
        dimension = tensors["norm.weight" if "norm.weight" in tensors else "head.norm.weight"].numel()
    else:
        return []
    fitting = [
        spec
        for spec in CATALOGUE
        if (spec.family, spec.patch_size, spec.dimension, spec.prefix_tokens) == (family, patch, dimension, prefix)
        and abs(count - spec.parameters) <= SIZE_TOLERANCE * spec.parameters
    ]
    known = is_satellite(path, tensors) if len(fitting) > 1 else None
    return [spec for spec in fitting if known is None or (SATELLITE_DATA in spec.name) == known]
