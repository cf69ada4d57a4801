"""Shows beforehand what labels of the planes on screen would be, and keeps to it as maps and choices change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal
from superqt.utils import qdebounced, qthrottled

from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.lazy_map import PatchValues
from napari_dinosim._napari.mapped import gather
from napari_dinosim._napari.results import take_away
from napari_dinosim._napari.roles import MARK, PREVIEW, is_image, is_ours
from napari_dinosim._napari.segment_looks import colours_of, dress, in_bytes
from napari_dinosim._napari.segment_words import NO_MAP, Found, said
from napari_dinosim._napari.task import Task
from napari_dinosim.errors import Cancelled, SegmentationError

if TYPE_CHECKING:
    from collections.abc import Collection

    from napari_dinosim._napari.controller import Controller
    from napari_dinosim._napari.mapped import Mapped
    from napari_dinosim._napari.task import Steps
    from napari_dinosim.analysis.recipe import Segmentation
    from napari_dinosim.analysis.segment import Segments
    from napari_dinosim.engine import Job
    from napari_dinosim.planes import PlaneIndex

LOOK_MS = 30
"""Previews are begun no more often."""
SLOW_MS = 300
"""A preview that takes longer is told of."""
UNDER_WAY = "Previewing …"
NO_PREVIEW = np.array(0, dtype=np.uint8)


class SegmentPreview:
    """One preview at a time: what changes meanwhile is looked at when it is there.

    Parameters
    ----------
    controller : Controller
    making : Task
        Makes the labels; a preview waits until it has ended.
    """

    told = Signal(str)
    """What was found, in words."""

    def __init__(self, controller: Controller, making: Task) -> None:
        self._controller, self._layers, self._making = controller, controller.feature_layers, making
        self._task = Task(controller.engine)
        self._on = self._again = False
        self._shown: dict[str, dict[PlaneIndex, PatchValues]] = {}
        self._wanted: set[str] = set()
        self._look_soon = qthrottled(guarded(self.look), timeout=LOOK_MS, leading=False)  # never within another event
        self._say_soon = qdebounced(guarded(self._say_under_way), timeout=SLOW_MS)
        self._on_change = lambda _key: self._look_soon()
        self._on_removed = lambda event: self._look_soon() if is_image(event.value) else None
        self._on_progress = lambda fraction: self._go_on() if fraction is None else None
        controller.row_changed.connect(self._on_change)
        controller.viewer.layers.events.removed.connect(self._on_removed)
        making.progressed.connect(self._on_progress)
        self._task.told.connect(self._fail)

    def shutdown(self) -> None:
        """Stop, and leave the viewer."""
        self._controller.row_changed.disconnect(self._on_change, missing_ok=True)
        self._controller.viewer.layers.events.removed.disconnect(self._on_removed)
        self._making.progressed.disconnect(self._on_progress, missing_ok=True)
        self._end()
        self._look_soon.cancel()
        self._say_soon.cancel()

    def switch(self, on: bool) -> None:
        """Show what labels would be, or no longer."""
        self._on = on
        if on:
            self.look()
        else:
            self._end()
            self.told.emit("")

    def stop(self) -> None:
        """Drop what is under way; what is shown stays."""
        if self._task.running:
            self._again = True
            self._task.cancel()

    def follow(self, before: Segmentation, recipe: Segmentation) -> None:
        """Preview labels that are made in another way now.

        While numbers are dragged, previews under way are shown; one made in quite another way is dropped.
        """
        if before == recipe:
            return
        if replace(before, threshold=recipe.threshold, smoothing=recipe.smoothing) != recipe:
            self.stop()
        self._look_soon()

    def look(self) -> None:
        """Preview the planes on screen, in a worker."""
        if not self._on:
            return
        gathered = gather(self._controller)
        self._keep({one.key for one in gathered})
        if not gathered:
            self.stop()
            self.told.emit(NO_MAP)
        elif self._task.running or self._making.running:
            self._again = True
        else:
            self._begin(gathered)

    def _end(self) -> None:
        self._on = False
        self.stop()
        self._keep(())

    def _begin(self, gathered: list[Mapped]) -> None:
        recipe, classes = self._controller.tools.choices.segmentation, len(self._controller.session.classes)
        self._again = False

        def work(job: Job[Any]) -> list[tuple[Mapped, Segments | None, Found]]:
            return [(one, *_segmented(one, recipe, job)) for one in gathered]

        def done(made: list[tuple[Mapped, Segments | None, Found]]) -> Steps:
            for one, segments, _found in made:
                if self._show(one, segments, recipe):
                    yield
            found = [found for *_, found in made]
            self.told.emit(said(found, classes=classes, together=recipe.objects == "together"))
            self._go_on()
            return None

        self._task.start(work, done, "")
        self._say_soon()

    def _fail(self, text: str, _is_error: bool) -> None:
        self.told.emit(f"⚠ {text}")
        self._go_on()

    def _go_on(self) -> None:
        if self._again:
            self._look_soon()

    def _say_under_way(self) -> None:
        if self._task.running:
            self.told.emit(UNDER_WAY)

    def _keep(self, keys: Collection[str]) -> None:
        """Remove previews over other images, those that are closed among them."""
        self._wanted = set(keys)
        self._shown = {key: shown for key, shown in self._shown.items() if key in self._wanted}
        layers = self._controller.viewer.layers
        for layer in [one for one in layers if is_ours(one, PREVIEW) and one.metadata[MARK]["source"] not in keys]:
            take_away(self._controller.viewer, layer)

    def _show(self, one: Mapped, segments: Segments | None, recipe: Segmentation) -> bool:
        """Show the labels of an image; whether napari had to make a layer for it, which takes its time."""
        if one.key not in self._wanted:
            return False
        shown = self._shown.setdefault(one.key, {})
        shown.clear()
        if segments is not None:
            shown[one.shown] = PatchValues(segments.grid, in_bytes(segments.labels))
        layer, colours = self._layers.held(PREVIEW, one.key), colours_of(self._controller, recipe)
        anew = layer is None or tuple(layer.data.shape) != one.taken.shape
        if anew:
            layer = self._layers.show_preview(one.taken, one.taken.lazy(shown, NO_PREVIEW), colours)
        if layer is not None:
            dress(layer, colours)
            layer.refresh(extent=False, highlight=False, thumbnail=False)
        return anew


def _segmented(one: Mapped, recipe: Segmentation, job: Job[Any]) -> tuple[Segments | None, Found]:
    """Make the labels of the plane on screen, and count them."""
    if job.cancelled:
        raise Cancelled("cancelled while labels were previewed")
    try:
        segments = one.segments(one.shown, recipe, lambda: job.cancelled)
    except SegmentationError as error:
        return None, Found(one.name, left_out=1, reason=str(error))
    if segments is None or not segments.known:
        return None, Found(one.name)
    pixels = segments.pixels
    classes = frozenset(name for name, count in zip(segments.names, pixels, strict=True) if count)
    area = segments.grid.height * segments.grid.width
    found = Found(one.name, (segments.threshold,), int((pixels > 0).sum()), classes, int(pixels.sum()), area)
    return segments, found
