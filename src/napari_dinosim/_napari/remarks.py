"""What is odd about images that can be searched all the same: told once they are, so that nobody wonders later."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_dinosim._napari.searched import Searched


def remarks(viewer: ViewerModel, searched: Sequence[Searched]) -> list[str]:
    """Say what is odd about images, one sentence or two for each thing.

    Parameters
    ----------
    viewer : Viewer
    searched : sequence of Searched
    """
    layers = [layer for found in searched for layer in found.layers]
    told = [text for layer in layers for text in (_pyramid(layer), _thick(layer, viewer)) if text]
    if viewer.layers.units is None and layers:
        units = ", ".join(dict.fromkeys(f"{layer.units[-1]} ({layer.name})" for layer in layers))
        told.append(
            f"Units: found {units}, which cannot be converted into one another, so napari draws all layers in pixels. "
            "Mend the units of one of them."
        )
    return told


def _thick(layer: Image, viewer: ViewerModel) -> str:
    """Say where several planes are on screen, of which one is searched."""
    beside = viewer.dims.order[: viewer.dims.ndim - 2][-max(layer.ndim - 2, 0) :] if layer.ndim > 2 else ()
    if str(layer.projection_mode) == "none" or not any(viewer.dims.thickness[axis] > 0 for axis in beside):
        return ""
    return (
        f"{layer.name}: on screen is the {layer.projection_mode} of several planes; each plane is searched by itself, "
        "and its map lies over the one at the slider's place. Set the projection mode to 'none' to see that plane."
    )


def _pyramid(layer: Image) -> str:
    """Say what is odd about a pyramid."""
    levels = layer.data if layer.multiscale else []
    shapes = [level.shape for level in levels]
    for number, (before, after) in enumerate(itertools.pairwise(shapes), 1):
        if after == before or any(now > then for now, then in zip(after, before, strict=True)):
            return (
                f"{layer.name}: found level {number} of shape {after} after one of {before}, expected each smaller "
                "than the one before. Its full resolution is read."
            )
    return ""
