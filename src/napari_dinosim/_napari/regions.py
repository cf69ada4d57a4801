"""Regions of a viewer: drawn shapes and outlines of objects, read as prompts."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_dinosim._napari.absent import handed_over
from napari_dinosim._napari.coordinates import (
    apply,
    full_resolution,
    shown_axes,
    shown_plane,
    spatial_shape,
    to_data,
    world_matrix,
)
from napari_dinosim._napari.layer_state import without
from napari_dinosim._napari.region_reading import RegionReader, RegionReading, names_of
from napari_dinosim._napari.regions_layer import DrawnShape, RegionsLayer
from napari_dinosim._napari.task import Task
from napari_dinosim._napari.undoing import UNDO_KEY
from napari_dinosim.outlines import outline_of
from napari_dinosim.planes import PlaneView, axes_of, index_of, others

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Shapes
    from numpy.typing import NDArray

    from napari_dinosim._napari.label_book import LabelBook
    from napari_dinosim._napari.reading import Owner
    from napari_dinosim._napari.region_labels import RegionLabels
    from napari_dinosim._napari.searched import Searched
    from napari_dinosim._napari.shape_state import ShapesState
    from napari_dinosim._napari.undoing import Undoing
    from napari_dinosim.engine import Engine, Job
    from napari_dinosim.grid import PatchGrid
    from napari_dinosim.planes import Axes, PlaneIndex

CLUSTERS = "sklearn.cluster"
"""Takes a second or two to import, which is left to a worker."""


class Regions:
    """Follows the regions layer and says which prompts its shapes are.

    Parameters
    ----------
    viewer : Viewer
    engine : Engine
    book : LabelBook
        The labels that points and regions can have.
    grid_of : callable(Searched, axes) -> PatchGrid or None
        Where the patches of an image lie; None while that is not known.
    """

    changed = Signal()
    """The regions, or how many vectors stand for each, are others."""
    told = Signal(str, bool)
    """Something to show the person, and whether it is an error."""

    def __init__(
        self,
        viewer: ViewerModel,
        engine: Engine,
        book: LabelBook,
        grid_of: Callable[[Searched, Axes], PatchGrid | None],
    ) -> None:
        self._viewer, self._grid_of = viewer, grid_of
        self.book = book
        self._reader = RegionReader(viewer)
        self._holder = RegionsLayer(viewer, book, self._own, lambda: self._reader.owners)
        self.outlining, self._importing = Task(engine), Task(engine)
        self.representatives = 1
        self._holder.changed.connect(self.changed.emit)
        self._holder.removing.connect(self._close_ranks)
        self._holder.labels.told.connect(lambda text: self.told.emit(text, False))
        for task in (self.outlining, self._importing):
            task.told.connect(self.told.emit)

    @property
    def layer(self) -> Shapes | None:
        """The regions layer, where there is one."""
        return self._holder.layer

    @property
    def labels(self) -> RegionLabels:
        """The labels of the regions."""
        return self._holder.labels

    @property
    def undoing(self) -> Undoing[ShapesState]:
        """Undo and redo of regions."""
        return self._holder.undoing

    def owners(self) -> list[Owner | None]:
        """Return whose the shapes are, as they were last read."""
        return [self._reader.owners.get(name) for name in names_of(self.shapes())]

    def shapes(self) -> list[DrawnShape]:
        """Return all shapes, in their order."""
        return self._holder.shapes()

    def read(self, images: Sequence[Searched]) -> RegionReading:
        """Say which regions there are, in the checked images, the topmost first."""
        if self.layer is None:
            return RegionReading()
        reading = self._reader.read(self.layer, self._holder.shapes(), images, self.representatives)
        self.undoing.keep_owners(self._reader.owners)
        by_key = {found.key: found for found in images}
        small = 0
        for prompt in reading.prompts:
            grid = self._grid_of(by_key[prompt.source], axes_of(prompt.plane))
            small += grid is not None and prompt.region.is_small(grid)
        return replace(reading, small=small)

    def draw(self, reference: Image) -> None:
        """Put the regions layer in the person's hand."""
        self._holder.draw(reference)

    def represent_by(self, count: int) -> None:
        """Choose how many vectors stand for each region: the mean, or centres found by k-means."""
        if count > 1 and CLUSTERS not in sys.modules:
            self._importing.start(lambda _job: import_module(CLUSTERS), lambda _module: self._represent(count))
        else:
            self._represent(count)

    def _represent(self, count: int) -> None:
        self._importing.cancel()
        if count != self.representatives:
            self.representatives = count
            self.changed.emit()

    def use_object(self, labels: Labels, reference: Image, images: Sequence[Searched], hint: str = "") -> None:
        """Draw the outline of the selected object of a Labels layer, on the plane on screen, as a region.

        Parameters
        ----------
        labels : Labels
        reference : Image
            What the regions layer is placed like where there is none yet.
        images : sequence of Searched
            The checked images, the topmost first.
        hint : str
            What is told besides, when it is done.
        """
        value, name = int(labels.selected_label), labels.name
        if self._viewer.dims.ndisplay != 2:
            self.told.emit("An object is taken from the plane on screen: go back to 2-D first.", True)
            return
        if value == labels.colormap.background_value:
            self.told.emit(f"{name}: number {value} is its background. Pick an object first (the dropper, 5).", True)
            return
        viewer = self._viewer
        plane = shown_plane(labels, viewer.layers.units, viewer.dims.point, shown_axes(labels, viewer.dims.order))
        data = full_resolution(labels)
        other_size = all(spatial_shape(labels)[-2:] != spatial_shape(found.image)[-2:] for found in images)

        def work(_job: Job[NDArray[np.float64]]) -> NDArray[np.float64]:
            return outline_of(np.asarray(PlaneView(data, plane)) == value)

        def done(outline: NDArray[np.float64]) -> str:
            if not len(outline):
                return f"{name} has no object {value} on the plane on screen. Pick one with the dropper (5)."
            there = self._add(labels, outline, plane, reference, images)
            if there is not None:
                return f"Object {value} of {name} is a region already: number {there + 1}, which is selected now."
            said = f"Object {value} of {name} is a region now."
            regions = self.layer
            if regions is not None and self._viewer.layers.selection.active is not regions:
                said += f" {UNDO_KEY.to_text()} on {regions.name} takes it back."
            if other_size:
                said += " This layer is of another size than the images: the object counts where it lies on screen."
            return said + hint

        self.outlining.start(work, done)

    def _add(
        self,
        labels: Labels,
        outline: NDArray[np.float64],
        plane: PlaneIndex,
        reference: Image,
        images: Sequence[Searched],
    ) -> int | None:
        """Add an outline of an object; where that is a region of this image and label, select and return which."""
        axes = axes_of(plane)
        places = np.zeros((len(outline), labels.ndim))
        places[:, list(axes)] = outline
        places[:, others(labels.ndim, axes)] = index_of(plane)
        units = self._viewer.layers.units
        world = apply(world_matrix(labels, units), np.concatenate([places, places[:1]]))
        active = self._viewer.layers.selection.active
        layer = self._holder.ensure(reference)
        path = DrawnShape("path", to_data(layer, world, units, self._viewer.dims.point), self.book.current)
        there = self._find(layer, path, images)
        if there is None:
            self._holder.add_path(path.vertices)
        else:
            layer.selected_data = {there}
        self._viewer.layers.selection.active = active  # the next object is picked there
        return there

    def _find(self, layer: Shapes, path: DrawnShape, images: Sequence[Searched]) -> int | None:
        """Find the region that means what a path would mean, if it were drawn now."""
        owner = self._reader.owner_of(layer, path, images)
        for index, (shape, whose) in enumerate(zip(self.shapes(), self.owners(), strict=True)):
            alike = shape.label == path.label and shape.vertices.shape == path.vertices.shape and whose in (None, owner)
            if alike and np.allclose(shape.vertices, path.vertices, rtol=0, atol=1e-3):
                return index
        return None

    def put(
        self,
        shapes: Sequence[DrawnShape],
        owners: Sequence[Owner | None],
        notes: Sequence[Mapping[str, Any]],
        reference: Image,
        *,
        append: bool,
    ) -> None:
        """Put shapes, in world coordinates, into the layer.

        Parameters
        ----------
        shapes : sequence of DrawnShape
        owners : sequence of Owner or None
            The image that each belongs to, whatever lies on top where it is.
        notes : sequence of mapping of str to Any
            What else the person noted at each.
        reference : Image
            What the layer is placed like where there is none yet.
        append : bool
            Whether the shapes that are there stay.
        """
        viewer, active = self._viewer, self._viewer.layers.selection.active
        layer = self._holder.ensure(reference)
        viewer.layers.selection.active = active
        units, shown = viewer.layers.units, viewer.dims.point
        made = [
            shape._replace(vertices=to_data(layer, shape.vertices[:, -layer.ndim :], units, shown)) for shape in shapes
        ]
        self._holder.put(made, notes, append=append)
        names = names_of(self.shapes())
        here = zip(names[len(names) - len(made) :], owners, strict=True)
        named = {name: owner for name, owner in here if owner is not None}
        self._own({**self._reader.owners, **named})

    # ---- what becomes of the layer -------------------------------------------------------------------------------

    def hand_over(self, keys: Sequence[str], key: str) -> None:
        """Give the regions of some images to another one, which lies at the same place."""
        change = handed_over(keys, key)
        self._own({place: change(owner) for place, owner in self._reader.owners.items()})
        self.undoing.change_owners(change)

    def _close_ranks(self, removed: tuple[int, ...]) -> None:
        """Let regions keep their owners that lie on regions that are about to be removed."""
        self._own(without(self._reader.owners, [shape.place for shape in self.shapes()], removed))

    def _own(self, owners: Mapping[bytes, Owner]) -> None:
        self._reader.own(owners)

    def realign(self) -> None:
        """Keep the layer in the units of the world."""
        self._holder.realign()

    def release(self) -> None:
        """Take note that the layer is gone."""
        self._holder.release()

    def close(self) -> None:
        """Stop watching; the regions stay as they are."""
        self.outlining.cancel()
        self._importing.cancel()
        self._holder.release()
