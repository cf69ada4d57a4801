"""Every encoder known by name, in one frozen table. Imports neither torch nor timm.

Sources: dimensions, patch sizes and blocks from the DINOv3 and DINOv2 papers (arXiv 2508.10104, 2304.07193,
2309.16588) and repositories; parameters counted in timm's models without heads; file hashes from the names of Meta's
own files; normalisation from the model cards (ImageNet for LVD-1689M and DINOv2, its own for SAT-493M); memory measured
with torch 2.11 on an H100 in float32, windows of 768 × 768 pixels (bfloat16 takes about a third less).
"""

from __future__ import annotations

import difflib
from dataclasses import replace
from typing import Any

from napari_dinosim.encoders.base import EncoderSpec
from napari_dinosim.errors import UnknownEncoderError

BUILTIN_NAME = "builtin"
"""Name of the encoder that needs no weights."""

TIMM_PREFIX = "timm:"
"""In front of the name of any timm model with dense features."""

HUB_PREFIX = "hf-hub:"
"""In front of OWNER/REPO of a timm model on the Hugging Face hub."""

BUILTIN = EncoderSpec(
    name=BUILTIN_NAME,
    title="Built-in textures (not DINO)",
    patch_size=16,
    dimension=37,
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    source="",  # it is part of this package: no home of its own, nothing to fetch
    licence="BSD-3-Clause",
    licence_url="https://opensource.org/license/bsd-3-clause",
    download_bytes=0,
    family="builtin",
)
"""The encoder that needs no weights."""

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SATELLITE_MEAN, SATELLITE_STD = (0.430, 0.411, 0.296), (0.213, 0.156, 0.143)

PHOTO_DATA, SATELLITE_DATA = "lvd1689m", "sat493m"
"""What weights were trained on, in the names of files and repositories; the latter also in those of encoders."""

BYTES_PER_WEIGHT = 4
"""The published files hold float32."""


def _dinov3(name: str, title: str, data: str, sha256_prefix: str, **facts: Any) -> EncoderSpec:
    """One DINOv3, trained on `data`."""
    return EncoderSpec(
        name=f"dinov3_{name}",
        title=f"DINOv3 {title}",
        mean=SATELLITE_MEAN if data == SATELLITE_DATA else IMAGENET_MEAN,
        std=SATELLITE_STD if data == SATELLITE_DATA else IMAGENET_STD,
        source="https://github.com/facebookresearch/dinov3",
        licence="DINOv3 License",
        licence_url="https://ai.meta.com/resources/models-and-libraries/dinov3-license/",
        download_bytes=facts["parameters"] * BYTES_PER_WEIGHT,
        gated_repo=f"facebook/dinov3-{name.removesuffix(f'_{data}').replace('_', '-')}-pretrain-{data}",
        sha256_prefix=sha256_prefix,
        **facts,
    )


def _dinov3_vit(
    size: str,
    title: str,
    timm_name: str,
    dimension: int,
    blocks: int,
    parameters: int,
    memory: int,
    sha256_prefix: str,
    *,
    satellite: bool = False,
) -> EncoderSpec:
    """One DINOv3 vision transformer, patch 16, one class and four register tokens."""
    data = SATELLITE_DATA if satellite else PHOTO_DATA
    return _dinov3(
        f"{size}_{data}" if satellite else size,
        f"{title}, satellite" if satellite else title,
        data,
        sha256_prefix,
        patch_size=16,
        dimension=dimension,
        hub_repo=f"timm/{timm_name}.{data}",
        family="dinov3",
        timm_name=timm_name,
        parameters=parameters,
        prefix_tokens=5,
        blocks=blocks,
        memory_per_1000_patches=memory,
    )


def _dinov3_convnext(size: str, dimension: int, parameters: int, memory: int, sha256_prefix: str) -> EncoderSpec:
    """One DINOv3 ConvNeXt, stride 32."""
    return _dinov3(
        f"convnext_{size}",
        f"ConvNeXt {size.capitalize()}",
        PHOTO_DATA,
        sha256_prefix,
        patch_size=32,
        dimension=dimension,
        hub_repo=f"timm/convnext_{size}.dinov3_{PHOTO_DATA}",
        family="dinov3-convnext",
        timm_name=f"convnext_{size}",
        parameters=parameters,
        blocks=4,
        memory_per_1000_patches=memory,
    )


def _dinov2(letter: str, size: str, dimension: int, blocks: int, parameters: int, memory: int) -> list[EncoderSpec]:
    """One DINOv2 vision transformer, patch 14, without and with four register tokens."""
    # Four registers come in; the class token's entry in the position embedding goes (timm adds the two up).
    counts = {0: parameters, 4: parameters + 3 * dimension}
    return [
        EncoderSpec(
            name=f"dinov2_vit{letter}14" + ("_reg" if registers else ""),
            title=f"DINOv2 ViT-{letter.upper()}/14" + (", registers" if registers else ""),
            patch_size=14,
            dimension=dimension,
            mean=IMAGENET_MEAN,
            std=IMAGENET_STD,
            source="https://github.com/facebookresearch/dinov2",
            licence="Apache-2.0",
            licence_url="https://www.apache.org/licenses/LICENSE-2.0",
            download_bytes=counts[registers] * BYTES_PER_WEIGHT,
            hub_repo=f"timm/vit_{size}_patch14_{'reg4_' if registers else ''}dinov2.lvd142m",
            family="dinov2",
            timm_name=f"vit_{size}_patch14_{'reg4_' if registers else ''}dinov2",
            parameters=counts[registers],
            prefix_tokens=1 + registers,
            blocks=blocks,
            memory_per_1000_patches=memory,
        )
        for registers in counts
    ]


_S, _SP = "vit_small_patch16_dinov3_qkvb", "vit_small_plus_patch16_dinov3_qkvb"
_B, _L = "vit_base_patch16_dinov3_qkvb", "vit_large_patch16_dinov3_qkvb"
_HP, _7B = "vit_huge_plus_patch16_dinov3_qkvb", "vit_7b_patch16_dinov3"

CATALOGUE: tuple[EncoderSpec, ...] = (
    _dinov3_vit("vits16", "ViT-S/16", _S, 384, 12, 21_596_160, 26_000_000, "08c60483"),
    _dinov3_vit("vits16plus", "ViT-S+/16", _SP, 384, 12, 28_692_480, 39_000_000, "4057cbaa"),
    _dinov3_vit("vitb16", "ViT-B/16", _B, 768, 12, 85_659_648, 45_000_000, "73cec8be"),
    _dinov3_vit("vitl16", "ViT-L/16", _L, 1024, 24, 303_128_576, 56_000_000, "8aa4cbdd"),
    _dinov3_vit("vith16plus", "ViT-H+/16", _HP, 1280, 32, 840_591_360, 112_000_000, "7c1da9a5"),
    _dinov3_vit("vit7b16", "ViT-7B/16", _7B, 4096, 40, 6_716_030_976, 205_000_000, "a955f4ea"),
    _dinov3_vit("vitl16", "ViT-L/16", _L, 1024, 24, 303_128_576, 56_000_000, "eadcf0ff", satellite=True),
    _dinov3_vit("vit7b16", "ViT-7B/16", _7B, 4096, 40, 6_716_030_976, 205_000_000, "a6675841", satellite=True),
    _dinov3_convnext("tiny", 768, 27_820_128, 296_000_000, "21b726bb"),
    _dinov3_convnext("small", 768, 49_454_688, 297_000_000, "296db49d"),
    _dinov3_convnext("base", 1024, 87_566_464, 386_000_000, "801f2ba9"),
    _dinov3_convnext("large", 1536, 196_230_336, 569_000_000, "61fa432d"),
    *_dinov2("s", "small", 384, 12, 22_056_192, 22_000_000),
    *_dinov2("b", "base", 768, 12, 86_579_712, 39_000_000),
    *_dinov2("l", "large", 1024, 24, 304_367_616, 51_000_000),
    *_dinov2("g", "giant", 1536, 40, 1_136_479_232, 90_000_000),
)
"""All DINOv3 and DINOv2 encoders, by Meta's names."""

_BY_NAME = {spec.name: spec for spec in CATALOGUE}


def same_weights(name: str) -> EncoderSpec | None:
    """Find the encoder of the table that a ``timm:`` or ``hf-hub:`` name means.

    Its own specification says more of how its weights are read (rounded periods, interpolation) than any configuration.
    timm has DINOv3's transformers twice, with biases (``_qkvb``), and without them for files where they are all zero.
    """
    prefix = TIMM_PREFIX if name.startswith(TIMM_PREFIX) else HUB_PREFIX if name.startswith(HUB_PREFIX) else None
    if prefix is None:
        return None
    repository = f"timm/{name[len(prefix) :]}" if prefix == TIMM_PREFIX else name[len(prefix) :]
    for spec in CATALOGUE:
        without_biases = spec.hub_repo.replace("_qkvb", "")
        if repository in (spec.hub_repo, spec.gated_repo):
            return spec
        if repository == without_biases:
            return replace(spec, hub_repo=without_biases)
    return None


def catalogue_spec(name: str) -> EncoderSpec:
    """Look an encoder up by Meta's name.

    Parameters
    ----------
    name : str
        For example ``"dinov3_vits16"`` or ``"dinov2_vitb14_reg"``.

    Returns
    -------
    EncoderSpec

    Raises
    ------
    UnknownEncoderError
        If the table has no such name; near matches are told.

    Examples
    --------
    >>> catalogue_spec("dinov3_vits16").patch_size
    16
    """
    if name in _BY_NAME:
        return _BY_NAME[name]
    known = [BUILTIN_NAME, *_BY_NAME]
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    raise UnknownEncoderError(
        f"encoder: found {name!r}, expected {' or '.join(map(repr, near)) if near else 'one of ' + ', '.join(known)}. "
        f"Choose one of the {len(known)} known names, or any timm model by '{TIMM_PREFIX}NAME' or "
        f"'{HUB_PREFIX}OWNER/REPO'."
    )
