"""How a map becomes labels: every choice in one value, and the thresholds and sizes that follow from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_dinosim.analysis.areas import PIXEL, area_in
from napari_dinosim.errors import SegmentationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike, NDArray

    from napari_dinosim.states import SimilarityMap

Scale = Literal["shown", "cosine"]
"""What is compared with the threshold: the values on screen, stretched to [0, 1], or the cosines, in [-1, 1]."""

Method = Literal["fixed", "otsu", "multi-otsu"]
"""Where the threshold comes from: it is given, or found from the scores."""

Objects = Literal["together", "components", "watershed"]
"""One label for all that is found (of a class), one for each connected part, or one for each peak of the score."""

Edges = Literal["patches", "image"]
"""Where outlines run: where the score says, or moved to the edges of the image."""

SIMILAR = "similar"
"""Name of what is found where there are no classes."""

CLASSES = (3, 5)
"""Fewest and most classes of multi-Otsu: with two it is Otsu's method; beyond five the search takes seconds."""

CHOICES = {
    "on": ("shown", "cosine"),
    "method": ("fixed", "otsu", "multi-otsu"),
    "objects": ("together", "components", "watershed"),
    "edges": ("patches", "image"),
}


@dataclass(frozen=True, slots=True)
class Segmentation:
    """How a map becomes labels.

    Parameters
    ----------
    threshold : float, default: 0.5
        A patch is found where its score is at least this; used by the method ``"fixed"``.
    on : {"shown", "cosine"}
        What the score is: the values on screen, in [0, 1], or the cosines, in [-1, 1].
    method : {"fixed", "otsu", "multi-otsu"}
        The threshold as it is given; by Otsu's method, which parts the scores into two classes of least variance [1]_;
        or by its extension to several classes [2]_.
    classes : int, default: 3
        Classes that ``"multi-otsu"`` parts the scores into, from 3 to 5.
    upper : int, default: 1
        How many of these, from the highest scores down, are found; fewer than ``classes``.
    smoothing : float, default: 0
        Standard deviation, in patches, of a Gaussian that the scores are smoothed with first.
    detail : int, default: 1
        Cells along each side of a patch. With more than one the scores are interpolated bilinearly between the centres
        of the patches, and outlines follow these cells.
    fill_holes : bool, default: False
        Whether what is enclosed by one class becomes part of it.
    minimum_size : float, default: 0
        Connected parts of a smaller area are left out.
    unit : str, default: "pixel"
        Unit of that area: ``"pixel"``, or one of area, such as ``"µm²"``.
    objects : {"together", "components", "watershed"}
        What gets a label of its own: each class; each connected part of one; or each peak of the score, with all that
        drains to it (watershed).
    distance : float, default: 2
        In patches: of peaks that are no farther from each other along y and along x only the highest counts.
    edges : {"patches", "image"}
        Whether outlines are moved to the edges of the image, by :func:`~napari_dinosim.analysis.edges.snap_edges`,
        which keeps to the minimum size and fills holes, too.

    Raises
    ------
    SegmentationError
        If a choice is none of those above, or a number lies out of its range.

    References
    ----------
    .. [1] N. Otsu, A threshold selection method from gray-level histograms. IEEE Transactions on Systems, Man, and
       Cybernetics 9(1), 62–66, 1979. https://doi.org/10.1109/TSMC.1979.4310076
    .. [2] P.-S. Liao, T.-S. Chen, P.-C. Chung, A fast algorithm for multilevel thresholding. Journal of Information
       Science and Engineering 17(5), 713–727, 2001.

    Examples
    --------
    >>> recipe = Segmentation(0.7, minimum_size=25, unit="µm²", objects="components")
    >>> recipe.minimum_pixels((0.5, 0.25), "µm")
    200
    """

    threshold: float = 0.5
    on: Scale = "shown"
    method: Method = "fixed"
    classes: int = 3
    upper: int = 1
    smoothing: float = 0.0
    detail: int = 1
    fill_holes: bool = False
    minimum_size: float = 0.0
    unit: str = PIXEL
    objects: Objects = "together"
    distance: float = 2.0
    edges: Edges = "patches"

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            found = getattr(self, name)
            if found not in choices:
                told = ", ".join(repr(choice) for choice in choices)
                raise SegmentationError(f"{name}: found {found!r}, expected one of {told}.")
        if not math.isfinite(self.threshold):
            raise SegmentationError(f"threshold: found {self.threshold:g}, expected a finite number. Give one.")
        for name in ("smoothing", "minimum_size", "distance"):
            number = getattr(self, name)
            if not 0 <= number < math.inf:
                raise SegmentationError(f"{name}: found {number:g}, expected a finite number ≥ 0. Give one.")
        fewest, most = CLASSES
        if not fewest <= self.classes <= most:
            raise SegmentationError(f"classes: found {self.classes}, expected from {fewest} to {most}.")
        if not 1 <= self.upper < self.classes:
            raise SegmentationError(
                f"upper: found {self.upper} of {self.classes} classes, expected at least 1 and fewer than all."
            )
        if self.detail < 1:
            raise SegmentationError(f"detail: found {self.detail} cells along a patch, expected a whole number ≥ 1.")

    def scores_of(
        self, found: SimilarityMap, by_class: Mapping[str, SimilarityMap] | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """Scores of a session's maps that the threshold is compared with.

        Parameters
        ----------
        found : SimilarityMap
            The map of a plane, of the highest score where there are classes.
        by_class : mapping of str to SimilarityMap, optional
            The maps of the classes of that plane.

        Returns
        -------
        dict of str to ndarray of shape (rows, cols), float32
            By class, :data:`SIMILAR` where there are none. On the scale ``"shown"`` all are stretched as the map of the
            highest score is, so that the highest of them is what is seen.
        """
        cosines = {name: np.asarray(one.scores, dtype=np.float32) for name, one in (by_class or {}).items()}
        if self.on == "cosine":
            return cosines or {SIMILAR: np.asarray(found.scores, dtype=np.float32)}
        if not cosines:
            return {SIMILAR: found.values}
        scores = np.asarray(found.scores, dtype=np.float32)
        if not np.isfinite(scores).any():
            return dict.fromkeys(cosines, found.values)
        low, high = np.nanargmin(scores), np.nanargmax(scores)
        span = float(scores.flat[high] - scores.flat[low])
        slope = float(found.values.flat[high] - found.values.flat[low]) / span if span else 0.0
        return {
            name: ((one - scores.flat[low]) * slope + found.values.flat[low]).astype(np.float32)
            for name, one in cosines.items()
        }

    def threshold_for(self, maps: Iterable[ArrayLike]) -> float:
        """Threshold over one map, or over several together.

        Parameters
        ----------
        maps : iterable of array_like of shape (rows, cols)
            Scores; NaN, for what is not embedded, does not count. Not looked at by the method ``"fixed"``.

        Returns
        -------
        float

        Raises
        ------
        SegmentationError
            If there is no score, or fewer different ones than classes.

        Examples
        --------
        >>> scores = [[0.1, 0.2, 0.1], [0.9, 0.8, 0.9]]
        >>> 0.2 < Segmentation(method="otsu").threshold_for([scores]) <= 0.8
        True
        """
        if self.method == "fixed":
            return self.threshold
        flat = [np.asarray(scores, dtype=np.float32).ravel() for scores in maps]
        scores = np.concatenate([part[np.isfinite(part)] for part in flat]) if flat else np.empty(0, np.float32)
        classes = 2 if self.method == "otsu" else self.classes
        return _parted(scores, classes, 1 if self.method == "otsu" else self.upper)

    def minimum_pixels(self, pixel_size: tuple[float, float] | None = None, unit: str = PIXEL) -> int:
        """Fewest pixels that a part must have.

        Parameters
        ----------
        pixel_size : (float, float), optional
            Height and width of a pixel; needed where the size is given in a unit of area.
        unit : str, default: "pixel"
            Unit of the height and width.

        Raises
        ------
        SegmentationError
            If the unit of the size is none of area, or the pixels have no size in a unit of length.
        """
        if self.unit == PIXEL:
            return math.ceil(self.minimum_size)
        area = area_in(self.unit, unit)
        if pixel_size is None or area is None:
            raise SegmentationError(
                f"minimum size: found {self.minimum_size:g} {self.unit}, but pixels of unit '{unit}'. Give the size in "
                "pixels, or the image a scale and a unit of length."
            )
        per_pixel = abs(pixel_size[0] * pixel_size[1])
        return math.ceil(self.minimum_size * area / per_pixel * (1 - 1e-9))  # what is just as large is kept


def _parted(scores: NDArray[np.float32], classes: int, upper: int) -> float:
    """Threshold under the highest ``upper`` of so many classes."""
    from skimage.filters import threshold_multiotsu, threshold_otsu

    try:
        if len(scores) and scores.min() < scores.max():
            if classes == 2:
                return float(threshold_otsu(scores))
            return float(threshold_multiotsu(scores, classes=classes)[-upper])
    except ValueError:  # fewer different scores than classes
        pass
    raise SegmentationError(
        f"threshold: found fewer than {classes} different scores, expected enough to part them into {classes} classes. "
        "Click on what you look for, or set the threshold by hand."
    )
