"""Matches as a table, with where they lie in the world as drawn; written in a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_dinosim._napari.coordinates import apply, world_matrix
from napari_dinosim._napari.export import completed
from napari_dinosim._napari.jumping import point_in
from napari_dinosim._napari.sentences import counted
from napari_dinosim._napari.task import Task
from napari_dinosim.analysis.match_table import write_matches
from napari_dinosim.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from napari_dinosim._napari.controller import Controller
    from napari_dinosim.analysis.matches import Match
    from napari_dinosim.engine import Job

DIGITS = 10
"""Significant digits of world coordinates: more would tell of rounding only."""


class MatchFile(Task):
    """Writes one table at a time, in a worker of the engine.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller.engine, "export")
        self._controller = controller

    def write(self, path: str, matches: Sequence[Match]) -> None:
        """Write matches to a CSV file, as they and their images are now.

        Parameters
        ----------
        path : str
            As a file dialog gave it, which has asked whether a file may be replaced; the ending may be missing.
        matches : sequence of Match

        Raises
        ------
        ExportError
            If the completed path is there already, or is that of another kind of file.
        """
        viewer, keys = self._controller.viewer, {match.source for match in matches}
        target = completed(path, ".csv", (".csv",), viewer.layers)
        found = {one.key: one for one in self._controller.offering.all() if one.key in keys}
        units, axes = viewer.layers.units, axis_names(viewer.dims.axis_labels)
        named = ["pixel"] * len(axes) if units is None else [str(unit) for unit in units][-len(axes) :]
        matrices = {key: world_matrix(one.image, units) for key, one in found.items()}
        names = {key: one.name for key, one in found.items()}

        def work(job: Job[Path]) -> Path:
            if job.cancelled:
                raise Cancelled("cancelled")
            world = [_place(matrices[match.source], match) for match in matches]
            return write_matches(target, matches, names=names, world=world, axes=axes, units=named, replace=True)

        def done(written: Path) -> str:
            return f"{counted(len(matches), 'match is', 'matches are')} in {written}."

        self.start(work, done, "Cancelled: no table was written.")


def axis_names(labels: Sequence[str]) -> list[str]:
    """Name the axes of the world by their labels; those that nobody labelled, napari numbers from the end.

    Parameters
    ----------
    labels : sequence of str
        ``viewer.dims.axis_labels``.

    Returns
    -------
    list of str
        The last two are ``"y"`` and ``"x"`` where they have no label, others ``"axis_0"``, ``"axis_1"``, …, from the
        first axis; with underscores behind where a label is called so.
    """
    plain = [f"axis_{axis}" for axis in range(len(labels) - 2)] + ["y", "x"]
    own = [label != str(axis - len(labels)) for axis, label in enumerate(labels)]
    taken = {label for label, given in zip(labels, own, strict=True) if given}
    unlabelled = [name if name not in taken else _free(f"axis_{axis}", taken) for axis, name in enumerate(plain)]
    return [label if given else name for label, given, name in zip(labels, own, unlabelled, strict=True)]


def _free(name: str, taken: Container[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _place(matrix: NDArray[np.float64], match: Match) -> list[float]:
    """Where a match lies in the world as drawn."""
    place = apply(matrix, point_in(len(matrix) - 1, match.plane, match.y, match.x))
    return [float(f"{value:.{DIGITS}g}") for value in place]
