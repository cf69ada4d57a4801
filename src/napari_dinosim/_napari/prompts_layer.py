"""The Points layer that holds the prompts, and the one watcher that misses no change of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from napari.layers import Points
from psygnal import Signal
from superqt.utils import qthrottled

from napari_dinosim._napari.coordinates import (
    contains,
    placement,
    plane_of,
    plane_shape,
    to_data,
    to_world,
    unit_ratio,
    world_matrix,
)
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.roles import PROMPTS, key_of, mark, role
from napari_dinosim.prompts import Prompt

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Layer
    from numpy.typing import NDArray

    from napari_dinosim.states import PlaneIndex

NAME = "DINOSim prompts"
SYMBOL, FACE, BORDER = "cross", "#ff2d78", "white"
SIZE_FRACTION = 0.025
"""Size of a point, as a share of the image's longer side."""

THROTTLE_MS = 40
"""At most this often do moving points make the maps follow."""

WATCHED = ("data", "set_data", "features", "properties")
UNFINISHED = ("adding", "removing", "changing")


class Reading(NamedTuple):
    """What the points say: the prompts, and how many points lie on no checked image or nowhere (NaN)."""

    prompts: tuple[Prompt, ...]
    outside: int
    nowhere: int

    @property
    def text(self) -> str:
        """What to tell the person of it; empty where there is nothing to tell."""
        if self.nowhere:
            return f"{_points(self.nowhere)} with NaN coordinates: left out. Delete or move them."
        if self.outside:
            return f"{_points(self.outside)} outside every checked image: nothing is searched for there."
        return f"Searching for what is under {_points(len(self.prompts))}." if self.prompts else ""


class PromptsLayer:
    """The prompts layer of a viewer, where there is one.

    Parameters
    ----------
    viewer : Viewer
    """

    changed = Signal()
    """The points are others than at the last time."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._snapshot: tuple[object, ...] | None = None
        self._throttled = qthrottled(guarded(self._compare), timeout=THROTTLE_MS)
        self._owners: dict[bytes, tuple[str, PlaneIndex]] = {}
        self.layer: Points | None = None

    def ensure(self, reference: Image) -> Points:
        """Return the layer, made over an image where the viewer holds none, ready for clicks."""
        if self.layer is None:
            self.layer = next((left for left in self._viewer.layers if _holds_prompts(left)), None)
            if self.layer is None:
                self.layer = self._make(reference)
                self._viewer.add_layer(self.layer)
            for name in WATCHED:
                getattr(self.layer.events, name).connect(self._on_event)
        self._viewer.layers.selection.active = self.layer
        self.layer.mode = "add"
        return self.layer

    def realign(self) -> None:
        """Keep the layer in the units of the world, which change with the layers: else clicks on it go astray."""
        units = self._viewer.layers.units
        if self.layer is None or np.allclose(unit_ratio(self.layer, units), 1):
            return
        matrix, ndim = world_matrix(self.layer, units), self.layer.ndim
        self.layer.scale, self.layer.translate, self.layer.rotate = np.ones(ndim), np.zeros(ndim), np.eye(ndim)
        self.layer.shear = np.zeros(ndim * (ndim - 1) // 2)
        self.layer.affine = matrix
        self.layer.units = units[-ndim:]

    def release(self) -> None:
        """Stop watching; the layer stays, or was removed."""
        if self.layer is not None:
            for name in WATCHED:
                getattr(self.layer.events, name).disconnect(self._on_event)
        self.layer = self._snapshot = None

    def read(self, images: Sequence[Image], visible: Container[str]) -> Reading:
        """Say which prompt each point is.

        A point belongs to the topmost visible image under it at the moment it is placed, and keeps to it.

        Parameters
        ----------
        images : sequence of Image
            The checked images, the topmost first.
        visible : container of str
            Keys of those that can be seen.
        """
        if self.layer is None:
            return Reading((), 0, 0)
        prompts: list[Prompt] = []
        outside = nowhere = 0
        owners: dict[bytes, tuple[str, PlaneIndex]] = {}
        for point in np.asarray(self.layer.data):
            if not np.isfinite(point).all():
                nowhere += 1
                continue
            known = self._owners.get(point.tobytes())
            prompt = self._prompt_at(point, images, visible, known)
            if prompt is None:
                outside += 1
            else:
                prompts.append(prompt)
                owners[point.tobytes()] = prompt.source, prompt.plane
        self._owners = owners
        return Reading(tuple(prompts), outside, nowhere)

    def _prompt_at(
        self,
        point: NDArray[np.float64],
        images: Sequence[Image],
        visible: Container[str],
        known: tuple[str, PlaneIndex] | None,
    ) -> Prompt | None:
        """Find the image under a point: the one it is known to belong to, else the topmost that can be seen."""
        assert self.layer is not None
        units, shown = self._viewer.layers.units, self._viewer.dims.point
        world = to_world(self.layer, point, units)
        owner = known[0] if known is not None else None
        keys = {key_of(image): image for image in images}
        for key in [owner] if owner in keys else [key for key in keys if key in visible]:
            image = keys[key]
            place = to_data(image, world, units, shown)
            if known is not None and len(world) < image.ndim and (key, len(known[1])) == (owner, image.ndim - 2):
                place[:-2] = known[1]  # such a point keeps to the plane it was placed on
            index = plane_of(image, place)
            if index is not None and contains(image, place):
                return Prompt(key, float(place[-2]), float(place[-1]), index)
        return None

    def _make(self, reference: Image) -> Points:
        place = placement(reference)
        units = self._viewer.layers.units
        if not np.allclose(
            unit_ratio(reference, units), 1
        ):  # a click on a layer in other units than the world goes astray
            matrix = world_matrix(reference, units)
            place = {"affine": matrix, "units": units[-reference.ndim :], "axis_labels": reference.axis_labels}
        return Points(
            np.empty((0, reference.ndim)),
            name=NAME,
            ndim=reference.ndim,
            size=max(3.0, SIZE_FRACTION * max(plane_shape(reference))),
            symbol=SYMBOL,
            face_color=FACE,
            border_color=BORDER,
            metadata=mark(PROMPTS),
            **place,
        )

    def _on_event(self, event: object) -> None:
        if str(getattr(event, "action", "")).rsplit(".", 1)[-1].lower() not in UNFINISHED:
            self._throttled()

    def _compare(self) -> None:
        if self.layer is None:
            return
        data = np.asarray(self.layer.data)
        snapshot = (data.shape, data.tobytes())
        if snapshot != self._snapshot:
            self._snapshot = snapshot
            self.changed.emit()


def _holds_prompts(layer: Layer) -> bool:
    """Whether a layer holds prompts: one that an earlier widget left."""
    return isinstance(layer, Points) and role(layer) == PROMPTS


def _points(count: int) -> str:
    return f"{count} point" if count == 1 else f"{count} points"
