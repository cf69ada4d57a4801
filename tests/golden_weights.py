"""Reproducible weights for the golden models, and how each project would write them to a file.

The layouts are written out by hand here, in the other direction than the package reads them, and without its code.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from scipy.ndimage import gaussian_filter

GOLDEN = Path(__file__).parent / "data" / "golden"
MODELS = ("dinov3_vits16", "dinov2_vits14", "dinov2_vits14_reg")
LAYOUTS = ("meta", "timm", "transformers", "transformers with prefix")
TOKENS = ("cls_token", "mask_token", "storage_tokens", "register_tokens")


def seeded(key: str, shape: tuple[int, ...]) -> torch.Tensor:
    """The value of one weight, from its name alone; tests/data/golden/README.md tells the recipe."""
    if key.endswith("rope_embed.periods"):
        periods = 100.0 ** (2 * torch.arange(shape[0], dtype=torch.float64) / (2 * shape[0]))
        return periods.float().to(torch.bfloat16).float()
    if key.endswith(".attn.qkv.bias_mask"):
        mask = np.ones(shape, dtype=np.float32)
        mask[shape[0] // 3 : 2 * shape[0] // 3] = 0
        return torch.from_numpy(mask)
    a = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape, dtype=np.float32)
    if key.endswith(".gamma"):
        a = 0.5 * a
    elif key.endswith(".bias") or key in TOKENS:
        a = 0.1 * a
    elif "norm" in key and key.endswith(".weight"):
        a = 1 + 0.2 * a
    elif key == "pos_embed":
        side = int((shape[1] - 1) ** 0.5)
        smooth = gaussian_filter(a[:, 1:].reshape(side, side, -1), (2, 2, 0))
        smooth *= 0.5 / smooth.std()
        a[:, 1:] = smooth.reshape(1, side * side, -1)
        a[:, :1] *= 0.1
    elif a.ndim >= 2:
        a = a / np.sqrt(np.prod(shape[1:]))
    return torch.from_numpy(np.asarray(a, dtype=np.float32))


@cache
def meta_state(name: str) -> dict[str, torch.Tensor]:
    """A golden model's weights in Meta's layout."""
    keys = json.loads((GOLDEN / f"{name}.keys.json").read_text())
    return {key: seeded(key, tuple(shape)) for key, (shape, _) in keys.items()}


def as_timm(meta: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """As timm publishes them."""
    state = {}
    for key, value in meta.items():
        if key in ("mask_token", "rope_embed.periods") or key.endswith("bias_mask"):
            continue
        if "storage_tokens" in meta:
            if key.endswith("qkv.bias"):
                width = len(value) // 3
                state[key.replace("qkv.bias", "q_bias")] = value[:width]
                state[key.replace("qkv.bias", "v_bias")] = value[2 * width :]
                continue
            key = re.sub(r"ls([12])\.gamma", r"gamma_\1", key).replace("storage_tokens", "reg_token")
        state[key.replace("register_tokens", "reg_token")] = value
    if "register_tokens" in meta:
        state["cls_token"] = meta["cls_token"] + meta["pos_embed"][:, :1]
        state["pos_embed"] = meta["pos_embed"][:, 1:]
    return state


def as_transformers(meta: dict[str, torch.Tensor], prefix: str = "") -> dict[str, torch.Tensor]:
    """As transformers publishes them; newer files have ``model.`` in front of the blocks."""
    third = "storage_tokens" in meta
    state = {}
    for key, value in meta.items():
        block = re.match(r"blocks\.(\d+)\.(.+)", key)
        if key == "rope_embed.periods" or key.endswith("bias_mask"):
            continue
        if block is None:
            key = key.replace("patch_embed.proj", "embeddings.patch_embeddings" + ("" if third else ".projection"))
            key = key.replace("storage_tokens", "register_tokens").replace("pos_embed", "position_embeddings")
            key = "embeddings." + key if "token" in key or "position" in key else key
            state[key if third or not key.startswith("norm.") else "layer" + key] = value
            continue
        home, rest = (f"{prefix}layer" if third else f"{prefix}encoder.layer") + f".{block[1]}.", block[2]
        if rest.startswith("attn.qkv"):
            names = ("q_proj", "k_proj", "v_proj") if third else ("query", "key", "value")
            kind = rest.rpartition(".")[2]
            for part, name in zip(value.chunk(3), names, strict=True):
                if not (third and name == "k_proj" and kind == "bias"):
                    state[f"{home}attention.{'' if third else 'attention.'}{name}.{kind}"] = part.clone()
            continue
        rest = re.sub(r"ls([12])\.gamma", r"layer_scale\1.lambda1", rest)
        rest = rest.replace("attn.proj", "attention.o_proj" if third else "attention.output.dense")
        state[home + (rest.replace("fc1", "up_proj").replace("fc2", "down_proj") if third else rest)] = value
    return state


def write(name: str, layout: str, folder: Path) -> Path:
    """Write a golden model's weights as a project would; give the file."""
    meta = meta_state(name)
    if layout == "meta":
        path = folder / f"{name}_pretrain.pth"
        torch.save(meta, path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
        return path.rename(path.with_name(f"{name}_pretrain-{digest}.pth"))
    state = as_timm(meta) if layout == "timm" else as_transformers(meta, "model." if "prefix" in layout else "")
    path = folder / "model.safetensors"
    save_file({key: value.contiguous() for key, value in state.items()}, path)
    return path


def golden(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The golden image, (H, W, 3) uint8, and its patch tokens, (rows, cols, D) float32."""
    with np.load(GOLDEN / f"{name}.npz") as stored:
        return stored["image"], stored["patch_tokens"]


def padded(image: np.ndarray, patch_size: int) -> torch.Tensor:
    """A window of whole patches, (1, H, W, 3) in [0, 1], black at the bottom and right."""
    height, width = (-(-side // patch_size) * patch_size for side in image.shape[:2])
    window = np.zeros((1, height, width, 3), dtype=np.float32)
    window[0, : image.shape[0], : image.shape[1]] = image / np.float32(255)
    return torch.from_numpy(window)
