"""Matches as a table, with where they lie in the world as drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_dinosim._napari.coordinates import to_world
from napari_dinosim._napari.jumping import point_in
from napari_dinosim.analysis.match_table import write_matches
from napari_dinosim.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_dinosim._napari.controller import Controller
    from napari_dinosim.analysis.matches import Match


def write_table(controller: Controller, path: str, matches: Sequence[Match]) -> Path:
    """Write matches to a CSV file.

    Parameters
    ----------
    controller : Controller
    path : str
        As a file dialog gave it, which has asked whether a file may be replaced; the ending may be missing.
    matches : sequence of Match

    Raises
    ------
    ExportError
        If the completed path is there already, or nothing can be written there.
    """
    target = Path(path)
    asked = target.suffix.lower() == ".csv"
    target = target if asked else target.with_name(target.name + ".csv")
    if not asked and target.exists():
        raise ExportError(f"{target.name!r} is there already. Choose it in the dialog to replace it.")
    found = {one.key: one for one in controller.offering.all()}
    layers, dims = controller.viewer.layers, controller.viewer.dims
    units = layers.units
    world = [
        to_world(
            found[match.source].image,
            point_in(found[match.source].image.ndim, match.plane, match.y, match.x),
            units,
        ).tolist()
        for match in matches
    ]
    axes = list(dims.axis_labels)
    named = [str(unit) for unit in units] if units is not None else ["pixel"] * len(axes)
    names = {key: one.name for key, one in found.items()}
    return write_matches(target, matches, names=names, world=world, axes=axes, units=named[-len(axes) :], replace=True)
