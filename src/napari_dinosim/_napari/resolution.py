"""How much of the sample a patch is to cover, as a person chooses it: in pixels, or in a unit of length."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from pint import DimensionalityError, get_application_registry

from napari_dinosim._napari.coordinates import world_matrix
from napari_dinosim.errors import ResolutionError
from napari_dinosim.units import symbol

if TYPE_CHECKING:
    from napari.layers import Image
    from numpy.typing import NDArray

PIXELS_WITHOUT_LENGTH = 16.0
"""Pixels that a patch covers along an axis without a length, such as time, beside one that has one."""


class Cover(StrEnum):
    """In what a person says how much a patch covers."""

    NATIVE = "native"
    PIXELS = "pixels"
    LENGTH = "length"


@dataclass(frozen=True, slots=True)
class Resolution:
    """The person's choice, for all images of a viewer.

    Parameters
    ----------
    cover : Cover
        Native leaves each pixel as it is.
    pixels : float
        That a patch covers along each axis.
    length : float
        Or what it covers of the sample, in a unit.
    unit : str
        That unit, by its full name, as pint knows it.
    finer : {1, 2, 4}
        Cells along each side of a patch, by averaging over shifted windows.
    """

    cover: Cover = Cover.NATIVE
    pixels: float = 32.0
    length: float = 10.0
    unit: str = "micrometer"
    finer: int = 1

    @property
    def text(self) -> str:
        """The choice in a few words: ``"5.2 µm · finer 2 ×"``."""
        words = {Cover.PIXELS: f"{self.pixels:g} px", Cover.LENGTH: f"{self.length:g} {short(self.unit)}"}
        finer = "" if self.finer == 1 else f" · finer {self.finer} ×"
        return words.get(self.cover, str(self.cover)) + finer

    def covered(self, layer: Image) -> tuple[float, ...] | None:
        """How many pixels of a layer a patch covers along each of its axes; None for as many as it has.

        Raises
        ------
        ResolutionError
            If the layer's units cannot be converted to the chosen one.
        """
        if self.cover is Cover.NATIVE:
            return None
        if self.cover is Cover.PIXELS:
            return (self.pixels,) * int(layer.ndim)
        sizes = [float(size) for size in pixel_lengths(layer, self.unit)]
        if np.isnan(sizes[-2:]).any():
            found = " × ".join(f"{unit}" for unit in layer.units[-2:])
            raise ResolutionError(
                f"resolution: {layer.name!r} is in {found}, which cannot be converted to {self.unit}: expected units "
                "of length. Set its scale and units, leave it out, or say in pixels what a patch covers."
            )
        return tuple(self.length / size if size > 0 else PIXELS_WITHOUT_LENGTH for size in sizes)


def pixel_lengths(layer: Image, unit: str) -> NDArray[np.float64]:
    """Length of a pixel along each axis of a layer.

    Parameters
    ----------
    layer : Image
        Its scale, rotation, shear and affine count, and its own units.
    unit : str

    Returns
    -------
    ndarray of shape (ndim,)
        In that unit; NaN along axes that have no length.
    """
    linear = world_matrix(layer, None)[:-1, :-1]
    ratios = np.array([_ratio(own, unit) for own in layer.units])
    steps = np.where(np.abs(linear) > 1e-9 * np.abs(linear).max(axis=0), linear, 0.0)
    lengths: NDArray[np.float64] = np.sqrt((np.where(steps == 0, 0.0, steps * ratios[:, None]) ** 2).sum(axis=0))
    return lengths


def unit_of_length(layer: Image) -> str | None:
    """Full name of the unit of a layer's rows, where rows and columns have a length; None elsewhere."""
    unit = str(layer.units[-2])
    return unit if all(np.isfinite(_ratio(own, "meter")) for own in layer.units[-2:]) else None


def short(unit: str) -> str:
    """Symbol of a unit: ``"µm"``."""
    registry = get_application_registry()  # type: ignore[no-untyped-call]
    return symbol(registry.Unit(unit))


def _ratio(own: object, unit: str) -> float:
    """One unit of a layer in another one; NaN where it is none of length."""
    registry = get_application_registry()  # type: ignore[no-untyped-call]
    try:
        return float(registry.Quantity(1.0, own).to(unit).magnitude)
    except DimensionalityError:
        return float("nan")
