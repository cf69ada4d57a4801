"""Tells the session what is on screen: which plane of each image, and which part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal
from superqt.utils import qthrottled

from napari_dinosim._napari.coordinates import shown_axes, to_data
from napari_dinosim._napari.guard import guarded
from napari_dinosim.plan import View

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_dinosim._napari.offering import Offering
    from napari_dinosim._napari.searched import Searched
    from napari_dinosim.session import SimilaritySession

VIEW_MS = 200
"""What is in view is told when the camera has moved, at most this often."""


class ViewWatch:
    """Follows sliders, axes and camera.

    Parameters
    ----------
    viewer : Viewer
    session : SimilaritySession
        Is told.
    offering : Offering
        What is searched.
    """

    turned = Signal()
    """The axes on screen are others."""
    scrolled = Signal()
    """The sliders stand elsewhere."""

    def __init__(self, viewer: ViewerModel, session: SimilaritySession, offering: Offering) -> None:
        self._viewer, self._session, self._offering = viewer, session, offering
        self._tell_views = qthrottled(guarded(self.tell_views), timeout=VIEW_MS)
        self._on_sliders = guarded(self._sliders_moved)
        self._on_order = guarded(self._axes_turned)
        self._on_camera = lambda _event: self._tell_views()
        for emitter, callback in self._connections():
            emitter.connect(callback)

    def close(self) -> None:
        """Leave the viewer."""
        self._tell_views.cancel()
        for emitter, callback in self._connections():
            emitter.disconnect(callback)

    def view(self, layer: Image) -> View | None:
        """Part of the plane that is in view, in pixels; None in 3-D and in the grid, where it is no rectangle."""
        dims, camera = self._viewer.dims, self._viewer.scene.camera
        if dims.ndisplay != 2 or self._viewer.canvas.grid.enabled:
            return None
        half = np.array(self._viewer.canvas.size) / 2 / camera.zoom
        corners = np.tile(np.asarray(dims.point, dtype=float), (4, 1))
        signs = np.array([(-1, -1), (-1, 1), (1, -1), (1, 1)])
        corners[:, list(dims.order[-2:])] = np.asarray(camera.center)[-2:] + signs * half
        found = to_data(layer, corners, self._viewer.layers.units, dims.point)[:, list(shown_axes(layer, dims.order))]
        return View(*(float(edge) for edge in (*found.min(axis=0), *found.max(axis=0))))

    def tell_views(self) -> None:
        """Tell the session what of each image is in view."""
        for found in self._offering.checked():
            view = self.view(found.image)
            if view is not None:
                self._session.show_view(found.key, view)

    def _connections(self) -> list[tuple[Any, Callable[[Any], None]]]:
        camera = self._viewer.scene.camera.events
        return [
            (self._viewer.dims.events.point, self._on_sliders),
            (self._viewer.dims.events.order, self._on_order),
            (camera.center, self._on_camera),
            (camera.zoom, self._on_camera),
        ]

    def _sliders_moved(self, _event: Any) -> None:
        self._tell_planes([found for found in self._offering.checked() if found.image.ndim > 2])
        self.scrolled.emit()

    def _tell_planes(self, images: list[Searched]) -> None:
        for found in images:
            self._session.show_plane(found.key, self._offering.plane(found.image))

    def _axes_turned(self, _event: Any) -> None:
        self._tell_planes(self._offering.checked())
        self._tell_views()
        self.turned.emit()
