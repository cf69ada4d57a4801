"""Writes what the viewer shows as a figure: images, maps and prompts, drawn in a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pint import DimensionalityError, get_application_registry

from napari_dinosim._napari.coordinates import world_matrix
from napari_dinosim._napari.label_book import SYMBOLS
from napari_dinosim._napari.task import Task
from napari_dinosim.errors import Cancelled
from napari_dinosim.figure.panel import CLASS_MARKERS, MapLook, Mark
from napari_dinosim.panels import FrozenFigure
from napari_dinosim.planes import axes_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari.layers import Image

    from napari_dinosim._napari.controller import Controller
    from napari_dinosim.engine import Job
    from napari_dinosim.planes import Axes

COLOURS = 256
OPACITY, LEAST_OPACITY = 0.5, 0.05
"""Of a map over its image: where no map has a layer yet, and at least."""

MARKERS = dict(zip(SYMBOLS, CLASS_MARKERS, strict=True))
"""What stands for napari's symbols of classes."""


class FigureExport(Task):
    """Writes one figure at a time, in a worker of the engine.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller.engine, "export")
        self._controller = controller

    def freeze(self, label: str | None = None) -> FrozenFigure:
        """Take all checked images that have a map, as they are now.

        Parameters
        ----------
        label : str, optional
            The class whose maps are drawn; by default the highest score of all.

        Raises
        ------
        FigureError
            If no checked image has a map.
        """
        searched = self._controller.offering.checked()[::-1]  # the lowest was opened first
        session = self._controller.session
        shown = {found.key: found.image for found in searched if found.key in session.inputs}
        sizes = {key: pixel_size(image, axes_of(session.shown_plane(key))) for key, image in shown.items()}
        return FrozenFigure.of(session, list(shown), label, sizes, self._looks(shown, label))

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
            As of :meth:`freeze`.
        **looks
            Further parameters of :func:`napari_dinosim.draw_figure`.

        Raises
        ------
        FigureError
            If no checked image has a map.
        """
        frozen = self.freeze(label)
        looks = {"marks": self._marks(), "overlay": OPACITY if over else None, **looks}
        left_out = len(self._controller.offering.checked()) - len(frozen.panels)

        def work(job: Job[Path]) -> Path:
            from napari_dinosim.figure import save_figure

            def check() -> None:
                if job.cancelled:
                    raise Cancelled("cancelled: no figure was written")

            def advance(done: int, total: int) -> None:
                check()
                job.advance(done, total + 1)  # the last step is the writing

            return save_figure(frozen.draw(advance, **looks), target, dpi, check)

        def done(path: Path) -> str:
            without = "" if not left_out else f" Left out: {left_out} without a map."
            return f"The figure is in {path}.{without}"

        self.start(work, done, "Cancelled: no figure was written.")

    def _looks(self, keys: Iterable[str], label: str | None) -> dict[str, MapLook]:
        """Colours, range and opacity of each map as a person may have set them; of the first, where there is none."""
        layers = {key: self._layer(key, label) for key in keys}
        looks = {key: look_of(layer) for key, layer in layers.items() if layer is not None}
        first = next(iter(looks.values()), None)
        return {} if first is None else {key: looks.get(key, first) for key in layers}

    def _layer(self, key: str, label: str | None) -> Any:
        controller = self._controller
        return controller.maps[key] if label is None else controller.class_layers.layers(key).get(label)

    def _marks(self) -> dict[str, Mark]:
        """How the points of classes look in the viewer, as nearly as matplotlib can draw them."""
        book = self._controller.prompts.labels.book
        looks = {label: book.look(label) for label in book.classes}
        return {label: Mark(look.colour, MARKERS[look.symbol]) for label, look in looks.items()}


def look_of(layer: Image) -> MapLook:
    """How a map looks on screen."""
    low, high = layer.contrast_limits
    colours = np.asarray(layer.colormap.map(np.linspace(0, 1, COLOURS)))
    return MapLook(colours.clip(0, 1), (float(low), float(high)), max(LEAST_OPACITY, float(layer.opacity)))


def pixel_size(image: Image, axes: Axes) -> tuple[tuple[float, float], str]:
    """Distance of two pixels of an image along axes on screen, in the unit of the second; pixels where none fits."""
    matrix = world_matrix(image, None)
    sizes = np.linalg.norm(matrix[:-1, :-1], axis=0)
    down, across = (image.units[axis] for axis in axes)
    height, width = (float(sizes[axis]) for axis in axes)
    try:
        registry = get_application_registry()  # type: ignore[no-untyped-call]
        height = float(registry.Quantity(height, down).to(across).magnitude)
    except DimensionalityError:
        return (1.0, 1.0), "pixel"
    return (height, width), str(across)
