"""Matches as a CSV file.

A header, and then a row for each match, with these columns:

=================  ==================================================================================================
column             holds
=================  ==================================================================================================
rank               1 for the best match of its image
image              name of the image, or its key
plane              index along the axes before the plane's, joined by spaces: ``3`` or ``0 12``; empty for a single
                   plane. Two negative numbers at the end name the plane's axes where these are not the last two
y_pixel, x_pixel   middle of the patch in the plane, pixel centres at integers
score              cosine with the query, from -1 to 1
world_…            with ``world``: coordinates in the world, one column per axis, its unit in brackets:
                   ``world_y [micrometer]``; empty for axes that an image lacks
=================  ==================================================================================================
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from napari_dinosim.errors import ExportError
from napari_dinosim.export.place import beside

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from napari_dinosim.analysis.matches import Match

COLUMNS = ("rank", "image", "plane", "y_pixel", "x_pixel", "score")


def write_matches(
    path: str | PathLike[str],
    matches: Sequence[Match],
    *,
    names: Mapping[str, str] | None = None,
    world: Sequence[Sequence[float]] | None = None,
    axes: Sequence[str] = (),
    units: Sequence[str] = (),
    replace: bool = False,
) -> Path:
    """Write matches as a table of comma-separated values, UTF-8, a row for each match.

    The columns are ``rank``, ``image``, ``plane``, ``y_pixel``, ``x_pixel``, ``score`` and, with ``world``, one
    ``world_AXIS [UNIT]`` per axis; see :mod:`napari_dinosim.analysis.match_table`. The file is written beside its
    target and takes its place when it is complete.

    Parameters
    ----------
    path : path-like
    matches : sequence of Match
    names : mapping of key to name, optional
        What to call the images.
    world : sequence of sequence of float, optional
        World coordinates of each match; of fewer axes than ``axes``, they are the last ones.
    axes, units : sequence of str
        Names and units of the axes of the world.
    replace : bool
        Whether a file that is there may be replaced.

    Returns
    -------
    Path

    Raises
    ------
    ExportError
        If a file is there already, or cannot be written there; what was there stays whole.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from napari_dinosim.analysis.matches import Match
    >>> with TemporaryDirectory() as folder:
    ...     path = write_matches(Path(folder) / "matches.csv", [Match("a", 39.5, 71.5, 0.92, 1)], names={"a": "tissue"})
    ...     path.read_text(encoding="utf-8").splitlines()
    ['rank,image,plane,y_pixel,x_pixel,score', '1,tissue,,39.5,71.5,0.92']
    """
    target = Path(path)
    if target.exists() and not replace:
        raise ExportError(f"{str(target)!r} is there already. Choose another name, or say that it may be replaced.")
    header = [*COLUMNS, *(f"world_{axis} [{unit}]" for axis, unit in zip(axes, units, strict=True))]
    places = [[] for _ in matches] if world is None else world
    with beside(target, folder=False) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(header)
        rows.writerows(_row(match, names or {}, place, len(axes)) for match, place in zip(matches, places, strict=True))
    return target


def _row(match: Match, names: Mapping[str, str], place: Sequence[float], axes: int) -> list[object]:
    """Row of a match, its place in a world of so many axes at the end."""
    lacking = [""] * (axes - len(place))
    name, plane = names.get(match.source, match.source), " ".join(map(str, match.plane))
    return [match.rank, name, plane, match.y, match.x, f"{match.score:.6g}", *lacking, *map(repr, map(float, place))]
