"""Where the points of one image are in the others: the most similar place of each, joined by lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Shapes

from napari_dinosim._napari.coordinates import to_world
from napari_dinosim._napari.jumping import point_in
from napari_dinosim._napari.results import find, put
from napari_dinosim._napari.roles import LINES, mark
from napari_dinosim._napari.task import Task
from napari_dinosim.errors import Cancelled
from napari_dinosim.planes import LAST, axes_of

if TYPE_CHECKING:
    from napari_dinosim._napari.controller import Controller
    from napari_dinosim.analysis.correspondence import Correspondence
    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.engine import Job
    from napari_dinosim.planes import PlaneIndex

NOTHING = (
    "There is nothing to look for elsewhere: found {} points on embedded planes and {} embedded images, expected at "
    "least one point and two images. Press Start, click on what you look for, and tick another image."
)
MUTUAL, ONE_WAY = "#7ee787", "#f0b72f"
"""Colours of pairs that find each other, and of those that do not; the text says so too."""

NAME = "correspondence"


@dataclass(frozen=True, slots=True)
class Pair:
    """One point, its image and plane, and where it was found."""

    key: str
    plane: PlaneIndex
    other: str
    other_plane: PlaneIndex
    found: Correspondence


class Corresponding:
    """Finds points of one image in the others.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.task = Task(controller.engine)
        self.pairs: list[Pair] = []

    def shutdown(self) -> None:
        """Stop what runs; lines stay."""
        self.task.cancel()

    def find(self) -> None:
        """Look for the selected points, or all, in the plane on screen of every other checked image."""
        controller, session = self._controller, self._controller.session
        places = self._places()
        shown: dict[str, tuple[PlaneIndex, PatchEmbeddings]] = {}
        for found in controller.offering.checked():
            plane = session.shown_plane(found.key) if found.key in session.inputs else ()
            held = session.embeddings(found.key, plane)
            if held is not None and axes_of(plane) == LAST:
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

        self.task.start(work, self._done, "Cancelled: the lines are those of before.")

    def _places(self) -> dict[tuple[str, PlaneIndex], list[tuple[float, float]]]:
        """Where the selected points lie; all of them where none is selected."""
        layer, prompts = self._controller.prompts.layer, self._controller.session.prompts
        if layer is None or not layer.selected_data:
            return prompts.sources()
        chosen = self._controller.prompts.read(self._controller.offering.checked(), sorted(layer.selected_data))
        places: dict[tuple[str, PlaneIndex], list[tuple[float, float]]] = {}
        for prompt in chosen.prompts:
            places.setdefault((prompt.source, prompt.plane), []).append((prompt.y, prompt.x))
        return places

    def _done(self, pairs: list[Pair]) -> str:
        there = {found.key for found in self._controller.offering.all()}  # images may have gone meanwhile
        self.pairs = pairs = [pair for pair in pairs if {pair.key, pair.other} <= there]
        self._draw()
        mutual = sum(pair.found.mutual for pair in pairs)
        return (
            f"{len(pairs)} place{'s' * (len(pairs) != 1)} found, {mutual} of them mutual (they find the point again). "
            "The lines are in the layer 'correspondence'."
        )

    def _draw(self) -> None:
        """Draw the lines in the world as it is on screen."""
        viewer, images = self._controller.viewer, {one.key: one.image for one in self._controller.offering.all()}
        units, lines = viewer.layers.units, []
        for pair in self.pairs:
            ends = [(pair.key, pair.plane, pair.found.y, pair.found.x)]
            ends += [(pair.other, pair.other_plane, pair.found.found_y, pair.found.found_x)]
            places = [
                to_world(images[key], point_in(images[key].ndim, plane, y, x), units) for key, plane, y, x in ends
            ]
            lines.append(np.array([place[-2:] for place in places]))
        features = {
            "score": [pair.found.score for pair in self.pairs],
            "mutual": ["mutual" if pair.found.mutual else "one way" for pair in self.pairs],
        }
        layer = find(viewer, LINES, NAME)
        if layer is not None:
            viewer.layers.remove(layer)  # napari's Shapes redraw texts and colours wrongly where fewer lines come
        width = float(np.median([np.linalg.norm(line[1] - line[0]) for line in lines])) / 200 if lines else 1.0
        more = {} if units is None else {"units": units[-2:]}
        layer = Shapes(
            lines,
            shape_type="line",
            name=NAME,
            edge_width=width,
            edge_color=[MUTUAL if pair.found.mutual else ONE_WAY for pair in self.pairs],
            features=features,
            text={"string": "{score:.2f} {mutual}", "color": "white", "size": 9},
            metadata=mark(LINES, source=NAME),
            **more,
        )
        put(viewer, layer)
