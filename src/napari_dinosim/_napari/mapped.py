"""The maps of the checked images at one moment, from which a worker makes labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_dinosim._napari.feature_layers import Taken, take
from napari_dinosim._napari.figures import pixel_size
from napari_dinosim.errors import Cancelled
from napari_dinosim.planes import axes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari_dinosim._napari.controller import Controller
    from napari_dinosim.analysis.recipe import Segmentation
    from napari_dinosim.analysis.segment import Segments
    from napari_dinosim.frozen import FrozenMaps
    from napari_dinosim.image import Plane
    from napari_dinosim.planes import PlaneIndex


@dataclass(frozen=True, slots=True, eq=False)
class Mapped:
    """The maps of one image at one moment, for a worker.

    Parameters
    ----------
    taken : Taken
    shown : tuple of int
        The plane on screen.
    planes : int
        How many planes the image has, embedded or not.
    maps : mapping of str or None to FrozenMaps
        By class; None for the highest score.
    read : callable(plane index) -> Plane
    pixel_size : (float, float)
    unit : str
    """

    taken: Taken
    shown: PlaneIndex
    planes: int
    maps: Mapping[str | None, FrozenMaps]
    read: Callable[[PlaneIndex], Plane]
    pixel_size: tuple[float, float]
    unit: str

    @property
    def key(self) -> str:
        """Key of the image in the session."""
        return self.taken.found.key

    @property
    def name(self) -> str:
        """Name of the image."""
        return self.taken.found.name

    def segments(self, plane: PlaneIndex, recipe: Segmentation, cancelled: Callable[[], bool]) -> Segments | None:
        """Make the labels of one plane; None where it has no map.

        Raises
        ------
        SegmentationError
            If this plane cannot be segmented so.
        Cancelled
            If it was cancelled, which is asked between the steps.
        """
        from napari_dinosim.analysis.segment import segment

        by_class = {}
        for label, maps in self.maps.items():
            if cancelled():
                raise Cancelled("cancelled while maps were made")
            heat = maps(plane)
            if heat is None:
                return None
            by_class[label] = heat
        heat = by_class.pop(None)
        scores = recipe.scores_of(heat, {label: one for label, one in by_class.items() if label is not None})
        return segment(scores, heat.grid, recipe, pixel_size=self.pixel_size, unit=self.unit, cancelled=cancelled)


def gather(controller: Controller) -> list[Mapped]:
    """Hold the maps of all checked images of which anything is embedded; none while nothing is looked for."""
    session, gathered = controller.session, []
    if not session.prompts.sought:
        return []
    for taken in take(controller):
        key = taken.found.key
        labels: tuple[str | None, ...] = (None, *session.classes)
        maps = {label: session.frozen_maps(key, label) for label in labels}
        image, shown = session.inputs[key], session.shown_plane(key)
        size, unit = pixel_size(taken.found.image, axes_of(shown))
        gathered.append(Mapped(taken, shown, image.count(shown), maps, image.read, size, unit))
    return gathered
