"""Matches as a CSV file: what is in it, and what is never lost."""

from __future__ import annotations

import csv
import errno
import os

import pytest

from napari_dinosim.analysis.match_table import write_matches
from napari_dinosim.analysis.matches import Match
from napari_dinosim.errors import ExportError

FOUND = [Match("k1", 7.5, 23.5, 0.987654321, 1, (3,)), Match("k2", 0.1, 2, -0.5, 1)]


def rows(path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_it_holds_what_it_says(tmp_path):
    path = write_matches(
        tmp_path / "m.csv",
        FOUND,
        names={"k1": 'nuclei, "left"'},
        world=[(9.0, 3.75, 11.75), (0.05, 1.0)],
        axes=("z", "y", "x"),
        units=("micrometer", "micrometer", "micrometer"),
    )
    header, first, second = rows(path)
    world = [f"world_{axis} [micrometer]" for axis in "zyx"]
    assert header == ["rank", "image", "plane", "y_pixel", "x_pixel", "score", *world]
    assert first == ["1", 'nuclei, "left"', "3", "7.5", "23.5", "0.987654", "9.0", "3.75", "11.75"]
    assert second == ["1", "k2", "", "0.1", "2", "-0.5", "", "0.05", "1.0"]


def test_without_a_world(tmp_path):
    assert [len(row) for row in rows(write_matches(tmp_path / "m.csv", FOUND))] == [6, 6, 6]


def test_a_file_is_replaced_only_where_that_is_said(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("precious")
    with pytest.raises(ExportError, match=r"m.csv' is there already. Choose another name"):
        write_matches(path, FOUND)
    assert path.read_text() == "precious"
    write_matches(path, FOUND, replace=True)
    assert len(rows(path)) == 3
    assert os.listdir(tmp_path) == ["m.csv"]


def test_no_such_folder(tmp_path):
    with pytest.raises(ExportError, match=r"found no .*Make it, or choose another one"):
        write_matches(tmp_path / "gone" / "m.csv", FOUND)


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "no room for"), (errno.EACCES, "may not be written")])
def test_on_a_full_disk_the_old_file_stays_whole(tmp_path, monkeypatch, number, words):
    path = tmp_path / "m.csv"
    path.write_text("precious")

    class Full:
        def __init__(self, file) -> None:
            file.write("half")

        def writerow(self, _row) -> None:
            pass

        def writerows(self, _rows) -> None:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr("napari_dinosim.analysis.match_table.csv.writer", Full)
    with pytest.raises(ExportError, match=rf"{words}.*What was there is unchanged"):
        write_matches(path, FOUND, replace=True)
    assert path.read_text() == "precious"
    assert os.listdir(tmp_path) == ["m.csv"]
