"""Points and regions of a session put into the layers that are there: one step each, and nobody's columns suffer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from events import spin
from napari_dinosim._napari.absent import RecordKeys
from napari_dinosim._napari.point_records import describe_points, put_points
from napari_dinosim._napari.region_records import describe_regions, put_regions
from napari_dinosim.loading import EncoderChoice
from napari_dinosim.records.making import record_image
from napari_dinosim.records.values import EncoderRecord, SessionRecord
from pictures import colours

IMAGE = colours(60, 90)


@pytest.fixture
def at(bench):
    """A bench with an image, and what its session holds: two points, one of a class, and two regions."""
    layer = bench.add(IMAGE, name="a")
    bench.start()
    book = bench.controller.prompts.labels.book
    bench.point(layer, (10, 70))
    book.add("root")
    bench.point(layer, (40, 20))
    bench.controller.draw_regions()
    regions = bench.controller.regions.layer
    regions.add(np.array([(5, 5), (20, 5), (20, 30)]), shape_type="polygon")
    regions.add(np.array([(30, 50), (50, 80)]), shape_type="line")
    bench.wait()
    return bench


def session(at) -> SessionRecord:
    keys = RecordKeys({one.key: one.image.name for one in at.controller.offering.all()})
    return SessionRecord(
        encoder=EncoderRecord(EncoderChoice("builtin")),
        images=(record_image("a", IMAGE),),
        prompts=describe_points(at.controller, keys),
        regions=describe_regions(at.controller, keys),
    )


def put(at, record, *, append: bool) -> None:
    found = {one.image.name: one for one in at.controller.offering.all()}
    put_points(at.controller, record, found, append=append)
    put_regions(at.controller, record, found, at.controller.checked()[0], append=append)
    spin(0.1)


def labels(layer) -> list[str]:
    return list(layer.features["label"])


@pytest.mark.parametrize("append", [True, False])
def test_what_a_session_puts_is_one_step(at, append):
    record, points, regions = session(at), at.prompts, at.controller.regions.layer
    for layer in (points, regions):
        layer.selected_data = {1}
        layer.remove_selected()
    at.wait()
    before = [(len(layer.data), labels(layer)) for layer in (points, regions)]
    assert before == [(1, ["positive"]), (1, ["root"])]
    put(at, record, append=append)
    after = [(len(layer.data), labels(layer)) for layer in (points, regions)]
    kept = 1 if append else 0
    assert after == [(2 + kept, ["positive"] * kept + ["positive", "root"]), (2 + kept, ["root"] * (2 + kept))]
    for holder in (at.controller.prompts, at.controller.regions):
        holder.undoing.undo()
    spin(0.1)
    assert [(len(layer.data), labels(layer)) for layer in (points, regions)] == before
    for holder in (at.controller.prompts, at.controller.regions):
        holder.undoing.redo()
    spin(0.1)
    assert [(len(layer.data), labels(layer)) for layer in (points, regions)] == after


def test_columns_of_a_person_keep_their_types(at):
    time = pd.Timestamp("2024-01-01 12:30")
    own = {"when": [time] * 2, "count": np.array([3, 4], np.int32), "score": [np.nan, 0.5], "seen": [True, False]}
    own["kind"] = pd.Categorical(["x", "y"])
    layers = at.prompts, at.controller.regions.layer
    for layer in layers:
        layer.features = pd.DataFrame({"label": labels(layer), **own})
    at.wait()
    types = [layer.features.dtypes.drop("label") for layer in layers]
    put(at, session(at), append=True)
    for layer, before in zip(layers, types, strict=True):
        assert len(layer.features) == 4
        pd.testing.assert_series_equal(layer.features.dtypes.drop("label"), before)
        assert layer.features["when"].tolist() == [time] * 4
        assert layer.features["score"].isna().tolist() == [True, False] * 2


def test_what_a_column_cannot_hold_is_kept_as_it_is(at):
    record = session(at)
    at.prompts.features = pd.DataFrame({"label": labels(at.prompts), "count": [1, 2]})
    at.wait()
    put(at, record, append=True)
    counts = at.prompts.features["count"]
    assert counts[:2].tolist() == [1, 2]
    assert counts[2:].isna().all()
