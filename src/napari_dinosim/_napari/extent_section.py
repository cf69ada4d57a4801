"""The section for stacks and large images: how much of them is embedded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import ComboBox, Container

from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.section import Section

if TYPE_CHECKING:
    from napari_dinosim._napari.controller import Controller

SCOPES = [("all planes", "all"), ("plane on screen", "plane"), ("visible field", "field")]


class ExtentSection(Section):
    """One choice, for all images of a viewer.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__("How much of stacks and of very large images is embedded.")
        self._controller = controller
        self.scope = ComboBox(
            label="Embed",
            choices=SCOPES,
            tooltip="All planes of a stack, the one on screen first; that one only; or only what of it is in view, for "
            "images too large to be embedded as a whole. Where points are is always embedded.",
        )
        panel = Container(widgets=[self.scope], labels=True)
        panel.margins = (0, 0, 0, 0)
        self.addWidget(panel.native)
        self._show = guarded(self.show_choices)
        controller.choices_changed.connect(self._show)
        self.show_choices()
        self.scope.changed.connect(guarded(controller.embed_scope))

    def show_choices(self) -> None:
        """Show what is chosen, here or in another widget of the same viewer."""
        with self.scope.changed.blocked():
            self.scope.value = self._controller.session.scope
        self.entitle(f"Stacks and large images: {self.scope.current_choice}")

    def shutdown(self) -> None:
        """Listen no more."""
        self._controller.choices_changed.disconnect(self._show, missing_ok=True)
