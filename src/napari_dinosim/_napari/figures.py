"""Writes what the viewer shows as a figure: images, maps and prompts, drawn in a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pint import DimensionalityError, get_application_registry

from napari_dinosim._napari.coordinates import world_matrix
from napari_dinosim._napari.task import Task
from napari_dinosim.errors import Cancelled
from napari_dinosim.panels import FrozenFigure
from napari_dinosim.planes import axes_of

if TYPE_CHECKING:
    from pathlib import Path

    from napari.layers import Image

    from napari_dinosim._napari.controller import Controller
    from napari_dinosim.engine import Job
    from napari_dinosim.panels import PixelSize
    from napari_dinosim.planes import Axes


class FigureExport(Task):
    """Writes one figure at a time, in a worker of the engine.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller.engine, "export")
        self._controller = controller

    def write(self, target: Path, dpi: float, *, over: bool, label: str | None = None, **looks: Any) -> None:
        """Draw all checked images that have a map, as they are now, and write the figure.

        Parameters
        ----------
        target : Path
            Ends in ``.png``, ``.svg`` or ``.pdf``.
        dpi : float
            Dots per inch.
        over : bool
            Whether maps lie over the images, as opaque as on screen, or beside them.
        label : str, optional
            The class whose maps are drawn; by default the highest score of all.
        **looks
            Further parameters of :func:`napari_dinosim.draw_figure`.

        Raises
        ------
        FigureError
            If no checked image has a map.
        """
        searched = self._controller.offering.checked()[::-1]  # the lowest was opened first
        session = self._controller.session
        keys = [found.key for found in searched if found.key in session.inputs]
        sizes = {
            found.key: pixel_size(found.image, axes_of(session.shown_plane(found.key)))
            for found in searched
            if found.key in keys
        }
        frozen = FrozenFigure.of(session, keys, label, sizes)
        looks = {**self._looks(keys, over), **looks}
        left_out = len(searched) - len(frozen.panels)

        def work(job: Job[Path]) -> Path:
            from napari_dinosim.figure import save_figure

            def advance(done: int, total: int) -> None:
                if job.cancelled:
                    raise Cancelled("cancelled: no figure was written")
                job.advance(done, total + 1)  # the last step is the writing

            return save_figure(frozen.draw(advance, **looks), target, dpi)

        def done(path: Path) -> str:
            without = "" if not left_out else f" Left out: {left_out} without a map."
            return f"The figure is in {path}.{without}"

        self.start(work, done, "Cancelled: no figure was written.")

    def _looks(self, keys: list[str], over: bool) -> dict[str, Any]:
        """Colours, range and opacity of the maps, as a person may have set them on the first."""
        layers = (self._controller.maps[key] for key in keys)
        layer = next((layer for layer in layers if layer is not None), None)
        if layer is None:
            return {"overlay": 0.5} if over else {}
        low, high = layer.contrast_limits
        colours = np.asarray(layer.colormap.map(np.linspace(0, 1, 256)))
        looks: dict[str, Any] = {"colormap": colours, "limits": (float(low), float(high))}
        return looks | ({"overlay": min(1.0, max(0.05, float(layer.opacity)))} if over else {})


def pixel_size(image: Image, axes: Axes) -> PixelSize:
    """Distance of two pixels of an image along axes on screen, in the unit of the second; pixels where none fits."""
    matrix = world_matrix(image, None)
    sizes = np.linalg.norm(matrix[:-1, :-1], axis=0)
    down, across = (image.units[axis] for axis in axes)
    height, width = (float(sizes[axis]) for axis in axes)
    try:
        registry = get_application_registry()  # type: ignore[no-untyped-call]
        height = float(registry.Quantity(height, down).to(across).magnitude)
    except DimensionalityError:
        return 1.0, "pixel"
    return (height, width), str(across)
