"""Draws images beside their maps, or under them, with colour bars, scale bars and the prompts."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dinosim.errors import FigureError
from napari_dinosim.figure.colours import LABELS, colours_of
from napari_dinosim.figure.panel import marks_of
from napari_dinosim.figure.scale_bar import draw_bar
from napari_dinosim.prompts import POSITIVE
from napari_dinosim.states import told_best

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from numpy.typing import NDArray

    from napari_dinosim.figure.colours import Colours, Scale
    from napari_dinosim.figure.panel import Mark, Panel
    from napari_dinosim.regions import Region

WIDTH, LEAST_CELL = 10.0, 2.0
"""Width of a figure, and of a picture in it at least, in inches."""

TALLEST, FLATTEST = 3.0, 0.15
"""Height by width of a picture's place; what is taller or flatter is drawn smaller."""

ONE_COLUMN, TWO_COLUMNS = 4, 12
"""Pairs of pictures up to which there is one beside the other, or two."""

BAR_WIDTH, TITLE_HEIGHT, MARGIN = 1.1, 0.35, 0.65
"""Inches for a colour bar; for the title of each picture; for what is above and below all of them."""

CAPTION_WIDTH = 13
"""Letters of a caption to an inch."""

MOST_OUTLINED = 1024
"""Pixels along the longer side of a region that its outline is found from."""

LEGEND_COLUMNS, LEGEND_LINES = 6, 2
"""Labels in a row of the legend, and how many lines of the caption such a row is high."""


def draw_figure(
    panels: Sequence[Panel],
    title: str = "",
    *,
    overlay: float | None = None,
    columns: int | None = None,
    scale: Scale = "plane",
    limits: tuple[float, float] | None = None,
    colormap: str | NDArray[Any] | None = None,
    marks: Mapping[str, Mark] | None = None,
    scale_bars: bool = True,
    caption: str = "",
) -> Figure:
    """Draw images with their similarity maps.

    Parameters
    ----------
    panels : sequence of Panel
    title : str
    overlay : float, optional
        Opacity in (0, 1] of the map over its image; by default the two stand side by side.
    columns : int, optional
        Images in a row; by default as many as look well.
    scale : {"plane", "stack", "shared", "cosine"}
        Over what the maps are stretched, if at all; told beside the colour bar.
    limits : (low, high), optional
        Values of the first and the last colour; by default 0 and 1, of raw scores −1 and 1, or more where they are.
    colormap : str or ndarray of shape (N, 3) or (N, 4), optional
        A name of matplotlib's, or colours in [0, 1]; by default viridis, for raw scores a diverging one.
    marks : mapping of label to Mark, optional
        How prompts are drawn; by default as in the widget.
    scale_bars : bool
    caption : str
        Told below: what the maps were made with.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    FigureError
        If there is no panel, or a parameter makes no sense.

    Examples
    --------
    >>> import numpy as np, napari_dinosim as dinosim
    >>> heat = np.linspace(0, 1, 96 * 64, dtype=np.float32).reshape(64, 96)
    >>> panel = dinosim.Panel("a", np.zeros((64, 96)), heat, prompts=[(63, 95)], pixel_size=0.5, unit="µm")
    >>> figure = dinosim.draw_figure([panel], "What looks like the corner?")
    """
    _refuse(panels, overlay, columns)
    marks = marks_of(label for panel in panels for label in panel.labels) | dict(marks or {})
    colours = colours_of(panels, scale, limits, colormap)
    alike = all(one == colours[0] for one in colours)
    figure, rows = _frame(panels, 1 if overlay is not None else 2, columns, one_bar=alike)
    looks = [_heat(panel, one, overlay) for panel, one in zip(panels, colours, strict=True)]
    shown = [_draw(*one, marks, scale_bars) for one in zip(panels, rows, looks, strict=True)]
    _draw_colour_bars(figure, shown, rows, LABELS[scale], one_bar=alike)
    return _finished(figure, panels, marks, title, caption)


def _draw_colour_bars(
    figure: Figure, shown: Sequence[AxesImage], rows: Sequence[Sequence[Axes]], label: str, *, one_bar: bool
) -> None:
    """Draw one colour bar for all maps, or one beside each."""
    if one_bar:
        figure.colorbar(shown[0], ax=figure.axes, label=label, shrink=0.8)
        return
    for image, places in zip(shown, rows, strict=True):
        bar = figure.colorbar(image, ax=places[-1], shrink=0.8)
        bar.set_label(label.replace(", ", "\n"), fontsize=8)


def _heat(panel: Panel, colours: Colours, overlay: float | None) -> dict[str, Any]:
    """How the map of a panel is drawn, in the words of ``imshow``."""
    low, high = colours.limits
    own = None if panel.look is None else panel.look.opacity
    opacity = own if own is not None and overlay is not None else overlay
    return {"cmap": colours.table, "vmin": low, "vmax": high, "alpha": opacity, "interpolation": "nearest"}


def _frame(panels: Sequence[Panel], per: int, columns: int | None, *, one_bar: bool) -> tuple[Figure, list[list[Axes]]]:
    """Make an empty figure, with room for one colour bar or one for each map, and the places of each panel in it."""
    from matplotlib.figure import Figure

    across = columns or _columns(len(panels), per)
    down = -(-len(panels) // across)
    bars = BAR_WIDTH * (1 if one_bar else across)
    cell = max(LEAST_CELL, (WIDTH - bars) / (across * per))
    tall = [
        max(panel.proportion for panel in panels[start : start + across]) for start in range(0, len(panels), across)
    ]
    heights = [cell * float(np.clip(one, FLATTEST, TALLEST)) + TITLE_HEIGHT * (3 - per) for one in tall]
    figure = Figure(figsize=(cell * across * per + bars, MARGIN + sum(heights)), layout="constrained")
    axes = figure.subplots(down, across * per, squeeze=False, height_ratios=heights).ravel().tolist()
    for axis in axes:
        axis.set_axis_off()
    return figure, [axes[start : start + per] for start in range(0, per * len(panels), per)]


def _refuse(panels: Sequence[Panel], overlay: float | None, columns: int | None) -> None:
    if not panels:
        raise FigureError("figure: found no panel, expected at least one. Embed an image and place a prompt first.")
    if overlay is not None and not 0 < overlay <= 1:
        raise FigureError(f"overlay: found an opacity of {overlay:g}, expected one above 0, at most 1.")
    if columns is not None and columns < 1:
        raise FigureError(f"columns: found {columns}, expected a whole number ≥ 1.")


def _columns(count: int, per: int) -> int:
    """Images in a row that look well."""
    if per == 1:
        return math.ceil(math.sqrt(count))
    return 1 if count <= ONE_COLUMN else 2 if count <= TWO_COLUMNS else 3


def _draw(
    panel: Panel, places: Sequence[Axes], heat: Mapping[str, Any], marks: Mapping[str, Mark], scale_bar: bool
) -> AxesImage:
    """Draw one image, and its map in the last of its places."""
    grey: dict[str, Any] = {"cmap": "gray"} if panel.image.ndim == 2 else {}
    _show(places[0], panel, panel.image, panel.covered, **grey)
    shown = _show(places[-1], panel, panel.heat, panel.mapped, **heat)
    _entitle(places, panel)
    for axis in places:
        for place, mark in ((place, marks[place[2]]) for place in panel.labelled):
            axis.plot(place[1], place[0], clip_on=False, **_looks(mark))
        for region in panel.regions:
            _outline(axis, region.region, marks[region.label])
    if scale_bar:
        draw_bar(places[0], panel.shape, panel.steps[1], panel.unit)
    return shown


def _show(axis: Axes, panel: Panel, values: Any, covers: tuple[float, float], **looks: Any) -> AxesImage:
    """Draw an array over the pixels that it covers, and cut it at the image's edge."""
    height, width = panel.shape
    extent = (-0.5, covers[1] - 0.5, covers[0] - 0.5, -0.5)
    shown = axis.imshow(values, extent=extent, aspect=panel.steps[0] / panel.steps[1], **looks)
    axis.set_xlim(-0.5, width - 0.5)
    axis.set_ylim(height - 0.5, -0.5)
    return shown


def _entitle(places: Sequence[Axes], panel: Panel) -> None:
    best = "" if panel.best is None else told_best(panel.best, against=panel.against)
    texts = [f"{panel.name}\n{best}".strip()] if len(places) == 1 else [panel.name, f"similarity · {best}".strip(" ·")]
    for axis, text in zip(places, texts, strict=True):
        axis.set_title(text, fontsize=10, parse_math=False)  # a name may hold dollar signs


def _outline(axis: Axes, region: Region, mark: Mark) -> None:
    """Draw a line around the pixels of a region."""
    coarse = -(-max(region.inside.shape) // MOST_OUTLINED)
    inside, step = np.pad(region.inside[::coarse, ::coarse], 1), region.step * coarse
    middle = (step - 1) / 2
    ys, xs = (first + middle + step * (np.arange(count) - 1.0)
              for first, count in zip((region.top, region.left), inside.shape, strict=True))  # fmt: skip
    for colour, width in (("white", 2.5), (mark.colour, 1.5)):
        axis.contour(xs, ys, inside, levels=[0.5], colors=[colour], linewidths=[width])


def _looks(mark: Mark) -> dict[str, Any]:
    edge = {"markeredgecolor": "white", "markeredgewidth": 1.0, "linestyle": "none", "gid": "prompt"}
    return {"marker": mark.marker, "color": mark.colour, "markersize": 10, **edge}


def _finished(figure: Figure, panels: Sequence[Panel], marks: Mapping[str, Mark], title: str, caption: str) -> Figure:
    """Add the title, the legend of the labels where there are several kinds, and the caption."""
    from matplotlib.lines import Line2D

    if title:
        figure.suptitle(title, parse_math=False)
    labels = list(dict.fromkeys(label for panel in panels for label in panel.labels))
    lines = 0
    if labels and labels != [POSITIVE]:
        handles = [Line2D([], [], **_looks(marks[label])) for label in labels]
        legend = figure.legend(handles, [f"\N{THIN SPACE}{label}" for label in labels], loc="outside lower center",
                               ncols=min(LEGEND_COLUMNS, len(labels)), frameon=False)  # fmt: skip
        for text in legend.get_texts():
            text.set_parse_math(False)
        lines = LEGEND_LINES * -(-len(labels) // LEGEND_COLUMNS)
    if caption:
        wrapped = textwrap.fill(caption, int(figure.get_size_inches()[0] * CAPTION_WIDTH))
        figure.supxlabel(wrapped + "\n" * lines, fontsize=8, parse_math=False)  # else the legend would lie over it
    return figure
