"""Measures the objects of Labels layers: their scores, their mean embedding, and which are like one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap, ensure_colormap
from psygnal import Signal

from napari_dinosim._napari.coordinates import leading_shape, placement, plane_shape, world_matrix
from napari_dinosim._napari.results import find, put
from napari_dinosim._napari.roles import LIKE, MARK, PREVIEW, key_of, mark, role
from napari_dinosim._napari.task import Task
from napari_dinosim.analysis.objects import measure_objects, rank_objects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_dinosim._napari.controller import Controller
    from napari_dinosim._napari.searched import Searched
    from napari_dinosim.analysis.objects import ObjectMeasures, RankedObject
    from napari_dinosim.engine import Job

NO_IMAGE = (
    "labels: found {name!r} of {shape}, which is the shape of no ticked and embedded image ({others}). Choose the "
    "Labels layer of an image in the list, and press Start."
)
GONE = "The labels are gone meanwhile: nothing was measured."
COLORMAP = "viridis"


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
        self.ranked: list[RankedObject] = []

    def shutdown(self) -> None:
        """Stop what runs; what was measured stays in the layers."""
        self.task.cancel()

    def candidates(self) -> list[Labels]:
        """Labels layers that objects can be in, the topmost first; previews are none."""
        kinds = (PREVIEW, LIKE)
        layers = reversed(self._controller.viewer.layers)
        return [layer for layer in layers if isinstance(layer, Labels) and role(layer) not in kinds]

    def image_of(self, layer: Labels) -> Searched | None:
        """Image that labels belong to: checked, embedded, of their shape; of several the one at the same place."""
        session, shape = self._controller.session, tuple(layer.data.shape)
        fitting = [
            found
            for found in self._controller.offering.checked()
            if leading_shape(found.image) + plane_shape(found.image) == shape and session.embedded_planes(found.key)
        ]
        units = self._controller.viewer.layers.units
        same = [
            one for one in fitting if np.allclose(world_matrix(one.image, units), world_matrix(layer, units), rtol=1e-6)
        ]
        return next(iter([*same, *fitting]), None)

    def measure(self, layer: Labels) -> None:
        """Write mean and highest score and mean embedding of each object into the layer's features."""
        controller, session = self._controller, self._controller.session
        found = self.image_of(layer)
        if found is None:
            checked = (one.image for one in controller.offering.checked())
            others = ", ".join(_times(leading_shape(one) + plane_shape(one)) for one in checked) or "none is ticked"
            text = NO_IMAGE.format(name=layer.name, shape=_times(layer.data.shape), others=others)
            controller.told.emit(text, True)
            return
        planes = session.embedded_planes(found.key)
        held = {plane: each for plane in planes if (each := session.embeddings(found.key, plane)) is not None}
        maps: dict[str, Any] = {}
        if session.prompts.sought:
            maps = {label: session.frozen_maps(found.key, label) for label in session.classes}
            maps = maps or {"similarity": session.frozen_maps(found.key)}
        labels = layer.data[0] if layer.multiscale else layer.data

        def work(job: Job[ObjectMeasures]) -> ObjectMeasures:
            return measure_objects(
                labels, held.get, maps, planes=list(held), on_tile=job.advance, cancelled=lambda: job.cancelled
            )

        def done(measures: ObjectMeasures) -> str:
            if layer not in controller.viewer.layers:
                return GONE
            self.measured[key_of(layer)] = measures
            write_features(layer, columns(measures))
            self.changed.emit()
            names = ", ".join(measures.mean) or "no map yet, so no scores"
            return (
                f"{len(measures)} objects of {layer.name} measured: {names}, and the mean embedding, in its features."
            )

        self.task.start(work, done, "Cancelled: the features are those of before.")

    def colour_by(self, layer: Labels, column: str) -> None:
        """Colour objects by one of their numbers; what has none is drawn grey."""
        values = dict(zip(layer.features["index"], layer.features[column], strict=True))
        known = {int(label): float(value) for label, value in values.items() if label and np.isfinite(value)}
        low, high = min(known.values(), default=0.0), max(known.values(), default=1.0)
        places = [(value - low) / (high - low or 1) for value in known.values()]
        colours: dict[int | None, Any] = {None: "gray", 0: (0, 0, 0, 0)}
        colours |= dict(zip(known, ensure_colormap(COLORMAP).map(np.array(places or [0.0])), strict=False))
        layer.colormap = DirectLabelColormap(color_dict=colours)

    def rank(self, layer: Labels, label: int, least: float) -> str:
        """Show, in all measured layers, the objects that are like one of them; returns what to tell.

        Raises
        ------
        SelectionError
            If the layer was not measured, or has no such object.
        """
        here = {key_of(one): one for one in self.candidates()}
        measured = {key: found for key, found in self.measured.items() if key in here}
        self.ranked = rank_objects(measured, (key_of(layer), label))
        for key in measured:
            rows = [one for one in self.ranked if one.source == key]
            write_features(
                here[key],
                {
                    "index": [one.label for one in rows],
                    "likeness": [one.score for one in rows],
                    "rank": [one.rank for one in rows],
                },
            )
            self._show_like(here[key], {one.label: one.score for one in rows if one.score >= least})
        alike = [one for one in self.ranked if one.score >= least]
        best = f", the nearest {alike[1].score:.2f}" if len(alike) > 1 else ""
        self.changed.emit()
        return f"{len(alike) - 1} of {len(self.ranked) - 1} other objects are like object {label}{best}."

    def _show_like(self, layer: Labels, alike: Mapping[int, float]) -> None:
        """Show those objects of a layer alone, in a layer of their own over the same data."""
        colours: dict[int | None, Any] = {None: (0, 0, 0, 0), 0: (0, 0, 0, 0)}
        places = np.array([max(score, 0.0) for score in alike.values()] or [0.0])
        colours |= dict(zip(alike, ensure_colormap(COLORMAP).map(places), strict=False))
        shown, viewer = find(self._controller.viewer, LIKE, key_of(layer)), self._controller.viewer
        if shown is None or shown.data is not layer.data:
            if shown is not None:
                viewer.layers.remove(shown)
            shown = Labels(
                layer.data,
                name=f"like this · {layer.name}",
                multiscale=layer.multiscale,
                opacity=0.9,
                metadata=mark(LIKE, source=key_of(layer)),
                **placement(layer),
            )
            put(viewer, shown, [layer])
        shown.editable = False
        shown.colormap = DirectLabelColormap(color_dict=colours)
        shown.metadata[MARK]["objects"] = list(alike)


def columns(measures: ObjectMeasures) -> dict[str, list[Any]]:
    """Give columns of a table of objects, one row each."""
    table: dict[str, list[Any]] = {
        "index": [int(label) for label in measures.labels],
        "pixels embedded": measures.pixels.tolist(),
    }
    for name in measures.mean:
        table[f"{name} mean"] = measures.mean[name].astype(float).tolist()
        table[f"{name} max"] = measures.maximum[name].astype(float).tolist()
    table["embedding"] = list(measures.vectors)
    return table


def write_features(layer: Labels, table: Mapping[str, Sequence[Any]]) -> None:
    """Write columns into a layer's features, by ``index``; a person's own columns and rows stay."""
    new = pd.DataFrame({name: pd.Series(list(values)) for name, values in table.items()}).set_index("index")
    old = layer.features
    if "index" in old:
        kept = old.set_index("index").drop(columns=[name for name in new if name in old])
    else:  # rows that nobody has numbered are of labels 0, 1, 2, …
        kept = old.set_index(pd.RangeIndex(len(old), name="index"))
    joined = kept.join(new, how="outer") if len(kept) else new
    layer.features = joined.rename_axis("index").reset_index()


def _times(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))
