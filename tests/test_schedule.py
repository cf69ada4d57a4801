"""What is embedded next, step by step, with an engine that does only what the test tells it to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_dinosim.cache import CacheKey, EmbeddingCache
from napari_dinosim.embeddings import PatchEmbeddings
from napari_dinosim.engine import Job, Note, Progress
from napari_dinosim.errors import (
    Cancelled,
    DinosimError,
    EncodingError,
    ImageError,
    OutOfMemoryError,
    WeightsNotFoundError,
)
from napari_dinosim.grid import PatchGrid
from napari_dinosim.image import image_plane
from napari_dinosim.loading import EncoderChoice, EncoderSlot
from napari_dinosim.mosaic import Mosaic
from napari_dinosim.schedule import EmbeddingSchedule
from napari_dinosim.states import ImageInput, InputState, Overall, Stage
from planted import MeanColourEncoder

if TYPE_CHECKING:
    from collections.abc import Callable

CHOICE = EncoderChoice("planted")


class PuppetEngine:
    """Keeps what is submitted; the test plays the worker."""

    def __init__(self) -> None:
        self.submitted: list[tuple] = []

    def submit(self, work, *, on_done, on_error, on_progress):
        job = Job()
        self.submitted.append((job, work, on_done, on_error, on_progress))
        return job

    @property
    def job(self) -> Job:
        return self.submitted[-1][0]

    def work(self):
        job, work, *_ = self.submitted[-1]
        return work(job)

    def done(self) -> None:
        embeddings = PatchEmbeddings(Mosaic.of(torch.zeros(1, 1, 3)), PatchGrid(1, 1, 1), "e@1")
        self.submitted[-1][2]((embeddings, embeddings))

    def fail(self, error: DinosimError) -> None:
        self.submitted[-1][3](error)

    def tell(self, text: str) -> None:
        self.submitted[-1][4](Note(text))

    def advance(self, done: int, total: int, seconds: float) -> None:
        self.submitted[-1][4](Progress(done, total, seconds))


def image(name: str, width: int = 10, height: int = 10) -> ImageInput:
    return ImageInput(name, (height, width), lambda plane: image_plane(np.ones((height, width, 3)) * 0.5))


def key(name: str, plane: tuple[int, ...] = ()) -> CacheKey:
    return CacheKey(name, plane, 0, CHOICE)


class Bench:
    """A schedule over a puppet engine, and all that it told."""

    def __init__(self, *names: str, sizes: tuple[tuple[int, ...], ...] = ()) -> None:
        self.engine, self.cache, self.encoder = PuppetEngine(), EmbeddingCache(), MeanColourEncoder()
        sizes = sizes or ((),) * len(names)
        self.wanted = {key(name): image(name, *size) for name, size in zip(names, sizes, strict=True)}
        self.background, self.whole, self.focused = {}, {}, None
        slot = EncoderSlot(lambda choice: self.encoder)
        self.schedule = EmbeddingSchedule(self.engine, slot, self.cache, self)
        self.embedded, self.changed, self.progress, self.failed, self.told = [], [], [], [], []
        self.schedule.embedded.connect(lambda key, _: self.embedded.append(key.source))
        self.schedule.changed.connect(self.changed.append)
        self.schedule.progress_changed.connect(self.progress.append)
        self.schedule.failed.connect(self.failed.append)
        self.schedule.told.connect(self.told.append)

    # ---- what is wanted

    def urgent(self):
        return dict(self.wanted)

    def others(self):
        yield from self.background.items()

    def stacks(self):
        yield from self.whole.items()

    def wants(self, one):
        return one in self.wanted or one in self.background

    def focus(self, _one, _grid):
        return self.focused

    # ---- what is seen

    @property
    def running(self) -> str | None:
        return None if self.schedule.running is None else self.schedule.running.source

    def stage(self, name: str) -> Stage:
        return self.schedule.state(key(name)).stage


def test_nothing_runs_before_the_start():
    bench = Bench("a", "b")
    bench.schedule.pump()
    assert bench.engine.submitted == []
    assert not bench.schedule.started
    assert (bench.stage("a"), bench.stage("b")) == (Stage.ABSENT, Stage.ABSENT)


def test_the_most_wanted_goes_first_and_one_at_a_time():
    bench = Bench("b", "a", "c")
    bench.schedule.start()
    order = []
    while bench.running is not None:
        order.append(bench.running)
        assert bench.stage(bench.running) == Stage.RUNNING
        bench.engine.done()
    assert order == bench.embedded == ["b", "a", "c"]
    assert len(bench.engine.submitted) == 3
    assert bench.schedule.started
    assert all(one in bench.cache for one in bench.wanted)


def test_what_waits_says_so():
    bench = Bench("a", "b")
    bench.schedule.start()
    assert (bench.stage("a"), bench.stage("b")) == (Stage.RUNNING, Stage.WAITING)


def test_nothing_is_embedded_twice():
    bench = Bench("a", "b")
    bench.schedule.start()
    bench.schedule.start()
    bench.schedule.pump()
    assert len(bench.engine.submitted) == 1
    bench.engine.done()
    bench.engine.done()
    bench.schedule.start()
    bench.schedule.pump()
    assert len(bench.engine.submitted) == 2


def test_what_becomes_wanted_later_is_embedded_then():
    bench = Bench("a")
    bench.schedule.start()
    bench.engine.done()
    assert bench.running is None
    bench.wanted[key("b")] = image("b")
    bench.schedule.pump()
    assert bench.running == "b"


def test_a_change_of_order_counts_for_the_next_and_leaves_what_runs():
    bench = Bench("a", "b", "c")
    bench.schedule.start()
    bench.wanted = {one: bench.wanted[one] for one in (key("c"), key("b"), key("a"))}
    bench.schedule.pump()
    assert bench.running == "a"
    assert not bench.engine.job.cancelled
    bench.engine.done()
    assert bench.running == "c"


def test_a_job_that_nobody_wants_any_more_is_dropped():
    bench = Bench("a", "b")
    bench.schedule.start()
    dropped = bench.engine.job
    del bench.wanted[key("a")]
    bench.schedule.pump()
    assert dropped.cancelled
    assert bench.running == "b"
    assert not bench.engine.job.cancelled


# --- the work itself


def test_the_work_loads_reads_and_embeds():
    bench = Bench("a")
    bench.schedule.start()
    found, same = bench.engine.work()
    assert same is found
    assert found.encoder == "mean-colour@1"
    assert found.grid == PatchGrid(10, 10, 16)
    assert bench.encoder.calls == 1


def test_the_plane_of_the_key_is_read():
    bench, planes = Bench(), []

    def read(plane):
        planes.append(plane)
        return image_plane(np.zeros((4, 4)))

    bench.wanted[key("stack", (2, 5))] = ImageInput("stack", (4, 4), read)
    bench.schedule.start()
    bench.engine.work()
    assert planes == [(2, 5)]


def test_the_work_looks_at_its_ticket():
    bench = Bench("a")
    bench.schedule.start()
    bench.schedule.cancel()
    with pytest.raises(Cancelled):
        bench.engine.work()
    assert bench.encoder.calls == 0


def test_the_clock_starts_when_the_encoder_is_loaded():
    bench = Bench("a")
    bench.schedule.start()
    bench.engine.job._begun -= 100
    told = []
    bench.engine.job.report = told.append
    bench.engine.work()
    assert told[-1].seconds < 50


# --- cancel and failure


def test_cancelling_stops_and_keeps_what_is_ready():
    bench = Bench("a", "b", "c")
    bench.schedule.start()
    bench.engine.done()
    bench.schedule.cancel()
    assert bench.engine.job.cancelled
    assert bench.progress[-1] is None
    assert not bench.schedule.started
    assert bench.running is None
    assert key("a") in bench.cache
    assert (bench.stage("b"), bench.stage("c")) == (Stage.ABSENT, Stage.ABSENT)
    bench.schedule.pump()
    assert bench.running is None
    bench.schedule.start()
    assert bench.running == "b"


@pytest.mark.parametrize("error", [ImageError("no image"), EncodingError("out of memory")])
def test_an_image_that_fails_is_passed_over(error):
    bench = Bench("a", "b")
    bench.schedule.start()
    bench.engine.fail(error)
    assert bench.failed == [error]
    assert bench.schedule.state(key("a")) == InputState(Stage.FAILED, reason=str(error))
    assert bench.changed.count("a") >= 2
    assert bench.running == "b"
    bench.engine.done()
    assert bench.running is None
    assert bench.schedule.started
    bench.schedule.pump()
    assert len(bench.engine.submitted) == 2


def test_starting_again_tries_again_what_failed():
    bench = Bench("a")
    bench.schedule.start()
    bench.engine.fail(ImageError("no image"))
    bench.schedule.start()
    assert bench.running == "a"
    assert bench.stage("a") == Stage.RUNNING


def test_an_encoder_that_cannot_be_had_stops_everything():
    bench = Bench("a", "b")
    bench.schedule.start()
    error = WeightsNotFoundError("not on this computer")
    bench.engine.fail(error)
    assert bench.failed == [error]
    assert (bench.running, bench.schedule.started) == (None, False)
    assert bench.progress[-1] is None
    assert bench.schedule.state(key("a")) == InputState(Stage.FAILED, reason="not on this computer")
    assert bench.stage("b") == Stage.ABSENT
    assert bench.changed[-1] == "a"
    assert len(bench.engine.submitted) == 1
    bench.schedule.start()
    assert bench.running == "a"


# --- going on where it stopped

LARGE = (1100, 1100)
"""Takes four windows."""


class StoppingEncoder(MeanColourEncoder):
    """Does something before a call, counted from 1, as often as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.before: dict[int, Callable[[], None]] = {}

    def encode(self, batch):
        self.before.pop(self.calls + 1, lambda: None)()
        return super().encode(batch)


class LargeBench(Bench):
    """With images of four windows."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.encoder = StoppingEncoder()
        self.wanted = {key(name): self.large(name) for name in names}

    @staticmethod
    def large(name: str) -> ImageInput:
        return ImageInput(name, LARGE, lambda plane: image_plane(np.full((*LARGE, 3), 99, dtype=np.uint8)))

    def lose_device_before(self, call: int) -> EncodingError:
        error = EncodingError("the device is lost")

        def lose() -> None:
            raise error

        self.encoder.before[call] = lose
        with pytest.raises(EncodingError, match="the device is lost"):
            self.engine.work()
        self.engine.fail(error)
        return error

    def cancel_before(self, call: int) -> None:
        """Cancel while that window is encoded, which is done then."""
        self.encoder.before[call] = self.schedule.cancel
        with pytest.raises(Cancelled):
            self.engine.work()

    def finish(self) -> PatchEmbeddings:
        job, work, on_done, *_ = self.engine.submitted[-1]
        both = work(job)
        on_done(both)
        return both[0]


def test_after_a_lost_device_start_goes_on_with_the_next_window():
    bench = LargeBench("a")
    bench.schedule.start()
    bench.lose_device_before(3)
    assert (bench.encoder.calls, bench.stage("a")) == (2, Stage.FAILED)
    bench.schedule.start()
    found = bench.finish()
    assert bench.encoder.calls == 4
    assert torch.allclose(found.vectors.norm(dim=-1), torch.ones(()))
    assert key("a") in bench.cache


def test_a_lost_device_takes_nothing_of_what_is_finished():
    bench = LargeBench("a", "b")
    bench.schedule.start()
    first = bench.finish()
    bench.lose_device_before(6)
    assert bench.cache.get(key("a")) is first
    assert (bench.running, bench.stage("b")) == (None, Stage.FAILED)
    bench.schedule.start()
    assert bench.running == "b"
    bench.finish()
    assert bench.encoder.calls == 8


def test_each_image_that_failed_goes_on_from_where_it_was():
    bench = LargeBench("a", "b")
    bench.schedule.start()
    bench.lose_device_before(3)
    bench.lose_device_before(4)
    assert bench.encoder.calls == 3
    bench.schedule.start()
    bench.finish()
    bench.finish()
    assert bench.encoder.calls == 8


def test_after_a_cancellation_start_goes_on_with_the_next_window():
    bench = LargeBench("a")
    bench.schedule.start()
    bench.cancel_before(3)
    bench.schedule.start()
    told = []
    bench.engine.job.report = told.append
    bench.finish()
    assert bench.encoder.calls == 4
    assert [(one.done, one.total) for one in told if isinstance(one, Progress)] == [(3, 4), (4, 4)]


def test_time_left_counts_what_the_finished_windows_took():
    bench = LargeBench("a")
    bench.encoder.delay = 0.1
    bench.schedule.start()
    bench.cancel_before(3)
    bench.schedule.start()
    told = []
    bench.engine.job.report = told.append
    bench.finish()
    assert told[0].seconds >= 0.3
    assert told[-1].seconds >= told[0].seconds + 0.1


@pytest.mark.parametrize(
    "change", [{"device": "cpu"}, {"precision": "float32"}, {"debias": True}, {"centre": True, "device": "cuda"}]
)
def test_another_device_or_finish_goes_on_too(change):
    bench = LargeBench("a")
    bench.schedule.start()
    bench.lose_device_before(3)
    other = key("a")._replace(encoder=replace(CHOICE, **change))
    bench.wanted = {other: bench.wanted[key("a")]}
    bench.schedule.start()
    bench.engine.submitted[-1][1](bench.engine.job)
    assert bench.encoder.calls == 4 + bool(change.get("debias"))  # which looks at a black window


@pytest.mark.parametrize(
    "change", [{"version": 1}, {"plane": (1,)}, {"source": "b"}, {"encoder": EncoderChoice("another")}]
)
def test_what_is_done_of_something_else_is_of_no_use(change):
    bench = LargeBench("a")
    bench.schedule.start()
    bench.cancel_before(3)
    bench.wanted = {key("a")._replace(**change): bench.large("other")}
    bench.schedule.start()
    bench.finish()
    assert bench.encoder.calls == 3 + 4


def test_what_nobody_wants_any_more_is_dropped():
    bench = LargeBench("a")
    bench.schedule.start()
    bench.cancel_before(3)
    wanted, bench.wanted = bench.wanted, {}
    bench.schedule.pump()
    assert len(bench.schedule._underway) == 0
    bench.wanted = wanted
    bench.schedule.start()
    bench.finish()
    assert bench.encoder.calls == 3 + 4


def test_what_is_finished_is_not_kept_twice():
    bench = LargeBench("a")
    bench.schedule.start()
    bench.finish()
    assert len(bench.schedule._underway) == 0


# --- notes


def test_notes_are_told_once_for_each_start():
    bench = Bench("a", "b")
    bench.schedule.start()
    bench.engine.tell("less memory")
    bench.engine.tell("less memory")
    bench.engine.tell("still less")
    bench.engine.done()
    bench.engine.tell("less memory")
    assert bench.told == ["less memory", "still less"]
    assert bench.schedule.state(key("b")) == InputState(Stage.RUNNING, 0.0)
    bench.schedule.start()
    bench.engine.tell("less memory")
    assert bench.told == ["less memory", "still less", "less memory"]


def test_the_work_tells_when_less_is_asked_of_the_device():
    bench = LargeBench("a")
    bench.encoder.windows_per_batch = 2

    def refuse() -> None:
        raise OutOfMemoryError("too little")

    bench.encoder.before[1] = refuse
    bench.schedule.start()
    bench.engine.job.report = bench.engine.submitted[-1][4]
    bench.finish()
    assert bench.told == ["cpu has too little memory for 2 windows at once: going on with 1 at a time."]


# --- progress


def test_progress_is_told_in_pixels_over_all_images():
    bench = Bench("small", "large", sizes=((5, 20), (30, 10)))
    bench.schedule.start()
    assert bench.progress == [Overall(0.0, None, "Preparing small")]
    bench.engine.advance(1, 4, 2.0)  # 25 of 400 pixels in 2 s: 375 are left
    assert bench.progress[-1] == Overall(pytest.approx(25 / 400), pytest.approx(30.0), "Embedding small")
    assert bench.schedule.state(key("small")) == InputState(Stage.RUNNING, 0.25)
    bench.engine.advance(4, 4, 8.0)
    assert bench.progress[-1] == Overall(pytest.approx(0.25), pytest.approx(24.0), "Embedding small")
    bench.engine.done()
    assert bench.progress[-1] == Overall(pytest.approx(0.25), None, "Preparing large")
    assert bench.schedule.state(key("large")) == InputState(Stage.RUNNING, 0.0)
    bench.engine.advance(1, 2, 3.0)
    assert bench.progress[-1] == Overall(pytest.approx(250 / 400), pytest.approx(3.0), "Embedding large")
    bench.engine.advance(2, 2, 6.0)
    assert bench.progress[-1] == Overall(pytest.approx(1.0), pytest.approx(0.0), "Embedding large")
    bench.engine.done()
    assert bench.progress[-1] is None


def test_each_advance_tells_of_its_input():
    bench = Bench("a")
    bench.schedule.start()
    bench.changed.clear()
    bench.engine.advance(1, 4, 1.0)
    assert bench.changed == ["a"]


def test_time_is_unknown_while_nothing_is_done():
    bench = Bench("a")
    bench.schedule.start()
    bench.engine.advance(0, 4, 1.0)
    assert bench.progress[-1] == Overall(0.0, None, "Embedding a")


def test_a_second_run_begins_at_zero():
    bench = Bench("a")
    bench.schedule.start()
    bench.engine.done()
    bench.wanted[key("b")] = image("b")
    bench.schedule.pump()
    assert bench.progress[-1] == Overall(0.0, None, "Preparing b")


def test_an_image_that_fails_does_not_turn_progress_back():
    bench = Bench("a", "b", "c")
    bench.schedule.start()
    bench.engine.done()
    bench.engine.fail(ImageError("no image"))
    assert bench.progress[-1].fraction == pytest.approx(1 / 2)


def test_nothing_to_do_is_no_progress():
    bench = Bench()
    bench.schedule.start()
    assert bench.progress == [None]
