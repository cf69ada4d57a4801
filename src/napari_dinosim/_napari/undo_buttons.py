"""Two buttons that undo and redo changes of the points, or of the regions, and say which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.undoing import REDO_KEY, UNDO_KEY

if TYPE_CHECKING:
    from napari_dinosim._napari.controller import Controller
    from napari_dinosim._napari.undoing import Undoing


class UndoButtons(QWidget):
    """Undo and Redo: of the regions while their layer is the active one, else of the points.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._points, self._regions = controller.prompts.undoing, controller.regions
        self.undo, self.redo = QPushButton("Undo"), QPushButton("Redo")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for button in (self.undo, self.redo):
            layout.addWidget(button)
        self.undo.clicked.connect(guarded(self._undo))
        self.redo.clicked.connect(guarded(self._redo))
        self._selection = controller.viewer.layers.selection
        self._show = guarded(self.show_steps)
        for history in (self._points, self._regions.undoing):
            history.changed.connect(self._show)
        self._selection.events.active.connect(self._show)
        self.show_steps()

    @property
    def _meant(self) -> Undoing[Any]:
        """History of the layer that is in hand."""
        layer = self._regions.layer
        return self._regions.undoing if layer is not None and self._selection.active is layer else self._points

    def show_steps(self, _event: object = None) -> None:
        """Say what would be undone and done again."""
        meant = self._meant
        steps = (
            (self.undo, "Undo", meant.undoable, UNDO_KEY),
            (self.redo, "Redo", meant.redoable, REDO_KEY),
        )
        noun = meant.state.noun
        layer = "prompts" if meant is self._points else "regions"
        for button, name, what, key in steps:
            button.setEnabled(bool(what))
            button.setToolTip(
                f"{name}: {what or 'there is nothing'} ({key.to_text()} while the {layer} layer is the active one). "
                f"{noun.capitalize()}s added, moved, deleted, pasted or relabelled."
            )

    def _undo(self, _checked: bool) -> None:
        self._meant.undo()

    def _redo(self, _checked: bool) -> None:
        self._meant.redo()

    def shutdown(self) -> None:
        """Listen no more."""
        for history in (self._points, self._regions.undoing):
            history.changed.disconnect(self._show, missing_ok=True)
        self._selection.events.active.disconnect(self._show)
