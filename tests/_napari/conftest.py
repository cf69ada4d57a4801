"""A real viewer under a real (virtual) screen, real mouse events, and an encoder whose right map is known."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from planted import MeanColourEncoder, planted_spec
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_dinosim._napari import registry
from napari_dinosim._napari.coordinates import to_world
from napari_dinosim._napari.encoder_choices import patch_size
from napari_dinosim.loading import EncoderSlot


def spin(seconds: float = 10.0, until: Callable[[], bool] | None = None) -> bool:
    """Let Qt work until a condition holds, or for a time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        if until is not None and until():
            return True
        time.sleep(0.002)
    return until is None


class Desk:
    """A viewer with the widget open, and hands to work them."""

    def __init__(self, viewer, encoders: list[MeanColourEncoder]) -> None:
        self.viewer = viewer
        self.encoders = encoders
        _, self.widget = viewer.window.add_plugin_dock_widget("napari-dinosim")
        self.controller = self.widget.controller
        self.session = self.controller.session

    def choose(self, name: str) -> None:
        self.widget.encoder.value = name

    def start(self, wait: bool = True) -> None:
        QTest.mouseClick(self.widget.start.native, Qt.MouseButton.LeftButton)
        if wait:
            assert spin(20, self.idle), self.states()

    def idle(self) -> bool:
        return not self.session.busy and all(
            row.state.stage not in ("waiting", "embedding") for row in self.controller.rows() if row.checked
        )

    def states(self) -> dict[str, str]:
        return {row.name: row.state.text for row in self.controller.rows()}

    def canvas_point(self, world) -> QPoint:
        canvas = self.viewer.window._qt_viewer.canvas
        transform = canvas.view.transform * canvas.view.scene.transform
        x, y, _, w = transform.map([*np.asarray(world)[[-1, -2]], 0, 1])
        return QPoint(round(x / w), round(y / w))

    def look_at(self, world, zoom: float | None = None) -> None:
        self.viewer.scene.camera.center = (0, *np.asarray(world)[-2:])
        if zoom is not None:
            self.viewer.scene.camera.zoom = zoom
        spin(0.05)

    def click(self, layer, data_point) -> None:
        """Click with the mouse on a place of a layer, given in its data coordinates; the camera goes there first."""
        world = to_world(layer, data_point, self.viewer.layers.units)
        self.look_at(world)
        canvas = self.viewer.window._qt_viewer.canvas.native
        point = self.canvas_point(world)
        QTest.mouseMove(canvas, point)
        spin(0.02)
        QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, point)
        spin(0.08)

    def map_of(self, layer):
        """The similarity layer over an image, found by what it says it is."""
        maps = [
            found
            for found in self.viewer.layers
            if found.metadata.get("napari_dinosim", {}).get("role") == "similarity map"
            and found.metadata["napari_dinosim"]["source"] == str(layer.unique_id)
        ]
        assert len(maps) <= 1
        return maps[0] if maps else None

    @property
    def prompts(self):
        return next(
            (x for x in self.viewer.layers if x.metadata.get("napari_dinosim", {}).get("role") == "prompts"), None
        )


@pytest.fixture
def encoders(monkeypatch) -> list[MeanColourEncoder]:
    """Every encoder that gets loaded; whatever is chosen, it is a mean-colour encoder of the same patch size."""
    loaded: list[MeanColourEncoder] = []

    def load(choice):
        spec = planted_spec(patch_size(choice), choice.name)
        loaded.append(MeanColourEncoder(spec, identity=f"{choice.name}@planted"))
        return loaded[-1]

    monkeypatch.setattr(registry, "_slot", EncoderSlot(load))
    return loaded


@pytest.fixture
def desk(make_napari_viewer, encoders) -> Callable[..., Desk]:
    """Make a desk: a shown viewer of 1000 × 800 with the widget open and the 16-pixel encoder chosen."""

    def make(*layers, encoder: str = "builtin") -> Desk:
        viewer = make_napari_viewer(show=True)
        viewer.window.resize(1000, 800)
        for layer in layers:
            viewer.add_layer(layer)
        found = Desk(viewer, encoders)
        found.choose(encoder)
        spin(0.1)
        return found

    return make
