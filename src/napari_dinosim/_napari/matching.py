"""The matches of a viewer: found off the GUI thread, shown in layers, gone through, accepted or rejected."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.image_watch import ImageWatch
from napari_dinosim._napari.jumping import jump_to, point_in
from napari_dinosim._napari.matches_layer import MatchLayers
from napari_dinosim._napari.placing import place_prompt
from napari_dinosim._napari.roles import MATCHES, role
from napari_dinosim._napari.task import Task
from napari_dinosim.analysis.matches import Match, MatchCriteria, Mutual, find_matches
from napari_dinosim.prompts import NEGATIVE, POSITIVE, PromptSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Layer

    from napari_dinosim._napari.controller import Controller
    from napari_dinosim._napari.searched import Searched
    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.engine import Job
    from napari_dinosim.frozen import FrozenMaps
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.records.tools import MatchChoices

AUTOMATIC = 2.0
"""Radius where none is given, in patches: neighbours of one thing are one match."""

NO_MAP = "There is no map yet: press Start, then click on what you look for; then find its matches."
NO_IMAGE = "The image of this match is not checked any more. Check it in the list, or find matches anew."


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """One image as it was when it was asked for, for the worker."""

    key: str
    maps: FrozenMaps
    planes: list[PlaneIndex]
    criteria: MatchCriteria
    exclude: dict[PlaneIndex, list[tuple[float, float]]]
    embeddings: dict[PlaneIndex, PatchEmbeddings]


class Matching:
    """Finds matches and goes through them.

    Parameters
    ----------
    controller : Controller
    """

    changed = Signal()
    """The matches are others, or the one in hand is."""
    told = Signal(str, bool)
    """Something to show the person, and whether it is an error."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.task = Task(controller.engine)
        self.task.told.connect(self.told.emit)
        self.layers = MatchLayers(controller.viewer)
        self.matches: tuple[Match, ...] = ()
        self.current: Match | None = None
        self._found_for: PromptSet | None = None
        self._watch = ImageWatch(controller.viewer)
        self._watch.placed.connect(self.layers.follow)
        self._watch.left.connect(self._left)
        self._watch.removed.connect(self._removed)
        self._watch.follow()
        self._adopt()

    @property
    def outdated(self) -> bool:
        """Whether the matches were found for other prompts than there are now."""
        return bool(self.matches) and self._found_for not in (None, self._controller.session.prompts)

    def shutdown(self) -> None:
        """Leave the viewer; the layers stay."""
        self.task.cancel()
        self._watch.close()

    # ---- finding -------------------------------------------------------------------------------------------------

    def find(self, request: MatchChoices) -> None:
        """Find the matches of all checked images, in a worker; those of before are replaced when it is done."""
        session = self._controller.session
        searches = [self._search(found, request) for found in self._controller.offering.checked()]
        searches = [search for search in searches if search.planes]
        if not searches or not session.prompts.sought:
            self.told.emit(session.prompts.problem or NO_MAP, True)
            return
        mutual = Mutual.of(session.prompts, session.embeddings) if request.mutual else None
        prompts, total = session.prompts, sum(len(search.planes) for search in searches)

        def work(job: Job[list[Match]]) -> list[Match]:
            matches: list[Match] = []
            done = 0

            def step() -> None:
                nonlocal done
                done += 1
                job.advance(done, total)

            for search in searches:
                matches += find_matches(
                    search.maps,
                    search.criteria,
                    source=search.key,
                    planes=search.planes,
                    exclude=search.exclude,
                    mutual=mutual,
                    embeddings=search.embeddings.get,
                    on_plane=step,
                    cancelled=lambda: job.cancelled,
                )
            return matches

        self.task.start(work, partial(self._found, request, prompts), "Cancelled: the matches are those of before.")

    def _search(self, found: Searched, request: MatchChoices) -> _Search:
        session, key = self._controller.session, found.key
        planes = session.embedded_planes(key)
        embeddings = {plane: held for plane in planes if (held := session.embeddings(key, plane)) is not None}
        radius = request.radius
        if not request.radius and embeddings:
            radius = AUTOMATIC * max(next(iter(embeddings.values())).grid.footprint)
        exclude: dict[PlaneIndex, list[tuple[float, float]]] = {}
        for prompt in session.prompts:
            grid = embeddings[prompt.plane].grid if prompt.source == key and prompt.plane in embeddings else None
            if grid is not None and grid.contains(prompt.y, prompt.x):
                exclude.setdefault(prompt.plane, []).append((prompt.y, prompt.x))
        criteria = MatchCriteria(request.k, radius, request.threshold)
        maps = session.frozen_maps(key).unstretched()
        return _Search(key, maps, sorted(embeddings), criteria, exclude, embeddings)

    def _found(self, request: MatchChoices, prompts: PromptSet, matches: list[Match]) -> str:
        self._found_for = prompts
        self._set(matches, None)
        images = {match.source for match in matches}
        if not matches:
            best = [state.best for key in self._controller.session.inputs
                    if (state := self._controller.session.state(key)).best is not None]  # fmt: skip
            told = f" The best on screen is {max(best):.2f}; what was clicked does not count." if best else ""
            return f"No place has a score of {request.threshold:.2f} or more.{told} Lower the minimum."
        few = "" if any(match.rank == request.k for match in matches) else " There are no more with these settings."
        return (
            f"Found {len(matches)} match{'es' * (len(matches) > 1)} in {len(images)} image{'s' * (len(images) > 1)}, "
            f"the best {max(match.score for match in matches):.2f}.{few} N jumps to the next one."
        )

    # ---- going through them --------------------------------------------------------------------------------------

    def step(self, by: int) -> None:
        """Jump to the next match, or the one before; past the end the first follows."""
        if not self.matches:
            self.told.emit("There is no match to jump to. Find matches first.", False)
            return
        at = self.matches.index(self.current) + by if self.current in self.matches else min(by, 0)
        self.choose(self.matches[at % len(self.matches)])

    def choose(self, match: Match) -> None:
        """Take a match in hand and jump to it."""
        found = self._controller.offering.find(match.source)
        if found is None:
            self.told.emit(NO_IMAGE, True)
            return
        jump_to(self._controller.viewer, found.image, point_in(found.image.ndim, match.plane, match.y, match.x))
        self._set(self.matches, match)

    def accept(self) -> None:
        """Make the match in hand a positive prompt; where there are classes, one of the class that it is most like."""
        self._decide(self._winner)

    def reject(self) -> None:
        """Make the match in hand a negative prompt."""
        self._decide(lambda _match: NEGATIVE)

    def _decide(self, label: Callable[[Match], str]) -> None:
        match = self.current
        if match is None:
            self.told.emit("Which match? Choose one in the table, or press N for the next one.", False)
            return
        found = next((one for one in self._controller.offering.checked() if one.key == match.source), None)
        if found is None:
            self.told.emit(NO_IMAGE, True)
            return
        at, meant = self.matches.index(match), label(match)
        left = tuple(other for other in self.matches if other != match)
        self._set(left, None)
        place_prompt(self._controller, found, match.plane, match.y, match.x, meant)
        if left:
            self.choose(left[at % len(left)])

    def _winner(self, match: Match) -> str:
        """Class with the highest score at a match."""
        session = self._controller.session
        winners, held = session.winner(match.source, match.plane), session.embeddings(match.source, match.plane)
        if winners is None or held is None:
            return session.classes[0] if session.classes else POSITIVE
        number = int(winners[held.grid.patch_at(match.y, match.x)])
        return session.classes[number] if 0 <= number < len(session.classes) else POSITIVE

    # ---- keeping in line -----------------------------------------------------------------------------------------

    def _set(self, matches: list[Match] | tuple[Match, ...], current: Match | None) -> None:
        self.matches, self.current = tuple(matches), current
        for found in self._controller.offering.all():
            self.layers.show(found, [match for match in self.matches if match.source == found.key], current)
        self.changed.emit()

    def _adopt(self) -> None:
        """Take over the matches that an earlier widget left in layers."""
        for found in self._controller.offering.all():
            self.matches += tuple(self.layers.read(found))

    def _left(self, key: str) -> None:
        """Take note that an image is gone."""
        self.layers.remove(key)
        self._drop(key)

    def _removed(self, layer: Layer) -> None:
        """Take note that a person removed the matches of an image."""
        if role(layer) == MATCHES:
            self._drop(str(layer.metadata["napari_dinosim"].get("source")))

    def _drop(self, key: str) -> None:
        if any(match.source == key for match in self.matches):
            self.matches = tuple(match for match in self.matches if match.source != key)
            if self.current is not None and self.current.source == key:
                self.current = None
            guarded(self.changed.emit)()
