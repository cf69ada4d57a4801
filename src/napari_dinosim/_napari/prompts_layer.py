"""The Points layer that holds the prompts, and the one watcher that misses no change of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points
from napari.layers.base import ActionType
from psygnal import Signal
from superqt.utils import qthrottled

from napari_dinosim._napari.absent import handed_over
from napari_dinosim._napari.coordinates import (
    apply,
    placement_in_world,
    plane_shape,
    realign,
    shown_axes,
    to_data,
    to_world,
    world_matrix,
)
from napari_dinosim._napari.feature_rows import with_rows
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.label_book import LOOKS
from napari_dinosim._napari.layer_labels import COLUMN
from napari_dinosim._napari.layer_state import carried, without
from napari_dinosim._napari.point_labels import PointLabels
from napari_dinosim._napari.point_state import PointsState, place_names, places_of
from napari_dinosim._napari.reading import LeftOut, Owner, Reading, read_point
from napari_dinosim._napari.results import lift
from napari_dinosim._napari.roles import PROMPTS, claim, is_ours, key_of, mark
from napari_dinosim._napari.undoing import BEGINNINGS, Undoing
from napari_dinosim.prompts import POSITIVE, Prompt

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Layer
    from numpy.typing import NDArray

    from napari_dinosim._napari.searched import Searched
    from napari_dinosim.prompts import LoosePrompt

NAME = "DINOSim prompts"
BORDER = "white"
SIZE_FRACTION = 0.025
"""Size of a point, as a share of the image's longer side."""

THROTTLE_MS = 40
"""At most this often do moving points make the maps follow."""

WATCHED = ("data", "set_data", "features", "properties")


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
        self._read_at: list[bytes] = []
        self.undoing = Undoing(viewer, PointsState, self._own, lambda: self._owners)
        self.labels = PointLabels(viewer, self.undoing)
        self.loose: tuple[LoosePrompt, ...] = ()
        """Prompts from a file, that lie in no image."""
        self.layer: Points | None = None
        self.adopt()

    def adopt(self) -> None:
        """Take the layer that an earlier widget left, where there is one."""
        left = next((layer for layer in self._viewer.layers if _holds_prompts(layer)), None)
        if self.layer is None and left is not None:
            self._watch(left)

    def ensure(self, reference: Image) -> Points:
        """Return the layer, made over an image where the viewer holds none, above all images, ready for clicks."""
        self.adopt()
        layer = self.layer
        if layer is None:
            layer = self._make(reference)
            claim(layer)
            self._viewer.add_layer(layer)
            self._watch(layer)
        lift(self._viewer, layer)
        self._viewer.layers.selection.active = layer
        layer.mode = "add"
        return layer

    def _watch(self, layer: Points) -> None:
        self.layer = layer
        self.labels.attach(layer)
        for name in WATCHED:
            getattr(layer.events, name).connect(self._on_event)
        self.undoing.follow(layer)

    def realign(self) -> None:
        """Keep the layer in the units of the world, which change with the layers: else clicks on it go astray."""
        if self.layer is not None:
            realign(self.layer, self._viewer.layers.units)

    def release(self) -> None:
        """Stop watching; the layer stays, or was removed."""
        if self.layer is not None:
            for name in WATCHED:
                getattr(self.layer.events, name).disconnect(self._on_event)
        self.labels.detach()
        self.undoing.leave()
        self.layer = self._snapshot = None

    def read(self, images: Sequence[Searched], only: Collection[int] | None = None) -> Reading:
        """Say which prompt each point is.

        A point belongs to the topmost visible image under it at the moment it is placed, and keeps to it until it is
        moved, even while that image is not checked.

        Parameters
        ----------
        images : sequence of Searched
            The checked images, the topmost first.
        only : collection of int, optional
            Numbers of the points that are asked for; by default all.
        """
        if self.layer is None:
            return Reading()
        points, labels = np.asarray(self.layer.data, dtype=float), self.labels.look()
        units, shown = self._viewer.layers.units, self._viewer.dims.point
        world = apply(world_matrix(self.layer, units), np.nan_to_num(points))
        keys = {found.key: found for found in images}
        places = {key: to_data(found.image, world, units, shown) for key, found in keys.items()}
        taken = self._viewer.dims.ndisplay == 2 and not self._viewer.canvas.grid.enabled
        axes = partial(shown_axes, order=self._viewer.dims.order)
        there = {key_of(layer) for layer in self._viewer.layers}
        known = carried(self._owners, self._read_at, places_of(points))
        owners: dict[bytes, Owner] = {}
        prompts: list[Prompt] = []
        indices: list[int] = []
        left_out: Counter[LeftOut] = Counter()
        for index, (point, name) in enumerate(zip(points, place_names(points), strict=True)):
            if not np.isfinite(point).all():
                left_out[LeftOut.NOWHERE] += 1
                continue
            here = {key: (found, places[key][index]) for key, found in keys.items()}
            meant, owner = read_point(here, known.get(name), world.shape[1], taken, axes, there)
            if only is not None and index not in only:
                pass
            elif isinstance(meant, Prompt):
                prompts.append(replace(meant, label=labels[index]))
                indices.append(index)
            else:
                left_out[meant] += 1
            if owner is not None:
                owners[name] = owner
        self._owners, self._read_at = owners, places_of(points)
        self.undoing.keep_owners(owners)
        names = dict.fromkeys(keys[prompt.source].name for prompt in prompts)
        return Reading(tuple(prompts), tuple(names), left_out, tuple(indices))

    def owners(self) -> list[Owner | None]:
        """Return whose the points are, as they were last read."""
        return [] if self.layer is None else [self._owners.get(name) for name in place_names(self.layer.data)]

    def assign(self, points: NDArray[np.float64], owners: Sequence[Owner | None]) -> None:
        """Say whose the last of some points are, that are about to be in the layer, whatever lies on top there."""
        names = place_names(points)[len(points) - len(owners) :]
        self._read_at = []
        self._owners |= {name: owner for name, owner in zip(names, owners, strict=True) if owner is not None}

    def _close_ranks(self, removed: Collection[int]) -> None:
        """Let points keep their owners that lie on points that are about to be removed."""
        assert self.layer is not None
        self._own(without(self._owners, places_of(self.layer.data), removed))

    def hand_over(self, keys: Sequence[str], key: str) -> None:
        """Give the points of some images to another one, which lies at the same place."""
        change = handed_over(keys, key)
        self._own({place: change(owner) for place, owner in self._owners.items()})
        self.undoing.change_owners(change)

    def _own(self, owners: Mapping[bytes, Owner]) -> None:
        self._owners, self._read_at = dict(owners), []

    def place(self, image: Image, owner: Owner, point: NDArray[np.float64]) -> bytes:
        """Add a point on a place of an image, as if clicked there, whatever lies above it.

        Parameters
        ----------
        image : Image
        owner : Owner
            The image, by its key, and the plane.
        point : ndarray of shape (ndim,)
            In the data coordinates of the image.

        Returns
        -------
        bytes
            Name of the point: its coordinates in the layer.
        """
        layer = self.layer
        assert layer is not None, "there is no layer for it"
        units = self._viewer.layers.units
        here = to_data(layer, to_world(image, point, units), units, self._viewer.dims.point)
        every = np.concatenate([layer.data, here[None]])
        self.assign(every, [owner])  # before it is added: napari tells of it at once
        layer.add(here[None])
        return place_names(every)[-1]

    def put(
        self,
        points: NDArray[np.float64],
        owners: Sequence[Owner | None],
        notes: Sequence[Mapping[str, Any]],
        *,
        append: bool,
    ) -> None:
        """Add points, or put them in the place of all that are there; one step of the history.

        Parameters
        ----------
        points : ndarray of shape (n, ndim)
            In data coordinates of the layer.
        owners : sequence of Owner or None
            The image that each belongs to, whatever lies on top there.
        notes : sequence of mapping of str to Any
            Features of each.
        append : bool
            Whether the points that are there stay.
        """
        layer = self.layer
        if layer is None:
            return
        kept = layer.features.iloc[: len(layer.data) if append else 0]
        every = np.concatenate([np.asarray(layer.data)[: len(kept)], points])
        self.assign(every, owners)
        with layer.events.blocker_all():
            layer.selected_data = set()
            layer.data = every
            layer.features = with_rows(kept, notes)
        layer.refresh()
        indices = tuple(range(len(every)))
        layer.events.data(value=layer.data, action=ActionType.CHANGED, data_indices=indices, vertex_indices=((),))
        layer.events.features()

    def _make(self, reference: Image) -> Points:
        return Points(
            np.empty((0, reference.ndim)),
            name=NAME,
            ndim=reference.ndim,
            size=max(3.0, SIZE_FRACTION * max(plane_shape(reference))),
            symbol=LOOKS[POSITIVE].symbol,
            face_color=LOOKS[POSITIVE].colour,
            features={COLUMN: np.empty(0, dtype=object)},
            border_color=BORDER,
            metadata=mark(PROMPTS),
            **placement_in_world(reference, self._viewer.layers.units),
        )

    def _on_event(self, event: object) -> None:
        action = str(getattr(event, "action", "")).rsplit(".", 1)[-1].lower()
        guarded(self.undoing.note)(action)
        if action == "removing":
            guarded(self._close_ranks)(getattr(event, "data_indices", ()))
        if action not in BEGINNINGS:
            self._throttled()

    def _compare(self) -> None:
        if self.layer is None:
            return
        data = np.asarray(self.layer.data)
        snapshot = (data.shape, data.tobytes(), self.labels.look())
        if snapshot != self._snapshot:
            self._snapshot = snapshot
            self.changed.emit()


def _holds_prompts(layer: Layer) -> bool:
    """Whether a layer holds prompts: one that an earlier widget left."""
    return isinstance(layer, Points) and is_ours(layer, PROMPTS)
