"""Axes, pixel sizes and units, as OME's formats name them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pint import UndefinedUnitError, get_application_registry

from napari_dinosim.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_AXES = {2: "yx", 3: "zyx", 4: "tzyx", 5: "tczyx"}
SPACE = "zyx"
TYPES = {"t": "time", "c": "channel"} | dict.fromkeys(SPACE, "space")
"""What kind of axis a letter stands for. Source: OME-NGFF 0.4 and 0.5, section "axes" metadata."""

LENGTHS = {
    "angstrom": "Å",
    "picometer": "pm",
    "nanometer": "nm",
    "micrometer": "µm",
    "millimeter": "mm",
    "centimeter": "cm",
    "decimeter": "dm",
    "meter": "m",
    "kilometer": "km",
    "inch": "in",
    "foot": "ft",
    "yard": "yd",
    "mile": "mi",
}
TIMES = {
    "nanosecond": "ns",
    "microsecond": "µs",
    "millisecond": "ms",
    "second": "s",
    "minute": "min",
    "hour": "h",
    "day": "d",
}
"""Units by their names in OME-NGFF, which are pint's, and their symbols in OME-XML (UnitsLength, UnitsTime)."""

COMMON = {"space": (LENGTHS, "micrometer"), "time": (TIMES, "second")}
"""Units of a kind of axis, and the one into which all others are converted."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of an image.

    Parameters
    ----------
    letter : str
        One of t, c, z, y, x.
    step : float
        Distance of two pixels, positive.
    origin : float
        Where the first pixel's centre lies.
    unit : str or None
        Name of the unit of both, as in ``"micrometer"``; None for pixels.
    """

    letter: str
    step: float = 1.0
    origin: float = 0.0
    unit: str | None = None

    @property
    def kind(self) -> str:
        """``"space"``, ``"time"`` or ``"channel"``."""
        return TYPES[self.letter]

    @property
    def symbol(self) -> str:
        """Symbol of the unit in OME-XML."""
        return (LENGTHS | TIMES).get(self.unit or "", "pixel")


def calibrate(
    shape: Sequence[int],
    axes: str | None,
    pixel_size: float | Sequence[float],
    unit: str | Sequence[str | None] | None,
    origin: Sequence[float] | None,
) -> tuple[Axis, ...]:
    """Say what the axes of a shape are; the parameters are those of :func:`napari_dinosim.export.export_map`.

    Raises
    ------
    ExportError
        If a parameter does not fit the shape, or means nothing.
    """
    count = len(shape)
    letters = DEFAULT_AXES.get(count, "") if axes is None else axes.lower()
    if len(letters) != count or letters[-2:] != "yx" or not set(letters) <= set(TYPES) or len(set(letters)) < count:
        raise ExportError(
            f"axes: found {axes or count!r} for the shape {tuple(shape)}, expected one letter per axis: some of t, c "
            "and z, each at most once, then yx."
        )
    in_space = [letter in SPACE for letter in letters]
    steps = list(pixel_size) if isinstance(pixel_size, Iterable) else [pixel_size if here else 1.0 for here in in_space]
    units = [unit if here else None for here in in_space] if unit is None or isinstance(unit, str) else unit
    origins = [0.0] * count if origin is None else origin
    for what, values in (("pixel_size", steps), ("unit", units), ("origin", origins)):
        if len(values) != count:
            raise ExportError(f"{what}: found {len(values)} values for the axes {letters!r}, expected {count}.")
    return tuple(_axis(*each) for each in zip(letters, steps, origins, units, strict=True))


def _axis(letter: str, step: float, origin: float, unit: str | None) -> Axis:
    if not (np.isfinite(step) and step > 0):
        raise ExportError(f"pixel_size of {letter}: found {step:g}, expected a positive number.")
    if not np.isfinite(origin):
        raise ExportError(f"origin of {letter}: found {origin:g}, expected a finite number.")
    kind = TYPES[letter]
    if unit in (None, "", "pixel") or kind not in COMMON:
        return Axis(letter, float(step), float(origin))
    known, common = COMMON[kind]
    parsed = _parsed(letter, unit)
    if not parsed.is_compatible_with(common):
        raise ExportError(f"unit of {letter}: found {unit!r}, expected one of {kind}, such as {known[common]!r}.")
    if str(parsed) in known:
        return Axis(letter, float(step), float(origin), str(parsed))
    ratio = float((1.0 * parsed).to(common).magnitude)
    return Axis(letter, step * ratio, origin * ratio, common)


def _parsed(letter: str, unit: str | None) -> Any:
    try:
        return get_application_registry().Unit(unit)  # type: ignore[no-untyped-call]
    except (UndefinedUnitError, ValueError, TypeError) as error:
        raise ExportError(f"unit of {letter}: found {unit!r}, expected the name of a unit, such as 'µm'.") from error
