"""Encoders and devices as a person chooses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dinosim.encoders.catalogue import BUILTIN, CATALOGUE, HUB_PREFIX, TIMM_PREFIX, catalogue_spec
from napari_dinosim.reckoning import EncoderFacts

if TYPE_CHECKING:
    from napari_dinosim.loading import EncoderChoice

DEFAULT_ENCODER = "dinov3_vits16"
FROM_FILE = "file"
"""Value of the choice that asks for a weights file."""

_KNOWN = {spec.name: spec for spec in (BUILTIN, *CATALOGUE)}

DEVICES = ("auto", "cpu", "cuda", "mps")


def encoder_titles() -> list[tuple[str, str]]:
    """Pairs of what is shown and its value: the default first, then the built-in one, the others, "From file…"."""
    titles = {name: spec.title for name, spec in _KNOWN.items()}
    first = [DEFAULT_ENCODER, BUILTIN.name]
    names = first + [name for name in titles if name not in first]
    return [(titles[name], name) for name in names] + [("From file…", FROM_FILE)]


def is_of_timm(name: str) -> bool:
    """Whether a name is one of timm's, which are too many to list: whether there is such a model is told on loading."""
    return name.startswith((TIMM_PREFIX, HUB_PREFIX))


def check_name(name: str) -> None:
    """Refuse a name that no encoder has, as far as it is told without importing timm.

    Raises
    ------
    UnknownEncoderError
        With near names.
    """
    if name != BUILTIN.name and not is_of_timm(name):
        catalogue_spec(name)


def patch_size(choice: EncoderChoice) -> int | None:
    """Patch size of a chosen encoder, where it is known before loading."""
    spec = _KNOWN.get(choice.name or "")
    return spec.patch_size if spec else None


def facts(choice: EncoderChoice) -> EncoderFacts | None:
    """Tell what is known of a chosen encoder before it is loaded."""
    spec = _KNOWN.get(choice.name or "")
    device = "cpu" if choice.device == "auto" else choice.device
    return EncoderFacts(spec.patch_size, spec.dimension, device) if spec else None


def has_blocks(choice: EncoderChoice) -> bool:
    """Whether tokens can be taken from other blocks than the last: from transformers, and files may hold one."""
    spec = _KNOWN.get(choice.name or "")
    return spec is None or (spec.blocks > 1 and spec.family != "dinov3-convnext")
