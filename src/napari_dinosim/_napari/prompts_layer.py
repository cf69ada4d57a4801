"""The Points layer that holds the prompts, and the one watcher that misses no change of it."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Points
from psygnal import Signal
from superqt.utils import qthrottled

from napari_dinosim._napari.coordinates import (
    apply,
    placement,
    plane_shape,
    shown_axes,
    to_data,
    unit_ratio,
    world_matrix,
)
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.reading import LeftOut, Owner, Reading, read_point
from napari_dinosim._napari.roles import PROMPTS, claim, is_ours, mark
from napari_dinosim.prompts import Prompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Layer
    from numpy.typing import NDArray

    from napari_dinosim._napari.searched import Searched
    from napari_dinosim.prompts import LoosePrompt

NAME = "DINOSim prompts"
SYMBOL, FACE, BORDER = "cross", "#ff2d78", "white"
SIZE_FRACTION = 0.025
"""Size of a point, as a share of the image's longer side."""

THROTTLE_MS = 40
"""At most this often do moving points make the maps follow."""

WATCHED = ("data", "set_data", "features", "properties")
UNFINISHED = ("adding", "removing", "changing")


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
        self.loose: tuple[LoosePrompt, ...] = ()
        """Prompts from a file, that lie in no image."""
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

    def read(self, images: Sequence[Searched]) -> Reading:
        """Say which prompt each point is.

        A point belongs to the topmost visible image under it at the moment it is placed, and keeps to it until it is
        moved, even while that image is not checked.

        Parameters
        ----------
        images : sequence of Searched
            The checked images, the topmost first.
        """
        if self.layer is None:
            return Reading()
        points = np.asarray(self.layer.data, dtype=float)
        units, shown = self._viewer.layers.units, self._viewer.dims.point
        world = apply(world_matrix(self.layer, units), np.nan_to_num(points))
        keys = {found.key: found for found in images}
        places = {key: to_data(found.image, world, units, shown) for key, found in keys.items()}
        taken = self._viewer.dims.ndisplay == 2 and not self._viewer.canvas.grid.enabled
        axes = partial(shown_axes, order=self._viewer.dims.order)
        owners: dict[bytes, Owner] = {}
        prompts: list[Prompt] = []
        indices: list[int] = []
        left_out: Counter[LeftOut] = Counter()
        for index, point in enumerate(points):
            if not np.isfinite(point).all():
                left_out[LeftOut.NOWHERE] += 1
                continue
            here = {key: (found, places[key][index]) for key, found in keys.items()}
            meant, owner = read_point(here, self._owners.get(point.tobytes()), world.shape[1], taken, axes)
            if isinstance(meant, Prompt):
                prompts.append(meant)
                indices.append(index)
            else:
                left_out[meant] += 1
            if owner is not None:
                owners[point.tobytes()] = owner
        self._owners = owners
        names = dict.fromkeys(keys[prompt.source].name for prompt in prompts)
        return Reading(tuple(prompts), tuple(names), left_out, tuple(indices))

    def owner(self, point: NDArray[np.float64]) -> Owner | None:
        """Return whose a point is, as it was last read."""
        return self._owners.get(point.tobytes())

    def assign(self, points: NDArray[np.float64], owners: Sequence[Owner | None]) -> None:
        """Say whose points are that are about to be put into the layer, whatever lies on top where they are."""
        pairs = zip(points, owners, strict=True)
        self._owners |= {point.tobytes(): owner for point, owner in pairs if owner is not None}

    def hand_over(self, keys: Sequence[str], key: str) -> None:
        """Give the points of some images to another one, which lies at the same place."""
        self._owners = {
            place: owner._replace(key=key) if owner.key in keys else owner for place, owner in self._owners.items()
        }

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
