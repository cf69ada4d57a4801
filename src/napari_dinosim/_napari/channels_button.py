"""The button that composes images into one, or separates them again; shown where there is something to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QAction  # type: ignore[attr-defined]
from qtpy.QtWidgets import QPushButton

from napari_dinosim._napari.coordinates import spatial_shape
from napari_dinosim._napari.guard import guarded

if TYPE_CHECKING:
    from napari_dinosim._napari.controller import Controller
    from napari_dinosim._napari.image_list import ImageList

COMPOSE, SEPARATE = "Compose channels", "Separate channels"


class ChannelsButton(QPushButton):
    """Says what can be done with the selected images, and does it; the list's context menu has the same.

    Parameters
    ----------
    controller : Controller
    images : ImageList
    """

    def __init__(self, controller: Controller, images: ImageList) -> None:
        super().__init__()
        self._controller, self._images = controller, images
        self._keys: list[str] = []
        self._separates = False
        self._axis: int | None = None
        self._action = QAction(images)
        images.addAction(self._action)
        images.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self._look = guarded(self.look)
        for pressed in (self.clicked, self._action.triggered):
            pressed.connect(guarded(self._do))
        images.itemSelectionChanged.connect(self._look)
        self._selection = controller.viewer.layers.selection.events.changed
        self._on_selection = lambda _event: self._look()
        self._selection.connect(self._on_selection)

    def shutdown(self) -> None:
        """Follow the viewer no more."""
        self._selection.disconnect(self._on_selection)

    def look(self) -> None:
        """Find out what can be done: with the rows that are selected, else with what the viewer suggests."""
        picked = self._images.picked()
        self._separates = len(picked) == 1 and picked[0].composed
        self._axis = None
        if self._separates or len(picked) > 1:
            self._keys = [row.key for row in picked]
        elif picked and (axes := self._controller.offering.channel_axes(picked[0].key)):
            self._keys, self._axis = [picked[0].key], axes[0]
        else:
            self._keys = self._controller.offering.suggested()
        self.setToolTip(self._tip())
        for control in (self, self._action):
            control.setText(SEPARATE if self._separates else COMPOSE if self._axis is None else f"{COMPOSE} along axis")
            control.setVisible(bool(self._keys))

    def _tip(self) -> str:
        found = [one for one in self._controller.offering.all() if one.key in self._keys][::-1]
        what = " + ".join(one.name for one in found)
        if self._separates:
            return f"Search the channels of {what} as images of their own again."
        if self._axis is None or not found:
            return f"Search {what} as one image, with one map, in the colours that they have on screen."
        size, axis = spatial_shape(found[0].image)[self._axis], found[0].image.ndim + self._axis
        return (
            f"Search the {size} channels along axis {axis} of {what} as one image, with one map, in the colours that "
            "napari gives to channels."
        )

    def _do(self, _checked: bool = False) -> None:
        if self._separates:
            self._controller.separate(self._keys[0])
        else:
            self._controller.compose(self._keys, self._axis)
