"""Which image the objects of a Labels layer are measured over: never one by chance."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from napari_dinosim._napari.coordinates import leading_shape, plane_shape, world_matrix
from napari_dinosim._napari.roles import MARK
from napari_dinosim.errors import SelectionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari.layers import Labels

    from napari_dinosim._napari.controller import Controller
    from napari_dinosim._napari.searched import Searched

NO_IMAGE = (
    "labels: found {name!r} of {shape}, which is the shape of no ticked and embedded image ({others}). Choose the "
    "Labels layer of an image in the list, and press Start."
)
AWAY = (
    "labels: found {name!r}, made of {image!r}, expected that image to be ticked, embedded and of {shape}. Tick it and "
    "press Start, or choose another one under Image."
)
SEVERAL = "labels: found {name!r} of {shape}, which fits {images}. Choose one of them under Image."


def fitting(controller: Controller, layer: Labels) -> list[Searched]:
    """Images of the shape of labels that are ticked and embedded, the topmost first."""
    session, shape = controller.session, tuple(layer.data.shape)
    return [
        found
        for found in controller.offering.checked()
        if leading_shape(found.image) + plane_shape(found.image) == shape and session.embedded_planes(found.key)
    ]


def image_of(controller: Controller, layer: Labels) -> Searched:
    """Image that labels belong to.

    That which they were made of, where they are ours; else the one at their place, or of their shape where none is
    there; of several, the one whose name is in theirs.

    Raises
    ------
    SelectionError
        If none fits, or several do and nothing says which.
    """
    found, shape = fitting(controller, layer), _times(layer.data.shape)
    source = layer.metadata.get(MARK, {}).get("source")
    made_of = None if source is None else controller.offering.find(source)
    if made_of is not None:
        if source not in [one.key for one in found]:
            raise SelectionError(AWAY.format(name=layer.name, image=made_of.name, shape=shape))
        return made_of
    if not found:
        checked = (one.image for one in controller.offering.checked())
        others = ", ".join(_times(leading_shape(one) + plane_shape(one)) for one in checked) or "none is ticked"
        raise SelectionError(NO_IMAGE.format(name=layer.name, shape=shape, others=others))
    units = controller.viewer.layers.units
    place = world_matrix(layer, units)
    there = [one for one in found if np.allclose(world_matrix(one.image, units), place, rtol=1e-6)] or found
    meant = there if len(there) == 1 else _named(layer.name, there)
    if len(meant) != 1:
        images = " and ".join(repr(one.name) for one in meant or there)
        raise SelectionError(SEVERAL.format(name=layer.name, shape=shape, images=images))
    return meant[0]


def _named(name: str, images: Sequence[Searched]) -> list[Searched]:
    """Images whose name is a part of another one, the longest names only: ``img1`` of ``img1_masks``, not ``img``."""
    parts = [one for one in images if re.search(rf"(?<![^\W_]){re.escape(one.name)}(?![^\W_])", name)]
    longest = max((len(one.name) for one in parts), default=0)
    return [one for one in parts if len(one.name) == longest]


def _times(shape: Iterable[int]) -> str:
    return " × ".join(map(str, shape))
