"""Work off the owner's thread: what comes back, where, and what never does."""

import queue
import threading
import time
import warnings
import weakref

import numpy as np
import pytest

from napari_dinosim import embed
from napari_dinosim.engine import Engine, Job, Note, Progress
from napari_dinosim.errors import Cancelled, EncodingError, ImageError, OutOfMemoryError
from planted import MeanColourEncoder

SOON = 10.0
"""Seconds that nothing here takes."""


class Told:
    """What an engine told, and in which thread."""

    def __init__(self) -> None:
        self.results, self.errors, self.progress, self.threads = [], [], [], []

    def _keep(self, where: list):
        def keep(value) -> None:
            where.append(value)
            self.threads.append(threading.current_thread())

        return keep

    def submit(self, engine: Engine, work):
        return engine.submit(
            work,
            on_done=self._keep(self.results),
            on_error=self._keep(self.errors),
            on_progress=self._keep(self.progress),
        )


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def engine():
    made = Engine()
    yield made
    made.shutdown()


def failing(error: BaseException):
    def work(job):
        raise error

    return work


# --- what comes back


def test_work_runs_in_another_thread_and_comes_back_into_the_owners(engine, told):
    told.submit(engine, lambda job: threading.current_thread())
    assert engine.wait(SOON)
    (worker,) = told.results
    assert worker is not threading.current_thread()
    assert worker.name.startswith("napari-dinosim")
    assert set(told.threads) == {threading.current_thread()}


def test_nothing_is_called_before_the_owner_waits(engine, told):
    ran = threading.Event()
    told.submit(engine, lambda job: ran.set())
    assert ran.wait(SOON)
    time.sleep(0.05)
    assert told.results == []
    assert engine.wait(SOON)
    assert told.results == [None]


def test_an_owner_with_a_loop_of_its_own_is_handed_everything(told):
    calls: queue.SimpleQueue = queue.SimpleQueue()
    engine = Engine(deliver=calls.put)

    def work(job):
        job.advance(1, 2)
        return "result"

    told.submit(engine, work)
    calls.get(timeout=SOON)()
    assert (len(told.progress), told.results) == (1, [])
    calls.get(timeout=SOON)()
    assert told.results == ["result"]
    assert set(told.threads) == {threading.current_thread()}
    engine.shutdown()


def test_jobs_run_one_after_another_in_order(engine, told):
    running, most = [0], [0]

    def work(job):
        running[0] += 1
        most[0] = max(most[0], running[0])
        time.sleep(0.005)
        running[0] -= 1
        return job

    jobs = [told.submit(engine, work) for _ in range(5)]
    assert engine.wait(SOON)
    assert told.results == jobs
    assert most == [1]


def test_progress_comes_before_the_result_and_its_clock_starts_when_the_work_begins(engine, told):
    def work(job):
        time.sleep(0.2)
        job.begin()
        job.advance(1, 4)
        assert told.results == []
        job.advance(4, 4)
        return "done"

    told.submit(engine, work)
    assert engine.wait(SOON)
    assert [(p.done, p.total, p.fraction) for p in told.progress] == [(1, 4, 0.25), (4, 4, 1.0)]
    assert all(0 <= p.seconds < 0.15 for p in told.progress)
    assert told.results == ["done"]


def test_progress_need_not_be_listened_to(engine):
    results = []
    engine.submit(lambda job: job.advance(1, 1), on_done=results.append, on_error=results.append)
    assert engine.wait(SOON)
    assert results == [None]


def test_progress_of_nothing_is_nothing():
    assert Progress(0, 0, 0.0).fraction == 0


def test_work_may_follow_from_a_callback(engine):
    results = []

    def again(result):
        results.append(result)
        if result < 3:
            engine.submit(lambda job: result + 1, on_done=again, on_error=results.append)

    engine.submit(lambda job: 1, on_done=again, on_error=results.append)
    assert engine.wait(SOON)
    assert results == [1, 2, 3]


# --- errors


@pytest.mark.parametrize(
    "error", [RuntimeError("out of memory"), MemoryError("none left"), KeyError("x"), SystemExit(3)]
)
def test_any_exception_becomes_one_of_ours(engine, told, error):
    told.submit(engine, failing(error))
    assert engine.wait(SOON)
    (found,) = told.errors
    assert isinstance(found, EncodingError)
    assert not isinstance(found, RuntimeError)
    assert str(found) == f"{type(error).__name__}: {error}. Try again, with another encoder or device."
    assert found.__cause__ is error
    assert told.results == []


def test_our_own_errors_come_as_they_are(engine, told):
    error = ImageError("no image")
    told.submit(engine, failing(error))
    assert engine.wait(SOON)
    assert told.errors == [error]


def test_work_that_says_it_was_cancelled_is_no_error(engine, told):
    told.submit(engine, failing(Cancelled("stopped")))
    assert engine.wait(SOON)
    assert (told.results, told.errors) == ([], [])


def test_an_error_holds_nothing_of_the_work_in_memory(engine, told):
    """A kept error keeps its traceback, and that its frames: an encoder of gigabytes must not hang on it."""
    found = []

    def work(job):
        encoder = MeanColourEncoder()
        found.append(weakref.ref(encoder))
        try:
            raise RuntimeError("inside")
        except RuntimeError as error:
            raise EncodingError("outside") from error

    told.submit(engine, work)
    assert engine.wait(SOON)
    assert told.errors[0].__traceback__ is not None
    assert isinstance(told.errors[0].__cause__, RuntimeError)
    assert found[0]() is None


def test_warnings_of_the_work_are_not_for_people(engine, told):
    told.submit(engine, lambda job: warnings.warn("for developers", UserWarning, stacklevel=1))
    assert engine.wait(SOON)
    assert (told.results, told.errors) == ([None], [])


# --- cancelling and waiting


def test_nothing_is_delivered_for_a_cancelled_job(engine, told):
    begun, go_on = threading.Event(), threading.Event()

    def work(job):
        job.advance(1, 2)
        begun.set()
        assert go_on.wait(SOON)
        assert job.cancelled
        job.advance(2, 2)
        return "late"

    job = told.submit(engine, work)
    assert begun.wait(SOON)
    assert not job.cancelled
    job.cancel()
    go_on.set()
    assert engine.wait(SOON)
    assert (told.results, told.errors, told.progress) == ([], [], [])


def test_the_error_of_a_cancelled_job_is_not_delivered_either(engine, told):
    job = told.submit(engine, failing(RuntimeError("too late")))
    job.cancel()
    assert engine.wait(SOON)
    assert told.errors == []


def test_a_result_that_is_on_its_way_is_held_back_when_the_job_is_cancelled(engine, told):
    ran = threading.Event()
    job = told.submit(engine, lambda job: ran.set())
    assert ran.wait(SOON)
    time.sleep(0.05)  # now the callback lies in the queue
    job.cancel()
    assert engine.wait(SOON)
    assert told.results == []


def test_a_cancelled_job_that_has_not_begun_never_does(engine, told):
    begun, go_on, ran = threading.Event(), threading.Event(), []

    def blocking(job):
        begun.set()
        go_on.wait(SOON)

    told.submit(engine, blocking)
    assert begun.wait(SOON)
    told.submit(engine, lambda job: ran.append(1)).cancel()
    go_on.set()
    assert engine.wait(SOON)
    assert ran == []
    assert told.results == [None]


def test_waiting_ends_at_the_timeout(engine, told):
    go_on = threading.Event()
    told.submit(engine, lambda job: go_on.wait(SOON))
    start = time.monotonic()
    assert not engine.wait(0.1)
    assert time.monotonic() - start < 1
    go_on.set()
    assert engine.wait(SOON)
    assert told.results == [True]


def test_waiting_for_nothing_ends_at_once(engine):
    assert engine.wait(0)


def test_shutting_down_cancels_what_runs_and_what_waits_and_ends_the_thread(told):
    engine, begun, go_on, threads, ran = Engine(), threading.Event(), threading.Event(), [], []

    def blocking(job):
        threads.append(threading.current_thread())
        begun.set()
        go_on.wait(SOON)

    running = told.submit(engine, blocking)
    assert begun.wait(SOON)
    waiting = told.submit(engine, lambda job: ran.append(1))
    start = time.monotonic()
    engine.shutdown()
    assert time.monotonic() - start < 1  # it does not wait
    assert running.cancelled
    assert waiting.cancelled
    go_on.set()
    assert engine.wait(SOON)
    threads[0].join(SOON)
    assert not threads[0].is_alive()
    assert (ran, told.results, told.errors) == ([], [], [])


# --- embed


def test_embed_is_here_and_now():
    encoder, threads = MeanColourEncoder(), []
    embed(np.ones((40, 50, 3)), encoder, on_progress=lambda done, total: threads.append(threading.current_thread()))
    assert threads == [threading.current_thread()]
    assert encoder.calls == 1


def test_embed_hands_contrast_limits_and_channels_on():
    ramp = np.tile(np.arange(32, dtype=np.uint16), (16, 1))
    stretched = embed(ramp, MeanColourEncoder(), contrast_limits=(16, 17))
    assert stretched.vectors.norm(dim=-1).tolist() == [[0, pytest.approx(1)]]
    channels = np.zeros((16, 32, 3))
    channels[:, 16:, 0] = 1
    magenta = embed(channels, MeanColourEncoder(), rgb=False)
    assert magenta.vectors[0, 1].tolist() == pytest.approx([2**-0.5, 0, 2**-0.5])


def test_embed_says_where_the_warning_comes_from():
    with pytest.warns(UserWarning, match="holds NaN or ±inf") as caught:
        embed(np.full((4, 4), np.nan), MeanColourEncoder())
    assert caught[0].filename == __file__


def test_embed_warns_of_what_was_asked_less_of_the_device():
    class Short(MeanColourEncoder):
        def encode(self, batch):
            if len(batch) > 1:
                raise OutOfMemoryError("too little")
            return super().encode(batch)

    with pytest.warns(UserWarning, match="cpu has too little memory for 3 windows at once: going on with 1") as caught:
        embed(np.ones((1100, 1100), dtype=np.uint8), Short(windows_per_batch=3))
    assert [warning.filename for warning in caught] == [__file__]


def test_a_note_travels_like_progress(engine, told):
    told.submit(engine, lambda job: job.tell("a sentence"))
    assert engine.wait(SOON)
    assert told.progress == [Note("a sentence")]


def test_the_clock_can_start_at_what_was_spent_before():
    job, told = Job(), []
    job.report = told.append
    job.begin(100.0)
    job.advance(3, 4)
    assert 100 <= told[0].seconds < 150


def test_nothing_is_begun_after_the_shutdown():
    engine = Engine()
    engine.shutdown()
    done = []
    job = engine.submit(lambda _job: 1, on_done=done.append, on_error=done.append)
    assert job.cancelled
    assert engine.wait(1)
    assert done == []
