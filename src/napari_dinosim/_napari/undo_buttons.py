"""Two buttons that undo and redo changes of the prompts, and say which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_dinosim._napari.guard import guarded

if TYPE_CHECKING:
    from napari_dinosim._napari.undoing import Undoing


class UndoButtons(QWidget):
    """Undo and Redo.

    Parameters
    ----------
    undoing : Undoing
    """

    def __init__(self, undoing: Undoing) -> None:
        super().__init__()
        self._undoing = undoing
        self.undo, self.redo = QPushButton("Undo"), QPushButton("Redo")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for button in (self.undo, self.redo):
            layout.addWidget(button)
        self.undo.clicked.connect(guarded(self._undo))
        self.redo.clicked.connect(guarded(self._redo))
        self._show = guarded(self.show_steps)
        undoing.changed.connect(self._show)
        self.show_steps()

    def show_steps(self) -> None:
        """Say what would be undone and done again."""
        steps = (
            (self.undo, "Undo", self._undoing.undoable, "Ctrl+Z"),
            (self.redo, "Redo", self._undoing.redoable, "Ctrl+Shift+Z"),
        )
        for button, name, what, key in steps:
            shown = QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)  # on macOS that with Cmd
            button.setEnabled(bool(what))
            button.setToolTip(
                f"{name}: {what or 'there is nothing'} ({shown} while the prompts layer is the active one). "
                "Points added, moved, deleted, pasted or relabelled."
            )

    def _undo(self, _checked: bool) -> None:
        self._undoing.undo()

    def _redo(self, _checked: bool) -> None:
        self._undoing.redo()

    def shutdown(self) -> None:
        """Listen no more."""
        self._undoing.changed.disconnect(self._show, missing_ok=True)
