"""Layers that come of an analysis: found again, made once, and put where they belong without taking what is in hand."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari.layers import Image, Labels
from qtpy.QtCore import QTimer

from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.roles import LEAVING, MARK, claim, is_ours

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.components import LayerList, ViewerModel
    from napari.layers import Layer


def find(viewer: ViewerModel, kind: str, source: str) -> Layer | None:
    """Return the result layer of a kind that we made for an input, where the viewer still holds it.

    Parameters
    ----------
    viewer : Viewer
    kind : str
        One of the roles.
    source : str
        Key of the input, or whatever the layer was marked with as its ``source``.
    """
    held = (layer for layer in viewer.layers if is_ours(layer, kind) and layer.metadata[MARK].get("source") == source)
    return next(held, None)


def take_away(viewer: ViewerModel, layer: Layer) -> None:
    """Remove a layer that has become useless, because another one is gone, say.

    One that is selected is removed a turn of the event loop later: napari may be about to remove all that are selected,
    one after the other, and fails where one of them is gone.
    """
    if layer not in viewer.layers:
        return
    if layer in viewer.layers.selection:
        layer.metadata[MARK] = {"role": LEAVING}
        QTimer.singleShot(0, guarded(partial(_remove, viewer, layer)))
    else:
        _remove(viewer, layer)


def _remove(viewer: ViewerModel, layer: Layer) -> None:
    if layer in viewer.layers:
        viewer.layers.remove(layer)


def lift(viewer: ViewerModel, layer: Layer) -> None:
    """Bring a layer of points or shapes above the images, maps and labels that came later and cover it."""
    layers: LayerList = viewer.layers
    top = max((layers.index(other) for other in layers if isinstance(other, Image | Labels)), default=-1)
    if layers.index(layer) < top:
        layers.move(layers.index(layer), top + 1)


def lift_in_hand(viewer: ViewerModel, ours: Iterable[Layer | None], images: Iterable[Layer]) -> None:
    """Bring the active layer, if it is one of ours, above images that came later."""
    layers, active = viewer.layers, viewer.layers.selection.active
    in_hand = active is not None and any(active is layer for layer in ours)
    if in_hand and any(layers.index(image) > layers.index(active) for image in images):
        lift(viewer, active)


def put(viewer: ViewerModel, layer: Layer, above: Iterable[Layer] = ()) -> None:
    """Add a marked layer right above others; the person goes on with the layers that were in hand.

    Parameters
    ----------
    viewer : Viewer
    layer : Layer
        With our mark in its metadata; see :func:`napari_dinosim._napari.roles.mark`.
    above : iterable of Layer
        Those that are no longer there do not count; on top of all where none is.
    """
    claim(layer)
    layers: LayerList = viewer.layers
    active, selected = layers.selection.active, set(layers.selection)
    below = [layers.index(other) for other in above if other in layers]
    layers.insert(max(below) + 1 if below else len(layers), layer)
    if len(selected) > 1:
        layers.selection = selected
    else:
        layers.selection.active = active
