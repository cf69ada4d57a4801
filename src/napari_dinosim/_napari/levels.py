"""The levels of multiscale layers, as far as planes can be read from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_dinosim.errors import ImageError
from napari_dinosim.planes import PlaneView, axes_of, split_shape
from napari_dinosim.pyramid import Pyramid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Image

    from napari_dinosim.image import Plane
    from napari_dinosim.planes import PlaneIndex


def levels_of(layer: Image) -> tuple[Any, ...]:
    """Arrays of a layer, the image itself first; one where it is not multiscale."""
    return tuple(layer.data) if layer.multiscale else (layer.data,)


def pyramid_plane(
    channels: Sequence[Sequence[Any]], plane: PlaneIndex, make: Callable[[list[PlaneView]], Plane], rgb: bool = False
) -> Plane:
    """Plane of an image of one or several channels, with the coarser levels that it can be read from.

    Where a writer has made fewer planes too (of z, say), a plane of that level is a mixture of several: it is left out.

    Parameters
    ----------
    channels : sequence of sequence of array
        The levels of each channel; one channel for an image that is not composed.
    plane : tuple of int
    make : callable(list of PlaneView) -> Plane
        Makes a plane of what is read of each channel at one level.
    rgb : bool
        Whether the last axis of the arrays holds colours.
    """
    levels = [[levels[0] for levels in channels]]
    for held in channels:
        types = dict.fromkeys(str(level.dtype) for level in held)
        if len(types) > 1:  # one pair of limits would mean something else in each
            raise ImageError(
                f"pyramid: found levels of the types {', '.join(types)}, expected one type. Convert them to the first."
            )
    for arrays in zip(*(levels[1:] for levels in channels), strict=False):
        shapes = {_split(array, plane, rgb) for array in arrays}
        if len(shapes) == 1 and shapes.pop()[0] == _split(levels[0][0], plane, rgb)[0]:
            levels.append(list(arrays))
    planes = [make([PlaneView(array, plane, rgb) for array in arrays]) for arrays in levels]
    return planes[0] if len(planes) == 1 else Pyramid(planes)


def _split(array: Any, plane: PlaneIndex, rgb: bool) -> tuple[tuple[int, ...], tuple[int, int]]:
    """How many planes there are beside one, and (height, width) of each."""
    return split_shape(array.shape[:-1] if rgb else array.shape, axes_of(plane))
