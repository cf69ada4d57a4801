"""A prompt where a person did not click but said yes or no: it takes the same road as a click."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_dinosim._napari.jumping import point_in
from napari_dinosim._napari.reading import Owner
from napari_dinosim.prompts import POSITIVE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Points

    from napari_dinosim._napari.controller import Controller
    from napari_dinosim._napari.searched import Searched
    from napari_dinosim.planes import PlaneIndex

LABEL = "label"
"""Column of the points' features that says what a prompt means."""


def place_prompt(controller: Controller, found: Searched, plane: PlaneIndex, y: float, x: float, label: str) -> None:
    """Add a labelled point to the prompts layer, which is made where there is none; the layer in hand stays.

    Parameters
    ----------
    controller : Controller
    found : Searched
        The image that is meant, whatever lies above it.
    plane : tuple of int
    y, x : float
        Pixels in the plane.
    label : str
    """
    prompts, layers = controller.prompts, controller.viewer.layers
    if prompts.layer is None:
        active = layers.selection.active
        prompts.ensure(found.image)
        if active is not None:
            layers.selection.active = active
    layer = prompts.layer
    if layer is None:
        return
    with labelled(layer, label):
        prompts.place(found.image, Owner(found.key, plane), point_in(found.image.ndim, plane, y, x))


@contextmanager
def labelled(layer: Points, label: str) -> Iterator[None]:
    """Give points that are added meanwhile a label; afterwards new ones get what they would have got before."""
    if LABEL not in layer.features:
        layer.features = layer.features.assign(**{LABEL: POSITIVE})
    before = layer.feature_defaults.copy()
    layer.feature_defaults = before.assign(**{LABEL: label})
    try:
        yield
    finally:
        layer.feature_defaults = before
