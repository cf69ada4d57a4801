"""A scale bar of a round length."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_dinosim.units import symbol

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHARE = 0.25
"""Largest part of the image's width that the bar takes."""

ROUND = 1, 2, 5
"""First digits of round numbers."""

LENGTHS = {"pm": 1e-12, "Å": 1e-10, "nm": 1e-9, "µm": 1e-6, "mm": 1e-3, "cm": 1e-2, "m": 1.0, "km": 1e3}
"""Symbols of units of length, in metres."""

PIXEL = "pixel"
"""The unit where none is known."""

SPOKEN = ("nm", "µm", "mm", "m", "km")
"""Units that a bar is told in, the first of which the length is less than a thousand."""

INSET = 0.04
"""Distance from the edges of the image, as a share of its sides."""


class Bar(NamedTuple):
    """A bar: its length in pixels along x, and what it says."""

    pixels: float
    text: str


def scale_bar(width: float, step: float, unit: str) -> Bar:
    """Find the longest round bar that takes at most a quarter of an image's width.

    Parameters
    ----------
    width : float
        Of the image, in pixels.
    step : float
        Distance of two pixels along x.
    unit : str
        Of the step: a symbol or name of a unit, or ``"pixel"``: then the bar tells pixels of the image, whatever the
        step is.

    Returns
    -------
    Bar

    Examples
    --------
    >>> scale_bar(1000, 0.5, "µm")
    Bar(pixels=200.0, text='100 µm')
    >>> scale_bar(1000, 0.5, "nm").text, scale_bar(300, 1, "pixel").text
    ('100 nm', '50 px')
    """
    name = symbol_of(unit)
    if name == PIXEL:
        step = 1.0
    if name not in LENGTHS:
        length = _round(width * step * SHARE)
        return Bar(length / step, f"{length:g} {'px' if name == PIXEL else name}")
    longest = width * step * SHARE * LENGTHS[name]  # metres
    told = next((each for each in SPOKEN if longest < 1000 * LENGTHS[each]), SPOKEN[-1])
    length = _round(longest / LENGTHS[told])
    return Bar(length * LENGTHS[told] / LENGTHS[name] / step, f"{length:g} {told}")


def symbol_of(unit: str) -> str:
    """Symbol of a unit that is given by name or symbol, ``"micrometer"`` or ``"um"``; others stay as they are."""
    from pint import UndefinedUnitError, get_application_registry

    if unit in LENGTHS:
        return unit
    try:
        found = symbol(get_application_registry().Unit(unit))  # type: ignore[no-untyped-call]
    except (UndefinedUnitError, ValueError, TypeError):
        return unit
    return found if found in LENGTHS else unit


def _round(longest: float) -> float:
    """Largest of 1, 2 and 5 times a power of ten that is not longer."""
    power = 10.0 ** math.floor(math.log10(longest) + 1e-9)
    digit = max(digit for digit in ROUND if digit * power <= longest * (1 + 1e-9))
    return float(f"{digit * power:.12g}")


def draw_bar(axis: Axes, shape: tuple[float, float], step: float, unit: str) -> None:
    """Draw a bar at the lower right of an image of some (height, width) in pixels: white, edged with black."""
    from matplotlib.patheffects import withStroke

    height, width = shape
    bar = scale_bar(width, step, unit)
    right, bottom = width * (1 - INSET) - 0.5, height * (1 - INSET) - 0.5
    edged: dict[str, Any] = {"color": "white", "gid": "scale bar"}
    axis.plot(
        [right - bar.pixels, right],
        [bottom, bottom],
        linewidth=3.0,
        solid_capstyle="butt",
        path_effects=[withStroke(linewidth=5.0, foreground="black", capstyle="butt")],
        **edged,
    )
    axis.annotate(
        bar.text,
        (right - bar.pixels / 2, bottom),
        xytext=(0, 4),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=8,
        path_effects=[withStroke(linewidth=2.0, foreground="black")],
        **edged,
    )
