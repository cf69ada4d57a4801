"""Makes labels of the maps of all checked images: a preview of what is on screen, and layers to keep."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap, label_colormap
from psygnal import Signal
from superqt.utils import qdebounced

from napari_dinosim._napari.export import place_of
from napari_dinosim._napari.feature_layers import FeatureLayers, Taken, take
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.lazy_map import PatchValues
from napari_dinosim._napari.roles import PREVIEW
from napari_dinosim._napari.task import Task
from napari_dinosim.analysis.recipe import SIMILAR, Segmentation
from napari_dinosim.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_dinosim._napari.controller import Controller
    from napari_dinosim.analysis.segment import Segments
    from napari_dinosim.engine import Job
    from napari_dinosim.frozen import FrozenMaps
    from napari_dinosim.image import Plane
    from napari_dinosim.planes import PlaneIndex

NO_MAP = "There is no map to make labels of. Press Start, then click on what you look for."
LOOK_MS = 30
NO_LABEL = np.array(0, dtype=np.int32)
NO_PREVIEW = np.array(0, dtype=np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class PixelLabels:
    """Labels of the pixels of one plane, where they do not follow its patches."""

    labels: NDArray[np.int32]

    def upsample_at(self, ys: NDArray[np.intp], xs: NDArray[np.intp]) -> NDArray[np.int32]:
        """Labels at chosen pixel rows and columns, (n, m)."""
        found: NDArray[np.int32] = self.labels[np.ix_(ys, xs)]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Mapped:
    """The maps of one image at one moment, for a worker.

    Parameters
    ----------
    taken : Taken
    maps : mapping of str or None to FrozenMaps
        By class; None for the highest score.
    read : callable(plane index) -> Plane
    pixel_size : (float, float)
    unit : str
    """

    taken: Taken
    maps: Mapping[str | None, FrozenMaps]
    read: Callable[[PlaneIndex], Plane]
    pixel_size: tuple[float, float]
    unit: str

    def segments(self, plane: PlaneIndex, recipe: Segmentation) -> Segments | None:
        """Make the labels of one plane; None where it has no map."""
        from napari_dinosim.analysis.segment import segment

        heat = self.maps[None](plane)
        if heat is None:
            return None
        held = {label: found(plane) for label, found in self.maps.items() if label is not None}
        by_class = {label: one for label, one in held.items() if one is not None}
        scores = recipe.scores_of(heat, by_class)
        return segment(scores, heat.grid, recipe, pixel_size=self.pixel_size, unit=self.unit)


class Segmenting:
    """Makes labels, and previews them.

    Parameters
    ----------
    controller : Controller
    """

    previewed = Signal(str)
    """What a preview found, in words."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.layers = FeatureLayers(controller)
        self.task, self._preview = Task(controller.engine), Task(controller.engine)
        self.recipe, self.previews = Segmentation(), False
        self._shown: dict[str, dict[PlaneIndex, PatchValues]] = {}
        self.look_soon = qdebounced(guarded(self.look), timeout=LOOK_MS)
        self._on_change = lambda *_: self.look_soon()
        controller.row_changed.connect(self._on_change)
        self._preview.told.connect(lambda text, error: self.previewed.emit(f"⚠ {text}" if error else text))

    def shutdown(self) -> None:
        """Stop what runs; labels stay, previews go."""
        self.look_soon.cancel()
        self._controller.row_changed.disconnect(self._on_change, missing_ok=True)
        self.task.cancel()
        self.preview(False)
        self.layers.shutdown()

    def follow(self, recipe: Segmentation) -> None:
        """Make labels in another way from now on."""
        self.recipe = recipe
        self.look_soon()

    def preview(self, on: bool) -> None:
        """Show beforehand what labels would be, and keep to it as maps and choices change; or no longer."""
        self.previews = on
        if on:
            self.look()
            return
        self._preview.cancel()
        self._shown = {}
        for layer in self.layers.all(PREVIEW):
            self._controller.viewer.layers.remove(layer)

    def look(self) -> None:
        """Preview the planes on screen, in a worker."""
        if not self.previews:
            return
        session, recipe, gathered = self._controller.session, self.recipe, self._gather()
        planes = {one.taken.found.key: session.shown_plane(one.taken.found.key) for one in gathered}

        def work(_job: Job[Any]) -> list[tuple[Mapped, Segments | None]]:
            return [(one, one.segments(planes[one.taken.found.key], recipe)) for one in gathered]

        def done(found: list[tuple[Mapped, Segments | None]]) -> None:
            self._show_preview(planes, found)
            self.previewed.emit(said([(one.taken.found.name, segments) for one, segments in found]))

        self._preview.start(work, done, "")

    def make(self) -> None:
        """Make labels of all planes of all checked images, as layers to keep."""
        gathered, recipe = self._gather(), self.recipe
        if not gathered:
            self._controller.told.emit(NO_MAP, True)
            return
        total = sum(len(one.taken.embeddings) for one in gathered)

        def work(job: Job[Any]) -> list[tuple[Mapped, dict[PlaneIndex, Segments], Any, dict[str, list[Any]]]]:
            made, count = [], 0
            for one in gathered:
                planes: dict[PlaneIndex, Any] = {}
                found: dict[PlaneIndex, Segments] = {}
                table: dict[str, list[Any]] = {}
                for plane in one.taken.embeddings:
                    if job.cancelled:
                        raise Cancelled("cancelled while labels were made")
                    segments = one.segments(plane, recipe)
                    if segments is not None:
                        first = 0 if recipe.objects == "together" else max(table.get("index", []), default=0)
                        found[plane] = segments
                        advance = partial(_advance, job, count, total)
                        planes[plane] = _laid(one, plane, segments, recipe, first, table, job, advance)
                    count += 1
                    job.advance(count, total)
                made.append((one, found, one.taken.laid(planes, NO_LABEL, stacks=True), table))
            return made

        def done(made: list[tuple[Mapped, dict[PlaneIndex, Segments], Any, dict[str, list[Any]]]]) -> str:
            for one, _found, data, table in made:
                layer = self.layers.show_segments(one.taken, data)
                if layer is not None:
                    self._dress(layer, table, recipe)
            words = said([(one.taken.found.name, each) for one, found, *_ in made for each in found.values()])
            return f"Labels of {_count(len(made), 'image')}: they are yours to paint in. {words}"

        self.task.start(work, done, "Cancelled: no labels were made.")

    # ---- what is taken, and shown --------------------------------------------------------------------------------

    def _gather(self) -> list[Mapped]:
        session, gathered = self._controller.session, []
        if not session.prompts.sought:
            return []
        for taken in take(self._controller):
            key, place = taken.found.key, place_of(taken.found.image)
            labels: tuple[str | None, ...] = (None, *session.classes)
            maps = {label: session.frozen_maps(key, label) for label in labels}
            size = place.pixel_size[-2], place.pixel_size[-1]
            gathered.append(Mapped(taken, maps, session.inputs[key].read, size, place.unit[-1]))
        return gathered

    def _show_preview(self, planes: Mapping[str, PlaneIndex], found: Sequence[tuple[Mapped, Segments | None]]) -> None:
        for one, segments in found:
            key = one.taken.found.key
            shown = self._shown.setdefault(key, {})
            shown.clear()
            if segments is not None:
                shown[planes[key]] = PatchValues(segments.grid, in_bytes(segments.labels))
            layer = self.layers.held(PREVIEW, key)
            if layer is None or tuple(layer.data.shape) != one.taken.shape:
                layer = self.layers.show_preview(one.taken, one.taken.lazy(shown, NO_PREVIEW))
            if layer is not None:
                self._dress(layer, {}, self.recipe)
                layer.editable = False
                layer.refresh(extent=False, highlight=False, thumbnail=False)

    def _dress(self, layer: Any, table: dict[str, list[Any]], recipe: Segmentation) -> None:
        """Give labels the colours and names of their classes, and what was measured."""
        session, book = self._controller.session, self._controller.prompts.labels.book
        if table:
            layer.features = table
        if recipe.objects == "together":
            names = session.classes or (SIMILAR,)
            looks = [book.look(name).colour if name in book.labels else "#ff2d78" for name in names]
            colours: dict[int | None, Any] = dict(enumerate(looks, 1))
            wanted = DirectLabelColormap(color_dict={None: (0, 0, 0, 0), 0: (0, 0, 0, 0)} | colours)
            if not _same_colours(layer.colormap, wanted):  # to set them draws the layer anew
                layer.colormap = wanted
        elif isinstance(layer.colormap, DirectLabelColormap):  # it has no colours for objects
            layer.colormap = label_colormap(49)


def _same_colours(one: Any, other: DirectLabelColormap) -> bool:
    held = one.color_dict if isinstance(one, DirectLabelColormap) else {}
    return held.keys() == other.color_dict.keys() and all(
        np.array_equal(held[label], colour) for label, colour in other.color_dict.items()
    )


def _laid(
    one: Mapped,
    plane: PlaneIndex,
    segments: Segments,
    recipe: Segmentation,
    first: int,
    table: dict[str, list[Any]],
    job: Job[Any],
    advance: Callable[[int, int], None],
) -> Any:
    """Labels of one plane, numbered on from those of the planes before, whose rows are added to a table."""
    pixels = None
    if recipe.edges == "image":
        from napari_dinosim.analysis.edges import snap_edges

        snapped = snap_edges(segments, one.read(plane), on_progress=advance, cancelled=lambda: job.cancelled)
        pixels = np.bincount(snapped.ravel(), minlength=segments.count + 1)[1:]
        labels: Any = snapped
    else:
        labels = segments.labels
    rows = segments.table(pixels)
    if recipe.objects != "together":
        rows["index"] = [index + first for index in rows["index"]]
    if len(one.taken.shape) > 2:
        rows["plane"] = [" ".join(map(str, plane))] * len(rows["index"])
    for name, column in rows.items():
        table.setdefault(name, []).extend(column)
    numbered = np.where(labels > 0, labels + first, 0).astype(np.int32)
    return PixelLabels(numbered) if pixels is not None else PatchValues(segments.grid, numbered)


def _advance(job: Job[Any], before: int, total: int, done: int, parts: int) -> None:
    """Tell how many parts of a plane are done, after so many whole planes."""
    job.advance(before * parts + done, total * parts)


def in_bytes(labels: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Give labels as bytes, which napari draws twice as fast; above 255 they begin again at 1."""
    found: NDArray[np.uint8] = np.where(labels > 0, (labels - 1) % 255 + 1, 0).astype(np.uint8)
    return found


def said(found: Sequence[tuple[str, Segments | None]]) -> str:
    """Say how much was found, and where a threshold finds nothing or everything."""
    held = [(name, segments) for name, segments in found if segments is not None and segments.known]
    if not held:
        return NO_MAP
    shares = [segments.fraction for _, segments in held]
    threshold = held[0][1].threshold
    if not any(shares):
        return f"⚠ Nothing reaches {threshold:.2f}. Lower the threshold or the minimum size."
    if min(shares) > 0.999:
        return f"⚠ Everything reaches {threshold:.2f}. Raise the threshold."
    labels = sum(segments.count for _, segments in held)
    mean = f"{sum(shares) / len(shares):.1%}".replace("%", " %")
    return f"{_count(labels, 'label')}, {mean} of the area, from {threshold:.2f} on."


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
