"""One piece of work at a time, off the GUI thread, and the button that starts it, tells its progress and cancels it."""

from __future__ import annotations

from functools import partial
from inspect import isgeneratorfunction
from typing import TYPE_CHECKING, Any, TypeVar

from magicgui.widgets import PushButton
from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_dinosim._napari.guard import guarded
from napari_dinosim.engine import Note, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from napari_dinosim.engine import Engine, Job, Lane
    from napari_dinosim.errors import DinosimError

    Result = TypeVar("Result")
    Steps = Generator[None, None, str | None]

PAUSE_MS = 1
"""Between two steps: without any, Qt takes the next step before it draws and looks at timers."""
BROKEN_OFF = "Cancelled: some images were left out."


class Task:
    """Runs one piece of work at a time in a worker of the engine.

    Parameters
    ----------
    engine : Engine
    lane : {"analysis", "export"}
        Tasks of one lane wait for each other.
    """

    progressed = Signal(object)
    """How much is done, from 0 to 1; None when nothing runs."""
    told = Signal(str, bool)
    """Something to show the person, and whether it is an error."""

    def __init__(self, engine: Engine, lane: Lane = "analysis") -> None:
        self._engine, self._lane = engine, lane
        self._job: Job[Any] | None = None
        self._steps: Steps | None = None
        self._if_cancelled = ""

    @property
    def running(self) -> bool:
        """Whether work is under way."""
        return self._job is not None or self._steps is not None

    def start(
        self,
        work: Callable[[Job[Result]], Result],
        done: Callable[[Result], str | Steps | None],
        if_cancelled: str = "Cancelled.",
    ) -> None:
        """Begin; what was under way is dropped.

        Parameters
        ----------
        work : callable(job) -> result
            Runs in the worker, without Qt or layers; calls ``job.advance(done, total)`` and looks at ``job.cancelled``.
        done : callable(result) -> str, None or generator
            Runs in Qt's thread; what it returns is told. What takes its time there, as new layers do in napari, is
            written as a generator: its steps are a turn of the event loop each.
        if_cancelled : str
            What is told when the person cancels.
        """
        self._drop()
        self._if_cancelled = if_cancelled

        def finished(result: Result) -> None:
            if isgeneratorfunction(done):
                self._job, self._steps = None, done(result)
                self._step(self._steps)
                return
            self._end("")
            sentence = done(result)
            if sentence:
                self.told.emit(sentence, False)

        self._job = self._engine.submit(
            work, on_done=finished, on_error=self._failed, on_progress=self._progress, lane=self._lane
        )
        self.progressed.emit(0.0)

    def cancel(self) -> None:
        """Stop; nothing comes of it, but for the layers that are there already."""
        if self.running:
            sentence = BROKEN_OFF if self._if_cancelled and self._steps is not None else self._if_cancelled
            self._drop()
            self._end(sentence)

    def _drop(self) -> None:
        if self._job is not None:
            self._job.cancel()
        if self._steps is not None:
            self._steps.close()
        self._job = self._steps = None

    def _step(self, steps: Steps) -> None:
        """Take one step, and the next one when the event loop comes round."""
        if steps is not self._steps:  # dropped meanwhile
            return
        try:
            next(steps)
        except StopIteration as finished:
            self._end(finished.value)
        except Exception:
            self._end("")
            raise
        else:
            QTimer.singleShot(PAUSE_MS, guarded(partial(self._step, steps)))

    def _progress(self, progress: Progress | Note) -> None:
        if isinstance(progress, Progress):
            self.progressed.emit(progress.fraction)
        else:
            self.told.emit(progress.text, False)

    def _failed(self, error: DinosimError) -> None:
        self._end(str(error), True)

    def _end(self, sentence: str | None, is_error: bool = False) -> None:
        self._job = self._steps = None
        self.progressed.emit(None)
        if sentence:
            self.told.emit(sentence, is_error)


class TaskButton(PushButton):
    """Starts a task; while it runs, says how far it is, and cancels.

    Parameters
    ----------
    task : Task
    text : str
        While nothing runs.
    tooltip : str
    press : callable()
        Called for a click while nothing runs: starts the task.
    """

    def __init__(self, task: Task, text: str, tooltip: str, press: Callable[[], object]) -> None:
        super().__init__(text=text, tooltip=tooltip)
        self._idle, self._task, self._start = text, task, press
        task.progressed.connect(self._show)
        self.changed.connect(guarded(self._press))

    def _press(self, _clicked: bool) -> None:
        if self._task.running:
            self._task.cancel()
        else:
            self._start()

    def _show(self, fraction: float | None) -> None:
        self.text = self._idle if fraction is None else f"Cancel · {fraction:.0%}".replace("%", " %")
