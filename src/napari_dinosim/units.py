"""Symbols of units, written one way: versions of pint differ in which of the two letters µ they write."""

from __future__ import annotations

from typing import Any

GREEK, MICRO = "\N{GREEK SMALL LETTER MU}", "\N{MICRO SIGN}"


def symbol(unit: Any) -> str:
    """Symbol of a unit of pint's, with the micro sign that keyboards and OME-XML have.

    Parameters
    ----------
    unit : pint.Unit

    Returns
    -------
    str

    Examples
    --------
    >>> from pint import get_application_registry
    >>> symbol(get_application_registry().Unit("micrometer ** 2"))
    'µm²'
    """
    return f"{unit:~P}".replace(GREEK, MICRO)
