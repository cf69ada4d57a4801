"""The file of matches: written in a worker, with places in the world as drawn, and never in place of what it is not."""

from __future__ import annotations

import csv
import errno
import os
import threading

import numpy as np
import pytest

from events import spin
from napari_dinosim._napari import match_file
from napari_dinosim._napari.match_file import MatchFile, axis_names
from napari_dinosim.analysis.matches import Match
from napari_dinosim.errors import ExportError


@pytest.fixture
def file(bench):
    made = MatchFile(bench.controller)
    made.told.connect(bench.controller.told.emit)
    return made


def write(bench, file, path, matches) -> str:
    file.write(str(path), matches)
    assert spin(5, lambda: not file.running)
    return bench.told[-1][0]


def rows(path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        (("-2", "-1"), ["y", "x"]),
        (("-4", "-3", "-2", "-1"), ["axis_0", "axis_1", "y", "x"]),
        (("t", "-3", "-2", "-1"), ["t", "axis_1", "y", "x"]),
        (("-3", "rows", "-1"), ["axis_0", "rows", "x"]),
        (("x", "y", "-1"), ["x", "y", "axis_2"]),
        (("-1", "0", "z"), ["-1", "0", "z"]),
        (("-3", "axis_0", "-1"), ["axis_0_", "axis_0", "x"]),
        (("x", "axis_2", "-1"), ["x", "axis_2", "axis_2_"]),
        (("-4", "axis_0", "axis_0_", "-1"), ["axis_0__", "axis_0", "axis_0_", "x"]),
    ],
)
def test_axes_that_nobody_labelled_are_named(labels, named):
    assert axis_names(labels) == named


def test_it_says_where_matches_lie_in_the_world(bench, file, tmp_path):
    stack = bench.add(np.zeros((4, 90, 157)), name="stack", scale=(2, 0.65, 0.5), translate=(10, 300, 1e5), units="um")
    flat = bench.add(np.zeros((50, 70)), name="flat", scale=(2, 3), rotate=30, translate=(7, 300), units="nm")
    first = Match(str(stack.unique_id), 7.5, 103.5, 0.9, 1, (3,))
    second = Match(str(flat.unique_id), 23.5, 39.5, 0.8, 1)
    assert write(bench, file, tmp_path / "m", [first, second]) == f"2 matches are in {tmp_path / 'm.csv'}."
    one, two = rows(tmp_path / "m.csv")
    assert list(one)[-3:] == [f"world_{axis} [nanometer]" for axis in ("axis_0", "y", "x")]
    assert list(one.values())[1:3] == ["stack", "3"]
    assert list(one.values())[-3:] == ["16000.0", "304875.0", "100051750.0"]
    world = flat.data_to_world((23.5, 39.5))
    assert list(two.values())[-3] == ""
    np.testing.assert_allclose([float(value) for value in list(two.values())[-2:]], world, rtol=1e-9)


def test_planes_along_other_axes_keep_their_place(bench, file, tmp_path):
    volume = bench.add(np.zeros((90, 4, 157)), name="volume", scale=(1, 5, 2), axis_labels=("z", "y", "x"))
    match = Match(str(volume.unique_id), 23.5, 103.5, 0.9, 1, (2, -3, -1))
    assert write(bench, file, tmp_path / "m.csv", [match]).startswith("1 match is in")
    assert list(rows(tmp_path / "m.csv")[0].values())[-3:] == ["23.5", "10.0", "207.0"]


def test_it_is_written_in_a_worker(bench, file, tmp_path, monkeypatch):
    threads, real = [], match_file.write_matches

    def write_matches(*args, **kwargs):
        threads.append(threading.current_thread())
        return real(*args, **kwargs)

    monkeypatch.setattr(match_file, "write_matches", write_matches)
    image = bench.add(np.zeros((50, 70)), name="flat")
    write(bench, file, tmp_path / "m.csv", [Match(str(image.unique_id), 7.5, 23.5, 0.9, 1)])
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


def test_what_is_there_stays_whole(bench, file, tmp_path, monkeypatch):
    image = bench.add(np.zeros((50, 70)), name="flat")
    matches = [Match(str(image.unique_id), 7.5, 23.5, 0.9, 1)]
    (tmp_path / "m.csv").write_text("precious")
    with pytest.raises(ExportError, match=r"'m.csv' is there already. Choose it in the dialog to replace it"):
        file.write(str(tmp_path / "m"), matches)
    assert write(bench, file, tmp_path / "gone" / "m.csv", matches).startswith("folder: found no")
    assert bench.told[-1][1]

    def full(*_args) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr("napari_dinosim.analysis.match_table.csv.writer", full)
        assert "no room for" in write(bench, file, tmp_path / "m.csv", matches)
    assert (tmp_path / "m.csv").read_text() == "precious"
    write(bench, file, tmp_path / "m.csv", matches)
    assert len(rows(tmp_path / "m.csv")) == 1
    assert os.listdir(tmp_path) == ["m.csv"]
