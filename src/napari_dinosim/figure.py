"""Images beside their similarity maps, as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

COLORMAP = "viridis"
PROMPT_COLOR = "#ff2d78"


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One image of a figure.

    Parameters
    ----------
    name : str
    image : ndarray of shape (H, W) or (H, W, 3)
    heat : ndarray of shape (H, W)
        Its similarity map, in [0, 1].
    best : float
        Its highest cosine, told above the map.
    prompts : sequence of (row, col)
        Clicked places, in pixels.
    """

    name: str
    image: NDArray[Any]
    heat: NDArray[np.float32]
    best: float
    prompts: Sequence[tuple[float, float]] = ()


def draw(panels: Sequence[Panel], title: str = "") -> Figure:
    """Draw images, one a row, each beside its similarity map.

    Parameters
    ----------
    panels : sequence of Panel
        At least one.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
        With one colour bar, from 0 to 1. Needs no display.

    Raises
    ------
    ValueError
        If there is no panel.
    """
    from matplotlib.figure import Figure

    if not panels:
        raise ValueError("figure: found no panel, expected at least one. Embed an image and place a prompt first.")
    height, width = np.max([panel.image.shape[:2] for panel in panels], axis=0)
    figure = Figure(figsize=(10, 0.6 + len(panels) * 4.6 * height / width), layout="constrained")
    axes = figure.subplots(len(panels), 2, squeeze=False)
    figure.suptitle(title)
    shown = None
    for (left, right), panel in zip(axes, panels, strict=True):
        grey = {} if panel.image.ndim == 3 else {"cmap": "gray"}
        left.imshow(panel.image, **grey)
        shown = right.imshow(panel.heat, cmap=COLORMAP, vmin=0, vmax=1, interpolation="nearest")
        left.set_title(panel.name)
        right.set_title(f"similarity · best match {panel.best:.2f}")
        for y, x in panel.prompts:
            for axis in (left, right):
                axis.plot(x, y, "P", markersize=11, color=PROMPT_COLOR, markeredgecolor="white", label="click")
        for axis in (left, right):
            axis.set_axis_off()
    assert shown is not None
    figure.colorbar(shown, ax=list(axes[:, 1]), label="similarity, min–max normalised per image", shrink=0.8)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG or SVG, by the ending of its name; the old file stays whole if it cannot be written."""
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        figure.savefig(part, dpi=120)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
