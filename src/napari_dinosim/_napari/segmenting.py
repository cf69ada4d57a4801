"""Makes labels of the maps of all checked images: a preview of what is on screen, and layers to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_dinosim._napari.feature_table import write_features
from napari_dinosim._napari.mapped import gather
from napari_dinosim._napari.segment_looks import colours_of, dress
from napari_dinosim._napari.segment_preview import SegmentPreview
from napari_dinosim._napari.segment_words import GONE, NO_MAP, made_for, said, why_none
from napari_dinosim._napari.segment_worker import label_image
from napari_dinosim._napari.task import Task
from napari_dinosim.errors import SegmentationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Labels

    from napari_dinosim._napari.controller import Controller
    from napari_dinosim._napari.mapped import Mapped
    from napari_dinosim._napari.segment_worker import Labelled
    from napari_dinosim._napari.task import Steps
    from napari_dinosim.analysis.recipe import Segmentation
    from napari_dinosim.engine import Job

PARTS = 1000
"""Progress is told in so many parts of a plane."""


class Segmenting:
    """Makes labels, and previews them.

    Parameters
    ----------
    controller : Controller
    """

    made = Signal()
    """Labels are there."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.task = Task(controller.engine)
        self.preview = SegmentPreview(controller, self.task)

    def shutdown(self) -> None:
        """Stop what runs; labels stay, previews go."""
        self.task.cancel()
        self.preview.shutdown()

    @property
    def recipe(self) -> Segmentation:
        """How labels are made."""
        return self._controller.tools.choices.segmentation

    def follow(self, recipe: Segmentation) -> None:
        """Make labels in another way from now on."""
        before = self.recipe
        self._controller.tools.choose(segmentation=recipe)
        self.preview.follow(before, recipe)

    def make(self) -> None:
        """Make labels of all planes of all checked images, as layers to keep."""
        gathered, recipe = gather(self._controller), self.recipe
        if not gathered:
            self._controller.told.emit(NO_MAP, True)
            return
        classes = len(self._controller.session.classes)
        self.preview.stop()  # it would be waited for

        def work(job: Job[Any]) -> list[Labelled]:
            return _labelled(gathered, recipe, job)

        def done(made: list[Labelled]) -> Steps:
            shown = {}
            for each in made:
                layer = self._show(each, recipe)
                if layer is not None:
                    shown[each.found] = layer
                    yield
            if not shown:
                return GONE
            self.made.emit()
            lazy = [found.name for found, layer in shown.items() if not layer.editable]
            left_out = [each.found for each in made if each.data is None]
            words = said([*shown, *left_out], classes=classes, together=recipe.objects == "together")
            return f"{made_for(len(shown), lazy)} {words}"

        self.task.start(work, done, "Cancelled: no labels were made.")

    def _show(self, made: Labelled, recipe: Segmentation) -> Labels | None:
        """Put labels into their layer; None where there are none, and where the image is gone."""
        if made.data is None:
            return None
        colours = colours_of(self._controller, recipe)
        layer = self._controller.feature_layers.show_segments(made.mapped.taken, made.data, colours)
        if layer is not None:
            write_features(layer, made.table, anew=True, rows="table")
            dress(layer, colours)
        return layer


def _labelled(gathered: Sequence[Mapped], recipe: Segmentation, job: Job[Any]) -> list[Labelled]:
    """Make the labels of all images that can be segmented so.

    Raises
    ------
    SegmentationError
        If none can.
    """
    total = sum(len(one.taken.embeddings) for one in gathered)
    made, before = [], 0
    for one in gathered:

        def advance(planes: float, before: int = before) -> None:
            job.advance(round((before + planes) * PARTS), total * PARTS)

        made.append(label_image(one, recipe, advance, lambda: job.cancelled))
        before += len(one.taken.embeddings)
    if all(each.data is None for each in made):
        raise SegmentationError(why_none([each.found for each in made]))
    return made
