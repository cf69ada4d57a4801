"""An image layer as an input of the session."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dinosim._napari.coordinates import full_resolution, leading_shape, plane_shape
from napari_dinosim._napari.levels import levels_of, pyramid_plane
from napari_dinosim._napari.roles import key_of
from napari_dinosim.errors import ImageError
from napari_dinosim.image import image_plane
from napari_dinosim.states import ImageInput

if TYPE_CHECKING:
    from collections.abc import Hashable

    from napari.layers import Image

    from napari_dinosim._napari.limits import Finder
    from napari_dinosim.errors import DinosimError
    from napari_dinosim.image import Plane
    from napari_dinosim.planes import PlaneIndex, PlaneView


ZARR_FILES = ("zarr.json", ".zarray")
"""One of these describes an array on disk, in zarr's versions 3 and 2."""

FINGERPRINT_BYTES = 1 << 24
"""A larger array is looked at in rows that are evenly spread, 16 MB of them: about 10 ms."""


class Revisions:
    """Numbers that change with the pixels of layers, those changed in place among them."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._fingerprints: dict[str, int] = {}

    def __getitem__(self, layer: Image) -> int:
        return self._numbers.get(key_of(layer), 0)

    def bump(self, layer: Image) -> None:
        """Note that a layer has other data."""
        self._numbers[key_of(layer)] = self[layer] + 1
        self._fingerprints.pop(key_of(layer), None)

    def look(self, layer: Image) -> None:
        """Find out whether a layer's pixels were changed in place, which napari tells nobody."""
        found, key = fingerprint(full_resolution(layer)), key_of(layer)
        if self._fingerprints.setdefault(key, found) != found:
            self.bump(layer)
            self._fingerprints[key] = found


def fingerprint(data: object) -> int:
    """Return a checksum of an array in memory; 0 for lazy arrays, which are not changed in place."""
    if not isinstance(data, np.ndarray) or data.dtype.hasobject:
        return 0
    step = -(-data.nbytes // FINGERPRINT_BYTES) or 1
    rows = data.reshape(-1, data.shape[-1])[::step] if data.ndim > 1 and data.size else data
    return zlib.crc32(np.ascontiguousarray(rows).data)


def image_input(layer: Image, revision: int, limits: tuple[Hashable, Finder]) -> ImageInput:
    """Describe a layer to the session, as it is now.

    Parameters
    ----------
    layer : Image
    revision : int
        Another number after each change of its pixels.
    limits : (hashable, callable() -> (low, high) or None)
        Version and finder of the intensities that become 0 and 1; called in the worker.
    """
    levels, rgb, layer_name = levels_of(layer), bool(layer.rgb), layer.name
    version, find = limits

    def make(views: list[PlaneView]) -> Plane:
        return image_plane(views[0], rgb=rgb, contrast_limits=find())

    def read(plane: PlaneIndex) -> Plane:
        if 0 in levels[0].shape:  # the plane that is asked for may have pixels: there is none
            shape = tuple(levels[0].shape)
            raise ImageError(f"empty image: found shape {shape}, expected at least one pixel. Choose another image.")
        check_there(levels[0], layer_name)
        return pyramid_plane([levels], plane, make, rgb)

    return ImageInput(layer.name, plane_shape(layer), read, (revision, version), leading_shape(layer))


def check_there(data: Any, name: str) -> None:
    """Refuse a zarr array whose folder is gone: zarr itself would read it as empty.

    Raises
    ------
    ImageError
    """
    root = getattr(getattr(data, "store", None), "root", None)
    if root is None or not hasattr(data, "path"):
        return
    folder = Path(str(root)) / data.path
    if not any((folder / described).exists() for described in ZARR_FILES):
        raise ImageError(f"{name}: found no array at {folder} any more, expected one. Put it back, then press Start.")


def failing(image: ImageInput, error: DinosimError) -> ImageInput:
    """Describe an image that cannot be read as is asked: its row says why."""

    def read(_plane: PlaneIndex) -> Plane:
        raise error

    return replace(image, read=read, version=(image.version, str(error)))
