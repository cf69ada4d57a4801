"""Which precision is faster: measured once for each device, remembered, and never in the way of loading."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from napari_dinosim.encoders import _hub_settings, _probe, devices
from napari_dinosim.encoders._hub_settings import HubSettings, read_settings, settings_file, write_settings
from napari_dinosim.encoders._probe import choose_precision, place, time_precisions
from napari_dinosim.errors import DeviceError, DownloadError

CPU = torch.device("cpu")


class Probe:
    """Stands in for the stopwatch: says what it is told to, and counts how often it is asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.times: dict[str, float] | Exception = {"float32": 2.0, "bfloat16": 1.0}
        self.measured: list[torch.device] = []
        monkeypatch.setattr(_probe, "time_precisions", self.time)

    def time(self, device: torch.device) -> dict[str, float]:
        self.measured.append(device)
        if isinstance(self.times, Exception):
            raise self.times
        return self.times


@pytest.fixture
def probe(monkeypatch, tmp_path):
    """A computer with bfloat16 in hardware, on which nothing has been measured yet."""
    monkeypatch.setattr(_hub_settings, "user_config_dir", lambda *_, **__: str(tmp_path / "config"))
    monkeypatch.setattr(_probe, "_known", {})
    for module in (_probe, devices):
        monkeypatch.setattr(module, "native_bfloat16", lambda device: True)
    return Probe(monkeypatch)


def restart() -> None:
    """Forget what only this process knows."""
    _probe._known.clear()


@pytest.mark.parametrize(("seconds", "expected"), [((2.0, 1.0), torch.bfloat16), ((1.0, 2.0), torch.float32)])
def test_auto_takes_the_faster_one(probe, seconds, expected):
    probe.times = dict(zip(("float32", "bfloat16"), seconds, strict=True))
    assert choose_precision("auto", CPU) == expected
    restart()
    assert choose_precision("auto", CPU) == expected
    assert probe.measured == [CPU]


def test_it_is_never_measured_twice(probe):
    for _ in range(3):
        choose_precision("auto", CPU)
        choose_precision("auto", CPU)
        restart()
    assert probe.measured == [CPU]
    assert read_settings().precisions == {place(CPU): "bfloat16"}


def test_threads_that_load_at_once_measure_once(probe):
    barrier = threading.Barrier(4)

    def choose(_) -> torch.dtype:
        barrier.wait(10)
        return choose_precision("auto", CPU)

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(choose, range(4))) == {torch.bfloat16}
    assert probe.measured == [CPU]


def test_another_torch_or_device_is_measured_anew(probe, monkeypatch):
    choose_precision("auto", CPU)
    monkeypatch.setattr(torch, "__version__", "9.0.0")
    probe.times = {"float32": 1.0, "bfloat16": 2.0}
    assert choose_precision("auto", CPU) == torch.float32
    monkeypatch.setattr(_probe, "describe_device", lambda device: "another one")
    choose_precision("auto", CPU)
    assert len(probe.measured) == 3
    restart()
    choose_precision("auto", CPU)
    assert len(probe.measured) == 3
    assert len(read_settings().precisions) == 3


def test_what_is_forced_is_not_measured(probe):
    assert choose_precision("float32", CPU) == torch.float32
    assert choose_precision("bfloat16", CPU) == torch.bfloat16
    with pytest.raises(DeviceError, match="float16 turns DINOv3's tokens into NaN"):
        choose_precision("float16", CPU)
    assert probe.measured == []


def test_without_bfloat16_in_hardware_there_is_nothing_to_measure(probe, monkeypatch):
    write_settings(HubSettings(precisions={place(CPU): "bfloat16"}))  # by another computer with the same home folder
    for module in (_probe, devices):
        monkeypatch.setattr(module, "native_bfloat16", lambda device: False)
    assert choose_precision("auto", CPU) == torch.float32
    assert probe.measured == []


@pytest.mark.parametrize(
    "content", ["", "{", "[1]", '{"precisions": 3}', '{"precisions": {"WHERE": "int8"}}', "\x00\xff", "[" * 100_000]
)
def test_damaged_settings_are_measured_over(probe, content):
    settings_file().parent.mkdir()
    settings_file().write_text(content.replace("WHERE", place(CPU)), encoding="latin-1")
    assert choose_precision("auto", CPU) == torch.bfloat16
    assert json.loads(settings_file().read_text())["precisions"] == {place(CPU): "bfloat16"}


def test_settings_that_cannot_be_written_do_not_stop_the_loading(probe, monkeypatch):
    settings_file().parent.write_text("a file where the folder should be")
    with pytest.raises(DownloadError, match="settings cannot be written"):
        write_settings(HubSettings())
    assert choose_precision("auto", CPU) == choose_precision("auto", CPU) == torch.bfloat16
    assert probe.measured == [CPU]


def test_what_else_is_remembered_stays(probe):
    write_settings(HubSettings(("DINOv3 License",), Path("weights"), {"elsewhere": "float32"}))
    choose_precision("auto", CPU)
    remembered = {"elsewhere": "float32", place(CPU): "bfloat16"}
    assert read_settings() == HubSettings(("DINOv3 License",), Path("weights"), remembered)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("busy"), MemoryError()])
def test_a_device_too_full_to_measure_is_trusted_and_asked_again(probe, error):
    probe.times = error
    assert choose_precision("auto", CPU) == torch.bfloat16
    assert not settings_file().exists()
    probe.times = {"float32": 1.0, "bfloat16": 2.0}
    assert choose_precision("auto", CPU) == torch.float32


# --- the stopwatch


class Clock:
    """A clock that runs only where a block of a transformer does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, float32: float, bfloat16: float) -> None:
        self.now, self.runs = 100.0, []
        self.seconds = {torch.float32: float32, torch.bfloat16: bfloat16}
        monkeypatch.setattr(_probe, "perf_counter", lambda: self.now)
        monkeypatch.setattr(_probe, "make_block", lambda device: self.run)

    def run(self, dtype: torch.dtype) -> None:
        self.runs.append(dtype)
        self.now += self.seconds[dtype] * (3 if self.runs.count(dtype) == 1 else 1)  # the first run is a warm-up


def test_the_fastest_round_after_a_warm_up_counts(monkeypatch):
    clock = Clock(monkeypatch, 0.02, 0.01)
    assert time_precisions(CPU) == pytest.approx({"float32": 0.02, "bfloat16": 0.01})
    assert clock.runs.count(torch.float32) == clock.runs.count(torch.bfloat16) == _probe.ROUNDS + 1


@pytest.mark.parametrize("seconds", [0.1, 0.05])
def test_it_stops_within_a_second(monkeypatch, seconds):
    clock = Clock(monkeypatch, seconds, seconds)
    time_precisions(CPU)
    assert 1 - 2 * seconds - 1e-6 <= clock.now - 100 <= 1 + 1e-6


def test_each_is_timed_however_slow_it_is(monkeypatch):
    clock = Clock(monkeypatch, 5.0, 9.0)
    assert time_precisions(CPU) == pytest.approx({"float32": 5.0, "bfloat16": 9.0})
    assert clock.runs == [torch.float32, torch.bfloat16] * 2


def test_the_real_one_leaves_threads_and_random_numbers_as_they_are():
    torch.set_num_threads(2)
    state = torch.get_rng_state()
    seconds = time_precisions(CPU)
    assert set(seconds) == {"float32", "bfloat16"}
    assert all(0 < one < 5 for one in seconds.values())
    assert torch.get_num_threads() == 2
    assert torch.equal(torch.get_rng_state(), state)


def test_a_block_computes_in_the_precision_it_is_given(monkeypatch):
    found = []
    monkeypatch.setattr(_probe, "_forward", lambda tokens, weights: found.append(tokens @ weights[0].T))
    block = _probe.make_block(CPU)
    block(torch.float32)
    block(torch.bfloat16)
    assert [one.dtype for one in found] == [torch.float32, torch.bfloat16]
