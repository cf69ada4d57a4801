"""Colours of labels, and their rows in the features of a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap, label_colormap

from napari_dinosim.analysis.recipe import SIMILAR

if TYPE_CHECKING:
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_dinosim._napari.controller import Controller
    from napari_dinosim.analysis.recipe import Segmentation

PINK = "#ff2d78"
"""What is found where there are no classes."""
CLEAR = (0, 0, 0, 0)


def dress(layer: Labels, controller: Controller, recipe: Segmentation) -> None:
    """Give labels the colours of their classes, or of objects."""
    if recipe.objects == "together":
        book = controller.prompts.labels.book
        names = controller.session.classes or (SIMILAR,)
        looks = [book.look(name).colour if name in book.labels else PINK for name in names]
        colours: dict[int | None, Any] = dict(enumerate(looks, 1))
        wanted = DirectLabelColormap(color_dict={None: CLEAR, 0: CLEAR} | colours)
        if not _same_colours(layer.colormap, wanted):  # to set them draws the layer anew
            layer.colormap = wanted
    elif isinstance(layer.colormap, DirectLabelColormap):  # it has no colours for objects
        layer.colormap = label_colormap(49)


def in_bytes(labels: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Give labels as bytes, which napari draws twice as fast; above 255 they begin again at 1."""
    found: NDArray[np.uint8] = np.where(labels > 0, (labels - 1) % 255 + 1, 0).astype(np.uint8)
    return found


def _same_colours(one: Any, other: DirectLabelColormap) -> bool:
    held = one.color_dict if isinstance(one, DirectLabelColormap) else {}
    return held.keys() == other.color_dict.keys() and all(
        np.array_equal(held[label], colour) for label, colour in other.color_dict.items()
    )
