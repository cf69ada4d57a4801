"""Colours of labels, and their rows in the features of a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap, label_colormap

from napari_dinosim.analysis.recipe import SIMILAR

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_dinosim._napari.controller import Controller
    from napari_dinosim.analysis.recipe import Segmentation

PINK = "#ff2d78"
"""What is found where there are no classes."""
CLEAR = (0, 0, 0, 0)


def colours_of(controller: Controller, recipe: Segmentation) -> DirectLabelColormap | None:
    """Colours of the classes, or None for objects, which napari colours."""
    if recipe.objects != "together":
        return None
    book = controller.prompts.labels.book
    names = controller.session.classes or (SIMILAR,)
    return direct(book.look(name).colour if name in book.labels else PINK for name in names)


def direct(colours: Iterable[Any]) -> DirectLabelColormap:
    """Colour labels from 1 on; all others are transparent."""
    by_label: dict[int | None, Any] = {None: CLEAR, 0: CLEAR}
    return DirectLabelColormap(color_dict=by_label | dict(enumerate(colours, 1)))


def dress(layer: Labels, colours: DirectLabelColormap | None) -> None:
    """Give labels these colours, or, for objects, those of napari, unless they have them: that draws the layer anew."""
    if colours is not None:
        if not same_colours(layer.colormap, colours):
            layer.colormap = colours
    elif isinstance(layer.colormap, DirectLabelColormap):  # it has no colours for objects
        layer.colormap = label_colormap(49)


def in_bytes(labels: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Give labels as bytes, which napari draws twice as fast; above 255 they begin again at 1."""
    found: NDArray[np.uint8] = np.where(labels > 0, (labels - 1) % 255 + 1, 0).astype(np.uint8)
    return found


def same_colours(one: Any, other: DirectLabelColormap) -> bool:
    """Whether the same labels have the same colours."""
    held = one.color_dict if isinstance(one, DirectLabelColormap) else {}
    return held.keys() == other.color_dict.keys() and all(
        np.array_equal(held[label], colour) for label, colour in other.color_dict.items()
    )
