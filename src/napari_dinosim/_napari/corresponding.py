"""Where the points of one image are in the others: the most similar place of each, joined by lines."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from superqt.utils import qdebounced

from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.image_watch import ImageWatch
from napari_dinosim._napari.lines_layer import LinesLayer, Pair
from napari_dinosim._napari.roles import key_of
from napari_dinosim._napari.sentences import counted
from napari_dinosim._napari.task import Task
from napari_dinosim.errors import Cancelled
from napari_dinosim.prompts import NEGATIVE, PromptSet

if TYPE_CHECKING:
    from napari_dinosim._napari.controller import Controller
    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.engine import Job
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.prompts import Prompt

NOTHING = (
    "There is nothing to look for elsewhere: found {} points on embedded planes and {} embedded images, expected at "
    "least one point and two images. Press Start, click on what you look for, and check another image."
)
ONLY_NEGATIVE = (
    "There is nothing to look for elsewhere: found only {}, expected at least one point of what you look for. A "
    "negative point says what is not meant: select others, or click on what you look for."
)
YOURS = "The lines that you changed by hand are yours and stay as they are."

FOLLOW_MS = 60
"""Lines are drawn anew when an image has come to rest."""


class Corresponding:
    """Finds points of one image in the others.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.task = Task(controller.engine)
        self.lines = LinesLayer(controller.viewer)
        self.pairs: list[Pair] = []
        self._follow_soon = qdebounced(guarded(self._follow), timeout=FOLLOW_MS)
        self._watch = ImageWatch(controller.viewer)
        self._watch.follow()
        self._watch.placed.connect(lambda image: self._touched(key_of(image)))
        self._watch.left.connect(self._touched)

    def shutdown(self) -> None:
        """Stop what runs; lines stay."""
        self.task.cancel()
        self._follow_soon.cancel()
        self._watch.close()

    def find(self) -> None:
        """Look for the selected points, or all, in the plane on screen of every other checked image."""
        controller, session = self._controller, self._controller.session
        wanted = self._wanted()
        places = PromptSet(tuple(prompt for prompt in wanted if prompt.label != NEGATIVE)).sources()
        negative = sum(prompt.label == NEGATIVE for prompt in wanted)
        if negative and not places:
            controller.told.emit(ONLY_NEGATIVE.format(counted(negative, "negative point")), True)
            return
        shown: dict[str, tuple[PlaneIndex, PatchEmbeddings]] = {}
        for found in controller.offering.checked():
            plane = session.shown_plane(found.key) if found.key in session.inputs else ()
            held = session.embeddings(found.key, plane)
            if held is not None:
                shown[found.key] = plane, held
        sources = {home: held for home in places if (held := session.embeddings(*home)) is not None}
        points = sum(len(places[home]) for home in sources)
        if not points or len({*shown, *(key for key, _ in sources)}) < 2:
            controller.told.emit(NOTHING.format(points, len(shown)), True)
            return
        work_list = [(home, first, other) for home, first in sources.items() for other in shown if other != home[0]]

        def work(job: Job[list[Pair]]) -> list[Pair]:
            from napari_dinosim.analysis.correspondence import correspond

            pairs: list[Pair] = []
            for number, (home, first, other) in enumerate(work_list):
                if job.cancelled:
                    raise Cancelled("cancelled")
                plane, second = shown[other]
                found = correspond(first, second, places[home])
                pairs += [Pair(*home, other, plane, one) for one in found]
                job.advance(number + 1, len(work_list))
            return pairs

        self.task.start(work, partial(self._done, negative), "Cancelled: the lines are those of before.")

    def _wanted(self) -> tuple[Prompt, ...]:
        """Give the selected points; all of them where none is, or only the one that was just clicked."""
        layer, prompts = self._controller.prompts.layer, self._controller.session.prompts
        if layer is None or not layer.selected_data:
            return prompts.prompts
        if layer.mode == "add" and set(layer.selected_data) == {len(layer.data) - 1}:  # napari selects what is added
            return prompts.prompts
        return self._controller.prompts.read(self._controller.offering.checked(), sorted(layer.selected_data)).prompts

    def _done(self, negative: int, pairs: list[Pair]) -> str:
        edited = self.lines.edited
        if edited:
            self.lines.give_away()
        self.pairs = pairs
        name = self._draw()
        count, mutual = len(self.pairs), sum(pair.found.mutual for pair in self.pairs)
        told = f"{counted(count, 'place')} found, {mutual} of them mutual (they find the point again)."
        if negative:
            told += f" {counted(negative, 'negative point')} left out: not meant."
        if name:
            told += f" The lines are in the layer {name!r}."
        return f"{told} {YOURS}" if edited else told

    def _draw(self) -> str:
        """Draw the lines of what is still there; returns the name of their layer, empty where none are left."""
        images = {found.key: found.image for found in self._controller.offering.all()}
        self.pairs = [pair for pair in self.pairs if {pair.key, pair.other} <= set(images)]
        if self.pairs:
            return self.lines.show(self.pairs, images)
        self.lines.remove()
        return ""

    def _touched(self, key: str) -> None:
        """Take note that an image lies elsewhere, or is gone."""
        if any(key in (pair.key, pair.other) for pair in self.pairs):
            self._follow_soon()

    def _follow(self) -> None:
        """Let the lines follow the images, unless a person has removed or changed them."""
        if self.lines.find() is None:
            self.pairs = []
        elif self.lines.edited:
            self.lines.give_away()
            self.pairs = []
            self.task.told.emit(f"{YOURS} Press Find points elsewhere for new ones.", False)
        else:
            self._draw()
