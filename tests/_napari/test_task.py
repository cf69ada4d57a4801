"""Work off the GUI thread, and what comes of it laid down in turns of the event loop."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_dinosim._napari.delivery import QtDelivery
from napari_dinosim._napari.task import BROKEN_OFF, Task
from napari_dinosim.engine import Engine


@pytest.fixture
def engine(qtbot):
    delivery = QtDelivery()
    made = Engine(deliver=delivery)
    yield made
    made.shutdown()
    delivery.close()


@pytest.fixture
def task(engine):
    made = Task(engine)
    made.sentences = []
    made.told.connect(lambda text, is_error: made.sentences.append((text, is_error)))
    return made


def test_each_step_of_a_generator_is_a_turn_of_the_event_loop(task, qtbot):
    """What waits in the loop comes between two steps, so that clicks are heard while layers are made."""
    seen = []

    def done(count):
        for step in range(count):
            QTimer.singleShot(0, lambda step=step: seen.append(f"loop {step}"))
            seen.append(f"step {step}")
            yield
        seen.append("last")
        return "All there."

    task.start(lambda job: 3, done)
    qtbot.waitUntil(lambda: not task.running)
    assert seen == ["step 0", "loop 0", "step 1", "loop 1", "step 2", "loop 2", "last"]
    assert task.sentences == [("All there.", False)]


def test_between_two_steps_the_window_is_drawn_and_timers_run(task, qtbot):
    seen = []

    class Window(QWidget):
        def paintEvent(self, event):
            seen.append("drawn")

    window, timer = Window(), QTimer()
    qtbot.addWidget(window)
    with qtbot.waitExposed(window):
        window.show()
    timer.timeout.connect(lambda: seen.append("timer"))
    timer.start(5)

    def done(count):
        for _ in range(count):
            window.update()
            time.sleep(0.02)  # a layer takes its time
            seen.append("step")
            yield
        return None

    task.start(lambda job: 6, done)
    qtbot.waitUntil(lambda: not task.running)
    timer.stop()
    steps = [place for place, what in enumerate(seen) if what == "step"]
    assert len(steps) == 6
    for one, other in pairwise(steps):
        assert {"drawn", "timer"} <= set(seen[one:other])


def test_steps_that_are_cancelled_stop_where_they_are_and_say_so(task, qtbot):
    seen = []

    def done(_result):
        for step in range(3):
            seen.append(step)
            QTimer.singleShot(0, task.cancel)
            yield
        return "All there."

    task.start(lambda job: None, done, "Cancelled: nothing was made.")
    qtbot.waitUntil(lambda: bool(seen) and not task.running)
    qtbot.wait(50)
    assert (seen, task.running, task.sentences) == ([0], False, [(BROKEN_OFF, False)])


def test_work_started_anew_drops_the_steps_of_what_was_before(task, qtbot):
    seen = []

    def done(result):
        seen.append(result)
        if result == "before":
            QTimer.singleShot(0, lambda: task.start(lambda job: "after", done))
        yield
        seen.append(f"{result}, later")
        return result

    task.start(lambda job: "before", done)
    qtbot.waitUntil(lambda: "after" in seen and not task.running)
    assert seen == ["before", "after", "after, later"]
    assert task.sentences == [("after", False)]


@pytest.mark.reports
def test_a_step_that_fails_ends_the_task_and_is_reported(task, qtbot):
    from napari.utils.notifications import notification_manager

    def done(_result):
        yield
        raise ValueError("a layer would not come")

    before = len(notification_manager.records)
    task.start(lambda job: None, done)
    qtbot.waitUntil(lambda: not task.running)
    assert [note.message for note in notification_manager.records[before:]] == [
        "DINOSim: ValueError: a layer would not come"
    ]
