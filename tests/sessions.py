"""Hands that save and open sessions in a viewer, and answer what is asked."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox

from events import spin
from napari_dinosim._napari.roles import is_image
from napari_dinosim._napari.session_section import SessionSection


def layers_of(found) -> dict:
    return {layer.name: layer for layer in found.viewer.layers if is_image(layer)}


def opened(desk, folder, *names):
    found = desk()
    for name in names:
        found.viewer.open(folder / f"{name}.tif", plugin="napari")
    found.wait()
    return found, found.widget.section(SessionSection)


def save(found, section, monkeypatch, path, button: int = 0) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    section.buttons[button].native.click()
    assert spin(20, lambda: not section.saving.running)
    spin(0.05)


def begin(section, monkeypatch, path, button: int = 1) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    section.buttons[button].native.click()


def question() -> QMessageBox | None:
    shown = (one for one in QApplication.topLevelWidgets() if one.isVisible())
    boxes = [one for one in shown if one.objectName() == "dinosim_question"]
    return boxes[0] if boxes else None


def answer(words: str) -> str:
    """Wait for a question, answer it with the mouse, return what was asked."""
    assert spin(20, lambda: question() is not None)
    box = question()
    text = box.text()
    (button,) = [one for one in box.buttons() if one.text().replace("&", "") == words]
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert spin(5, lambda: question() is None)
    return text


def close(found) -> None:
    found.viewer.window.remove_dock_widget(found.dock)
    found.widget.close()
    found.viewer.layers.clear()
    spin(0.2)
