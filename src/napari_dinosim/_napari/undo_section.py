"""The section to take back changes of the prompts, and to look before one clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import CheckBox
from qtpy.QtWidgets import QLabel, QSizePolicy

from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.hover import KEY
from napari_dinosim._napari.section import Section
from napari_dinosim._napari.undo_buttons import UndoButtons

if TYPE_CHECKING:
    from napari_dinosim._napari.controller import Controller

LINES = 3
"""Room for so many lines of what is previewed, so that nothing jumps while the cursor moves."""

HINT = f"Hold {KEY} over an image to see, before any click, what looks like the place under the cursor."


class UndoSection(Section):
    """Undo, Redo, and the switch of the preview.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__("Take back changes of the points and regions, and look before you click.")
        self._hover = controller.hover
        self.buttons = UndoButtons(controller)
        self.preview = CheckBox(
            text=f"Preview under the cursor (or hold {KEY})",
            tooltip="The maps of all checked images follow the cursor, as if the patch under it were the only positive "
            f"point; the points stay as they are. Without this, hold {KEY} with the cursor over an image.",
        )
        self.said = QLabel()
        self.said.setWordWrap(True)
        self.said.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.MinimumExpanding)
        self.said.setMinimumHeight(LINES * self.said.fontMetrics().lineSpacing())
        for part in (self.buttons, self.preview.native, self.said):
            self.addWidget(part)
        self.preview.changed.connect(guarded(self._hover.switch))
        self._show = guarded(self.show_preview)
        self._hover.changed.connect(self._show)
        self.show_preview()

    def show_preview(self) -> None:
        """Show whether the preview is on, and what it says."""
        with self.preview.changed.blocked():
            self.preview.value = self._hover.switched_on
        self.said.setText(self._hover.text or HINT)
        self.entitle("Prompts: undo, preview" + (" on" if self._hover.switched_on else ""))

    def shutdown(self) -> None:
        """Listen no more."""
        self.buttons.shutdown()
        self._hover.changed.disconnect(self._show, missing_ok=True)
