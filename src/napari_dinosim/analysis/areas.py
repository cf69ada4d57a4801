"""Areas as people write them, in pixels or in a unit."""

from __future__ import annotations

import math
from typing import Any

from napari_dinosim.errors import SegmentationError
from napari_dinosim.units import symbol

PIXEL = "pixel"
"""Unit of a size that is counted in pixels."""


def parse_size(text: str) -> tuple[float, str]:
    """Read an area as people write it.

    Parameters
    ----------
    text : str
        A number, for pixels, or a number and a unit of area.

    Returns
    -------
    size : float
    unit : str

    Raises
    ------
    SegmentationError
        If it is neither.

    Examples
    --------
    >>> parse_size("120")
    (120.0, 'pixel')
    >>> parse_size("2,5 um^2")
    (2.5, 'µm²')
    """
    from pint import get_application_registry

    wrong = SegmentationError(
        f"minimum size: found {text!r}, expected a number of pixels or an area. Write it as 120 or 25 µm²."
    )
    try:
        found: Any = get_application_registry().Quantity(text.strip().replace(",", ".") or "0")  # type: ignore[no-untyped-call]
        size = float(found.magnitude)
    except Exception as error:  # pint raises whatever its parser meets: token, syntax, name and type errors
        raise wrong from error
    if not 0 <= size < math.inf:
        raise wrong
    if found.dimensionless or str(found.units) in (PIXEL, f"{PIXEL} ** 2"):
        return size, PIXEL
    if not found.is_compatible_with("meter ** 2"):
        raise wrong
    return size, symbol(found.units)


def area_in(area_unit: str, unit: str) -> float | None:
    """One unit of area in squares of a unit of length; None where one of them is none.

    Examples
    --------
    >>> round(area_in("mm ** 2", "um"))
    1000000
    """
    from pint import DimensionalityError, UndefinedUnitError, get_application_registry

    registry = get_application_registry()  # type: ignore[no-untyped-call]
    try:
        if not registry.Unit(unit).is_compatible_with("meter"):
            return None
        return float(registry.Quantity(1.0, area_unit).to(registry.Unit(unit) ** 2).magnitude)
    except (DimensionalityError, UndefinedUnitError):
        return None
