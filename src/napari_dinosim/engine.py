"""Runs work off the owner's thread, and brings what comes of it back into it.

One click of **Start** takes this road:

1. the session hands a piece of work to :meth:`Engine.submit` and keeps the :class:`Job`, its ticket;
2. the engine's worker thread runs it, asking the job now and then whether it was cancelled;
3. progress, result or error travel through ``deliver`` into the owner's thread (Qt's, in napari);
4. there the ticket is looked at once more: nothing is called for a job that was cancelled meanwhile.
"""

from __future__ import annotations

import queue
import threading
import time
import traceback
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from napari_dinosim.errors import Cancelled, DinosimError, EncodingError

Result = TypeVar("Result")
Deliver = Callable[[Callable[[], None]], None]
"""Arranges for a function to be called in the owner's thread, in order, soon."""

Lane = Literal["embedding", "scoring", "analysis", "export"]
"""Kinds of work that do not wait for each other."""

LANES: tuple[Lane, ...] = ("embedding", "scoring", "analysis", "export")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is.

    Parameters
    ----------
    done, total : int
        Windows.
    seconds : float
        That these windows took.
    """

    done: int
    total: int
    seconds: float

    @property
    def fraction(self) -> float:
        """From 0 to 1."""
        return self.done / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class Note:
    """Something that the person should know of a job that goes on.

    Parameters
    ----------
    text : str
        A sentence.
    """

    text: str


class Job(Generic[Result]):
    """A ticket for one piece of work."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()
        self._begun = time.perf_counter()
        self.report: Callable[[Any], None] = lambda _progress: None

    def cancel(self) -> None:
        """Ask the work to stop; nothing more is delivered for it."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        """Whether :meth:`cancel` was called."""
        return self._cancelled.is_set()

    def begin(self, spent: float = 0.0) -> None:
        """Start the clock of the progress, at the seconds that went into what is done already.

        Called when the preparations are over.
        """
        self._begun = time.perf_counter() - spent

    def advance(self, done: int, total: int) -> None:
        """Tell how many windows are done."""
        self.report(Progress(done, total, time.perf_counter() - self._begun))

    def tell(self, text: str) -> None:
        """Tell the person something."""
        self.report(Note(text))


class Engine:
    """One worker thread for each kind of work.

    Parameters
    ----------
    deliver : callable, optional
        Brings callbacks into the owner's thread. By default they are kept until the owner calls :meth:`wait`.
    """

    def __init__(self, deliver: Deliver | None = None) -> None:
        self._kept: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._deliver: Deliver = deliver or self._kept.put
        self._lanes = {
            name: ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"napari-dinosim-{name}") for name in LANES
        }
        self._closed = False
        self._jobs: set[Job[Any]] = set()

    def submit(
        self,
        work: Callable[[Job[Result]], Result],
        *,
        on_done: Callable[[Result], None],
        on_error: Callable[[DinosimError], None],
        on_progress: Callable[[Any], None] | None = None,
        lane: Lane = "embedding",
    ) -> Job[Result]:
        """Run a piece of work in the worker thread.

        Parameters
        ----------
        work : callable(job) -> result
            Runs in the worker; calls ``job.advance`` or ``job.report``, and looks at ``job.cancelled``.
        on_done, on_error, on_progress : callable
            Called in the owner's thread, unless the job was cancelled. Every exception reaches ``on_error``
            as a :class:`DinosimError`.
        lane : {"embedding", "scoring", "analysis", "export"}
            Pieces of work in one lane wait for each other, those in different lanes do not.

        Returns
        -------
        Job
            The ticket; cancelled already where the engine was shut down.
        """
        job: Job[Result] = Job()
        if self._closed:
            job.cancel()
            return job
        self._jobs.add(job)

        def tell(callback: Callable[[], None]) -> None:
            self._deliver(lambda: None if job.cancelled or self._closed else callback())

        if on_progress is not None:
            job.report = lambda progress: tell(lambda: on_progress(progress))

        def run() -> Result:
            if job.cancelled:
                raise Cancelled("cancelled before it began")
            with (
                warnings.catch_warnings()
            ):  # napari makes a popup of each warning; torch's and timm's are not for people
                warnings.simplefilter("ignore")
                return work(job)

        def finished(future: Future[Result]) -> None:
            error = Cancelled("cancelled") if future.cancelled() else future.exception()
            if error is None:
                result = future.result()
                tell(lambda: on_done(result))
            elif not isinstance(error, Cancelled):
                _forget_locals(error)
                plain = _plain(error)
                tell(lambda: on_error(plain))
            self._jobs.discard(job)  # last, so that wait() cannot miss what was told

        self._lanes[lane].submit(run).add_done_callback(finished)
        return job

    def wait(self, timeout: float | None = None) -> bool:
        """Run callbacks in this thread until no job is left; for owners without an event loop.

        Returns
        -------
        bool
            Whether all work ended within ``timeout`` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._jobs or not self._kept.empty():
            if deadline is not None and time.monotonic() > deadline:
                return False
            try:
                self._kept.get(timeout=0.05)()
            except queue.Empty:
                continue
        return True

    def shutdown(self) -> None:
        """Cancel everything and let the worker thread end; does not wait for it."""
        self._closed = True
        for job in tuple(self._jobs):
            job.cancel()
        for pool in self._lanes.values():
            pool.shutdown(wait=False, cancel_futures=True)


def _forget_locals(error: BaseException | None) -> None:
    """Let go of what the frames of an error hold, gigabytes of encoder among it; where it was raised is still told."""
    seen: set[int] = set()  # an error can be its own cause
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _plain(error: BaseException) -> DinosimError:
    """Turn any exception into one of ours: a bare ``RuntimeError`` is swallowed by superqt's workers."""
    if isinstance(error, DinosimError):
        return error
    plain = EncodingError(f"{type(error).__name__}: {error}. Try again, with another encoder or device.")
    plain.__cause__ = error
    return plain
