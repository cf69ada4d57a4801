"""Colours of maps in a figure: which value is drawn in which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_dinosim.errors import FigureError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.colors import Colormap
    from numpy.typing import NDArray

    from napari_dinosim.figure.panel import Panel

    Limits = tuple[float, float]

Scale = Literal["plane", "stack", "shared", "cosine"]
"""Over what maps are stretched, in a session's words; ``"cosine"``: raw scores."""

LABELS: dict[str, str] = {
    "plane": "similarity, min–max normalised per image",
    "stack": "similarity, min–max normalised per stack",
    "shared": "similarity, min–max normalised over all images",
    "cosine": "cosine similarity",
}
"""What the colour bar says."""

SEQUENTIAL, DIVERGING = "viridis", "RdBu_r"
"""Colormaps of stretched maps, and of raw scores, whose middle means unrelated."""


@dataclass(frozen=True, slots=True)
class Colours:
    """Colours of a map; equal ones need one colour bar.

    Parameters
    ----------
    table : Colormap
        matplotlib's.
    limits : (low, high)
        Values of the first and the last colour.
    """

    table: Colormap
    limits: Limits


def colours_of(
    panels: Sequence[Panel], scale: Scale, limits: Limits | None, colormap: str | NDArray[Any] | None
) -> list[Colours]:
    """Give each panel the colours of its own look, else those of the figure, which see :func:`draw_figure`.

    Raises
    ------
    FigureError
        If a scale, limits or a colormap make no sense.
    """
    if scale not in LABELS:
        raise FigureError(f"scale: found {scale!r}, expected one of {', '.join(map(repr, LABELS))}.")
    table = _table((DIVERGING if scale == "cosine" else SEQUENTIAL) if colormap is None else colormap)
    common = Colours(table, _limits(panels, scale) if limits is None else _checked(limits))
    found = []
    for panel in panels:
        look = panel.look
        found.append(
            Colours(
                common.table if look is None or look.colormap is None else _table(look.colormap),
                common.limits if look is None or look.limits is None else _checked(look.limits),
            )
        )
    return found


def _limits(panels: Sequence[Panel], scale: Scale) -> Limits:
    """Range of the colours; scores that negative prompts were subtracted from reach beyond −1 and 1."""
    if scale != "cosine":
        return 0.0, 1.0
    largest = max(float(np.abs(panel.heat[np.isfinite(panel.heat)]).max(initial=0)) for panel in panels)
    most = 1.0 if largest <= 1 + 1e-5 else 2.0
    return -most, most


def _checked(limits: Limits) -> Limits:
    try:
        low, high = (float(limit) for limit in limits)
    except (TypeError, ValueError):
        low = high = np.nan
    if not (np.isfinite([low, high]).all() and low < high):
        raise FigureError(f"limits: found {limits!r}, expected two numbers, the lower one first.")
    return low, high


def _table(colormap: str | NDArray[Any]) -> Colormap:
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    if isinstance(colormap, str):
        if colormap not in colormaps:
            raise FigureError(
                f"colormap: found {colormap!r}, expected a name of matplotlib's such as 'viridis' or 'gray', "
                "or an array of colours."
            )
        return colormaps[colormap]
    colours = np.asarray(colormap)
    if colours.ndim != 2 or not len(colours) or colours.shape[1] not in (3, 4):
        raise FigureError(f"colormap: found an array of shape {colours.shape}, expected (N, 3) or (N, 4).")
    if colours.dtype.kind not in "fiu" or not ((colours >= 0) & (colours <= 1)).all():
        raise FigureError("colormap: found colours that are no numbers from 0 to 1. Divide those of 8 bits by 255.")
    return ListedColormap(colours)
