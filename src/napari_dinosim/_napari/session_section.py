"""The section that keeps a session, or the points with what is under them, in files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QGridLayout, QLabel, QPushButton, QSizePolicy, QWidget

from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.opening import Opening
from napari_dinosim._napari.prompts_section import COMBINE
from napari_dinosim._napari.saving import Saving
from napari_dinosim._napari.section import Section
from napari_dinosim._napari.sentences import counted
from napari_dinosim._napari.task import Task, TaskButton
from napari_dinosim.errors import DinosimError
from napari_dinosim.records.files import load_query_record
from napari_dinosim.records.making import embedded_by, loose_prompts

if TYPE_CHECKING:
    from napari_dinosim._napari.controller import Controller
    from napari_dinosim.engine import Job
    from napari_dinosim.records.values import QueryRecord

SESSIONS = "DINOSim session (*.json)"
QUERIES = "DINOSim points (*.json)"


class SessionSection(Section):
    """Save and open.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__("Keep what you do here in a file, and go on from it later.")
        self._controller = controller
        self.saving, self.opening, self.using = Saving(controller), Opening(controller, self), Task(controller.engine)
        buttons: list[tuple[Task, str, str, Any]] = [
            (
                self.saving,
                "Save session…",
                "Write images (where they are, not their pixels), points, encoder and all choices to a JSON file.",
                self._save_session,
            ),
            (
                self.opening,
                "Open session…",
                "Open the images of a session and search as it did. What is other than it was is told first.",
                self._open_session,
            ),
            (
                self.saving,
                "Save points…",
                "Write the points with the embeddings under them: to look for the same in other images.",
                self._save_points,
            ),
            (
                self.using,
                "Use points…",
                "Look for what was under the points of a file, in these images; they lie in none of them.",
                self._use_points,
            ),
        ]
        self.buttons = [TaskButton(task, text, tip, press) for task, text, tip, press in buttons]
        self.loose, self.forget = QLabel(), QPushButton("Forget them")
        self._arrange()
        for task in (self.saving, self.opening, self.using):
            task.told.connect(controller.told.emit)
        self.forget.clicked.connect(guarded(self._forget))
        self._show = guarded(self.show_loose)
        controller.choices_changed.connect(self._show)
        self._on_row = lambda _key: self._show()  # embedded: by which encoder is known now
        controller.row_changed.connect(self._on_row)
        self._text: str | None = None
        self.show_loose()

    def _arrange(self) -> None:
        panel = QWidget()
        grid = QGridLayout(panel)
        grid.setContentsMargins(0, 0, 0, 0)
        for place, button in enumerate(self.buttons):
            button.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            grid.addWidget(button.native, place // 2, place % 2)
        self.loose.setWordWrap(True)
        self.loose.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.forget.setToolTip("Look for what is under the points of a file no more; the file stays.")
        grid.addWidget(self.loose, 2, 0)
        grid.addWidget(self.forget, 2, 1)
        self.addWidget(panel)

    def show_loose(self) -> None:
        """Say how many points of files are looked for, and which cannot be, because another encoder made them."""
        count, text = len(self._controller.prompts.loose), self._said()
        if text == self._text:
            return
        self._text = text
        self.loose.setText(f"{text}.")
        for part in (self.loose, self.forget):
            part.setVisible(count > 0)
        self.entitle(f"Session: {text}" if count else "Session: save, open")
        if self.isExpanded():
            self.expand(animate=False)  # to its new height

    def _said(self) -> str:
        session, loose = self._controller.session, self._controller.prompts.loose
        if not loose:
            return ""
        name, made_by = session.encoder.name, embedded_by(session)
        others = [
            one
            for one in loose
            if (one.encoder != made_by if made_by else name and one.encoder.partition("@")[0] != name)
        ]
        text = counted(len(loose), "point of a file", "points of a file")
        if len(others) == len(loose):
            return f"{text} not comparable with this encoder"
        return f"{text} looked for" + (f", {len(others)} not comparable with this encoder" if others else "")

    def shutdown(self) -> None:
        """Stop what runs, and ask no more; what was written stays."""
        self._controller.choices_changed.disconnect(self._show, missing_ok=True)
        self._controller.row_changed.disconnect(self._on_row, missing_ok=True)
        self.opening.shutdown()
        for task in (self.saving, self.using):
            task.cancel()

    # ---- what the person does ------------------------------------------------------------------------------------

    def _save_session(self) -> None:
        path = self._to("Save session", "session.json", SESSIONS)
        if path is not None:
            self.saving.save_session(path)

    def _save_points(self) -> None:
        path = self._to("Save points", "points.json", QUERIES)
        if path is None:
            return
        try:
            self.saving.save_prompts(path)
        except DinosimError as error:
            self._controller.told.emit(str(error), True)

    def _open_session(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open session", "", SESSIONS)
        if path:
            self.opening.open_session(Path(path))

    def _use_points(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Use points", "", QUERIES)
        if not path:
            return

        def work(_job: Job[Any]) -> QueryRecord:
            return load_query_record(path)

        self.using.start(work, self._used, "Cancelled.")

    def _used(self, record: QueryRecord) -> str:
        controller, made = self._controller, loose_prompts(record)
        alone = not controller.session.prompts
        controller.prompts.labels.book.meet(prompt.label for prompt in made)
        controller.prompts.loose += made
        if alone:
            controller.combined_by = record.combine
        controller.read_prompts()
        controller.choices_changed.emit()
        count = counted(len(made), "point")
        text = f"Looking for what was under {count}, by {record.encoder.identity}."
        if controller.session.encoder.model != record.encoder.choice.model:
            text += " Other embeddings cannot be compared with it: choose that encoder."
        if len(made) > 1 and controller.combined_by != record.combine:
            ways = {way: words for words, way in COMBINE}
            there, here = ways[record.combine], ways[controller.combined_by]
            text += f" When they were saved, several counted {there}; here {here} is chosen."
        return text

    def _forget(self, _checked: bool) -> None:
        self._controller.prompts.loose = ()
        self._controller.read_prompts()
        self._controller.choices_changed.emit()

    def _to(self, title: str, name: str, kind: str) -> Path | None:
        """Ask for a file to write, by a dialog that asks before one is replaced."""
        path, _ = QFileDialog.getSaveFileName(self, title, name, kind)
        if not path:
            return None
        target = Path(path)
        if target.suffix.lower() == ".json":
            return target
        target = target.with_name(target.name + ".json")
        if target.exists():
            self._controller.told.emit(
                f"{target.name!r} is there already. Choose it in the dialog to replace it.", True
            )
            return None
        return target
