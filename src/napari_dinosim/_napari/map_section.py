"""The section with what can be done with the maps as they are: see their patches, write one to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import CheckBox

from napari_dinosim._napari.export_button import ExportButton
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.section import Section

if TYPE_CHECKING:
    from napari_dinosim._napari.controller import Controller


class MapSection(Section):
    """The patch grid, and the export of a map.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__("Look at the patches that maps are made of, and write a map to a file.")
        self._controller = controller
        self.patches = CheckBox(
            text="Show patches",
            value=controller.shows_patches,
            tooltip="Draw the patch grid over the active image and mark the queried patches.",
        )
        self.export = ExportButton(controller)
        self.addWidget(self.patches.native)
        self.addWidget(self.export.native)
        self.patches.changed.connect(guarded(controller.show_patches))
        self._show = guarded(self.show_choices)
        controller.choices_changed.connect(self._show)
        self.show_choices()

    def show_choices(self) -> None:
        """Show what is chosen, here or in another widget of the same viewer."""
        with self.patches.changed.blocked():
            self.patches.value = self._controller.shows_patches
        self.entitle("Map: patches, export" if not self.patches.value else "Map: patches shown, export")

    def shutdown(self) -> None:
        """Listen no more, and stop what is being written."""
        self.export.shutdown()
        self._controller.choices_changed.disconnect(self._show, missing_ok=True)
