"""The maps follow the cursor before any click, and are those of the points again afterwards."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLineEdit

from events import spin
from napari_dinosim._napari.coordinates import to_data, to_world
from napari_dinosim._napari.hover import NO_PLACE, NOWHERE
from pictures import colours
from planted import seed_map

SHAPE = (100, 150)


def hover(at, layer, place) -> None:
    """Move the cursor over a place of a layer; without a window, as napari's canvas tells of it."""
    viewer = at.viewer
    world = np.array(viewer.dims.point, dtype=float)
    found = to_world(layer, place, viewer.layers.units)
    world[-len(found) :] = found
    viewer.cursor.position = tuple(world)
    viewer.mouse_over_canvas = True
    for callback in list(viewer.mouse_move_callbacks):
        callback(viewer, None)
    spin(0.06)


def click(bench, layer, place) -> None:
    """Add a point over a place of a layer, whatever the units."""
    units, shown = bench.viewer.layers.units, bench.viewer.dims.point
    bench.prompts.add(to_data(bench.prompts, to_world(layer, place, units), units, shown))
    bench.wait()


@pytest.fixture
def pair(bench):
    """Two images beside each other, embedded, the first one rotated, stretched and in micrometres."""
    a, b = colours(*SHAPE), colours(75, 61, 1)
    first = bench.add(a, name="a", scale=(0.5, 0.7), rotate=30, units=("um", "um"))
    second = bench.add(b, name="b", translate=(0, 300000), units=("nm", "nm"), scale=(500, 500))
    bench.start()
    return first, second, a / 255, b / 255


def test_it_shows_one_place_in_all_images_and_leaves_points_and_history_alone(bench, pair):
    first, second, a, b = pair
    click(bench, second, (70, 20))
    prompts, hovering = bench.session.prompts, bench.controller.hover
    bench.assert_map(first, a, [(70, 20)], b)
    held = [bench.map_of(layer).data.copy() for layer in (first, second)]
    hover(bench, first, (37, 120))
    hovering.hold(True)
    bench.assert_map(first, a, [(37, 120)])
    bench.assert_map(second, b, [(37, 120)], a)
    hover(bench, second, (5, 50))
    bench.assert_map(first, a, [(5, 50)], b)
    assert bench.session.prompts is prompts
    spin(0.15)
    assert bench.viewer.status.startswith("Preview of b: best match ")
    hovering.hold(False)
    for layer, kept in zip((first, second), held, strict=True):
        np.testing.assert_array_equal(bench.map_of(layer).data, kept)
    assert (len(bench.prompts.data), bench.controller.prompts.undoing.undoable) == (1, "1 point added")
    assert not bench.viewer.mouse_move_callbacks


def test_before_any_point_maps_come_and_go_with_the_key_but_stay_blank_beside_the_images(bench, pair):
    first, _, a, _ = pair
    hover(bench, first, (37, 120))
    bench.controller.hover.hold(True)
    made = bench.map_of(first)
    bench.assert_map(first, a, [(37, 120)])
    hover(bench, first, (-20, 120))
    assert bench.map_of(first) is made
    assert np.isnan(made.data).all()
    assert bench.controller.hover.text == NOWHERE
    hover(bench, first, (37, 120))
    bench.assert_map(first, a, [(37, 120)])
    bench.viewer.mouse_over_canvas = False
    spin(0.06)
    assert np.isnan(made.data).all()
    bench.controller.hover.hold(False)
    assert bench.ours("similarity map") == []


def test_moves_come_at_most_every_20_ms_and_only_another_patch_counts(bench, pair):
    first, _, a, _ = pair
    bench.controller.hover.switch(True)
    hover(bench, first, (37, 120))
    seen = []
    bench.session._scoring.replaced.connect(lambda: seen.append(bench.session.previewed[2:]))
    for x in np.linspace(120, 126, 5):
        hover(bench, first, (37, x))
    assert seen == []
    for x in (100, 80, 60, 40, 20):
        bench.viewer.cursor.position = tuple(to_world(first, (37, x), bench.viewer.layers.units))
        bench.viewer.mouse_move_callbacks[0](bench.viewer, None)
    spin(0.1)
    assert seen[-1] == (2, 1)
    assert len(seen) <= 2  # the first at once, the last when the time is over
    bench.assert_map(first, a, [(37, 20)])


def test_a_preview_of_a_large_image_has_fewer_pixels_in_the_same_place(bench):
    image = colours(1100, 1306)
    layer = bench.add(image, name="a", scale=(0.5, 0.7), rotate=30, translate=(3, 5))
    bench.start()
    click(bench, layer, (900, 200))
    made = bench.map_of(layer)
    kept, values, world = made.data, made.data.copy(), to_world(made, (37, 1200), None)
    hover(bench, layer, (37, 1200))
    bench.controller.hover.hold(True)
    assert made.data.shape == (275, 327)  # a quarter, three pixels or more along each patch
    expected = seed_map(image / 255, 16, [(37, 1200)])
    for place in ((0, 0), (37, 1200), (1099, 1305), (601, 331)):
        there = to_data(made, to_world(layer, place, None), None, bench.viewer.dims.point)
        assert made.data[tuple(np.floor(there + 0.5).astype(int))] == pytest.approx(expected[place], abs=1e-5)
    edges = np.array([[-0.5, -0.5], [1099.5, 1305.5]])
    shown = to_data(made, [to_world(layer, edge, None) for edge in edges], None, bench.viewer.dims.point)
    np.testing.assert_allclose(shown, [[-0.5, -0.5], [274.5, 326.5]], atol=1e-9)
    bench.controller.hover.hold(False)
    assert made.data is kept
    np.testing.assert_array_equal(kept, values)
    np.testing.assert_allclose(to_world(made, (37, 1200), None), world)
    np.testing.assert_allclose(made.scale, layer.scale)


def test_a_large_map_that_a_preview_makes_lies_over_its_image(bench):
    layer = bench.add(colours(1100, 1306), name="a", scale=(0.5, 0.7), rotate=30, translate=(3, 5))
    bench.start()
    hover(bench, layer, (37, 1200))
    bench.controller.hover.switch(True)
    made = bench.map_of(layer)
    assert made.data.shape == (275, 327)
    for here, there in (((-0.5, -0.5), (-0.5, -0.5)), ((274.5, 326.5), (1099.5, 1305.5))):
        np.testing.assert_allclose(to_world(made, here, None), to_world(layer, there, None))
    click(bench, layer, (900, 200))
    assert made.data.shape == (1100, 1306)
    np.testing.assert_allclose(made.extent.world, layer.extent.world)


def test_rows_follow_a_moving_preview_only_so_often(bench, pair):
    first, *_ = pair
    seen = []
    bench.controller.row_changed.connect(seen.append)
    bench.controller.hover.switch(True)
    hover(bench, first, (37, 120))
    seen.clear()
    for x in (100, 80, 60):
        hover(bench, first, (37, x))
    assert len(seen) <= 2  # each of both images once
    spin(0.3)
    assert len(seen) >= 2
    seen.clear()
    bench.controller.hover.switch(False)
    assert len(seen) >= 2  # at once


def test_a_preview_is_told_as_cosines_whatever_is_negative(bench, pair):
    first, second, *_ = pair
    click(bench, first, (37, 120))
    bench.controller.prompts.labels.book.choose("negative")
    click(bench, second, (5, 50))
    key = str(second.unique_id)
    assert bench.session.state(key).text.startswith("ready · best score ")
    bench.controller.hover.switch(True)
    hover(bench, first, (80, 20))
    assert bench.session.state(key).text.startswith("ready · best match ")
    bench.controller.hover.switch(False)
    assert bench.session.state(key).text.startswith("ready · best score ")


def test_the_view_moves_under_a_cursor_that_rests(bench, pair):
    first, _, a, _ = pair
    camera = bench.viewer.scene.camera
    camera.center, camera.zoom = (0, 10, 20), 2
    hover(bench, first, (37, 120))
    there, other = (np.array(to_world(first, place, bench.viewer.layers.units)) for place in ((37, 120), (80, 20)))
    camera.zoom = 5
    camera.center = (0, *(other - (there - (10, 20)) * 2 / 5))
    bench.controller.hover.hold(True)
    bench.assert_map(first, a, [(80, 20)])
    camera.center, camera.zoom = (0, 10, 20), 2
    spin(0.06)
    bench.assert_map(first, a, [(37, 120)])


def test_layers_of_classes_step_aside_for_a_preview(bench, pair):
    first, *_ = pair
    book = bench.controller.prompts.labels.book
    for label, place in (("root", (37, 120)), ("stem", (80, 20))):
        book.add(label)
        click(bench, first, place)
    winners = [layer for layer in bench.viewer.layers if layer.name.startswith("classes · ")]
    maps = [layer for layer in bench.viewer.layers if layer.name.startswith(("root · ", "stem · "))]
    seen = [layer.visible for layer in (*winners, *maps)]
    assert all(layer.visible for layer in winners)
    assert len(winners) == 2
    bench.controller.hover.switch(True)
    hover(bench, first, (5, 5))
    assert not any(layer.visible for layer in (*winners, *maps))
    hover(bench, first, (-20, 120))
    assert [layer.visible for layer in (*winners, *maps)] == seen
    hover(bench, first, (5, 5))
    bench.controller.hover.switch(False)
    assert [layer.visible for layer in (*winners, *maps)] == seen
    assert "Preview" not in str(bench.viewer.status)


def test_a_click_shows_the_points_until_the_cursor_is_over_another_patch(bench, pair):
    first, _, a, _ = pair
    bench.controller.hover.switch(True)
    hover(bench, first, (37, 120))
    click(bench, first, (80, 20))
    bench.assert_map(first, a, [(80, 20)])
    hover(bench, first, (38, 121))
    bench.assert_map(first, a, [(80, 20)])
    hover(bench, first, (5, 121))
    bench.assert_map(first, a, [(5, 121)])
    bench.controller.hover.switch(False)
    bench.assert_map(first, a, [(80, 20)])


def test_a_plane_of_a_stack_and_one_that_is_not_embedded(bench):
    stack = np.stack([colours(*SHAPE, seed) for seed in range(3)])
    layer = bench.add(stack, name="a", scale=(2, 1, 1))
    bench.controller.embed_scope("plane")
    bench.start()
    bench.viewer.dims.set_point(0, 2)
    bench.wait()
    hover(bench, layer, (1, 37, 120))
    bench.controller.hover.switch(True)
    assert bench.session.previewed == (str(layer.unique_id), (1,), 2, 7)
    np.testing.assert_allclose(np.asarray(bench.map_of(layer).data[1]).max(), 1, atol=1e-6)
    bench.encoders.delay = 0.5
    bench.viewer.dims.set_point(0, 4)  # the cursor stays, the plane under it is another
    spin(0.1)
    assert bench.session.previewed is None
    assert bench.controller.hover.text == "Preview: a is not embedded there yet."
    spin(0.15)
    assert bench.viewer.status == "Preview: a is not embedded there yet."
    bench.encoders.delay = 0
    bench.wait()
    hover(bench, layer, (2, 37, 121))
    assert bench.session.previewed == (str(layer.unique_id), (2,), 2, 7)


@pytest.mark.parametrize(
    "enter", [lambda v: setattr(v.canvas.grid, "enabled", True), lambda v: setattr(v.dims, "ndisplay", 3)]
)
def test_it_is_off_where_a_place_on_screen_says_nothing(bench, enter):
    layer = bench.add(np.stack([colours(*SHAPE)[..., 0]] * 2), name="a")
    bench.start()
    hover(bench, layer, (0, 37, 120))
    bench.controller.hover.switch(True)
    assert bench.session.previewed is not None
    assert "cosines from" in bench.controller.hover._found(bench.session.previewed)
    enter(bench.viewer)
    spin(0.06)
    assert bench.session.previewed is None
    assert bench.controller.hover.text == NO_PLACE


def test_unchecked_and_hidden_images_are_not_previewed(bench, pair):
    first, second, *_ = pair
    hover(bench, first, (37, 120))
    bench.controller.hover.switch(True)
    bench.controller.check(str(first.unique_id), False)
    assert bench.session.previewed is None
    hover(bench, first, (37, 121))
    assert bench.controller.hover.text == NOWHERE
    second.visible = False
    hover(bench, second, (5, 50))
    assert bench.session.previewed is None


def test_a_key_that_a_person_has_bound_stays_theirs(bench):
    from napari_dinosim._napari.hover import HoverPreview

    controller = bench.controller
    controller.hover.close()
    assert dict(bench.viewer.keymap) == {}
    bench.viewer.bind_key("Q", print)
    rest = controller.class_layers, controller.prompts.changed
    again = HoverPreview(bench.viewer, bench.session, controller.offering, controller.maps, *rest)
    again.close()
    assert list(bench.viewer.keymap.values()) == [print]


# ---- with keys and mouse ---------------------------------------------------------------------------------------------


def move(found, layer, place) -> None:
    point = found.show(layer, place)
    for step in (3, 0):  # Qt tells nothing of a cursor that is there already
        QTest.mouseMove(found.canvas.native, point + QPoint(step, 0))
        spin(0.08)


def test_q_is_held_over_an_image_whatever_has_the_focus(desk):
    image = colours(*SHAPE)
    layer = Image(image, name="a")
    found = desk(layer)
    found.start()
    move(found, layer, (37, 120))
    QTest.keyPress(found.widget.start.native, Qt.Key.Key_Q)  # it has the focus after a press
    spin(0.15)
    found.assert_map(layer, image / 255, [(37, 120)])
    move(found, layer, (80, 20))
    found.assert_map(layer, image / 255, [(80, 20)])
    QTest.keyRelease(found.widget.start.native, Qt.Key.Key_Q)
    spin(0.1)
    assert found.map_of(layer) is None
    found.click(layer, (37, 120))
    found.viewer.layers.selection.active = layer
    move(found, layer, (80, 20))
    QTest.keyPress(found.canvas.native, Qt.Key.Key_Q)
    spin(0.15)
    found.assert_map(layer, image / 255, [(80, 20)])
    QApplication.sendEvent(found.canvas.native, QEvent(QEvent.Type.Leave))
    spin(0.1)
    found.assert_map(layer, image / 255, [(37, 120)])
    move(found, layer, (5, 20))
    QTest.keyRelease(found.canvas.native, Qt.Key.Key_Q)
    spin(0.1)
    found.assert_map(layer, image / 255, [(37, 120)])
    assert len(found.prompts.data) == 1


def test_another_window_ends_what_is_held(desk):
    image = colours(*SHAPE)
    layer = Image(image, name="a")
    found = desk(layer)
    found.start()
    found.click(layer, (37, 120))
    move(found, layer, (80, 20))
    QTest.keyPress(found.canvas.native, Qt.Key.Key_Q)
    spin(0.15)
    found.assert_map(layer, image / 255, [(80, 20)])
    other = QLineEdit()
    other.show()
    QTest.qWaitForWindowExposed(other)
    other.activateWindow()
    other.setFocus()
    assert spin(5, lambda: QApplication.focusWidget() is other)
    spin(0.1)
    found.assert_map(layer, image / 255, [(37, 120)])
    assert not found.viewer.mouse_move_callbacks
    other.deleteLater()
    spin(0.1)


def test_the_switch_is_shown_in_every_widget_and_goes_with_the_last(desk):
    image = colours(*SHAPE)
    layer = Image(image, name="a")
    found = desk(layer)
    section = next(section for section in found.widget.sections if hasattr(section, "preview"))
    found.start()
    found.click(layer, (37, 120))
    section.preview.value = True
    assert section.text().endswith("preview on")
    move(found, layer, (80, 20))
    found.assert_map(layer, image / 255, [(80, 20)])
    assert spin(2, lambda: section.said.text().startswith("Preview of a: cosines from "))
    made, viewer = found.map_of(layer), found.viewer
    found.viewer.window.remove_dock_widget(found.dock)
    spin(0.1)
    assert not viewer.mouse_move_callbacks
    assert dict(viewer.keymap) == {}
    np.testing.assert_allclose(made.data, seed_map(image / 255, 16, [(37, 120)]), atol=1e-5)
