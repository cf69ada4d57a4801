"""How much of stacks and large images is embedded, and over what their maps are stretched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import ComboBox, Container

from napari_dinosim._napari.guard import guarded

if TYPE_CHECKING:
    from napari_dinosim._napari.controller import Controller

SCOPES = [("All planes", "all"), ("Plane on screen", "plane"), ("Visible field", "field")]
STRETCHES = [("Each plane", "plane"), ("Whole stack", "stack")]


class ExtentSection(Container):  # type: ignore[type-arg]
    """Two choices, for all images of a viewer.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.scope = ComboBox(
            label="Embed",
            choices=SCOPES,
            value=controller.session.scope,
            tooltip="How much of each image is embedded: all planes of a stack, the one on screen first; that one "
            "only; or only what of it is in view, for images too large to be embedded as a whole. Where points are is "
            "always embedded.",
        )
        self.stretch = ComboBox(
            label="Stretch over",
            choices=STRETCHES,
            value=controller.session.normalisation,
            tooltip="What becomes 0 and 1 in a map: the lowest and highest cosine of each plane, or of all embedded "
            "planes of the stack, so that planes can be compared.",
        )
        super().__init__(widgets=[self.scope, self.stretch], labels=True)
        self.margins = (0, 0, 0, 0)
        self.scope.changed.connect(guarded(controller.embed_scope))
        self.stretch.changed.connect(guarded(controller.stretch_over))

    def show_choices(self) -> None:
        """Show what is chosen, here or in another widget of the same viewer."""
        session = self._controller.session
        for control, value in ((self.scope, session.scope), (self.stretch, session.normalisation)):
            with control.changed.blocked():
                control.value = value
