"""Which prompt each point is, or why it is none."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from napari_dinosim._napari.coordinates import contains, plane_of
from napari_dinosim._napari.sentences import counted
from napari_dinosim.planes import axes_of, index_of, others
from napari_dinosim.prompts import NEGATIVE, Prompt

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    import numpy as np
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_dinosim._napari.absent import Origin
    from napari_dinosim._napari.searched import Searched
    from napari_dinosim.planes import Axes, PlaneIndex
    from napari_dinosim.prompts import RegionPrompt


class LeftOut(Enum):
    """Why a point is no prompt; the more urgent, the earlier."""

    NOWHERE = "with NaN coordinates: left out. Delete or move them."
    REFUSED = "left out until moved: in 3-D or in the grid, a place says nothing of the image meant."
    OUTSIDE = "outside every checked image: nothing is searched for there."
    UNSEARCHED = "on an image that is not checked: left out until it is, or until moved."
    REMOVED = "of an image that was removed: left out until moved."
    ABSENT = "of an image that was not there when the session was opened: left out until moved."


class Owner(NamedTuple):
    """The image that a point belongs to, by its key, and the plane there; of one that is not here, what is known."""

    key: str
    plane: PlaneIndex
    origin: Origin | None = None


NOBODY = Owner("", ())
"""Owner of a point that was placed where that says nothing; it is nobody's until it is moved."""

ABSENT = "absent"
"""Key of the owner of a point that came with a session, but not its image."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the points say.

    Parameters
    ----------
    prompts : tuple of Prompt
    images : tuple of str
        Names of the images that they lie in.
    left_out : Counter of LeftOut
        How many points are none, by reason.
    indices : tuple of int
        Which point each prompt is.
    """

    prompts: tuple[Prompt, ...] = ()
    images: tuple[str, ...] = ()
    left_out: Counter[LeftOut] = field(default_factory=Counter)
    indices: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        """What to tell the person of it; empty where there is no point."""
        for reason in LeftOut:
            if self.left_out[reason]:
                return f"{counted(self.left_out[reason], 'point')} {reason.value}"
        where = self.images[0] if len(self.images) == 1 else f"{len(self.images)} images"
        return searched(self.prompts, where=where) if self.prompts else ""


def read_point(
    here: dict[str, tuple[Searched, NDArray[np.float64]]],
    known: Owner | None,
    ndim: int,
    taken: bool,
    axes: Callable[[Image], Axes],
    there: Container[str],
) -> tuple[Prompt | LeftOut, Owner | None]:
    """Say which prompt a point is, and whose it is from now on.

    Parameters
    ----------
    here : dict of key to (Searched, ndarray of shape (ndim,))
        The checked images, the topmost first, and where the point lies in the data of each.
    known : Owner, optional
        Whose it was when it was last looked at, at the same place.
    ndim : int
        Axes of the point; an image may have more.
    taken : bool
        Whether a new point says which image is meant.
    axes : callable(Image) -> tuple of int
        Axes of an image that are on screen: those of the plane that a new point is in.
    there : container of str
        Keys of the layers that are open.

    Returns
    -------
    Prompt or LeftOut
    Owner or None
    """
    if known is None and not taken:
        known = NOBODY
    if known is not None and known.key not in here:
        return _left_out(known, there), known
    for key in [key for key, (found, _) in here.items() if found.visible] if known is None else [known.key]:
        found, place = here[key]
        image = found.image
        along = axes(image)
        if known is not None and len(index_of(known.plane)) == image.ndim - 2:
            along = axes_of(known.plane)
            if ndim < image.ndim:
                place = place.copy()
                place[others(image.ndim, along)] = index_of(known.plane)  # it keeps to the plane it was placed on
        plane = plane_of(image, place, along)
        if plane is not None and contains(image, place):
            y, x = place[list(along)]
            plane = found.plane(plane)
            return Prompt(key, float(y), float(x), plane), Owner(key, plane)
    return LeftOut.OUTSIDE, known


def _left_out(owner: Owner, there: Container[str]) -> LeftOut:
    """Say why what belongs to an image that is not checked is no prompt."""
    if owner == NOBODY:
        return LeftOut.REFUSED
    if owner.key == ABSENT:
        return LeftOut.ABSENT
    return LeftOut.UNSEARCHED if owner.key in there else LeftOut.REMOVED


def searched(points: Sequence[Prompt], regions: Sequence[RegionPrompt] = (), where: str = "") -> str:
    """Say what is searched for, and what that shall be unlike: both of points and of regions.

    Where all of them are negative, what is searched for came from a file.
    """

    def places(negative: bool) -> str:
        marked = "negative " if negative else ""
        count, areas = ([(one.label == NEGATIVE) is negative for one in some].count(True) for some in (points, regions))
        parts = [f"under {counted(count, f'{marked}point')}"] if count else []
        return " and ".join([*parts, *([f"in {counted(areas, f'{marked}region')}"] if areas else [])])

    meant, unlike = places(negative=False), places(negative=True)
    text = f"Searching for what {f'is {meant}' if meant else 'the points of a file mean'}"
    text += f" in {where}" if where and meant else ""
    return f"{text}, unlike what is {unlike}." if unlike else f"{text}."
