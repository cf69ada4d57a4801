"""What is told of labels: how much was found, and where nothing, everything, or not all planes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_dinosim._napari.sentences import counted, enumerated

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_MAP = "There is no map to make labels of. Press Start, then click on what you look for."
GONE = "The images are gone meanwhile: no labels were made."
EVERYTHING = 0.999
"""Share of an image, from 0 to 1, above which all of it is found."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in one image.

    Parameters
    ----------
    name : str
        Of the image.
    thresholds : tuple of float
        That were used, one for each plane.
    objects : int
        Labels that any pixel has.
    classes : frozenset of str
        Those that any pixel belongs to.
    pixels, area : int
        That were found, and that there are, in the planes that were looked at.
    embedded, planes : int
        How many planes could be looked at, and how many the image has.
    left_out : int
        Planes that could not be segmented.
    reason : str
        Why, of the first of these.
    """

    name: str
    thresholds: tuple[float, ...] = ()
    objects: int = 0
    classes: frozenset[str] = frozenset()
    pixels: int = 0
    area: int = 0
    embedded: int = 1
    planes: int = 1
    left_out: int = 0
    reason: str = ""


def said(found: Sequence[Found], *, classes: int, together: bool) -> str:
    """Say how much was found, and where that is not as one would think.

    Parameters
    ----------
    found : sequence of Found
    classes : int
        How many classes are looked for; 0 where there are none.
    together : bool
        Whether a class is one label, so that there are no objects to count.
    """
    known = [one for one in found if one.area]
    if not known:
        return f"⚠ {why_none(found)}" if any(one.reason for one in found) else NO_MAP
    pixels, area = sum(one.pixels for one in known), sum(one.area for one in known)
    thresholds = [threshold for one in known for threshold in one.thresholds]
    low, high = f"{min(thresholds):z.2f}", f"{max(thresholds):z.2f}"
    if pixels == 0:
        what = f"⚠ Nothing reaches {low}. Lower the threshold or the minimum size."
    elif all(_everything(one) for one in known):
        what = f"⚠ Everything reaches {high}. Raise the threshold."
    else:
        count = _count(known, classes, together)
        whence = f"from {low} on" if low == high else f"with thresholds from {low} to {high}"
        what = f"{count}{_share(pixels / area)} of the area, {whence}.{_exceptions(known)}"
    fewer = [f"{one.embedded} of {counted(one.planes, 'plane')} of {one.name}" for one in known if _fewer(one)]
    planes = f" Embedded and done: {enumerated(fewer)}." if fewer else ""
    return " ".join([what + planes, *(f"⚠ {text}" for text in _left_out(found))])


def why_none(found: Sequence[Found]) -> str:
    """Say why there is nothing that could be segmented."""
    return " ".join(_left_out(found)) or NO_MAP


def made_for(count: int, lazy: Sequence[str]) -> str:
    """Say of how many images there are labels now, and in which of these nobody can paint."""
    of = f"Labels of {counted(count, 'image')}"
    if not lazy:
        return f"{of}: they are yours to paint in."
    if len(lazy) == count:
        return f"{of}, drawn where you look: too large to paint in."
    return f"{of}: they are yours to paint in, but for {enumerated(lazy)}, too large for that and drawn where you look."


def _count(known: Sequence[Found], classes: int, together: bool) -> str:
    if not together:
        return f"{counted(sum(one.objects for one in known), 'object')}, "
    there = len(frozenset[str]().union(*(one.classes for one in known)))
    return f"{there} of {counted(classes, 'class', 'classes')}, " if classes else ""


def _share(share: float) -> str:
    return f"{share:.1%}".replace("%", " %") if share >= 0.0005 else "less than 0.1 %"


def _everything(one: Found) -> bool:
    return one.pixels > EVERYTHING * one.area


def _fewer(one: Found) -> bool:
    return one.embedded < one.planes


def _exceptions(known: Sequence[Found]) -> str:
    nothing = [one.name for one in known if not one.pixels]
    everything = [one.name for one in known if _everything(one)]
    told = (("Nothing", nothing), ("Everything", everything))
    return "".join(f" ⚠ {what} in {enumerated(names)}." for what, names in told if names)


def _left_out(found: Sequence[Found]) -> list[str]:
    """Say what was left out: each reason once, with the images that it holds for."""
    by_reason: dict[str, list[Found]] = {}
    for one in found:
        if one.reason:
            by_reason.setdefault(one.reason, []).append(one)
    return [f"{_parts(those)} left out: {reason}" for reason, those in by_reason.items()]


def _parts(those: Sequence[Found]) -> str:
    """Say ``"a was"``, ``"2 of 3 planes of a were"``, ``"a, b, c and 4 more were"``."""
    parts = [
        f"{one.left_out} of {counted(one.embedded, 'plane')} of {one.name}" if one.embedded > 1 else one.name
        for one in those
    ]
    several = len(those) > 1 or (those[0].embedded > 1 and those[0].left_out > 1)
    return f"{enumerated(parts)} {'were' if several else 'was'}"
