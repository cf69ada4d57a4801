"""Opens a saved session in a viewer.

1. A worker reads the file and signs the images that are open. 2. Here they are matched with those of the session; which
files are gone is asked about, the others are opened. 3. A worker signs these too, loads the encoder and finds what
differs. 4. Differences, and points that are there already, are asked about; 5. only then is anything changed. Whoever
cancels finds the viewer as it was.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog

from napari_dinosim._napari.applying import apply_session
from napari_dinosim._napari.comparing import (
    WEIGHTS,
    Compared,
    encoder_differences,
    image_differences,
    look_at,
    missing_differences,
)
from napari_dinosim._napari.questions import ask
from napari_dinosim._napari.roles import is_image, key_of
from napari_dinosim._napari.seen import SeenLayer, lay_back, look_as_before, see, sign_layers
from napari_dinosim._napari.sentences import counted
from napari_dinosim._napari.task import Task
from napari_dinosim._napari.under_way import UnderWay, said_of_differences, said_of_missing
from napari_dinosim.records.files import load_session
from napari_dinosim.records.matching import OpenLayer, file_of, match, moved

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Image
    from qtpy.QtWidgets import QMessageBox, QWidget

    from napari_dinosim._napari.controller import Controller
    from napari_dinosim.engine import Job
    from napari_dinosim.errors import DinosimError
    from napari_dinosim.loading import EncoderChoice
    from napari_dinosim.records.images import LayerRecord, Signature
    from napari_dinosim.records.values import Difference, SessionRecord

UNCHANGED = "Nothing was changed."
NOTHING_HERE = (
    "None of the images of this session is here, and no other one is open: nothing was changed. Open one of them, then "
    "the session again."
)
LOCATE, WITHOUT, ANYWAY, REPLACE, ADD = "Locate…", "Open without", "Open anyway", "Replace", "Keep both"


class Opening(Task):
    """Opens sessions, one at a time.

    Parameters
    ----------
    controller : Controller
    parent : QWidget
        Over which questions are asked.
    """

    def __init__(self, controller: Controller, parent: QWidget) -> None:
        super().__init__(controller.engine)
        self._controller, self._viewer, self._parent = controller, controller.viewer, parent
        self._under: UnderWay | None = None
        self._question: QMessageBox | None = None

    def open_session(self, path: Path) -> None:
        """Open a session from a file."""
        seen = self._seen()

        def work(job: Job[Any]) -> tuple[SessionRecord, dict[str, Signature]]:
            record = load_session(path)
            return record, sign_layers(seen, job)

        def done(found: tuple[SessionRecord, dict[str, Signature]]) -> None:
            self._under = UnderWay(path.absolute(), *found)
            self._match(self._under)

        self.start(work, done, UNCHANGED)

    # ---- which image is which ------------------------------------------------------------------------------------

    def _images(self) -> list[Image]:
        return [layer for layer in self._viewer.layers if is_image(layer)]

    def _seen(self) -> list[SeenLayer]:
        return [see(layer) for layer in self._images()]

    def _matched(self, under: UnderWay) -> dict[int, OpenLayer]:
        """Find the session's layers among those that are open and signed."""
        here = [seen.opened(under.signatures[seen.key]) for seen in self._seen() if seen.key in under.signatures]
        return match(under.layers, here, under.path.parent)

    def _match(self, under: UnderWay) -> None:
        """Ask about files that are gone, then open those that are not open."""
        found = self._matched(under)
        missing, weights = under.missing(found), under.missing_weights
        lacking = under.lacking(missing)
        if under.without is not None or not (missing or weights):
            self._open_files(under, found)
            return

        def answered(answer: str) -> None:
            if answer == LOCATE:
                self._locate(under, missing)
            elif answer == WITHOUT:
                under.without = lacking | ({WEIGHTS} if weights else set())
                self._match(under)
            else:
                self._leave()

        text = said_of_missing(missing, weights, under.prompts_on(lacking))
        self._ask(text, [LOCATE, WITHOUT], answered)

    def _locate(self, under: UnderWay, missing: Sequence[LayerRecord]) -> None:
        """Ask where each file is now; then match anew."""
        for layer in missing:
            chosen, _ = QFileDialog.getOpenFileName(self._parent, f"Where is {layer.name}?", str(under.path.parent))
            if chosen:
                under.record = moved(under.record, layer, chosen)
        if under.missing_weights:
            name, folder = Path(under.missing_weights).name, str(under.path.parent)
            chosen, _ = QFileDialog.getOpenFileName(self._parent, f"Where are the weights {name}?", folder)
            if chosen:
                under.weigh(chosen)
        self._match(under)

    def _open_files(self, under: UnderWay, found: dict[int, OpenLayer]) -> None:
        """Open what is not open as napari opens it, the lowest first, and sign it."""
        lowest_first = (place for places in reversed(under.places) for place in places)
        wanted = [under.layers[place] for place in lowest_first if place not in found]
        before = {key_of(layer) for layer in self._viewer.layers}
        sources: dict[str | tuple[str, str], str | None] = {}
        for layer in wanted:
            file = file_of(layer, under.path.parent)
            what = layer.sample if file is None else str(file)
            if what is not None:
                sources.setdefault(what, layer.reader)
        if sources:
            names = [what[1] if isinstance(what, tuple) else Path(what).name for what in sources]
            self.told.emit(f"Opening {', '.join(names)}.", False)
        for what, reader in sources.items():
            self._open(under, before, what, reader)
        fresh = [see(layer) for layer in under.opened if is_image(layer)]

        def work(job: Job[Any]) -> dict[str, Signature]:
            return sign_layers(fresh, job)

        def done(signatures: dict[str, Signature]) -> None:
            under.signatures |= signatures
            self._compare(under)

        self.start(work, done, UNCHANGED)

    def _open(self, under: UnderWay, before: set[str], what: str | tuple[str, str], reader: str | None) -> None:
        """Open one file or sample; what goes wrong is told, and the image is then missing."""
        try:
            if isinstance(what, tuple):
                self._viewer.open_sample(*what)
            else:
                self._read(what, reader)
        except Exception as error:  # noqa: BLE001 - whatever a reader throws
            self.told.emit(f"{what} cannot be opened: {error}", True)
        fresh = [layer for layer in self._viewer.layers if key_of(layer) not in before and layer not in under.opened]
        under.opened += fresh

    def _read(self, file: str, reader: str | None) -> None:
        """Open a file by the plugin that read it, or by another one where that is not here or cannot."""
        if reader is not None:
            try:
                self._viewer.open(file, plugin=reader)
            except Exception:  # noqa: BLE001 - whatever a reader throws; the next one tells what is wrong
                pass
            else:
                return
        self._viewer.open(file, plugin=None)

    # ---- what differs --------------------------------------------------------------------------------------------

    def _compare(self, under: UnderWay) -> None:
        """Put what was opened where it lay, and have a worker find what differs."""
        found = self._matched(under)
        layers = {key_of(layer): layer for layer in self._images()}
        opened = {index: layers[one.key] for index, one in found.items() if layers[one.key] in under.opened}
        for index, layer in opened.items():  # all of them first: napari warns where it draws layers of several units
            lay_back(layer, under.layers[index].placement)
        for index, layer in opened.items():
            look_as_before(layer, under.layers[index], under.channels[index])
        images = []
        for image, places in zip(under.record.images, under.places, strict=True):
            if all(place in found for place in places):
                here = [found[place] for place in places]
                own = [layers[one.key] for one in here]
                images.append(look_at(under.record, image, own, [one.signature for one in here]))
        if under.record.images and not self._images():
            self._take_away()
            self.told.emit(NOTHING_HERE, True)
            return
        record, slot, without = under.record, self._controller.slot, under.without or frozenset()

        def work(_job: Job[Any]) -> tuple[EncoderChoice, list[Difference]]:
            choice, differences = encoder_differences(record.encoder, slot)
            missing = missing_differences(record, without.union(image.record.key for image in images))
            left = [one for one in differences if one.field not in without]  # that was asked before
            return choice, [*missing, *image_differences(record, images), *left]

        self.start(work, lambda result: self._ask_about_differences(under, images, *result), UNCHANGED)

    def _ask_about_differences(
        self, under: UnderWay, images: list[Compared], choice: EncoderChoice, differences: list[Difference]
    ) -> None:
        if not differences:
            self._ask_about_points(under, images, choice)
            return

        def answered(answer: str) -> None:
            if answer == ANYWAY:
                self._ask_about_points(under, images, choice)
            else:
                self._leave()

        self._ask(said_of_differences(differences), [ANYWAY], answered)

    def _ask_about_points(self, under: UnderWay, images: list[Compared], choice: EncoderChoice) -> None:
        prompts, regions = self._controller.prompts, self._controller.regions
        here = [
            (0 if prompts.layer is None else len(prompts.layer.data), "point", "points"),
            (len(regions.shapes()), "region", "regions"),
            (len(prompts.loose), "point of a file", "points of a file"),
        ]
        count = sum(number for number, *_ in here)
        if not count:
            self._apply(under, images, choice, append=False)
            return

        def answered(answer: str) -> None:
            if answer in (REPLACE, ADD):
                self._apply(under, images, choice, append=answer == ADD)
            else:
                self._leave()

        be, them = ("is", "it") if count == 1 else ("are", "them")
        listed_here = ", ".join(counted(*what) for what in here if what[0])
        text = f"There {be} already: {listed_here}. Replace {them} by the session's?"
        self._ask(text, [REPLACE, ADD], answered)

    def _apply(self, under: UnderWay, images: list[Compared], choice: EncoderChoice, *, append: bool) -> None:
        self._under = None  # what was opened stays
        here = {image.record.key: image.searched for image in images}
        fresh = bool(under.opened)
        self.told.emit(apply_session(self._controller, under.record, choice, here, append=append, fresh=fresh), False)

    def cancel(self) -> None:
        """Stop, and leave the viewer as it was."""
        if self.running:
            self._take_away()
            super().cancel()

    def shutdown(self) -> None:
        """Stop, put away what is asked, and leave the viewer as it was."""
        if self._question is not None:
            self._question.close()
        if self.running:
            self.cancel()
        self._take_away()

    def _ask(self, text: str, answers: Sequence[str], answered: Callable[[str], None]) -> None:
        box = ask(self._parent, "Open session", text, answers, answered)

        def forget(_result: int) -> None:
            self._question = None if self._question is box else self._question

        self._question = box
        box.finished.connect(forget)

    def _failed(self, error: DinosimError) -> None:
        self._take_away()
        super()._failed(error)

    def _leave(self) -> None:
        """Leave the viewer as it was."""
        self._take_away()
        self.told.emit(UNCHANGED, False)

    def _take_away(self) -> None:
        """Take away the layers that were opened for a session that is not opened after all."""
        under, self._under = self._under, None
        for layer in [] if under is None else under.opened:
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
