"""The ways on where weights are missing, with a small hub on loopback and real mouse clicks."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox

from events import spin
from hub_server import HubServer, bare_computer
from napari_dinosim._napari.weights_panel import megabytes
from napari_dinosim.encoders._hub_settings import prefer_folder
from napari_dinosim.encoders.catalogue import CATALOGUE
from napari_dinosim.encoders.hub import cached_weights
from napari_dinosim.loading import EncoderChoice

SPEC = next(spec for spec in CATALOGUE if spec.name == "dinov3_vits16")
OTHER = "dinov2_vits14"


@pytest.fixture(autouse=True)
def _computer(tmp_path):
    with bare_computer(tmp_path):
        yield


@pytest.fixture
def server(monkeypatch):
    content = np.random.default_rng(3).bytes(3_000_000)
    names = [f"{spec.hub_repo}/model.safetensors" for spec in CATALOGUE if spec.name in (SPEC.name, OTHER)]
    with HubServer(dict.fromkeys(names, content)) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


@pytest.fixture
def panel(desk):
    found = desk(Image(np.zeros((100, 150), np.uint8)), encoder=SPEC.name)
    panel = found.widget.weights
    assert spin(5, lambda: panel.native.isVisible())
    return found, panel


def press(button):
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def dialog() -> QMessageBox:
    spin(5, lambda: any(box.isVisible() for box in boxes()))
    return next(box for box in boxes() if box.isVisible())


def boxes() -> list[QMessageBox]:
    return [widget for widget in QApplication.topLevelWidgets() if isinstance(widget, QMessageBox)]


def button(box: QMessageBox, text: str):
    return next(found for found in box.buttons() if found.text().replace("&", "") == text)


def test_nothing_is_fetched_unasked_and_size_folder_and_licence_are_shown_first(panel, server, tmp_path):
    _, shown = panel
    assert "DINOv3 ViT-S/16 is not on this computer" in shown.text.value
    press(shown.download.native)
    box = dialog()
    for told in (megabytes(SPEC.download_bytes), SPEC.hub_repo, SPEC.licence_url, str(tmp_path / "hub")):
        assert told in box.text()
    press(button(box, "Cancel"))
    spin(0.3)
    assert not server.bodies
    assert shown.native.isVisible()


def test_a_licence_that_asks_for_nothing_is_shown_and_not_to_be_accepted(panel, server):
    desk, shown = panel
    desk.choose(OTHER)
    assert spin(5, lambda: "DINOv2" in shown.text.value)
    press(shown.download.native)
    box = dialog()
    assert "Apache-2.0" in box.text()
    assert "accept" not in box.text()
    press(button(box, "Download"))
    assert spin(10, lambda: not shown.native.isVisible())


def test_the_size_of_any_model_is_asked_for_first(panel, server):
    desk, shown = panel
    server.files |= {"owner/model/config.json": b"{}", "owner/model/pytorch_model.bin": bytes(3_400_000)}
    desk.controller.choose_encoder(EncoderChoice("hf-hub:owner/model"))
    assert desk.widget.encoder.value == "hf-hub:owner/model"
    assert spin(20, lambda: shown.text.value == "owner/model is not on this computer.")
    press(shown.download.native)
    box = dialog()
    assert "3.4 MB from owner/model" in box.text()
    assert not server.bodies
    press(button(box, "Download"))
    assert spin(10, lambda: not shown.native.isVisible())
    assert len(server.bodies) == 2


def test_asking_for_the_size_can_be_cancelled_and_can_fail(panel, server):
    desk, shown = panel
    desk.controller.choose_encoder(EncoderChoice("hf-hub:owner/model"))
    assert spin(20, lambda: shown.text.value == "owner/model is not on this computer.")
    press(shown.download.native)
    assert spin(10, lambda: "has no config.json in owner/model" in desk.widget.message.value)
    assert not boxes()
    server.faults.stall_head = True
    press(shown.download.native)
    assert desk.widget.message.value.startswith("Asking the hub")
    spin(0.2)
    press(shown.stop.native)
    assert "cancelled" in desk.widget.message.value
    spin(0.3)
    assert not boxes()
    assert shown.download.enabled


def test_accepting_fetches_and_is_remembered(panel, server, tmp_path):
    desk, shown = panel
    press(shown.download.native)
    press(button(dialog(), "Accept and download"))
    assert spin(10, lambda: not shown.native.isVisible())
    assert "is here. Press Start." in desk.widget.message.value
    assert "DINOv3 License" in next((tmp_path / "config").glob("*.json")).read_text()


def test_cancelling_a_stalled_download_keeps_nothing(panel, server, tmp_path):
    desk, shown = panel
    server.faults.stall_after = 1_000_000
    press(shown.download.native)
    press(button(dialog(), "Accept and download"))
    assert spin(10, lambda: server.bodies)
    assert desk.widget.message.value.startswith("Downloading")
    assert not shown.builtin.enabled
    press(shown.stop.native)
    assert "cancelled" in desk.widget.message.value
    assert spin(5, lambda: not list((tmp_path / "hub").glob("**/*incomplete")))
    assert shown.download.enabled
    assert not shown.stop.native.isVisible()


def test_a_failure_is_told_with_the_ways_on(panel, server):
    desk, shown = panel
    server.faults.status = 404
    press(shown.download.native)
    press(button(dialog(), "Accept and download"))
    assert spin(10, lambda: desk.widget.message.value.startswith("⚠"))
    assert "From file" in desk.widget.message.value
    assert "another encoder" in desk.widget.message.value
    assert shown.native.isVisible()
    assert shown.download.enabled


def test_another_folder_is_chosen_and_remembered(panel, server, tmp_path, monkeypatch):
    _, shown = panel
    other = tmp_path / "elsewhere"
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(other))
    press(shown.download.native)
    first = dialog()
    press(button(first, "Other folder…"))
    assert spin(5, lambda: str(other) in dialog().text())
    press(button(dialog(), "Accept and download"))
    assert spin(10, lambda: not shown.native.isVisible())
    assert list(other.glob("models--*/blobs/*"))


def test_another_folder_goes_before_that_of_the_preferences(panel, server, tmp_path, monkeypatch):
    desk, shown = panel
    preferred, other = tmp_path / "preferred", tmp_path / "elsewhere"
    try:
        prefer_folder(preferred)
        desk.controller.choices_changed.emit()
        spin(0.3)
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(other))
        press(shown.download.native)
        first = dialog()
        assert str(preferred) in first.text()
        press(button(first, "Other folder…"))
        assert spin(5, lambda: str(other) in dialog().text())
        press(button(dialog(), "Accept and download"))
        assert spin(10, lambda: not shown.native.isVisible())
        assert list(other.glob("models--*/blobs/*"))
        assert not preferred.exists()
        assert cached_weights(SPEC).is_relative_to(other)
    finally:
        prefer_folder(None)


def test_the_built_in_is_one_click_away(panel):
    desk, shown = panel
    press(shown.builtin.native)
    assert desk.widget.encoder.value == "builtin"
    assert spin(5, lambda: not shown.native.isVisible())


def test_from_file_asks_for_a_file(panel, monkeypatch):
    desk, shown = panel
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    press(shown.file.native)
    assert desk.widget.encoder.value == SPEC.name
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("/some/weights.pth", ""))
    press(shown.file.native)
    assert desk.session.encoder.weights == "/some/weights.pth"


@pytest.mark.parametrize(("count", "text"), [(3_456_789, "3.5 MB"), (86_000_000, "86 MB"), (26.8e9, "26.8 GB")])
def test_sizes(count, text):
    assert megabytes(count) == text
