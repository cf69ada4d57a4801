"""The samples as napari's File menu opens them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dinosim import samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

LayerData = tuple["NDArray[Any]", dict[str, Any], str]

GAP = 20
"""Pixels between the two images of the pair."""


def pair() -> list[LayerData]:
    """Open two photographs of one thing, one above the other."""
    left, right = samples.pair()
    below = {"name": "motorcycle right", "rgb": True, "translate": (left.shape[0] + GAP, 0)}
    return [(left, {"name": "motorcycle left", "rgb": True}, "image"), (right, below, "image")]


def tissue() -> list[LayerData]:
    """Open a field of stained tissue."""
    return [(samples.tissue(), {"name": "immunohistochemistry", "rgb": True}, "image")]


def textures() -> list[LayerData]:
    """Open a mosaic of three textures."""
    return [(samples.textures(), {"name": "brick, grass, gravel"}, "image")]


def stack() -> list[LayerData]:
    """Open a generated stack of 16-bit planes, thicker than wide."""
    place = {"scale": samples.STACK_SCALE, "units": ("um", "um", "um"), "axis_labels": ("z", "y", "x")}
    return [(samples.stack(), {"name": "spots", **place}, "image")]
