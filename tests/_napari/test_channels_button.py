"""Composing channels with the mouse, in a real window."""

from __future__ import annotations

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from events import spin
from napari_dinosim._napari.intensity_box import ON_SCREEN
from pictures import colours, greys
from planted import seed_map

SHAPE = (100, 150)
CLICK = (37, 120)
FIRST, SECOND = greys(*SHAPE), greys(*SHAPE, 1)


def channels(blending: str = "translucent"):
    limits = (0.1, 0.9)
    return (
        Image(FIRST, name="DAPI", colormap="blue", contrast_limits=limits),
        Image(SECOND, name="actin", colormap="green", contrast_limits=limits, blending=blending),
    )


def pick(found, *names) -> None:
    """Click on rows with Ctrl held."""
    images = found.widget.images
    for name in names:
        spin(0.02)
        rectangle = images.visualItemRect(found.item(name))
        place = QPoint(rectangle.center().x(), rectangle.top() + 8)
        QTest.mouseClick(images.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, place)
    spin(0.05)


def press(button) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    spin(0.1)


def test_selected_rows_are_composed_clicked_and_separated(desk, encoders):
    dapi, actin = channels()
    found = desk(dapi, actin)
    button = found.widget.channels
    assert not button.isVisible()
    pick(found, "DAPI", "actin")
    assert (button.isVisible(), button.text()) == (True, "Compose channels")
    assert "DAPI + actin" in button.toolTip()
    press(button)
    assert [line[0] for line in found.lines()] == ["DAPI + actin"]
    found.start()
    found.click(actin, CLICK)
    rgb = np.clip((np.stack([FIRST * 0, SECOND, FIRST], axis=-1) - 0.1) / 0.8, 0, 1)
    (made,) = found.ours("similarity map")
    np.testing.assert_allclose(made.data, seed_map(rgb, 16, [CLICK]), atol=4e-3)
    assert encoders.calls == 1
    actin.opacity = 0.4
    spin(0.05)
    assert found.lines()[0][2].startswith("stale")
    assert "channels look otherwise" in found.item("DAPI + actin").toolTip()
    assert (button.isVisible(), button.text()) == (True, "Separate channels")  # the row stays selected
    pick(found, "DAPI + actin")
    assert not button.isVisible()
    pick(found, "DAPI + actin")
    assert found.intensity.text() == "▸ Intensity: as on screen"
    controls = (found.intensity.mode, found.intensity.low, found.intensity.high)
    assert [(one.isEnabled(), one.toolTip()) for one in controls] == [(False, ON_SCREEN)] * 3
    press(button)
    found.wait()
    assert [line[0] for line in found.lines()] == ["actin", "DAPI"]
    assert [one.isEnabled() for one in controls] == [True] * 3
    assert ON_SCREEN not in {one.toolTip() for one in controls}
    assert len(found.ours("similarity map")) == 2


def test_layers_selected_in_naparis_list_are_offered(desk):
    dapi, actin = channels()
    found = desk(dapi, actin, Image(colours(*SHAPE), name="photograph"))
    button = found.widget.channels
    found.viewer.layers.selection = {dapi, actin}
    spin(0.05)
    assert button.isVisible()
    found.viewer.layers.selection = {dapi, found.viewer.layers["photograph"]}
    spin(0.05)
    assert not button.isVisible()


def test_channels_drawn_additively_are_offered_unasked(desk):
    found = desk(*channels("additive"), Image(FIRST[:50], name="other"))
    found.viewer.layers.selection.clear()
    spin(0.05)
    assert found.widget.channels.isVisible()
    press(found.widget.channels)
    assert [line[0] for line in found.lines()] == ["other", "DAPI + actin"]
    assert not found.widget.channels.isVisible()


def test_rows_that_cannot_be_composed_are_told_with_both_shapes(desk):
    found = desk(*channels(), Image(FIRST[:50], name="other"))
    pick(found, "DAPI", "other")
    press(found.widget.channels)
    assert "(100, 150) of 'DAPI' and (50, 150) of 'other'" in found.widget.message.value
    assert len(found.lines()) == 3


def test_the_context_menu_has_the_same(desk):
    found = desk(*channels())
    pick(found, "DAPI", "actin")
    (action,) = found.widget.images.actions()
    assert (action.text(), action.isVisible()) == ("Compose channels", True)
    action.trigger()
    spin(0.05)
    assert [line[0] for line in found.lines()] == ["DAPI + actin"]


def test_closing_the_widget_lets_go_of_the_viewer(desk):
    found = desk(*channels("additive"))
    callbacks = len(found.viewer.layers.selection.events.changed.callbacks)
    found.viewer.window.remove_dock_widget(found.dock)
    spin(0.1)
    assert len(found.viewer.layers.selection.events.changed.callbacks) < callbacks
    found.viewer.layers.selection.clear()
