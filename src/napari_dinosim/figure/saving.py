"""Figures as files: the old one stays whole until the new one is complete."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dinosim import __version__
from napari_dinosim.errors import FigureError
from napari_dinosim.export.place import beside

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from matplotlib.figure import Figure

FORMATS = {".png": "png", ".svg": "svg", ".pdf": "pdf"}
"""Formats by the endings of their files."""

DPI = 150
LARGEST_SIDE = 65_000
"""Pixels along a side that matplotlib can draw, nearly."""

SOFTWARE = f"napari-dinosim {__version__}"

SETTINGS: dict[str, Any] = {"svg.hashsalt": "napari-dinosim", "svg.fonttype": "none", "pdf.fonttype": 42}
"""Names in an SVG that are the same each time; text that stays text, to be searched and edited."""


def save_figure(
    figure: Figure, path: str | PathLike[str], dpi: float = DPI, check: Callable[[], None] = lambda: None
) -> Path:
    """Write a figure as PNG, SVG or PDF, by the ending of its name.

    The same figure gives the same file: neither time nor chance goes into it. Title and caption are kept in its
    metadata too.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Made by :func:`napari_dinosim.draw_figure`.
    path : path-like
        Ends in ``.png``, ``.svg`` or ``.pdf``. A file that is there is replaced when the new one is complete.
    dpi : float
        Dots per inch: the resolution of a PNG, and of images within an SVG or PDF.
    check : callable(), optional
        Called when the file is complete, before it takes its place; may raise, and then nothing is written.

    Returns
    -------
    Path

    Raises
    ------
    FigureError
        If the ending is another one, or the picture would be too large.
    ExportError
        If the file cannot be written there; what was there is unchanged.
    """
    from matplotlib import rc_context

    target = Path(path)
    kind = FORMATS.get(target.suffix.lower())
    if kind is None:
        raise FigureError(f"file name: found {target.name!r}, expected one that ends in {', '.join(FORMATS)}.")
    longest = max(figure.get_size_inches()) * dpi
    if not 1 <= longest <= LARGEST_SIDE:
        raise FigureError(
            f"figure: found a side of {longest:,.0f} pixels at {dpi:g} dots per inch, expected at most "
            f"{LARGEST_SIDE:,}. Choose fewer images, or fewer dots per inch."
        )
    with rc_context(SETTINGS), beside(target, folder=False) as unfinished:
        figure.savefig(unfinished, format=kind, dpi=dpi, metadata=_metadata(figure, kind))
        check()
    return target


def _metadata(figure: Figure, kind: str) -> dict[str, Any]:
    title, caption = figure.get_suptitle(), " ".join(figure.get_supxlabel().split())
    if kind == "png":
        return {"Title": title, "Description": caption, "Software": SOFTWARE}
    if kind == "svg":
        return {"Title": title, "Description": caption, "Creator": SOFTWARE, "Date": None}
    return {"Title": title, "Subject": caption, "Creator": SOFTWARE, "CreationDate": None}
