"""How maps look by themselves, under each normalisation; what a person changed of it stays theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dinosim._napari.preferences import map_looks

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_dinosim.scoring import Normalisation

DIVERGING = "coolwarm"
"""Colormap of raw cosines: blue below 0, red above."""

LOOKS = ("colormap", "opacity", "blending", "visible", "contrast_limits", "gamma", "interpolation2d")
"""What a person may have set on a map; kept while the map is away."""


def looks_of(normalisation: Normalisation) -> dict[str, Any]:
    """Say how a new map looks: cosines on a scale from -1 to 1, stretched ones on one from 0 to 1."""
    looks = map_looks() | {"contrast_limits": (0, 1), "interpolation2d": "nearest"}
    return looks | {"contrast_limits": (-1, 1), "colormap": DIVERGING} if normalisation == "cosine" else looks


def kept_looks(layer: Image, own: dict[str, Any]) -> dict[str, Any]:
    """Take from a map what a person has set on it, for its return; what it has by itself may be another by then.

    Parameters
    ----------
    layer : Image
    own : dict
        How it looks by itself now; see :func:`looks_of`.
    """
    looks = {name: getattr(layer, name) for name in LOOKS}
    if np.allclose(layer.contrast_limits, own["contrast_limits"]):
        del looks["contrast_limits"]
    if layer.colormap.name == getattr(own["colormap"], "name", own["colormap"]):
        del looks["colormap"]
    return looks


def redress(layer: Image, before: Normalisation, after: Normalisation) -> None:
    """Change the looks of a map that it has by itself; a colormap or limits that a person chose stay."""
    old, new = looks_of(before), looks_of(after)
    if np.allclose(layer.contrast_limits, old["contrast_limits"]):
        layer.contrast_limits_range = new["contrast_limits"]
        layer.contrast_limits = new["contrast_limits"]
    if layer.colormap.name == old["colormap"]:
        layer.colormap = new["colormap"]
