"""The Shapes layer whose shapes are prompts, and the one watcher that misses no change of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from napari.layers import Shapes
from napari.layers.base import ActionType
from psygnal import Signal
from superqt.utils import qthrottled

from napari_dinosim._napari.coordinates import placement_in_world, plane_shape, realign
from napari_dinosim._napari.feature_rows import with_rows
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.label_book import LOOKS
from napari_dinosim._napari.layer_labels import COLUMN
from napari_dinosim._napari.prompts_layer import THROTTLE_MS
from napari_dinosim._napari.region_labels import RegionLabels, faint
from napari_dinosim._napari.results import lift
from napari_dinosim._napari.roles import REGIONS, claim, is_ours, mark
from napari_dinosim._napari.shape_state import ShapesState, place_of
from napari_dinosim._napari.undoing import BEGINNINGS, Undoing
from napari_dinosim.outlines import drawn_as, is_closed
from napari_dinosim.prompts import POSITIVE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Layer
    from numpy.typing import NDArray

    from napari_dinosim._napari.label_book import LabelBook
    from napari_dinosim._napari.reading import Owner
    from napari_dinosim.outlines import Kind

NAME = "DINOSim regions"
EDGE_FRACTION = 0.006
"""Width of an edge, as a share of the image's longer side."""

WATCHED = ("data", "set_data", "features", "properties")


class DrawnShape(NamedTuple):
    """One shape of the layer.

    Parameters
    ----------
    kind : str
        ``"polygon"``, ``"rectangle"``, ``"ellipse"``, ``"path"`` or ``"line"``.
    vertices : ndarray of shape (n, ndim)
        In data coordinates of the layer.
    label : str
        What is meant by it, as of a point.
    """

    kind: Kind
    vertices: NDArray[np.float64]
    label: str = POSITIVE

    @property
    def place(self) -> bytes:
        """Where it is, and as what it is drawn."""
        return place_of(self.kind, self.vertices)

    @property
    def closed(self) -> bool:
        """Whether it has an inside."""
        return is_closed(self.kind, self.vertices)

    @property
    def outline(self) -> NDArray[np.float64]:
        """Vertices of the polygon or path that it is drawn as, (m, ndim)."""
        return drawn_as(self.kind, self.vertices)

    @property
    def centroid(self) -> NDArray[np.float64]:
        """Centre of its area; of a line, and of what has no area, the mean of the vertices. Of shape (ndim,)."""
        places = self.outline
        middle: NDArray[np.float64] = places.mean(axis=0)
        if not self.closed or len(places) < 3:
            return middle
        first, second = np.sort(np.argsort(np.ptp(places, axis=0), kind="stable")[-2:])  # the axes that it lies along
        from_middle, following = places - middle, np.roll(places, -1, axis=0) - middle
        areas = from_middle[:, first] * following[:, second] - from_middle[:, second] * following[:, first]
        if abs(areas.sum()) < 1e-9 * np.abs(areas).sum() or not areas.any():
            return middle
        found: NDArray[np.float64] = middle + (areas[:, None] * (from_middle + following)).sum(axis=0) / 3 / areas.sum()
        return found


class RegionsLayer:
    """The regions layer of a viewer, where there is one.

    Parameters
    ----------
    viewer : Viewer
    book : LabelBook
        The labels that points and regions can have.
    give_owners : callable(mapping of bytes to Owner)
        Is told which image regions belong to that are about to be there again.
    owners : callable() -> mapping of bytes to Owner
        Says which image those belong to that were read last.
    """

    changed = Signal()
    """The shapes are others than at the last time."""
    removing = Signal(tuple)
    """Numbers of shapes that are about to be removed."""

    def __init__(
        self,
        viewer: ViewerModel,
        book: LabelBook,
        give_owners: Callable[[Mapping[bytes, Owner]], None],
        owners: Callable[[], Mapping[bytes, Owner]],
    ) -> None:
        self._viewer = viewer
        self.undoing = Undoing(viewer, ShapesState, give_owners, owners)
        self.labels = RegionLabels(book, self.undoing)
        self._snapshot: tuple[object, ...] | None = None
        self._throttled = qthrottled(guarded(self._compare), timeout=THROTTLE_MS)
        self.layer: Shapes | None = None
        self.adopt()

    def adopt(self) -> None:
        """Take the layer that an earlier widget left, where there is one."""
        left = next((layer for layer in self._viewer.layers if _holds_regions(layer)), None)
        if self.layer is None and left is not None:
            self._watch(left)

    def ensure(self, reference: Image) -> Shapes:
        """Return the layer, made over an image where the viewer holds none, above all images."""
        self.adopt()
        if self.layer is None:
            layer = self._make(reference)
            claim(layer)
            self._viewer.add_layer(layer)
            self._watch(layer)
            return layer
        lift(self._viewer, self.layer)
        return self.layer

    def add_path(self, path: NDArray[np.float64]) -> None:
        """Add a closed path, (n, ndim) in data coordinates of the layer.

        napari draws a path of thousands of vertices in milliseconds; to fill a polygon of as many takes it seconds, and
        fails where the polygon touches itself.
        """
        if self.layer is not None:
            self._finish_drawing()
            self.layer.add_paths(path)
            self._compare()  # what follows from it is told before what is told of it

    def put(self, shapes: Sequence[DrawnShape], notes: Sequence[Mapping[str, Any]], *, append: bool) -> None:
        """Add shapes, or put them in the place of all that are there; one step of the history."""
        layer = self.layer
        if layer is None or not (shapes or (layer.data and not append)):
            return
        self._finish_drawing()
        with layer.events.blocker_all():
            kept = layer.features.iloc[: len(layer.data) if append else 0]
            if not append:
                layer.data = []
            for shape in shapes:
                kind = "path" if shape.kind == "line" and len(shape.vertices) != 2 else shape.kind
                layer.add([shape.vertices], shape_type=kind)
            rows = [{**noted, COLUMN: shape.label} for shape, noted in zip(shapes, notes, strict=True)]
            layer.features = with_rows(kept, rows)
        layer.refresh()
        layer.events.data(value=layer.data, action=ActionType.CHANGED, data_indices=(-1,), vertex_indices=((),))
        layer.events.features()
        self._compare()  # what follows from it is told before what is told of it

    def draw(self, reference: Image) -> Shapes:
        """Put the layer in the person's hand, with the tool for polygons unless another one is chosen."""
        layer = self.ensure(reference)
        self._viewer.layers.selection.active = layer
        if not str(layer.mode).startswith("add"):
            layer.mode = "add_polygon"
        return layer

    def realign(self) -> None:
        """Keep the layer in the units of the world."""
        if self.layer is not None:
            realign(self.layer, self._viewer.layers.units)

    def release(self) -> None:
        """Stop watching; the layer stays, or was removed."""
        self._throttled.cancel()
        if self.layer is not None:
            for name in WATCHED:
                getattr(self.layer.events, name).disconnect(self._on_event)
        self.labels.detach()
        self.undoing.leave()
        self.layer = self._snapshot = None

    def shapes(self) -> list[DrawnShape]:
        """Read all shapes, in their order; the one that is being drawn is not yet one."""
        if self.layer is None:
            return []
        parts = zip(self.layer.shape_type, self.layer.data, self.labels.look(), strict=True)
        found = [
            DrawnShape(cast("Kind", str(kind)), np.asarray(vertices, dtype=float), label)
            for kind, vertices, label in parts
        ]
        return found[:-1] if self.undoing.drawing else found

    def _watch(self, layer: Shapes) -> None:
        self.layer, self.undoing.drawing = layer, False
        self.labels.attach(layer)
        for name in WATCHED:
            getattr(layer.events, name).connect(self._on_event)
        self.undoing.follow(layer)

    def _make(self, reference: Image) -> Shapes:
        units = self._viewer.layers.units
        place = placement_in_world(reference, units)
        layer = Shapes(ndim=reference.ndim, name=NAME, opacity=1, metadata=mark(REGIONS), **place)
        layer.features = {COLUMN: np.empty(0, dtype=object)}
        colour = LOOKS[POSITIVE].colour
        layer.current_edge_color, layer.current_face_color = colour, faint(colour)
        layer.current_edge_width = max(1.0, EDGE_FRACTION * max(plane_shape(reference)))
        return layer

    def _on_event(self, event: object) -> None:
        action = str(getattr(event, "action", "")).rsplit(".", 1)[-1].lower()
        if action:
            # until it is told to be added; what a script adds is there at once, or never
            self.undoing.drawing = action == "adding" and bool(getattr(self.layer, "_is_creating", True))
        if action == "added":
            self._drop_discarded()
        guarded(self.undoing.note)(action)
        if action == "removing":
            self.removing.emit(tuple(getattr(event, "data_indices", ())))
        if action not in BEGINNINGS:  # what is about to be added is not there yet: not the last that is
            self._throttled()

    def _finish_drawing(self) -> None:
        """End what is being drawn, as Escape does."""
        if self.layer is not None and self.undoing.drawing and hasattr(self.layer, "_finish_drawing"):
            self.layer._finish_drawing()

    def _drop_discarded(self) -> None:
        """Drop the colours of a shape that had too few vertices: napari leaves them, to the shapes that follow."""
        held = getattr(self.layer, "_data_view", None)
        for name in ("_edge_color", "_face_color"):  # where they are still called so; nothing in public drops them
            rows = getattr(held, name, None)
            if self.layer is not None and rows is not None and len(rows) > len(self.layer.data):
                setattr(held, name, rows[: len(self.layer.data)])

    def _compare(self) -> None:
        snapshot = tuple(
            (shape.kind, shape.label, shape.vertices.shape, shape.vertices.tobytes()) for shape in self.shapes()
        )
        if snapshot != (self._snapshot or ()):
            self._snapshot = snapshot
            self.changed.emit()


def _holds_regions(layer: Layer) -> bool:
    """Whether a layer holds regions: one that an earlier widget left."""
    return isinstance(layer, Shapes) and is_ours(layer, REGIONS)
