"""What a figure is drawn from: values, each for one image."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dinosim.errors import FigureError
from napari_dinosim.prompts import NEGATIVE, POSITIVE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_dinosim.grid import PatchGrid
    from napari_dinosim.prompts import RegionPrompt

MINUS = ((-1.0, -0.35), (1.0, -0.35), (1.0, 0.35), (-1.0, 0.35))
"""A dash with an edge of its own, which matplotlib's has not."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How the prompts of a label are drawn.

    Parameters
    ----------
    colour : str or tuple of float
        As matplotlib reads it.
    marker : str or tuple of (x, y)
        One of matplotlib's markers, or the corners of one.
    """

    colour: str | tuple[float, ...]
    marker: str | tuple[tuple[float, float], ...]


MARKS = {POSITIVE: Mark("#ff2d78", "P"), NEGATIVE: Mark("#2b4c9b", MINUS)}
"""A plus and a minus, as in the widget."""

CLASS_COLOURS = "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7"
"""Colours that colour-blind people can tell apart. Source: Wong, Nature Methods 8, 441 (2011)."""

CLASS_MARKERS = "o", "s", "^", "D", "*", "v", "p", "h"
"""One more than there are colours, so that colour and marker together tell many classes apart."""


@dataclass(frozen=True, slots=True, eq=False)
class MapLook:
    """How the map of one image is drawn, where not as the figure's others: then each map has a colour bar of its own.

    Parameters
    ----------
    colormap : str or ndarray of shape (N, 3) or (N, 4), optional
        A name of matplotlib's, or colours in [0, 1].
    limits : (low, high), optional
        Values of the first and the last colour.
    opacity : float, optional
        In (0, 1], where maps lie over the images.

    Raises
    ------
    FigureError
        If the opacity is another one.
    """

    colormap: str | NDArray[Any] | None = None
    limits: tuple[float, float] | None = None
    opacity: float | None = None

    def __post_init__(self) -> None:
        if self.opacity is not None and not 0 < self.opacity <= 1:
            raise FigureError(f"map look: found an opacity of {self.opacity:g}, expected one above 0, at most 1.")


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One image of a figure, and its map.

    Parameters
    ----------
    name : str
        Told above the image.
    image : ndarray of shape (H, W) or (H, W, 3)
        As matplotlib's ``imshow`` takes it. Of a large image a smaller copy will do: see ``covers``.
    heat : ndarray of shape (H, W), or (rows, cols) with a ``grid``
        Its map, with values in the range that is drawn; NaN is transparent.
    best : float, optional
        Its highest score, told above the map.
    prompts : sequence of (row, col) or (row, col, label)
        Clicked places, in pixels of the original; without a label they are positive.
    grid : PatchGrid, optional
        Where the cells of ``heat`` lie; without it there is one for each pixel of ``image``.
    covers : (height, width), optional
        What ``image`` covers, in pixels of the original; by default one pixel each.
    pixel_size : float or (y, x)
        Distance of two pixels of the original.
    unit : str
        Of the pixel size, such as ``"µm"``; ``"pixel"`` where it is not known.
    regions : sequence of RegionPrompt
        Shapes and objects that were prompts here.
    look : MapLook, optional
        How its map is drawn; by default as the figure's others.
    against : bool
        Whether anything counted against what was looked for: then the highest score is told as a score, else as a
        match, which is a cosine.

    Raises
    ------
    FigureError
        If the shapes do not fit together, or a pixel size is not positive.
    """

    name: str
    image: NDArray[Any]
    heat: NDArray[Any]
    best: float | None = None
    prompts: Sequence[tuple[Any, ...]] = ()
    grid: PatchGrid | None = None
    covers: tuple[float, float] | None = None
    pixel_size: float | tuple[float, float] = 1.0
    unit: str = "pixel"
    regions: Sequence[RegionPrompt] = ()
    look: MapLook | None = None
    against: bool = False
    steps: tuple[float, float] = field(init=False, repr=False)
    """Pixel size along y and x."""

    def __post_init__(self) -> None:
        if not (self.image.ndim == 2 or (self.image.ndim == 3 and self.image.shape[2] in (3, 4))):
            raise FigureError(f"image {self.name!r}: found shape {self.image.shape}, expected (H, W) or (H, W, 3).")
        expected = self.image.shape[:2] if self.grid is None else self.grid.shape
        if self.heat.shape != expected:
            raise FigureError(
                f"map of {self.name!r}: found shape {self.heat.shape}, expected {expected}. Give a map at the image's "
                "resolution, or one value per patch and the grid."
            )
        steps = np.broadcast_to(np.asarray(self.pixel_size, dtype=float), 2)
        if not (np.isfinite(steps) & (steps > 0)).all():
            raise FigureError(f"pixel size of {self.name!r}: found {self.pixel_size}, expected positive numbers.")
        object.__setattr__(self, "steps", (float(steps[0]), float(steps[1])))

    @property
    def shape(self) -> tuple[float, float]:
        """(height, width) of the original, in pixels."""
        if self.grid is not None:
            return self.grid.image_shape
        return self.covered

    @property
    def covered(self) -> tuple[float, float]:
        """(height, width) that ``image`` covers, in pixels of the original."""
        height, width = self.image.shape[:2]
        return self.covers or (float(height), float(width))

    @property
    def mapped(self) -> tuple[float, float]:
        """(height, width) that ``heat`` covers, in pixels of the original."""
        if self.grid is None:
            return self.covered
        (rows, cols), (height, width) = self.grid.shape, self.grid.footprint
        return rows * height, cols * width

    @property
    def proportion(self) -> float:
        """Height by width, as seen."""
        height, width = self.shape
        return height * self.steps[0] / (width * self.steps[1])

    @property
    def labelled(self) -> list[tuple[float, float, str]]:
        """Prompts, each with its label."""
        return [(place[0], place[1], place[2] if len(place) > 2 else POSITIVE) for place in self.prompts]

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of its prompts and regions, each once."""
        found = [*(label for *_, label in self.labelled), *(region.label for region in self.regions)]
        return tuple(dict.fromkeys(found))


def marks_of(labels: Iterable[str]) -> dict[str, Mark]:
    """Give each label a mark; classes get theirs in their order."""
    found: dict[str, Mark] = {}
    for label in labels:
        number = len(found.keys() - MARKS.keys())
        mark = Mark(CLASS_COLOURS[number % len(CLASS_COLOURS)], CLASS_MARKERS[number % len(CLASS_MARKERS)])
        found.setdefault(label, MARKS.get(label, mark))
    return found
