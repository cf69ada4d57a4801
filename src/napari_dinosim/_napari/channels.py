"""Image layers as the channels of one image, in the colours, contrast and weights that they have on screen."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dinosim._napari.coordinates import leading_shape, plane_shape, world_matrix
from napari_dinosim._napari.levels import levels_of, pyramid_plane
from napari_dinosim.composition import STEPS, Channel, Composition
from napari_dinosim.errors import ImageError
from napari_dinosim.states import ImageInput

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from napari.layers import Image

    from napari_dinosim.image import Plane
    from napari_dinosim.planes import PlaneIndex, PlaneView

LOOKS = ("colormap", "gamma", "opacity", "visible")
"""What counts beside the contrast limits; named as the layer's events."""


def why_not(layers: Sequence[Image], world_units: Sequence[object] | None) -> str:
    """Say why these layers cannot be composed; empty where they can.

    Parameters
    ----------
    layers : sequence of Image
        Two or more.
    world_units : sequence of pint.Unit, optional
        ``viewer.layers.units``.
    """
    if len(layers) < 2:
        return f"channels: found {len(layers)} image, expected two or more. Choose more images in the list."
    first = layers[0]
    for layer in layers:
        if layer.rgb:
            return f"channels: found {layer.name!r}, which is RGB, expected single-channel images. Leave it out."
    for layer in layers[1:]:
        shapes = [leading_shape(image) + plane_shape(image) for image in (first, layer)]
        if shapes[0] != shapes[1]:
            return (
                f"channels: found shape {shapes[0]} of {first.name!r} and {shapes[1]} of {layer.name!r}, "
                "expected one shape. Compose channels of one image."
            )
        if not np.allclose(world_matrix(first, world_units), world_matrix(layer, world_units)):
            return (
                f"channels: found {layer.name!r} at another place than {first.name!r}, expected one scale and place. "
                "Move them onto each other, or separate them."
            )
    return ""


def composed_input(
    layers: Sequence[Image], name: str, revisions: Sequence[int], world_units: Sequence[object] | None
) -> ImageInput:
    """Describe layers to the session as one image, as they look now.

    Parameters
    ----------
    layers : sequence of Image
    name : str
    revisions : sequence of int
        Of each layer, another number after each change of its pixels.
    world_units : sequence of pint.Unit, optional
        ``viewer.layers.units``.
    """
    problem = why_not(layers, world_units)
    levels, seen = [levels_of(layer) for layer in layers], [looks_of(layer) for layer in layers]

    def make(views: list[PlaneView]) -> Plane:
        return Composition(Channel(view, **looks) for view, looks in zip(views, seen, strict=True))

    def read(plane: PlaneIndex) -> Plane:
        if problem:
            raise ImageError(problem)
        return pyramid_plane(levels, plane, make)

    version = (problem, *zip(revisions, (_signature(looks) for looks in seen), strict=True))
    return ImageInput(name, plane_shape(layers[0]), read, version, leading_shape(layers[0]))


def looks_of(layer: Image) -> dict[str, Any]:
    """How a layer looks, as keywords for a channel."""
    low, high = (float(limit) for limit in layer.contrast_limits)
    return {
        "colours": np.clip(layer.colormap.map(np.linspace(0, 1, STEPS)), 0, 1),
        "limits": (low, high),
        "gamma": float(layer.gamma),
        "opacity": float(layer.opacity),
        "visible": bool(layer.visible),
        "name": layer.name,
    }


def _signature(looks: dict[str, Any]) -> Hashable:
    """Equal for equal looks; a hidden channel looks like any other."""
    if not looks["visible"]:
        return None
    table = zlib.crc32(np.ascontiguousarray(looks["colours"]).data)
    return table, looks["limits"], looks["gamma"], looks["opacity"]
