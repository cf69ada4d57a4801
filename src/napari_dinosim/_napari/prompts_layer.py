"""The Points layer that holds the prompts, and the one watcher that misses no change of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from napari.layers import Points
from psygnal import Signal
from superqt.utils import qthrottled

from napari_dinosim._napari.coordinates import (
    apply,
    contains,
    placement,
    plane_of,
    plane_shape,
    to_data,
    unit_ratio,
    world_matrix,
)
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.roles import PROMPTS, claim, is_ours, key_of, mark
from napari_dinosim.prompts import Prompt

if TYPE_CHECKING:
    from collections.abc import Sequence

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


Owner = tuple[str, "PlaneIndex"]
"""Key of the image that a point belongs to, and its plane there."""

NOBODY: Owner = ("", ())
"""Owner of a point that was refused, for good until it is moved."""

TAKE_AGAIN = "A point that was left out stays out until it is moved. Delete it, or move it."


class Reading(NamedTuple):
    """What the points say.

    Parameters
    ----------
    prompts : tuple of Prompt
    images : tuple of str
        Names of the images that they lie in.
    outside, nowhere, unsearched : int
        Points on no checked image that can be seen, with NaN coordinates, and on an image that is not checked any more.
    refused : str
        Why new points are not taken now; empty where they are.
    """

    prompts: tuple[Prompt, ...] = ()
    images: tuple[str, ...] = ()
    outside: int = 0
    nowhere: int = 0
    unsearched: int = 0
    refused: str = ""

    @property
    def text(self) -> str:
        """What to tell the person of it; empty where there is no point."""
        if self.nowhere:
            return f"{_points(self.nowhere)} with NaN coordinates: left out. Delete or move them."
        if self.refused:
            return self.refused
        if self.outside:
            return f"{_points(self.outside)} outside every checked image: nothing is searched for there."
        if self.unsearched:
            return f"{_points(self.unsearched)} on an image that is not checked: left out until it is, or they move."
        where = self.images[0] if len(self.images) == 1 else f"{len(self.images)} images"
        return f"Searching for what is under {_points(len(self.prompts))} in {where}." if self.prompts else ""


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
        self._owners: dict[bytes, Owner] = {}
        self.layer: Points | None = None

    def ensure(self, reference: Image) -> Points:
        """Return the layer, made over an image where the viewer holds none, ready for clicks."""
        if self.layer is None:
            self.layer = next((left for left in self._viewer.layers if _holds_prompts(left)), None)
            if self.layer is None:
                self.layer = self._make(reference)
                claim(self.layer)
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

    def read(self, images: Sequence[Image]) -> Reading:
        """Say which prompt each point is.

        A point belongs to the topmost visible image under it at the moment it is placed, and keeps to it until it is
        moved, even while that image is not checked.

        Parameters
        ----------
        images : sequence of Image
            The checked images, the topmost first.
        """
        if self.layer is None or not len(self.layer.data):
            self._owners = {}
            return Reading()
        points = np.asarray(self.layer.data, dtype=float)
        units, shown = self._viewer.layers.units, self._viewer.dims.point
        world = apply(world_matrix(self.layer, units), np.nan_to_num(points))
        keys = {key_of(image): image for image in images}
        places = {key: to_data(image, world, units, shown) for key, image in keys.items()}
        refused = self._refusal()
        owners: dict[bytes, Owner] = {}
        counts = dict.fromkeys(("outside", "nowhere", "unsearched", "refused"), 0)
        prompts: list[Prompt] = []
        for index, point in enumerate(points):
            if not np.isfinite(point).all():
                counts["nowhere"] += 1
                continue
            known = self._owners.get(point.tobytes())
            if known is None and refused:
                known = NOBODY
            if known is not None and known[0] not in keys:
                owners[point.tobytes()] = known
                counts["refused" if known == NOBODY else "unsearched"] += 1
                continue
            candidates = [key for key, image in keys.items() if image.visible] if known is None else [known[0]]
            here = {key: (keys[key], places[key][index]) for key in candidates}
            prompt = self._prompt(here, known[1] if known is not None and world.shape[1] < self._most(keys) else None)
            if prompt is not None:
                prompts.append(prompt)
                known = prompt.source, prompt.plane
            if known is not None:
                owners[point.tobytes()] = known
            counts["outside"] += prompt is None
        self._owners = owners
        names = tuple(dict.fromkeys(keys[prompt.source].name for prompt in prompts))
        why = (refused or TAKE_AGAIN) if counts.pop("refused") else ""
        return Reading(tuple(prompts), names, refused=why, **counts)

    @staticmethod
    def _most(images: dict[str, Image]) -> int:
        return max(int(image.ndim) for image in images.values())

    @staticmethod
    def _prompt(here: dict[str, tuple[Image, NDArray[np.float64]]], plane: PlaneIndex | None) -> Prompt | None:
        """Make the prompt of the first image that holds its place."""
        for key, (image, place) in here.items():
            if plane is not None and len(plane) == image.ndim - 2:
                place = np.r_[plane, place[-2:]]  # a point of fewer axes keeps to the plane it was placed on
            index = plane_of(image, place)
            if index is not None and contains(image, place):
                return Prompt(key, float(place[-2]), float(place[-1]), index)
        return None

    def _refusal(self) -> str:
        """Why a new point says nothing of where it was meant; empty where it does."""
        if self._viewer.dims.ndisplay == 3:
            return "A point placed in 3-D lies on no plane in particular: left out. Switch to 2-D, then place it anew."
        if self._viewer.canvas.grid.enabled:
            return "In the grid all images share one place: the point is left out. Switch the grid off, place it anew."
        return ""

    def _make(self, reference: Image) -> Points:
        place = placement(reference)
        units = self._viewer.layers.units
        if not np.allclose(unit_ratio(reference, units), 1):  # a click in other units than the world's goes astray
            place = {
                "affine": world_matrix(reference, units),
                "units": units[-reference.ndim :],
                "axis_labels": reference.axis_labels,
            }
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
    return isinstance(layer, Points) and is_ours(layer, PROMPTS)


def _points(count: int) -> str:
    return f"{count} point" if count == 1 else f"{count} points"
