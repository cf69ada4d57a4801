"""Records ↔ files: nothing is lost on the way, and what is no record is refused in words that help."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dinosim.errors import LabelError, NewerRecordError, RecordError
from napari_dinosim.intensity import Intensity, Mode
from napari_dinosim.loading import EncoderChoice
from napari_dinosim.prompts import clean_label
from napari_dinosim.records import files
from napari_dinosim.records.files import load_query_record, load_session, save_query_record, save_session
from napari_dinosim.records.images import (
    ChannelRecord,
    ImageRecord,
    LabelsLook,
    LayerRecord,
    LookRecord,
    Numbers,
    Placement,
    Signature,
)
from napari_dinosim.records.settings import Settings
from napari_dinosim.records.text import from_text, to_text
from napari_dinosim.records.values import (
    EncoderRecord,
    LooseRecord,
    Place,
    PromptRecord,
    QueryRecord,
    SessionRecord,
)

NUMBER = st.floats(allow_nan=False, allow_infinity=False)
TUPLE = st.lists(NUMBER, max_size=4).map(tuple)
PLANE = st.lists(st.integers(-3, 50), max_size=3).map(tuple)
PAIR = st.tuples(NUMBER, NUMBER)
LIMITS = st.tuples(st.floats(-1e6, 0), st.floats(1, 1e6))
NUMBERS = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=6).map(Numbers.of)
INTENSITY = st.builds(Intensity, st.sampled_from(Mode), st.just((2.0, 98.0)), LIMITS)
CHOICE = st.builds(
    EncoderChoice,
    st.text(),
    st.none() | st.text(),
    layers=st.none() | st.lists(st.integers(-12, 12), min_size=1).map(tuple),
    debias=st.booleans(),
    centre=st.booleans(),
)
ENCODER = st.builds(EncoderRecord, CHOICE, st.none() | st.text())
SIGNATURE = st.builds(
    Signature, st.lists(st.integers(0, 1 << 40), max_size=4).map(tuple), st.text(), st.text("0123456789abcdef")
)
PLACEMENT = st.builds(
    Placement,
    TUPLE,
    TUPLE,
    st.lists(TUPLE, max_size=3).map(tuple),
    TUPLE,
    st.lists(TUPLE, max_size=3).map(tuple),
    st.lists(st.text()).map(tuple),
    st.lists(st.text()).map(tuple),
)
LOOK = st.builds(
    LookRecord, st.none() | st.text(), st.none() | NUMBERS, NUMBER, NUMBER, st.booleans(), st.none() | PAIR
)
LAYER = st.builds(
    LayerRecord,
    st.text(),
    SIGNATURE,
    st.booleans(),
    st.none() | st.text(),
    st.none() | st.text(),
    st.none() | st.text(),
    st.none() | st.tuples(st.text(), st.text()),
    st.none() | PAIR,
    st.none() | PLACEMENT,
    st.none() | LOOK,
)
CHANNEL = st.builds(ChannelRecord, st.text(), st.text(), NUMBERS, st.none() | PAIR, NUMBER, NUMBER, st.booleans())
LABEL = st.text().filter(str.strip).map(clean_label)
CLASS = LABEL.filter(lambda label: label not in ("positive", "negative"))
FEATURE = st.none() | st.booleans() | st.integers() | NUMBER | st.text()


@st.composite
def images_of(draw, key: str) -> ImageRecord:
    layers = draw(st.lists(LAYER, min_size=1, max_size=2))
    axis = draw(st.sampled_from([None, -3])) if len(layers) == 1 else None
    if axis is not None:
        layers = [replace(layers[0], signature=Signature((2, 7, 9), "uint8", "00"))]
    count = 2 if axis is not None or len(layers) == 2 else 0
    channels = tuple(draw(CHANNEL) for _ in range(count))
    more = draw(st.booleans()), draw(PLANE), draw(st.none() | INTENSITY), draw(st.none() | PAIR)
    maps = draw(st.dictionaries(st.text(), LOOK, max_size=2))
    classes = draw(st.none() | st.builds(LabelsLook, st.floats(0, 1), st.booleans(), st.integers(0, 9)))
    return ImageRecord(key, tuple(layers), channels, axis, *more, maps=maps, classes=classes)


@st.composite
def sessions(draw) -> SessionRecord:
    keys = draw(st.lists(st.text(), unique=True, max_size=3))
    images = [draw(images_of(key)) for key in keys]
    place = st.builds(Place, st.sampled_from(keys), NUMBER, NUMBER, PLANE) | st.none() if keys else st.none()
    prompt = st.builds(PromptRecord, place, LABEL, st.none() | TUPLE, st.dictionaries(st.text(), FEATURE, max_size=2))
    return SessionRecord(
        encoder=draw(ENCODER),
        images=tuple(images),
        prompts=tuple(draw(st.lists(prompt, max_size=3))),
        loose=tuple(draw(st.lists(st.builds(LooseRecord, NUMBERS, st.text(), LABEL), max_size=2))),
        settings=draw(
            st.builds(
                Settings,
                st.sampled_from(["max", "mean", "top"]),
                st.sampled_from(["all", "plane", "field"]),
                st.sampled_from(["plane", "stack", "shared", "cosine"]),
                st.none() | NUMBER,
                INTENSITY,
                st.booleans(),
            )
        ),
        classes={name: 2 * n for n, name in enumerate(draw(st.lists(CLASS, unique=True, max_size=3)))},
        label=draw(LABEL),
        units=tuple(draw(st.lists(st.text(), max_size=3))),
        written_by=draw(st.text()),
    )


def record() -> SessionRecord:
    layer = LayerRecord("retina", Signature((40, 60), "uint8", "00ff"))
    return SessionRecord(
        encoder=EncoderRecord(EncoderChoice("builtin"), "builtin@2"),
        images=(ImageRecord("a", (layer,)),),
        prompts=(PromptRecord(Place("a", 20.5, 7.25)),),
    )


def query() -> QueryRecord:
    return QueryRecord(
        encoder=EncoderRecord(EncoderChoice("builtin"), "builtin@2"),
        vectors=Numbers.of([[0.6, 0.8], [1.0, 0.0]]),
        labels=("positive", "positive"),
    )


@settings(max_examples=40, deadline=None)
@given(sessions())
def test_every_session_comes_back_as_it_was(found):
    assert from_text(SessionRecord, to_text(found)) == found


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 1 << 30))
def test_every_query_comes_back_to_the_last_bit(count, dimension, seed):
    vectors = np.random.default_rng(seed).standard_normal((count, dimension), np.float32)
    found = QueryRecord(encoder=query().encoder, vectors=Numbers.of(vectors), labels=("cell",) * count, combine="mean")
    again = from_text(QueryRecord, to_text(found))
    assert again == found
    assert again.vectors.array().tobytes() == vectors.tobytes()


def test_a_file_says_first_what_it_is(tmp_path):
    path = save_session(record(), tmp_path / "a.dinosim.json")
    assert list(json.loads(path.read_text("utf-8")))[:3] == ["format", "version", "written_by"]
    assert load_session(path) == record()


def test_weights_are_found_where_they_lie_as_seen_from_the_file(tmp_path):
    here = tmp_path / "here"
    (here / "weights").mkdir(parents=True)
    (here / "weights" / "own.pth").touch()
    choice = EncoderChoice("", str(here / "weights" / "own.pth"))
    path = save_session(replace(record(), encoder=EncoderRecord(choice, "own@1")), here / "a.json")
    assert load_session(path).encoder == EncoderRecord(choice, "own@1", "weights/own.pth")
    here.rename(tmp_path / "there")
    found = load_session(tmp_path / "there" / "a.json").encoder
    assert found.choice.weights == str(tmp_path / "there" / "weights" / "own.pth")
    (tmp_path / "there" / "weights" / "own.pth").unlink()
    assert load_session(tmp_path / "there" / "a.json").encoder.choice == choice


FAULTS = [
    ('"y": 20.5', '"y": "abc"', r"field prompts\[0\]\.place\.y: found 'abc', expected a valid number"),
    ('"y": 20.5', '"y": NaN', r"field prompts\[0\]\.place\.y: found nan, expected a finite number"),
    ('"y": 20.5,', "", r"field prompts\[0\]\.place\.y: found nothing, expected it to be there"),
    ('"y": 20.5,', '"y": 20.5, "z": 3,', r"field prompts\[0\]\.place\.z: found 3, expected no field of that name"),
    ('"y": 20.5', '"y": true', r"field prompts\[0\]\.place\.y: found True, expected a valid number"),
    ('"mode": "automatic"', '"mode": "auto"', r"field settings\.intensity\.mode: found 'auto', expected 'automatic', "),
    (
        "1.0,\n        99.0",
        "99.0, 1.0",
        r"field settings\.intensity: percentiles: found \(99, 1\), expected two",
    ),
    ('"combine": "max"', '"combine": "sum"', r"field settings\.combine: found 'sum', expected 'max', 'mean' or 'top'"),
    ('"label": "positive"', '"label": " x "', r"field prompts\[0\]: label: found ' x ', expected 'x'"),
    ('"image": "a"', '"image": "b"', r"prompts: found one in image 'b', expected one of 'a'"),
    (
        '"classes": null',
        '"classes": {"opacity": 2.0, "visible": true, "contour": 1}',
        r"classes: found opacity 2\.0 and contour 1, expected 0 to 1, and 0 or more",
    ),
    ('"version": 1', '"version": 0', r"found version 0 of the format, expected a whole number from 1 to 1"),
    ('"version": 1', '"version": true', r"found version True of the format"),
    (
        '"format": "napari-dinosim session"',
        '"format": "other"',
        r"found the format 'other', expected 'napari-d",
    ),
]


@pytest.mark.parametrize(("old", "new", "told"), FAULTS)
def test_a_fault_is_told_by_the_name_of_the_field(old, new, told):
    text = to_text(record())
    assert old in text
    with pytest.raises(RecordError, match=told) as caught:
        from_text(SessionRecord, text.replace(old, new), "x.json")
    assert str(caught.value).startswith("session file 'x.json': ")


@pytest.mark.parametrize("classes", [{"a": 1, "b": 1}, {"a": -1}, {"positive": 0}])
def test_no_two_classes_have_one_number(classes):
    with pytest.raises(RecordError, match="expected a number from 0 for each class, no two the same"):
        replace(record(), classes=classes)


def test_several_faults_are_counted():
    text = to_text(record()).replace('"y": 20.5', '"y": "abc"').replace('"x": 7.25', '"x": []')
    with pytest.raises(RecordError, match=r"prompts\[0\]\.place\.y.*One more such fault"):
        from_text(SessionRecord, text)


def test_a_mark_before_the_text_is_read_over(tmp_path):
    (tmp_path / "a.json").write_text(to_text(record()), encoding="utf-8-sig")
    assert load_session(tmp_path / "a.json") == record()


def test_half_of_a_character_is_told():
    text = to_text(record()).replace("builtin@2", "\\ud800")
    with pytest.raises(
        RecordError, match=r"^session file: found \w.* line \d+ column \d+, expected JSON in Unicode\. Mend"
    ):
        from_text(SessionRecord, text)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999, "nul", "tr"])
def test_a_file_that_was_cut_off_is_told_so(tmp_path, share):
    text = to_text(record()).strip()
    length = text.index(share) + len(share) if isinstance(share, str) else int(share * len(text))
    path = tmp_path / "cut.dinosim.json"
    path.write_text(text[:length], "utf-8")
    with pytest.raises(RecordError, match=r"file 'cut\.dinosim\.json': found only a part of it, \d+ characters"):
        load_session(path)


def test_a_file_that_is_no_json_or_no_text(tmp_path):
    path = tmp_path / "a.dinosim.json"
    path.write_text("a: 1\nb: 2", "utf-8")
    with pytest.raises(RecordError, match=r"found no JSON \(Expecting value in line 1\), expected JSON"):
        load_session(path)
    path.write_text("[" * 100_000, "utf-8")
    with pytest.raises(RecordError, match=r"found no JSON that can be read"):
        load_session(path)
    path.write_bytes(b"\x89PNG\r\n\x1a\n\xff")
    with pytest.raises(RecordError, match=r"'a\.dinosim\.json': found no text in UTF-8"):
        load_session(path)
    with pytest.raises(RecordError, match=r"b\.json: cannot be read \(No such file or directory\)"):
        load_session(tmp_path / "b.json")
    with pytest.raises(RecordError, match=r"cannot be read \(Is a directory\)"):
        load_session(tmp_path)


@pytest.mark.parametrize("text", ["[]", "{}", "3", '"napari-dinosim session"', '{"points": []}'])
def test_a_file_of_another_program(text):
    with pytest.raises(RecordError, match="found a file of another program, expected 'napari-dinosim session'"):
        from_text(SessionRecord, text)


def test_the_two_kinds_of_file_are_told_apart():
    with pytest.raises(RecordError, match="file of prompts: found a session file, expected 'napari-dinosim prompts'"):
        from_text(QueryRecord, to_text(record()))
    with pytest.raises(RecordError, match="session file: found a file of prompts, expected 'napari-dinosim session'"):
        from_text(SessionRecord, to_text(query()))


def test_a_newer_version_is_refused_by_name():
    content = json.loads(to_text(record())) | {"version": 3, "written_by": "2.5.0", "unheard_of": []}
    with pytest.raises(NewerRecordError, match=r"found version 3 of the format \(napari-dinosim 2\.5\.0\)"):
        from_text(SessionRecord, json.dumps(content), "x.json")
    content["written_by"] = 7
    with pytest.raises(NewerRecordError, match=r"found version 3 of the format, expected at most 1"):
        from_text(SessionRecord, json.dumps(content))


def test_a_file_that_is_far_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGEST", 100)
    path = save_session(record(), tmp_path / "a.json")
    with pytest.raises(RecordError, match=r"'a\.json': found .* MB, expected at most 0 MB"):
        load_session(path)


def test_text_that_is_no_unicode_cannot_be_written(tmp_path):
    layer = LayerRecord("\udcff", Signature((40, 60), "uint8", "00ff"))
    found = SessionRecord(encoder=record().encoder, images=(ImageRecord("a", (layer,)),))
    with pytest.raises(RecordError, match="record: found text that cannot be written"):
        save_session(found, tmp_path / "a.json")
    assert not list(tmp_path.iterdir())


# ---- writing ---------------------------------------------------------------------------------------------------------


def test_nothing_is_overwritten_unasked(tmp_path):
    path = save_session(record(), tmp_path / "a.json")
    before = path.read_bytes()
    with pytest.raises(RecordError, match=r"a\.json: found a file of that name, expected none"):
        save_query_record(query(), path)
    assert path.read_bytes() == before
    save_query_record(query(), path, overwrite=True)
    assert load_query_record(path) == query()


def full_disk(*_args, **_kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("step", [(os, "fsync"), (Path, "replace")])
def test_on_a_full_disk_the_old_file_stays_whole(tmp_path, monkeypatch, step):
    path = save_session(record(), tmp_path / "a.json")
    monkeypatch.setattr(*step, full_disk)
    with pytest.raises(RecordError, match=r"cannot be written \(the disk is full\); what was there is unchanged"):
        save_query_record(query(), path, overwrite=True)
    assert load_session(path) == record()
    assert [found.name for found in tmp_path.iterdir()] == ["a.json"]


def test_half_a_file_is_taken_away_again(tmp_path, monkeypatch):
    def half(file):
        os.truncate(file, 50)
        full_disk()

    monkeypatch.setattr(os, "fsync", half)
    with pytest.raises(RecordError, match="the disk is full"):
        save_session(record(), tmp_path / "a.json")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_writable(tmp_path, monkeypatch):
    path = save_session(record(), tmp_path / "a.json")

    def refused(*_args, **_kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", refused)
        with pytest.raises(RecordError, match=r"cannot be written \(Permission denied\).* Choose another folder"):
            save_query_record(query(), path, overwrite=True)
    assert load_session(path) == record()


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(RecordError, match=r"cannot be written \(No such file or directory\)"):
        save_session(record(), tmp_path / "none" / "a.json")


def test_a_link_stays_one_and_what_it_leads_to_is_replaced(tmp_path):
    target = tmp_path / "kept"
    target.mkdir()
    save_session(record(), target / "a.json")
    (target / "a.json").chmod(0o640)
    (tmp_path / "link.json").symlink_to(target / "a.json")
    save_query_record(query(), tmp_path / "link.json", overwrite=True)
    assert (tmp_path / "link.json").is_symlink()
    assert load_query_record(target / "a.json") == query()
    assert (target / "a.json").stat().st_mode & 0o777 == 0o640


# ---- values that contradict themselves -------------------------------------------------------------------------------


def test_values_that_contradict_themselves():
    image = record().images[0]
    with pytest.raises(RecordError, match="images: found two of key 'a', expected one of each"):
        SessionRecord(encoder=record().encoder, images=(image, image))
    with pytest.raises(RecordError, match="image 'b': found no layer, expected at least one"):
        ImageRecord("b", ())
    with pytest.raises(RecordError, match="image 'a': found 0 channels, expected 2"):
        replace(image, layers=image.layers * 2)
    with pytest.raises(
        RecordError, match=r"image 'a': found channel axis -2 for shape \(40, 60\), expected one before"
    ):
        replace(image, channel_axis=-2)
    with pytest.raises(RecordError, match=r"vectors: found shape \(2, 2\), expected \(1, D\)"):
        QueryRecord(encoder=query().encoder, vectors=query().vectors, labels=("positive",))
    with pytest.raises(LabelError, match="label: found 'Negative', expected 'negative'"):
        QueryRecord(encoder=query().encoder, vectors=query().vectors, labels=("cell", "Negative"))
    with pytest.raises(RecordError, match="encoder: found no identity, expected name and weights"):
        QueryRecord(encoder=EncoderRecord(EncoderChoice("a")), vectors=query().vectors, labels=query().labels)
    with pytest.raises(RecordError, match=r"vector: found shape \(2, 2\), expected \(D,\)"):
        LooseRecord(query().vectors, "a")


@pytest.mark.parametrize(
    ("shape", "text", "told"),
    [
        ((2,), "no base64!", "numbers: found text that is no base64, expected 2 numbers"),
        ((3,), Numbers.of([1, 2]).float32, r"numbers: found 8 bytes for shape \(3,\), expected 12"),
        ((-2, -1), Numbers.of([1, 2]).float32, r"numbers: found 8 bytes for shape \(-2, -1\)"),
        ((1,), "AACAfw==", "numbers: found NaN or ±inf"),
    ],
)
def test_numbers_that_are_none(shape, text, told):
    with pytest.raises(RecordError, match=told):
        Numbers(shape, text)
