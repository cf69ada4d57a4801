"""How images and maps look ↔ what a file holds of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import AVAILABLE_COLORMAPS, Colormap

from napari_dinosim.records.images import LookRecord, Numbers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.layers import Image, Labels

COLOURS = 256
"""Colours of a table of a colormap that napari does not know by name."""


def look_of(layer: Image) -> LookRecord:
    """Describe how an image looks; its contrast limits are told elsewhere."""
    looks = {"opacity": layer.opacity, "visible": layer.visible}
    return recorded(looks if layer.rgb else looks | {"colormap": layer.colormap, "gamma": layer.gamma})


def recorded(looks: Mapping[str, Any]) -> LookRecord:
    """Describe looks, by the names of a layer's attributes; what is not among them is as it is by itself."""
    colormap = looks.get("colormap")
    name = None if colormap is None else str(getattr(colormap, "name", colormap))
    own = colormap if isinstance(colormap, Colormap) and name not in AVAILABLE_COLORMAPS else None
    low, high = looks.get("contrast_limits") or (None, None)
    return LookRecord(
        name,
        None if own is None else Numbers.of(own.map(np.linspace(0, 1, COLOURS))),
        float(looks.get("gamma", 1.0)),
        float(looks.get("opacity", 1.0)),
        bool(looks.get("visible", True)),
        None if low is None or high is None else (float(low), float(high)),
    )


def looks_in(record: LookRecord) -> dict[str, Any]:
    """Return what a record says, by the names of a layer's attributes."""
    looks: dict[str, Any] = {"gamma": record.gamma, "opacity": record.opacity, "visible": record.visible}
    if record.colours is not None:
        looks["colormap"] = Colormap(record.colours.array(), name=record.colormap or "session")
    elif record.colormap in AVAILABLE_COLORMAPS:
        looks["colormap"] = record.colormap
    if record.contrast_limits is not None:
        looks["contrast_limits"] = record.contrast_limits
    return looks


def dress(layer: Image | Labels, looks: Mapping[str, Any]) -> None:
    """Have a layer look so."""
    for name, value in looks.items():
        if not (getattr(layer, "rgb", False) and name in ("colormap", "gamma", "contrast_limits")):
            setattr(layer, name, value)
