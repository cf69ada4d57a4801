"""The button that writes a map to a file; while it does, it shows how far it is, and cancels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog

from napari_dinosim._napari.coordinates import shown_axes
from napari_dinosim._napari.export import FORMATS, MapExport, suggested, target_of
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.patch_overlay import image_to_draw
from napari_dinosim._napari.roles import key_of
from napari_dinosim._napari.task import TaskButton
from napari_dinosim.errors import ExportError

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_dinosim._napari.controller import Controller

IDLE = "Export map…"
NO_MAP = "Write a similarity map at the image's resolution. There is none yet: press Start, then click."


class ExportButton(TaskButton):
    """Writes the map over the active image, else over the one clicked last.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.export = MapExport(controller.engine, controller.session)
        super().__init__(self.export, IDLE, NO_MAP, self._choose_file)
        self.export.progressed.connect(self._look)
        self.export.told.connect(controller.told.emit)
        self._look_again = guarded(self._look)
        controller.rows_changed.connect(self._look_again)
        controller.row_changed.connect(self._look_again)
        controller.viewer.layers.selection.events.active.connect(self._look_again)
        self._look()

    def shutdown(self) -> None:
        """Stop what runs, and look at the viewer no more."""
        self.export.cancel()
        self._controller.rows_changed.disconnect(self._look_again)
        self._controller.row_changed.disconnect(self._look_again)
        self._controller.viewer.layers.selection.events.active.disconnect(self._look_again)

    def _image(self) -> Image | None:
        """Return the image whose map is meant, where it has one."""
        controller = self._controller
        images, active = controller.checked(), controller.viewer.layers.selection.active
        image = image_to_draw(images, active, controller.session.prompts)
        return image if image is not None and controller.maps[key_of(image)] is not None else None

    def _look(self, *_events: Any) -> None:
        image = self._image()
        self.enabled = self.export.running or image is not None
        if not self.export.running:
            self.tooltip = NO_MAP if image is None else f"Write the similarity map over {image.name} to a file."

    def _choose_file(self) -> None:
        image = self._image()
        if image is None:
            return
        title = f"Export the similarity map over {image.name}"
        path, chosen = QFileDialog.getSaveFileName(self.native, title, suggested(image), ";;".join(FORMATS))
        if not path:
            return
        try:
            found = self._controller.offering.of(image)
            target = target_of(path, chosen, self._controller.viewer.layers)
            axes = shown_axes(image, self._controller.viewer.dims.order)
            self.export.write(found, target, FORMATS[chosen][1], axes)
        except ExportError as error:
            self._controller.told.emit(str(error), True)
