"""The section that finds the best places of each image and goes through them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari.utils.key_bindings import coerce_keybinding
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QFileDialog, QLabel, QPushButton, QSpinBox, QWidget

from napari_dinosim._napari.corresponding import Corresponding
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.laying import allow, describe, laid_out
from napari_dinosim._napari.match_file import MatchFile
from napari_dinosim._napari.match_keys import KEYS
from napari_dinosim._napari.matches_table import MatchesTable
from napari_dinosim._napari.matching import Matching
from napari_dinosim._napari.section import Section
from napari_dinosim._napari.task import TaskButton
from napari_dinosim.errors import ExportError
from napari_dinosim.records.tools import MatchChoices

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtCore import QObject

    from napari_dinosim._napari.controller import Controller

CSV = "Table (*.csv)"
REACH = "The key works in the table, and on the canvas while the layer of matches or of prompts is active."

TIPS = {
    "back": f"Go to the match before (B). {REACH}",
    "next": f"Go to the next match (N): camera and sliders move there. {REACH}",
    "yes": f"Accept the match in hand: it becomes a positive point (Y). {REACH}",
    "no": f"Reject the match in hand: it becomes a negative point (X). {REACH}",
    "csv": "Write the matches to a table, with pixels and world coordinates.",
}
"""What the buttons do."""

NOTHING_FOUND = "Find matches first."
NOTHING_IN_HAND = "Choose a match first: in the table, or with N."
"""Why buttons cannot be pressed."""


class MatchesSection(Section):
    """Finds matches, lists them, and asks for a yes or a no.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__("The best places of each image, one after the other; say yes or no to each.")
        self._controller = controller
        self.matching, self.corresponding = Matching(controller), Corresponding(controller)
        self.file = MatchFile(controller)
        self.count, self.apart, self.least = QSpinBox(), QDoubleSpinBox(), QDoubleSpinBox()
        self.mutual, self.table = QCheckBox("Only mutual"), MatchesTable()
        tip = "Find the places with the highest scores in all checked images and embedded planes."
        self.find = TaskButton(self.matching.task, "Find matches", tip, self._find)
        tip = (
            "Of each selected point, the most similar place in every other checked image, joined by a line. The "
            "prompts layer's select tool (S) selects points; without a selection all points are looked for."
        )
        self.lines = TaskButton(self.corresponding.task, "Find points elsewhere", tip, self.corresponding.find)
        self.buttons = {
            name: QPushButton(text)
            for name, text in (("back", "◂ B"), ("next", "N ▸"), ("yes", "✓ Y"), ("no", "✗ X"), ("csv", "CSV…"))
        }
        self._fill()
        self._arrange()
        self._connect()
        self.show_matches()

    def _fill(self) -> None:
        self.count.setRange(1, 10_000)
        self.apart.setRange(0, 100_000)
        self.apart.setSpecialValueText("two patches")
        self.apart.setSuffix(" px")
        self.least.setRange(-1, 1)
        self.least.setSingleStep(0.05)
        tips: list[tuple[QWidget, str, str]] = [
            (self.count, "Matches per image", "At most so many places in each image."),
            (self.apart, "Distance of two matches", "Of places nearer than this only the best counts, in pixels."),
            (self.least, "Lowest score", "Cosine that a match must have at least."),
            (
                self.mutual,
                "Only mutual",
                "Only places that find a point again, when they are looked for in its image.",
            ),
            (
                self.table,
                "Matches",
                "A row for each match: choose one to go there. Keys as the buttons: N, B, Y, X.",
            ),
            *((button, "CSV" if name == "csv" else name.title(), TIPS[name]) for name, button in self.buttons.items()),
        ]
        describe(tips)

    def _arrange(self) -> None:
        rows: list[list[tuple[QWidget, int]]] = [
            [(QLabel("At most"), 2), (self.count, 3)],
            [(QLabel("Apart by"), 2), (self.apart, 3)],
            [(QLabel("Score from"), 2), (self.least, 3)],
            [(self.mutual, 2), (self.find.native, 3)],
            [(self.table, 5)],
            [(self.buttons[name], 1) for name in ("back", "next", "yes", "no", "csv")],
            [(self.lines.native, 5)],
        ]
        self.addWidget(laid_out(rows, 5))

    def _connect(self) -> None:
        matching, viewer = self.matching, self._controller.viewer
        actions: dict[str, Callable[[], object]] = {
            "next": lambda: matching.step(1),
            "back": lambda: matching.step(-1),
            "yes": matching.accept,
            "no": matching.reject,
            "csv": self._write,
        }
        limit, self._show_choices = guarded(self._limit), guarded(self.show_choices)
        self.show_choices()
        for box in (self.count, self.apart, self.least):
            box.valueChanged.connect(limit)
        self.mutual.toggled.connect(limit)
        self._controller.tools.restored.connect(self._show_choices)
        for name, button in self.buttons.items():
            button.clicked.connect(guarded(partial(_act, actions[name])))
        self._in_table = {int(Qt.Key[f"Key_{key}"]): actions[name] for key, name in KEYS.items()}
        self._in_table |= {int(Qt.Key.Key_Return): matching.accept, int(Qt.Key.Key_Enter): matching.accept}
        self._in_table[int(Qt.Key.Key_Delete)] = matching.reject
        self.table.installEventFilter(self)
        self._keys = {}
        for key, name in KEYS.items():
            binding = coerce_keybinding(key)
            if binding not in viewer.keymap:  # else a person has bound it, and there are the buttons
                self._keys[binding] = press = guarded(partial(_act, actions[name]))
                viewer.bind_key(binding, press)
        self.table.chosen.connect(guarded(self._choose))
        self._show = guarded(self.show_matches)
        matching.changed.connect(self._show)
        self._controller.row_changed.connect(self._entitle)
        for teller in (matching, self.corresponding.task, self.file):
            teller.told.connect(self._controller.told.emit)

    def show_matches(self) -> None:
        """List the matches there are, and which one is in hand."""
        matching, offering = self.matching, self._controller.offering
        names = {found.key: found.name for found in offering.all()}
        self.table.show_matches(matching.matches, names, matching.current)
        for name, button in self.buttons.items():
            why_not = "" if matching.matches else NOTHING_FOUND
            if matching.current is None and name in ("yes", "no"):
                why_not = why_not or NOTHING_IN_HAND
            allow(button, TIPS[name], why_not)
        self._entitle()

    def _entitle(self, *_changed: object) -> None:
        found = len(self.matching.matches)
        words = f"{found} found" if found else "the best places"
        self.entitle(f"Matches: {words}{', of other points' if self.matching.outdated else ''}")

    def shutdown(self) -> None:
        """Stop what runs and give the keys back; the layers stay."""
        for binding, press in self._keys.items():
            if self._controller.viewer.keymap.get(binding) == press:
                self._controller.viewer.bind_key(binding, None)
        self._controller.row_changed.disconnect(self._entitle, missing_ok=True)
        self._controller.tools.restored.disconnect(self._show_choices, missing_ok=True)
        self.matching.shutdown()
        self.corresponding.shutdown()
        self.file.cancel()

    # ---- what the person does ------------------------------------------------------------------------------------

    def _find(self) -> None:
        self.matching.find(self._controller.tools.choices.matches)

    def _limit(self, *_changed: object) -> None:
        chosen = MatchChoices(self.count.value(), self.apart.value(), self.least.value(), self.mutual.isChecked())
        self._controller.tools.choose(matches=chosen)

    def show_choices(self) -> None:
        """Show which matches are looked for."""
        chosen = self._controller.tools.choices.matches
        self.count.setValue(chosen.k)
        self.apart.setValue(chosen.radius)
        self.least.setValue(chosen.threshold)
        self.mutual.setChecked(chosen.mutual)

    def _choose(self, row: int) -> None:
        self.matching.choose(self.matching.matches[row])

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Take the keys of the matches in the table too, which would look for rows that begin so."""
        if watched is self.table and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            action = self._in_table.get(event.key())
            if action is not None:
                guarded(action)()
                return True
        return bool(super().eventFilter(watched, event))

    def _write(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Write the matches", "matches.csv", CSV)
        if path:
            try:
                self.file.write(path, self.matching.matches)
            except ExportError as error:
                self._controller.told.emit(str(error), True)


def _act(action: Callable[[], object], _told: object = None) -> None:
    """Do what a button or a key is for."""
    action()
