"""The matches of a viewer: found off the GUI thread, shown in layers, gone through, accepted or rejected."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.image_watch import ImageWatch
from napari_dinosim._napari.jumping import jump_to, point_in
from napari_dinosim._napari.match_keys import keeps_keys
from napari_dinosim._napari.match_search import gather, run, unchecked
from napari_dinosim._napari.matches_layer import MatchLayers
from napari_dinosim._napari.placing import place_prompt
from napari_dinosim._napari.point_state import place_names
from napari_dinosim._napari.roles import MATCHES, role
from napari_dinosim._napari.sentences import counted, enumerated
from napari_dinosim._napari.task import Task
from napari_dinosim.analysis.mutual import Mutual
from napari_dinosim.prompts import NEGATIVE, POSITIVE, PromptSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari.layers import Layer

    from napari_dinosim._napari.controller import Controller
    from napari_dinosim._napari.task import Steps
    from napari_dinosim.analysis.matches import Match
    from napari_dinosim.records.tools import MatchChoices

NO_MAP = "There is no map yet: press Start, then click on what you look for; then find its matches."
NO_IMAGE = "The image of this match is not checked any more. Check it in the list, or find matches anew."


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
        """Those to go through, the best of each image first."""
        self.current: Match | None = None
        self._all: tuple[Match, ...] = ()
        self._answered: dict[Match, bytes | None] = {}  # the point that each yes or no became; None before it is there
        self._taken_back = False
        self._found_for: PromptSet | None = None
        self._watch = ImageWatch(controller.viewer)
        self._watch.placed.connect(self.layers.follow)
        self._watch.left.connect(self._left)
        self._watch.removed.connect(self._removed)
        self._watch.follow()
        self._on_rows, self._on_prompts = guarded(self._drop_gone), guarded(self._look_at_answers)
        controller.rows_changed.connect(self._on_rows)
        controller.prompts.changed.connect(self._on_prompts)
        self._on_undone = guarded(self._expect_back)
        controller.prompts.undoing.undone.connect(self._on_undone)
        self._adopt()

    @property
    def outdated(self) -> bool:
        """Whether the matches were found for other prompts than there are now."""
        return bool(self.matches) and self._found_for not in (None, self._controller.session.prompts)

    def shutdown(self) -> None:
        """Leave the viewer; the layers stay."""
        self.task.cancel()
        self._watch.close()
        self._controller.rows_changed.disconnect(self._on_rows, missing_ok=True)
        self._controller.prompts.changed.disconnect(self._on_prompts, missing_ok=True)
        self._controller.prompts.undoing.undone.disconnect(self._on_undone, missing_ok=True)
        for layer in self.layers.all():
            self._controller.prompts.undoing.take_keys(layer)

    # ---- finding -------------------------------------------------------------------------------------------------

    def find(self, request: MatchChoices) -> None:
        """Find the matches of all checked images, in a worker; those of before are replaced when it is done."""
        session = self._controller.session
        searches = [gather(session, found.key, request) for found in self._controller.offering.checked()]
        searches = [search for search in searches if search.embeddings]
        if not searches or not session.prompts.sought:
            self.told.emit(session.prompts.problem or NO_MAP, True)
            return
        mutual = Mutual.of(session.prompts, session.embeddings) if request.mutual else None
        work = partial(run, searches, mutual)
        names = {found.key: found.name for found in self._controller.offering.all()}
        more = unchecked(searches, mutual, names.__getitem__) if request.mutual else ""
        done = partial(self._found, request, session.prompts, [search.key for search in searches], more)
        self.task.start(work, done, "Cancelled: the matches are those of before.")

    def _found(
        self, request: MatchChoices, prompts: PromptSet, searched: list[str], more: str, matches: list[Match]
    ) -> Steps:
        """Lay the matches of one image after the other; those that are there can be gone through meanwhile."""
        self._found_for, self._answered = prompts, {}
        self._all, self.matches, self.current = (), (), None
        try:
            for key, here in _per_image(matches).items():
                if self._controller.offering.find(key) is not None:  # images may have gone meanwhile
                    self._all += tuple(here)
                    self._set((*self.matches, *here), self.current)
                    yield
        finally:  # of those that no match was found in, or none laid before it was cancelled
            for key in {found.key for found in self._controller.offering.all()} - {match.source for match in self._all}:
                self.layers.remove(key)
            self.changed.emit()
        if self._all:
            self._reach_keys(self._all[0].source)
        return self._sentence(request, searched, more)

    def _sentence(self, request: MatchChoices, searched: list[str], more: str) -> str:
        """Say how many matches there are, or why there is none."""
        if not self._all:
            best = [state.best for key in self._controller.session.inputs
                    if (state := self._controller.session.state(key)).best is not None]  # fmt: skip
            told = f" The best on screen is {max(best):z.2f}; what was clicked does not count." if best else ""
            return f"No place has a score of {request.threshold:z.2f} or more.{told} Lower the minimum.{more}"
        counts = {key: len(here) for key, here in _per_image(self._all).items()}
        few = [
            f"{found.name} ({counts.get(found.key) or 'none'})"
            for found in self._controller.offering.all()
            if found.key in searched and counts.get(found.key, 0) < request.k
        ]
        where = f" in {enumerated(few)}" if len(searched) > 1 else ""
        more = (f" There are no more{where} with these settings." if few else "") + more
        return (
            f"Found {counted(len(self._all), 'match', 'matches')} in {counted(len(counts), 'image')}, "
            f"the best {max(match.score for match in self._all):z.2f}.{more} N jumps to the next one."
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
        self._reach_keys(match.source)

    def _reach_keys(self, key: str) -> None:
        """Make the keys of matches work: where the layer in hand has another use for them, take up the matches."""
        selection, layer = self._controller.viewer.layers.selection, self.layers.find(key)
        if layer is None:
            return
        self._controller.prompts.undoing.lend_keys(layer)  # a yes or no by mistake is taken back where it was said
        if selection.active is not None and keeps_keys(selection.active):
            selection.active = layer

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
        self._answered[match] = None
        self._answered[match] = place_prompt(self._controller, found, match.plane, match.y, match.x, meant)
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
        before = {match.source for match in self.matches}
        self.matches, self.current = tuple(matches), current
        there = _per_image(self.matches)
        for found in self._controller.offering.all():
            if found.key in there or found.key in before:
                self.layers.show(found, there.get(found.key, ()), current)
        self.changed.emit()

    def _look_at_answers(self) -> None:
        """Bring back the matches whose point is gone, and let others go with theirs.

        Of those that undo brings back the last one is in hand: else the next yes or no is said of another one.
        """
        taken_back, self._taken_back = self._taken_back, False
        layer = self._controller.prompts.layer
        if not self._answered or layer is None:
            return
        points = set(place_names(np.asarray(layer.data)))
        answered = {match for match, point in self._answered.items() if point is None or point in points}
        left = tuple(match for match in self._all if match not in answered)
        back = [match for match in self._answered if match in left and match not in self.matches]
        if left != self.matches:
            self._set(left, self.current if self.current in left else None)
        if back and taken_back:
            self.choose(back[-1])

    def _expect_back(self) -> None:
        self._taken_back = True

    def _adopt(self) -> None:
        """Take over the matches that an earlier widget left in layers."""
        for found in self._controller.offering.all():
            self._all += tuple(self.layers.read(found))
        self.matches = self._all

    def _drop_gone(self) -> None:
        """Drop the matches of images that are not searched as such any more: removed, or channels of another now."""
        there = {found.key for found in self._controller.offering.all()}
        for key in dict.fromkeys(match.source for match in self._all):
            if key not in there:
                self._left(key)

    def _left(self, key: str) -> None:
        """Take note that an image is gone."""
        self.layers.remove(key)
        self._drop(key)

    def _removed(self, layer: Layer) -> None:
        """Take note that a person removed the matches of an image; a layer without matches is removed by us."""
        key = str(layer.metadata["napari_dinosim"].get("source")) if role(layer) == MATCHES else None
        if any(match.source == key for match in self.matches):
            self._left(str(key))

    def _drop(self, key: str) -> None:
        if any(match.source == key for match in self._all):
            self._all = tuple(match for match in self._all if match.source != key)
            self.matches = tuple(match for match in self.matches if match.source != key)
            if self.current is not None and self.current.source == key:
                self.current = None
            guarded(self.changed.emit)()


def _per_image(matches: Iterable[Match]) -> dict[str, list[Match]]:
    """Sort matches by the key of their image, in the order that they have."""
    found: dict[str, list[Match]] = {}
    for match in matches:
        found.setdefault(match.source, []).append(match)
    return found
