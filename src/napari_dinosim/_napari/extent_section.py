"""The section for stacks and large images: how much of them is embedded, and over what their maps are stretched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import ComboBox, Container

from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.section import Section

if TYPE_CHECKING:
    from napari_dinosim._napari.controller import Controller

SCOPES = [("all planes", "all"), ("plane on screen", "plane"), ("visible field", "field")]
STRETCHES = [("each plane", "plane"), ("whole stack", "stack")]


class ExtentSection(Section):
    """Two choices, for all images of a viewer.

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
        self.stretch = ComboBox(
            label="Stretch maps over",
            choices=STRETCHES,
            tooltip="What becomes 0 and 1 in a map: the lowest and highest cosine of each plane, or of all embedded "
            "planes of the stack, so that planes can be compared.",
        )
        panel = Container(widgets=[self.scope, self.stretch], labels=True)
        panel.margins = (0, 0, 0, 0)
        self.addWidget(panel.native)
        self._show = guarded(self.show_choices)
        controller.choices_changed.connect(self._show)
        self.show_choices()
        self.scope.changed.connect(guarded(controller.embed_scope))
        self.stretch.changed.connect(guarded(controller.stretch_over))

    def show_choices(self) -> None:
        """Show what is chosen, here or in another widget of the same viewer."""
        session = self._controller.session
        for control, value in ((self.scope, session.scope), (self.stretch, session.normalisation)):
            with control.changed.blocked():
                control.value = value
        self.entitle(f"Stacks and large images: {self.scope.current_choice}")

    def shutdown(self) -> None:
        """Listen no more."""
        self._controller.choices_changed.disconnect(self._show, missing_ok=True)
