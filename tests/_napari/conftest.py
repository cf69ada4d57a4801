"""A real viewer under a real (virtual) screen, real mouse events, and an encoder whose right map is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from events import spin
from napari_dinosim._napari import registry
from napari_dinosim._napari.controller import Controller
from napari_dinosim._napari.encoder_choices import patch_size
from napari_dinosim._napari.extent_section import ExtentSection
from napari_dinosim._napari.intensity_box import IntensityBox
from napari_dinosim._napari.map_section import MapSection
from napari_dinosim.loading import EncoderChoice, EncoderSlot
from planted import MeanColourEncoder, planted_spec, seed_map

if TYPE_CHECKING:
    from collections.abc import Callable

PIXEL_ON_SCREEN = 5.0
"""Side of an image's pixel in screen pixels when it is clicked: the mouse hits whole screen pixels only."""


@dataclass(eq=False)
class WatchedEncoder(MeanColourEncoder):
    """A mean-colour encoder that can be made to fail."""

    shelf: Shelf | None = None

    def encode(self, batch):
        if self.shelf is not None:
            self.delay = self.shelf.delay
            if self.shelf.fails_on is not None and self.shelf.fails_on(batch):
                self.calls += 1
                raise RuntimeError("planted failure")
        return super().encode(batch)


class Shelf(list):
    """Every encoder that gets loaded, and how they behave."""

    def __init__(self) -> None:
        super().__init__()
        self.delay = 0.0
        self.complement = False
        self.fails_on: Callable | None = None
        self.load_error: Exception | None = None

    def load(self, choice) -> WatchedEncoder:
        if self.load_error is not None:
            raise self.load_error
        spec = planted_spec(patch_size(choice) or 16, choice.name, 6 if self.complement else 3)
        self.append(WatchedEncoder(spec, identity=f"{choice.name}@planted", complement=self.complement, shelf=self))
        return self[-1]

    @property
    def calls(self) -> int:
        return sum(encoder.calls for encoder in self)


class Desk:
    """A viewer with the widget open, and hands to work them."""

    def __init__(self, viewer, encoders: Shelf) -> None:
        self.viewer = viewer
        self.encoders = encoders
        self.dock, self.widget = viewer.window.add_plugin_dock_widget("napari-dinosim")
        self.controller = self.widget.controller
        self.session = self.controller.session

    @property
    def patches(self):
        return self.widget.section(MapSection).patches

    @property
    def export(self):
        return self.widget.section(MapSection).export

    @property
    def extent(self):
        return self.widget.section(ExtentSection)

    @property
    def intensity(self):
        return self.widget.section(IntensityBox)

    def unfold(self, kind):
        """Open a section with the mouse."""
        section = self.widget.section(kind)
        section.toggleButton().click()
        spin(0.3)
        return section

    # ---- the widget ----------------------------------------------------------------------------------------------

    def choose(self, name: str) -> None:
        self.widget.encoder.value = name

    def start(self, wait: bool = True) -> None:
        QTest.mouseClick(self.widget.start.native, Qt.MouseButton.LeftButton)
        if wait:
            self.wait()

    def wait(self) -> None:
        spin(0.05)
        assert spin(20, self.idle), self.states()
        spin(0.05)

    def idle(self) -> bool:
        return not self.session.busy and all(
            row.state.stage not in ("waiting", "embedding") for row in self.controller.rows() if row.checked
        )

    def states(self) -> dict[str, str]:
        return {row.name: row.state.text for row in self.controller.rows()}

    def lines(self) -> list[list[str]]:
        """What the list of images shows."""
        images = self.widget.images
        return [images.item(i).text().split("\n") for i in range(images.count())]

    def item(self, name: str):
        images = self.widget.images
        return next(images.item(i) for i in range(images.count()) if images.item(i).text().split("\n")[0] == name)

    def tick(self, name: str, checked: bool) -> None:
        """Tick an image in the list with the mouse."""
        images = self.widget.images
        item = self.item(name)
        if (item.checkState() == Qt.CheckState.Checked) != checked:
            spin(0.02)
            rectangle = images.visualItemRect(item)
            point = QPoint(rectangle.left() + 10, rectangle.center().y())
            QTest.mouseClick(images.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, point)
        spin(0.05)
        assert (self.item(name).checkState() == Qt.CheckState.Checked) == checked

    # ---- the canvas ----------------------------------------------------------------------------------------------

    @property
    def canvas(self):
        return self.viewer.window._qt_viewer.canvas

    def _drawn(self, layer, data_points) -> np.ndarray:
        """Where points of a layer, (n, 2) in (y, x), are drawn, (n, 2) in the canvas's (x, y): so says vispy."""
        visual = self.canvas.layer_to_visual[layer]
        half = 0.5 if visual._array_like else 0.0
        mapped = visual.node.transforms.get_transform("visual", "canvas").map(np.asarray(data_points)[:, ::-1] + half)
        return mapped[:, :2] / mapped[:, 3:]

    def show(self, layer, data_point) -> QPoint:
        """Bring a place of a layer into the middle of the canvas; return the screen pixel that shows it."""
        place = np.asarray(data_point, dtype=float)[-2:]
        camera, size = self.viewer.scene.camera, np.array(self.canvas.size)[::-1]
        for _ in range(3):
            corners = self._drawn(layer, place + np.array([(0, 0), (0, 1), (1, 0)]))
            steps = np.linalg.norm(corners[1:] - corners[0], axis=1)
            if np.allclose(corners[0], size / 2, atol=1) and np.isclose(steps.min(), PIXEL_ON_SCREEN):
                break
            camera.zoom *= PIXEL_ON_SCREEN / steps.min()
            spin(0.01)
            shift = (self._drawn(layer, [place])[0] - size / 2) / camera.zoom
            camera.center = (0, *(np.asarray(camera.center)[-2:] + shift[::-1]))
            spin(0.01)
        x, y = self._drawn(layer, [place])[0]
        assert np.allclose((x, y), size / 2, atol=2), "the camera did not go there"
        return QPoint(round(float(x)), round(float(y)))

    def click(self, layer, data_point, modifier=Qt.KeyboardModifier.NoModifier) -> None:
        """Click with the mouse on a place of a layer, given in its data coordinates; the camera goes there first."""
        point = self.show(layer, data_point)
        QTest.mouseMove(self.canvas.native, point)
        spin(0.02)
        QTest.mouseClick(self.canvas.native, Qt.MouseButton.LeftButton, modifier, point)
        spin(0.08)

    def drag(self, layer, start, end) -> None:
        """Press on one place of a layer and let go on another, which is near."""
        begin = self.show(layer, start)
        x, y = self._drawn(layer, [np.asarray(end, dtype=float)[-2:]])[0]
        finish, native = QPoint(round(float(x)), round(float(y))), self.canvas.native
        left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        QTest.mouseMove(native, begin)
        QTest.mousePress(native, left, none, begin)
        for share in (0.3, 0.6, 1.0):
            QTest.mouseMove(native, begin + (finish - begin) * share)
            spin(0.03)
        QTest.mouseRelease(native, left, none, finish)
        spin(0.1)

    def key(self, key, modifier=Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(self.canvas.native, key, modifier)
        spin(0.1)

    def point(self, layer, data_point) -> None:
        """Add a point over a place of a layer, without the mouse."""
        self.prompts.add(self.prompts.world_to_data(layer.data_to_world(data_point)[-self.prompts.ndim :]))
        self.wait()

    # ---- layers --------------------------------------------------------------------------------------------------

    def ours(self, role: str) -> list:
        return [layer for layer in self.viewer.layers if layer.metadata.get("napari_dinosim", {}).get("role") == role]

    def map_of(self, layer):
        """The similarity layer over an image, found by what it says it is."""
        source = str(layer.unique_id)
        maps = [found for found in self.ours("similarity map") if found.metadata["napari_dinosim"]["source"] == source]
        assert len(maps) <= 1
        return maps[0] if maps else None

    @property
    def prompts(self):
        found = self.ours("prompts")
        assert len(found) <= 1
        return found[0] if found else None

    def assert_map(self, layer, image01, clicks, source01=None, mean=False) -> None:
        """Compare the pixels of an image's map with the formulas."""
        found = self.map_of(layer)
        assert found is not None, self.states()
        encoder = self.encoders[-1]
        expected = seed_map(
            image01, encoder.spec.patch_size, clicks, source01, complement=encoder.complement, mean=mean
        )
        assert np.ptp(expected) > 0.9
        np.testing.assert_allclose(np.asarray(found.data), expected, atol=1e-5)


@pytest.fixture
def encoders(monkeypatch) -> Shelf:
    """Whatever encoder is chosen, it is a mean-colour encoder of the same patch size."""
    shelf = Shelf()
    monkeypatch.setattr(registry, "_slot", EncoderSlot(shelf.load))
    return shelf


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


class Bench:
    """A controller on a viewer without a window: what needs no mouse, quickly."""

    def __init__(self, encoders: Shelf) -> None:
        self.viewer = ViewerModel()
        self.encoders = encoders
        self.controller = Controller(self.viewer, EncoderChoice("builtin"), EncoderSlot(encoders.load), patch_size)
        self.session = self.controller.session
        self.told: list[tuple[str, bool]] = []
        self.controller.told.connect(lambda *told: self.told.append(told))

    def add(self, data, **kwargs):
        return self.viewer.add_layer(Image(data, **kwargs))

    def start(self, wait: bool = True) -> None:
        self.controller.start()
        if wait:
            self.wait()

    def wait(self) -> None:
        spin(0.06)
        assert spin(20, self.idle), self.states()
        spin(0.06)

    idle = Desk.idle
    states = Desk.states
    ours = Desk.ours
    map_of = Desk.map_of
    prompts = Desk.prompts
    assert_map = Desk.assert_map
    point = Desk.point

    def show_patches(self, show: bool) -> None:
        self.controller.show_patches(show)
        self.wait()


@pytest.fixture
def bench(qapp, encoders):
    """Make a controller without a window, and shut it down."""
    made = Bench(encoders)
    yield made
    made.controller.shutdown()
    spin(0.02)


@pytest.fixture(autouse=True)
def _no_qt_warning(qtlog):
    """Fail where Qt complains of what its models are told."""
    yield
    assert not [record.message for record in qtlog.records if "QSortFilterProxyModel" in record.message]
