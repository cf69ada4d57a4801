"""Undo and redo in the viewer: what is a step, whose the points are afterwards, the keys and the buttons."""

from __future__ import annotations

import numpy as np
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from events import spin
from pictures import colours

SHAPE = (100, 150)
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
LEFT = Qt.MouseButton.LeftButton


def sources(bench):
    return [prompt.source for prompt in bench.session.prompts]


def undo(bench):
    bench.controller.prompts.undoing.undo()
    bench.wait()


def redo(bench):
    bench.controller.prompts.undoing.redo()
    bench.wait()


# ---- without a window ------------------------------------------------------------------------------------------------


def test_points_that_come_at_once_are_a_step_each_and_the_map_follows(bench):
    image = colours(*SHAPE)
    layer = bench.add(image, name="a")
    bench.start()
    bench.prompts.add((37, 120))
    bench.prompts.add((80, 20))
    bench.wait()
    undoing = bench.controller.prompts.undoing
    undo(bench)
    bench.assert_map(layer, image / 255, [(37, 120)])
    assert bench.viewer.status == "Undone: 1 point added"
    undo(bench)
    assert bench.map_of(layer) is None
    assert (undoing.undoable, undoing.redoable) == ("", "1 point added")
    undo(bench)
    assert bench.viewer.status == "Nothing to undo."
    redo(bench)
    redo(bench)
    bench.assert_map(layer, image / 255, [(37, 120), (80, 20)])
    assert bench.viewer.status == "Redone: 1 point added"
    redo(bench)
    assert bench.viewer.status == "Nothing to redo."


def test_a_point_that_is_there_again_belongs_to_its_image(bench):
    below, above = bench.add(colours(*SHAPE), name="below"), bench.add(colours(*SHAPE, 1), name="above")
    bench.start()
    bench.point(below, (37, 120))
    bench.prompts.remove([0])
    bench.wait()
    above.visible = False
    undo(bench)
    assert sources(bench) == [str(above.unique_id)]
    bench.prompts.remove([0])
    bench.wait()
    bench.point(below, (37, 120))  # the same place, by the person's own hand
    assert sources(bench) == [str(below.unique_id)]


def test_a_second_click_on_one_place_is_on_what_is_seen_there(bench):
    below, above = bench.add(colours(*SHAPE), name="below"), bench.add(colours(*SHAPE, 1), name="above")
    one, two = str(below.unique_id), str(above.unique_id)
    bench.start()
    bench.point(above, (37, 120))
    above.visible = False
    bench.point(below, (37, 120))
    assert sources(bench) == [two, one]
    bench.prompts.remove([0])
    bench.wait()
    assert sources(bench) == [one]
    undo(bench)
    assert sources(bench) == [two, one]
    undo(bench)
    undo(bench)
    redo(bench)
    redo(bench)
    assert sources(bench) == [two, one]


def test_a_point_of_another_plane_comes_back_while_3d_refuses_new_ones(bench):
    layer = bench.add(np.stack([colours(*SHAPE, seed)[..., 0] for seed in range(3)]), name="a")
    bench.start()
    bench.point(layer, (1, 37, 120))
    bench.prompts.data = np.empty((0, 3))
    bench.wait()
    bench.viewer.dims.ndisplay = 3
    undo(bench)
    assert [(prompt.plane, prompt.y, prompt.x) for prompt in bench.session.prompts] == [((1,), 37, 120)]


def test_points_of_the_past_are_handed_over_with_a_composition(bench):
    places = {"blending": "additive", "colormap": "red"}
    one, two = (bench.add(colours(*SHAPE, seed)[..., 0], name=name, **places) for seed, name in enumerate("ab"))
    bench.start()
    bench.point(two, (37, 120))
    bench.prompts.remove([0])
    bench.wait()
    bench.controller.compose([str(one.unique_id), str(two.unique_id)])
    bench.wait()
    undo(bench)
    assert sources(bench) == [str(one.unique_id)]


def test_history_goes_with_its_layer_and_begins_anew_with_an_old_one(bench):
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    bench.point(layer, (37, 120))
    undoing, points = bench.controller.prompts.undoing, bench.prompts
    assert len(points.keymap) == 4
    bench.controller.prompts.release()  # as the × does
    assert (undoing.undoable, dict(points.keymap)) == ("", {})
    bench.start()
    assert bench.prompts is points
    assert undoing.undoable == ""
    bench.point(layer, (80, 20))
    bench.viewer.layers.remove(points)
    assert undoing.undoable == ""
    undoing.undo()
    bench.start()
    assert (undoing.undoable, len(bench.prompts.data)) == ("", 0)


def test_a_key_that_a_person_has_bound_stays_theirs(bench):
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    bench.controller.prompts.release()
    points, pressed = bench.ours("prompts")[0], []
    points.bind_key("Control-Z", pressed.append)
    bench.start()
    bench.point(layer, (37, 120))
    bench.controller.prompts.release()
    assert list(points.keymap.values()) == [pressed.append]


# ---- with keys and mouse ---------------------------------------------------------------------------------------------


def test_keys_undo_add_drag_paste_and_delete_step_by_step(desk):
    image = colours(*SHAPE)
    layer = Image(image, name="a")
    found = desk(layer)
    found.start()
    found.click(layer, (37, 120))
    found.click(layer, (80, 20))
    found.prompts.mode = "select"
    found.drag(layer, (80, 20), (60, 50))
    found.key(Qt.Key.Key_C, CONTROL)
    found.key(Qt.Key.Key_V, CONTROL)
    found.click(layer, (37, 120))
    found.key(Qt.Key.Key_Delete)
    states = [found.prompts.data.copy()]
    told = []
    for _ in range(5):
        found.key(Qt.Key.Key_Z, CONTROL)
        told.append(found.controller.prompts.undoing.redoable)
        states.append(found.prompts.data.copy())
    assert told == [f"1 point {what}" for what in ("deleted", "added", "moved", "added", "added")]
    assert [len(points) for points in states] == [2, 3, 2, 2, 1, 0]
    np.testing.assert_allclose(states[3], [(37, 120), (80, 20)], atol=0.5)
    assert found.map_of(layer) is None
    for points in states[-2::-1]:
        found.key(Qt.Key.Key_Z, CONTROL | SHIFT)
        np.testing.assert_array_equal(found.prompts.data, points)
    found.assert_map(layer, image / 255, [(60, 50)])


def test_buttons_say_what_they_would_do_and_do_it(desk):
    image = colours(*SHAPE)
    layer = Image(image, name="a")
    found = desk(layer)
    section = next(section for section in found.widget.sections if hasattr(section, "buttons"))
    buttons = section.buttons
    QTest.mouseClick(section.toggleButton(), LEFT)
    assert not buttons.undo.isEnabled()
    found.start()
    found.click(layer, (37, 120))
    found.click(layer, (80, 20))
    assert buttons.undo.toolTip().startswith("Undo: 1 point added (Ctrl+Z")
    assert (buttons.undo.isEnabled(), buttons.redo.isEnabled()) == (True, False)
    spin(0.3)  # the section has opened
    QTest.mouseClick(buttons.undo, LEFT)
    spin(0.1)
    found.assert_map(layer, image / 255, [(37, 120)])
    assert buttons.redo.toolTip().startswith("Redo: 1 point added (Ctrl+Shift+Z")
    QTest.mouseClick(buttons.redo, LEFT)
    spin(0.1)
    found.assert_map(layer, image / 255, [(37, 120), (80, 20)])
    assert (buttons.undo.isEnabled(), buttons.redo.isEnabled()) == (True, False)
