"""A prompt where a person did not click but said yes or no: it takes the same road as a click."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dinosim._napari.jumping import point_in
from napari_dinosim._napari.reading import Owner

if TYPE_CHECKING:
    from napari_dinosim._napari.controller import Controller
    from napari_dinosim._napari.searched import Searched
    from napari_dinosim.planes import PlaneIndex


def place_prompt(controller: Controller, found: Searched, plane: PlaneIndex, y: float, x: float, label: str) -> bytes:
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

    Returns
    -------
    bytes
        Name of the point: its coordinates in the layer.
    """
    prompts, layers = controller.prompts, controller.viewer.layers
    if prompts.layer is None:
        active = layers.selection.active
        prompts.ensure(found.image)
        if active is not None:
            layers.selection.active = active
    with prompts.labels.adding(label):
        return prompts.place(found.image, Owner(found.key, plane), point_in(found.image.ndim, plane, y, x))
