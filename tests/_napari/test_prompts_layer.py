"""The prompts layer: which image a point belongs to, and that no change of it is missed."""

from __future__ import annotations

import numpy as np
import pytest

from events import spin
from napari_dinosim._napari.prompts_layer import NAME, SYMBOL, Reading
from pictures import colours

SHAPE = (100, 150)


@pytest.mark.parametrize(
    ("reading", "text"),
    [
        (Reading((), 0, 0), ""),
        (Reading((), 1, 0), "1 point outside every checked image: nothing is searched for there."),
        (Reading((), 3, 0), "3 points outside every checked image: nothing is searched for there."),
        (Reading((), 3, 1), "1 point with NaN coordinates: left out. Delete or move them."),
    ],
)
def test_what_is_told(reading, text):
    assert reading.text == text


def test_looks(bench):
    bench.add(colours(*SHAPE), name="a", scale=(0.5, 0.5))
    bench.start()
    assert bench.prompts.name == NAME
    assert bench.prompts.current_symbol == SYMBOL
    assert bench.prompts.metadata["napari_dinosim"] == {"role": "prompts"}
    np.testing.assert_array_equal(bench.prompts.scale, (0.5, 0.5))


def test_point_belongs_to_the_topmost_visible_image_and_keeps_to_it(bench):
    below, above = bench.add(colours(*SHAPE), name="below"), bench.add(colours(*SHAPE, 1), name="above")
    bench.start()
    bench.point(below, (37, 120))
    assert [prompt.source for prompt in bench.session.prompts] == [str(above.unique_id)]
    above.visible = False
    bench.map_of(above).visible = False
    bench.point(below, (5, 5))
    assert [prompt.source for prompt in bench.session.prompts] == [str(x.unique_id) for x in (above, below)]
    above.visible = True
    bench.point(below, (60, 60))
    assert [prompt.source for prompt in bench.session.prompts] == [str(x.unique_id) for x in (above, below, above)]


def test_an_image_hidden_beneath_its_map_is_still_clicked(bench):
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    bench.point(layer, (37, 120))
    layer.visible = False
    bench.point(layer, (5, 5))
    assert len(bench.session.prompts) == 2
    bench.map_of(layer).visible = False
    bench.point(layer, (90, 90))
    assert len(bench.session.prompts) == 2
    assert "outside every checked image" in bench.viewer.status


CHANGES = {
    "add": lambda layer: layer.add((5, 5)),
    "data": lambda layer: setattr(layer, "data", [(5, 5), (37, 90)]),
    "remove": lambda layer: (setattr(layer, "selected_data", {0}), layer.remove_selected()),
    "in place": lambda layer: (layer.data.__setitem__((0, 0), 70.0), layer.refresh()),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_is_noticed_once(bench, change):
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    bench.point(layer, (37, 120))
    changed = []
    bench.controller.prompts.changed.connect(lambda: changed.append(bench.prompts.data.copy()))
    change(bench.prompts)
    spin(0.15)
    assert len(changed) >= 1
    np.testing.assert_array_equal(changed[-1], bench.prompts.data)
    assert len(bench.session.prompts) == len(bench.prompts.data)
    count = len(changed)
    bench.prompts.refresh()
    bench.prompts.selected_data = set()
    spin(0.15)
    assert len(changed) == count
