"""Which open layer is which one of a session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_dinosim.loading import EncoderChoice
from napari_dinosim.records.images import ImageRecord, LayerRecord, Signature
from napari_dinosim.records.making import absolute, record_image, relative_to
from napari_dinosim.records.matching import OpenLayer, file_of, gone, match, moved
from napari_dinosim.records.values import EncoderRecord, SessionRecord

FOLDER = Path("/data/sessions")


def pixels(name: str) -> Signature:
    return Signature((4, 5), "uint8", name)


def layer(name: str, content: str, path: str | None = None, **more) -> LayerRecord:
    return LayerRecord(name, pixels(content), path=path, **more)


def matched(records, layers) -> list[str | None]:
    found = match(records, layers, FOLDER)
    return [found[index].key if index in found else None for index in range(len(records))]


def test_by_source_by_pixels_and_by_name_the_surest_first():
    records = [layer("a", "1", "/x/a.tif"), layer("b", "2"), layer("c", "3", "/x/c.tif"), layer("d", "4")]
    layers = [
        OpenLayer("named", "d", pixels("other")),
        OpenLayer("changed", "c", pixels("other"), "/x/../x/c.tif"),
        OpenLayer("same pixels", "z", pixels("2")),
        OpenLayer("same", "y", pixels("1"), "/x/a.tif"),
        OpenLayer("stranger", "s", pixels("9")),
    ]
    assert matched(records, layers) == ["same", "same pixels", "changed", "named"]


def test_of_two_of_one_file_each_is_found():
    records = [layer("a [0]", "1", "/x/a.tif"), layer("a [1]", "2", "/x/a.tif")]
    layers = [
        OpenLayer("second", "a [1]", pixels("changed"), "/x/a.tif"),
        OpenLayer("first", "x", pixels("1"), "/x/a.tif"),
    ]
    assert matched(records, layers) == ["first", "second"]


def test_of_two_of_the_same_pixels_the_name_decides():
    records = [layer("a", "1"), layer("b", "1")]
    assert matched(records, [OpenLayer("B", "b", pixels("1")), OpenLayer("A", "a", pixels("1"))]) == ["A", "B"]


def test_a_name_alone_says_nothing_of_a_file():
    assert matched([layer("a", "1", "/x/a.tif")], [OpenLayer("A", "a", pixels("2"))]) == [None]
    assert matched([layer("a", "1")], [OpenLayer("A", "a", pixels("2"), "/x/a.tif")]) == [None]


def test_no_layer_is_taken_twice():
    assert matched([layer("a", "1"), layer("a", "1")], [OpenLayer("A", "a", pixels("1"))]) == ["A", None]


def test_sample_data_and_files_that_moved_with_the_session():
    sample = layer("left", "1", sample=("napari-dinosim", "pair"))
    moved = layer("a", "2", "/gone/a.tif", relative="../images/a.tif")
    layers = [
        OpenLayer("moved", "a", pixels("changed"), "/data/images/a.tif"),
        OpenLayer("left", "left", pixels("changed"), sample=("napari-dinosim", "pair")),
    ]
    assert matched([sample, moved], layers) == ["left", "moved"]


def test_files_that_are_gone(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "b.tif").write_bytes(b"")
    there, apart = (
        layer("b", "2", str(tmp_path / "images" / "b.tif")),
        layer("c", "3", "/gone/b.tif", relative="../images/b.tif"),
    )
    away, array, sample = layer("a", "1", "/gone/a.tif"), layer("d", "4"), layer("e", "5", sample=("p", "q"))
    images = tuple(ImageRecord(str(n), (one,)) for n, one in enumerate((there, apart, away, array, sample)))
    record = SessionRecord(encoder=EncoderRecord(EncoderChoice("a")), images=images)
    folder = tmp_path / "sessions"
    folder.mkdir()
    assert gone(record, [], folder) == [away, array]
    assert gone(record, [array], folder) == [away]
    assert file_of(there, folder) == tmp_path / "images" / "b.tif"
    assert file_of(apart, folder).resolve() == (tmp_path / "images" / "b.tif").resolve()
    assert file_of(array, folder) is None
    found = moved(record, away, str(tmp_path / "images" / "b.tif"))
    assert gone(found, [], folder) == [array]


def test_an_address_is_kept_as_it_is():
    address = "https://example.org/a.zarr"
    found = record_image("a", np.zeros((4, 5), np.uint8), path=address)
    assert found.layers[0].path == absolute(address) == address
    assert relative_to(address, FOLDER) is None
    assert file_of(found.layers[0], FOLDER) == address
    assert gone(SessionRecord(encoder=EncoderRecord(EncoderChoice("a")), images=(found,)), [], FOLDER) == []
    assert matched([found.layers[0]], [OpenLayer("b", "b", pixels("changed"), address)]) == ["b"]


@pytest.mark.parametrize(
    ("path", "seen"), [("/data/images/a.tif", "../images/a.tif"), ("/data/sessions/a.tif", "a.tif")]
)
def test_a_path_as_seen_from_the_session(path, seen):
    assert relative_to(path, FOLDER) == seen
