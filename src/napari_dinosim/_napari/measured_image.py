"""Which image the objects of a Labels layer are measured over: never one by chance."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from napari_dinosim._napari.coordinates import leading_shape, plane_shape, world_matrix
from napari_dinosim._napari.roles import MARK
from napari_dinosim._napari.sentences import enumerated
from napari_dinosim.analysis.objects import times
from napari_dinosim.errors import SelectionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Labels

    from napari_dinosim._napari.controller import Controller
    from napari_dinosim._napari.searched import Searched

NO_IMAGE = (
    "labels: found {name!r} of {shape}, expected the shape of a checked image ({others}). Choose the Labels layer of "
    "such an image, or check its image in the list."
)
NOT_EMBEDDED = (
    "labels: found {name!r} of {shape}, the shape of {images}, but nothing of that is embedded yet. Press Start first, "
    "then Measure objects."
)
AWAY = (
    "labels: found {name!r}, made of {image!r}, expected that image to be checked, embedded and of {shape}. Check it "
    "and press Start, or choose another one under Image."
)
SEVERAL = "labels: found {name!r} of {shape}, which fits {images}. Choose one of them under Image."


def fitting(controller: Controller, layer: Labels) -> list[Searched]:
    """Images of the shape of labels that are checked and embedded, the topmost first."""
    return [one for one in _of_shape(controller, layer) if controller.session.embedded_planes(one.key)]


def _of_shape(controller: Controller, layer: Labels) -> list[Searched]:
    shape = tuple(layer.data.shape)
    return [one for one in controller.offering.checked() if _shape(one) == shape]


def _shape(one: Searched) -> tuple[int, ...]:
    return leading_shape(one.image) + plane_shape(one.image)


def image_of(controller: Controller, layer: Labels) -> Searched:
    """Image that labels belong to.

    That which they were made of, where they are ours; else the one at their place, or of their shape where none is
    there; of several, the one whose name is in theirs.

    Raises
    ------
    SelectionError
        If none fits, or several do and nothing says which.
    """
    found, shape = fitting(controller, layer), times(layer.data.shape)
    source = layer.metadata.get(MARK, {}).get("source")
    made_of = None if source is None else controller.offering.find(source)
    if made_of is not None:
        if source not in [one.key for one in found]:
            raise SelectionError(AWAY.format(name=layer.name, image=made_of.name, shape=shape))
        return made_of
    if not found:
        if waiting := _of_shape(controller, layer):
            images = enumerated([repr(one.name) for one in waiting])
            raise SelectionError(NOT_EMBEDDED.format(name=layer.name, shape=shape, images=images))
        others = ", ".join(times(_shape(one)) for one in controller.offering.checked()) or "none is checked"
        raise SelectionError(NO_IMAGE.format(name=layer.name, shape=shape, others=others))
    units = controller.viewer.layers.units
    place = world_matrix(layer, units)
    there = [one for one in found if np.allclose(world_matrix(one.image, units), place, rtol=1e-6)] or found
    meant = there if len(there) == 1 else _named(layer.name, there)
    if len(meant) != 1:
        images = enumerated([repr(one.name) for one in meant or there])
        raise SelectionError(SEVERAL.format(name=layer.name, shape=shape, images=images))
    return meant[0]


def _named(name: str, images: Sequence[Searched]) -> list[Searched]:
    """Images whose name is a part of another one, the longest names only: ``img1`` of ``img1_masks``, not ``img``."""
    parts = [one for one in images if re.search(rf"(?<![^\W_]){re.escape(one.name)}(?![^\W_])", name)]
    longest = max((len(one.name) for one in parts), default=0)
    return [one for one in parts if len(one.name) == longest]
