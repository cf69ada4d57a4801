"""Encoders and devices as a person chooses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dinosim.encoders.catalogue import BUILTIN_NAME, CATALOGUE
from napari_dinosim.errors import UnknownEncoderError

if TYPE_CHECKING:
    from napari_dinosim.loading import EncoderChoice

DEFAULT_ENCODER = "dinov3_vits16"
FROM_FILE = "file"
"""Value of the choice that asks for a weights file."""

DEVICES = ("auto", "cpu", "cuda", "mps")


def encoder_titles() -> list[tuple[str, str]]:
    """Pairs of what is shown and its value: the default first, then the built-in one, the others, "From file…"."""
    titles = {BUILTIN_NAME: "Built-in textures (not DINO)"} | {spec.name: spec.title for spec in CATALOGUE}
    first = [DEFAULT_ENCODER, BUILTIN_NAME]
    names = first + [name for name in titles if name not in first]
    return [(titles[name], name) for name in names] + [("From file…", FROM_FILE)]


def patch_size(choice: EncoderChoice) -> int | None:
    """Patch size of a chosen encoder, where it is known before loading."""
    from napari_dinosim.encoders.catalogue import catalogue_spec

    if choice.name == BUILTIN_NAME:
        return 16
    try:
        return catalogue_spec(choice.name).patch_size or None
    except UnknownEncoderError:
        return None
