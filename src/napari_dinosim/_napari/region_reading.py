"""Which region of which image each shape is, or why it is none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import numpy as np

from napari_dinosim._napari.coordinates import apply, plane_shape, shown_axes, to_data, world_matrix
from napari_dinosim._napari.layer_state import carried, numbered
from napari_dinosim._napari.reading import LeftOut, Owner, Reading, read_point, searched
from napari_dinosim._napari.roles import key_of
from napari_dinosim._napari.sentences import counted
from napari_dinosim.errors import OutsideImageError, RegionError
from napari_dinosim.planes import axes_of
from napari_dinosim.prompts import Prompt, RegionPrompt
from napari_dinosim.regions import Region

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.components import ViewerModel
    from napari.layers import Shapes
    from numpy.typing import NDArray

    from napari_dinosim._napari.regions_layer import DrawnShape
    from napari_dinosim._napari.searched import Searched

REASONS = {reason: reason.value for reason in LeftOut}
REASONS[LeftOut.NOWHERE] = "with NaN coordinates: left out. Delete or draw it anew."


@dataclass(frozen=True, slots=True)
class RegionReading:
    """What the shapes say.

    Parameters
    ----------
    prompts : tuple of RegionPrompt
    complaints : tuple of str
        Why others are none; the number of the region first, as a person counts them.
    small : int
        How many are smaller than a patch.
    indices : tuple of int
        Which shapes the prompts are.
    """

    prompts: tuple[RegionPrompt, ...] = ()
    complaints: tuple[str, ...] = ()
    small: int = 0
    indices: tuple[int, ...] = ()

    @property
    def problem(self) -> str:
        """The first complaint, and how many more there are; empty where there is none."""
        if not self.complaints:
            return ""
        more = len(self.complaints) - 1
        return self.complaints[0] + (f" And {counted(more, 'region')} more left out." if more else "")


def names_of(shapes: Sequence[DrawnShape]) -> list[bytes]:
    """Name shapes by their places: no two are of one name, also where they lie on each other."""
    return numbered(shape.place for shape in shapes)


def sentence(points: Reading, regions: RegionReading) -> str:
    """Say what points and regions mean together; what is amiss first, empty where there are none."""
    if points.left_out:
        return points.text
    if regions.problem:
        return regions.problem
    if not regions.prompts:
        return points.text
    text = searched(points.prompts, regions.prompts)
    if regions.small:
        text += f" {counted(regions.small, 'region').capitalize()} smaller than a patch: the whole patch counts."
    return text


class RegionReader:
    """Reads shapes; the prompt of one that is as it was is the same prompt.

    Parameters
    ----------
    viewer : Viewer
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self.owners: Mapping[bytes, Owner] = {}
        """Which image each belongs to, by its name."""
        self._read_at: list[bytes] = []
        # while anything holds them: what is undone, or made anew from a shape as it was, is the same
        self._made: WeakValueDictionary[tuple[object, ...], RegionPrompt] = WeakValueDictionary()
        self._regions: WeakValueDictionary[tuple[object, ...], Region] = WeakValueDictionary()

    def read(
        self, layer: Shapes, shapes: Sequence[DrawnShape], images: Sequence[Searched], representatives: int
    ) -> RegionReading:
        """Say which region of which image each shape is.

        A shape belongs to the topmost visible image under its centre when it is drawn, or, where none is there, under
        the first of its vertices that lies on one. It keeps to it until it is changed.

        Parameters
        ----------
        layer : Shapes
        shapes : sequence of DrawnShape
            Of that layer.
        images : sequence of Searched
            The checked images, the topmost first.
        representatives : int
            How many vectors stand for each.
        """
        matrix = world_matrix(layer, self._viewer.layers.units)
        read_at = [shape.place for shape in shapes]
        known = carried(self.owners, self._read_at, read_at)
        owners: dict[bytes, Owner] = {}
        prompts: list[RegionPrompt] = []
        indices: list[int] = []
        complaints: list[str] = []
        for number, (shape, name) in enumerate(zip(shapes, names_of(shapes), strict=True), 1):
            found, owner = self._place(shape, matrix, images, known.get(name))
            if owner is not None:
                owners[name] = owner
            if isinstance(found, LeftOut):
                complaints.append(f"Region {number} {REASONS[found]}")
                continue
            searched, places, prompt = found
            axes = axes_of(prompt.plane)
            size = plane_shape(searched.image, axes)
            vertices = np.ascontiguousarray(places[:, list(axes)])
            drawn = (size, shape.kind, vertices.tobytes())
            try:
                region = self._regions.get(drawn) or Region.drawn(shape.kind, vertices, size)
            except (OutsideImageError, RegionError) as error:
                complaints.append(f"Region {number} on {searched.name}: {error}")
                continue
            self._regions[drawn] = region
            key = (prompt.source, prompt.plane, prompt.label, representatives, drawn)
            read = self._made.get(key) or RegionPrompt(
                prompt.source, region, prompt.plane, prompt.label, representatives
            )
            self._made[key] = read
            prompts.append(read)
            indices.append(number - 1)
        self.owners, self._read_at = owners, read_at
        return RegionReading(tuple(prompts), tuple(complaints), indices=tuple(indices))

    def own(self, owners: Mapping[bytes, Owner]) -> None:
        """Say whose shapes are, by their names."""
        self.owners, self._read_at = dict(owners), []

    def owner_of(self, layer: Shapes, shape: DrawnShape, images: Sequence[Searched]) -> Owner | None:
        """Say whose a shape would be that is drawn now; parameters as of :meth:`read`."""
        return self._place(shape, world_matrix(layer, self._viewer.layers.units), images, None)[1]

    def _place(
        self, shape: DrawnShape, matrix: NDArray[np.float64], images: Sequence[Searched], known: Owner | None
    ) -> tuple[tuple[Searched, NDArray[np.float64], Prompt] | LeftOut, Owner | None]:
        """Find the image that a shape is on, and where its vertices lie in that image's data."""
        if not np.isfinite(shape.vertices).all():
            return LeftOut.NOWHERE, known
        viewer = self._viewer
        outline = shape.outline
        world = apply(matrix, np.concatenate([shape.centroid[None], outline, shape.vertices]))
        places = {
            found.key: (found, to_data(found.image, world, viewer.layers.units, viewer.dims.point)) for found in images
        }
        taken = viewer.dims.ndisplay == 2 and not viewer.canvas.grid.enabled
        axes = partial(shown_axes, order=viewer.dims.order)
        there = {key_of(layer) for layer in viewer.layers}
        for index in range(1 + len(outline)):
            here = {key: (found, of[index]) for key, (found, of) in places.items()}
            meant, owner = read_point(here, known, world.shape[1], taken, axes, there)
            if isinstance(meant, Prompt):
                searched, of = places[meant.source]
                return (searched, of[1 + len(outline) :], replace(meant, label=shape.label)), owner
            if meant is not LeftOut.OUTSIDE:
                return meant, owner
        return LeftOut.OUTSIDE, known
