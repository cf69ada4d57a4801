"""Measures the objects of Labels layers: their scores, their mean embedding, and which are like one of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from psygnal import Signal

from napari_dinosim._napari.coordinates import full_resolution, placement
from napari_dinosim._napari.feature_table import Vector, numbers_of, write_features
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.inputs import fingerprint
from napari_dinosim._napari.labels_box import with_objects
from napari_dinosim._napari.measured_image import fitting, image_of
from napari_dinosim._napari.object_colours import by_number
from napari_dinosim._napari.results import find, put
from napari_dinosim._napari.roles import LIKE, MARK, WINNER, key_of, mark, role
from napari_dinosim._napari.sentences import counted
from napari_dinosim._napari.task import Task
from napari_dinosim.analysis.likeness import likeness
from napari_dinosim.analysis.objects import measure_objects
from napari_dinosim.errors import SelectionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_dinosim._napari.controller import Controller
    from napari_dinosim._napari.searched import Searched
    from napari_dinosim.analysis.objects import ObjectMeasures
    from napari_dinosim.engine import Job
    from napari_dinosim.prompts import PromptSet

GONE = "The labels are gone meanwhile: nothing was measured."
CHANGED = "{} has changed meanwhile: nothing was measured. Press Measure objects again."
NO_SCORES = (
    "In its features: the mean embedding, but no scores, as nothing is looked for yet. For scores, click on what you "
    "look for and measure again."
)
NOT_MEASURED = "{} was not measured as it is now. Press Measure objects first."


class Measuring:
    """Measures objects, in a worker.

    Parameters
    ----------
    controller : Controller
    """

    changed = Signal()
    """What is measured is another."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.task = Task(controller.engine)
        self.measured: dict[str, ObjectMeasures] = {}
        self.chosen: dict[str, str] = {}
        """Keys of the images that a person chose for Labels layers, by the key of the layer."""
        self._scored_by: dict[str, PromptSet] = {}
        self._looked: dict[str, int] = {}
        self._followed: dict[str, tuple[Labels, Callable[[Any], None]]] = {}
        self._on_map = guarded(self._map_changed)
        controller.session.map_changed.connect(self._on_map)

    def shutdown(self) -> None:
        """Stop what runs, and follow layers no more; what was measured stays in them."""
        self.task.cancel()
        self._controller.session.map_changed.disconnect(self._on_map, missing_ok=True)
        for key in list(self._followed):
            self._forget(key)

    def images(self, layer: Labels) -> list[Searched]:
        """Images that a Labels layer can be measured over."""
        return fitting(self._controller, layer)

    def image_of(self, layer: Labels) -> Searched:
        """Image that a Labels layer is measured over: the one that a person chose, while it fits, or the one meant.

        Raises
        ------
        SelectionError
            If none fits, or several do and nothing says which.
        """
        chosen = self.chosen.get(key_of(layer))
        return next((one for one in self.images(layer) if one.key == chosen), None) or image_of(self._controller, layer)

    def measure(self, layer: Labels) -> None:
        """Write mean and highest score and mean embedding of each object into the layer's features."""
        controller, session = self._controller, self._controller.session
        try:
            found = self.image_of(layer)
        except SelectionError as error:
            controller.told.emit(str(error), True)
            return
        planes = session.embedded_planes(found.key)
        held = {plane: each for plane in planes if (each := session.embeddings(found.key, plane)) is not None}
        maps, prompts = dict[str, Any](), session.prompts
        if prompts.sought:
            maps = {label: session.frozen_maps(found.key, label) for label in session.classes}
            maps = maps or {"similarity": session.frozen_maps(found.key)}
        labels, over = full_resolution(layer), found.name
        self._follow(layer)

        def work(job: Job[tuple[ObjectMeasures, dict[str, Any]]]) -> tuple[ObjectMeasures, dict[str, Any]]:
            measures = measure_objects(
                labels, held.get, maps, planes=list(held), on_tile=job.advance, cancelled=lambda: job.cancelled
            )
            return measures, columns(measures)  # a vector for each object: 100 ms for 20 000

        def done(found: tuple[ObjectMeasures, dict[str, Any]]) -> str | None:
            measures, table = found
            if layer not in controller.viewer.layers or not self._unchanged(layer):
                there = layer in controller.viewer.layers
                controller.told.emit(CHANGED.format(layer.name) if there else GONE, True)
                return None
            self.measured[key_of(layer)], self._scored_by[key_of(layer)] = measures, prompts
            write_features(layer, table, anew=True)
            self.changed.emit()
            objects = f"{counted(len(measures), 'object')} of {layer.name} measured over {over}."
            if not measures.mean:
                return f"{objects} {NO_SCORES}"
            scores = ", ".join(measures.mean)
            return f"{objects} In its features: mean and highest score ({scores}), and the mean embedding."

        self.task.start(work, done, "Cancelled: the features are those of before.")

    def outdated(self, layer: Labels) -> bool:
        """Whether a layer's scores are of other prompts than there are now; its embeddings hold all the same."""
        key = key_of(layer)
        scored = key in self.measured and bool(self.measured[key].mean)
        return scored and self._scored_by[key] != self._controller.session.prompts

    def colour_by(self, layer: Labels, column: str) -> None:
        """Colour objects by one of their numbers; what has none is drawn grey."""
        labels, values = numbers_of(layer, column)
        low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
        layer.colormap = by_number(labels, (values - low) / (high - low or 1), "gray")

    def rank(self, layer: Labels, label: int, least: float) -> str:
        """Show, in all measured layers, the objects that are like one of them; returns what to tell.

        Raises
        ------
        SelectionError
            If the layer was not measured as it is, or has no such object.
        """
        here = {
            key_of(one): one
            for one in with_objects(self._controller.viewer.layers)
            if key_of(one) in self.measured and self._unchanged(one)
        }
        asked = self.measured.get(key_of(layer)) if key_of(layer) in here else None
        if asked is None:
            raise SelectionError(NOT_MEASURED.format(layer.name))
        measured = {key: self.measured[key] for key in here if self.measured[key].encoder == asked.encoder}
        try:
            found = likeness(measured, (key_of(layer), label))
        except SelectionError as error:
            raise SelectionError(f"{error} Pick an object that was measured.") from error
        others = np.concatenate([np.empty(0), *found.scores.values()])
        others = others[np.concatenate([np.empty(0), *found.ranks.values()]) > 1]
        alike = others[others >= least]
        for key, scores in found.scores.items():
            labels = measured[key].labels
            write_features(here[key], {"index": labels, "likeness": scores, "rank": found.ranks[key]})
            self._show_like(here[key], labels[scores >= least], scores[scores >= least])
        best = f", the nearest {alike.max():z.2f}" if len(alike) else ""
        self.changed.emit()
        return f"{len(alike)} of {len(others)} other objects are like object {label}{best}."

    def _show_like(self, layer: Labels, alike: NDArray[Any], scores: NDArray[Any]) -> None:
        """Show those objects of a layer alone, in a layer of their own over the same data."""
        shown, viewer = find(self._controller.viewer, LIKE, key_of(layer)), self._controller.viewer
        colormap = by_number(alike, np.maximum(scores, 0), (0, 0, 0, 0))
        if shown is not None and shown.data is not layer.data:
            viewer.layers.remove(shown)
            shown = None
        if shown is not None:
            shown.colormap = colormap
        else:
            shown = Labels(
                layer.data,
                name=f"like this · {layer.name}",
                multiscale=layer.multiscale,
                opacity=0.9,
                colormap=colormap,
                metadata=mark(LIKE, source=key_of(layer)),
                **placement(layer),
            )
            put(viewer, shown, [layer, *self._classes_over(layer)])
        shown.editable = False
        shown.metadata[MARK]["objects"] = alike.tolist()

    def _classes_over(self, layer: Labels) -> list[Layer]:
        """Layers of classes over the image of a layer, that would cover what is put below them."""
        try:
            found = self.image_of(layer)
        except SelectionError:  # it is gone, and they with it
            return []
        return list(self._controller.class_layers.layers(found.key).values())

    # ---- what was measured holds for the labels of then ----------------------------------------------------------

    def _follow(self, layer: Labels) -> None:
        """Note what the labels are now, to drop what was measured once they are others."""
        key = key_of(layer)
        if not self._unchanged(layer):
            self._labels_changed(key)
        self._forget(key)
        self._looked[key] = fingerprint(full_resolution(layer))
        on_change = guarded(partial(self._labels_changed, key))
        for emitter in (layer.events.data, layer.events.paint):
            emitter.connect(on_change)
        self._followed[key] = layer, on_change

    def _forget(self, key: str) -> None:
        self._looked.pop(key, None)
        if key in self._followed:
            layer, on_change = self._followed.pop(key)
            for emitter in (layer.events.data, layer.events.paint):
                emitter.disconnect(on_change)

    def _unchanged(self, layer: Labels) -> bool:
        """Whether labels are what they were: napari tells nobody of what is undone, or written into the array."""
        return self._looked.get(key_of(layer)) == fingerprint(full_resolution(layer))

    def _labels_changed(self, key: str, _event: object = None) -> None:
        self._looked.pop(key, None)
        self._scored_by.pop(key, None)
        if self.measured.pop(key, None) is not None:
            self.changed.emit()

    def _map_changed(self, source: str) -> None:
        """Drop what was measured of the classes over an image: these labels follow its map."""
        for key, (layer, _) in list(self._followed.items()):
            if role(layer) == WINNER and layer.metadata[MARK]["source"] == source:
                self._labels_changed(key)


def columns(measures: ObjectMeasures) -> dict[str, Any]:
    """Give columns of a table of objects, one row each."""
    table: dict[str, Any] = {"index": measures.labels, "pixels embedded": measures.pixels}
    for name in measures.mean:
        table[f"{name} mean"], table[f"{name} max"] = measures.mean[name], measures.maximum[name]
    return table | {"embedding": [vector.view(Vector) for vector in measures.vectors]}
