"""The prompts layer: which image a point belongs to, and that no change of it is missed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from events import spin
from napari_dinosim._napari.label_book import LOOKS
from napari_dinosim._napari.prompts_layer import NAME
from napari_dinosim._napari.reading import LeftOut, Reading
from napari_dinosim.prompts import Prompt
from pictures import colours

SHAPE = (100, 150)
PROMPT, NOT_THIS = Prompt("a", 1, 2), Prompt("b", 3, 4, label="negative")


def left_out(**counts):
    return Reading(left_out=Counter({LeftOut[name]: count for name, count in counts.items()}))


@pytest.mark.parametrize(
    ("reading", "text"),
    [
        (Reading(), ""),
        (left_out(OUTSIDE=1), "1 point outside every checked image: nothing is searched for there."),
        (left_out(OUTSIDE=3), "3 points outside every checked image: nothing is searched for there."),
        (left_out(OUTSIDE=3, NOWHERE=1), "1 point with NaN coordinates: left out. Delete or move them."),
        (left_out(UNSEARCHED=2), "2 points on an image that is not checked: left out until it is, or until moved."),
        (Reading((PROMPT,), ("retina",)), "Searching for what is under 1 point in retina."),
        (Reading((PROMPT, PROMPT), ("a", "b")), "Searching for what is under 2 points in 2 images."),
        (
            Reading((PROMPT, NOT_THIS), ("a", "b")),
            "Searching for what is under 1 point in 2 images, unlike what is under 1 negative point.",
        ),
        (
            left_out(ABSENT=1),
            "1 point of an image that was not there when the session was opened: left out until moved.",
        ),
        (
            left_out(REFUSED=1),
            "1 point left out until moved: in 3-D or in the grid, a place says nothing of the image meant.",
        ),
    ],
)
def test_what_is_told(reading, text):
    assert reading.text == text


def test_looks(bench):
    bench.add(colours(*SHAPE), name="a", scale=(0.5, 0.5))
    bench.start()
    assert bench.prompts.name == NAME
    assert bench.prompts.current_symbol == LOOKS["positive"].symbol
    assert bench.prompts.metadata["napari_dinosim"] == {"role": "prompts", "layer": str(bench.prompts.unique_id)}
    np.testing.assert_array_equal(bench.prompts.scale, (0.5, 0.5))


def test_point_belongs_to_the_topmost_visible_image_and_keeps_to_it(bench):
    below, above = bench.add(colours(*SHAPE), name="below"), bench.add(colours(*SHAPE, 1), name="above")
    bench.start()
    bench.point(below, (37, 120))
    assert [prompt.source for prompt in bench.session.prompts] == [str(above.unique_id)]
    above.visible = False  # its map can still be seen
    bench.point(below, (5, 5))
    assert [prompt.source for prompt in bench.session.prompts] == [str(x.unique_id) for x in (above, below)]
    above.visible = True
    bench.point(below, (60, 60))
    assert [prompt.source for prompt in bench.session.prompts] == [str(x.unique_id) for x in (above, below, above)]


def test_start_brings_points_and_regions_above_images_that_came_later(bench):
    first = bench.add(colours(100, 150), name="first")
    bench.start()
    regions = bench.controller.regions
    regions.draw(first)
    later = bench.add(colours(90, 60, 1), name="later")
    labels = bench.viewer.add_labels(np.ones((40, 60), int))
    assert [*bench.viewer.layers][-2:] == [later, labels]
    bench.start()
    regions.draw(first)
    assert [*bench.viewer.layers][-2:] == [regions.layer, bench.prompts]


def test_points_and_regions_come_above_images_that_came_later_once_they_are_in_hand(bench):
    first = bench.add(colours(100, 150), name="first")
    bench.start()
    bench.controller.regions.draw(first)
    points, regions, layers = bench.prompts, bench.controller.regions.layer, bench.viewer.layers
    later = bench.add(colours(90, 60, 1), name="later")
    bench.wait()
    for layer in (points, regions):
        layers.selection.active = layer
        bench.wait()
        assert layers.index(layer) > layers.index(later), "what is clicked would not be seen"
        assert layers.selection.active is layer
    labels = bench.viewer.add_labels(np.ones((40, 60), int))
    layers.selection.active = points
    bench.wait()
    assert layers.index(points) < layers.index(labels), "a person may lay labels above them"


def test_a_hidden_image_takes_no_clicks(bench):
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    bench.point(layer, (37, 120))
    layer.visible = False
    bench.point(layer, (5, 5))
    assert len(bench.session.prompts) == 1
    assert "outside every checked image" in bench.viewer.status


def owners(bench):
    return [prompt.source for prompt in bench.session.prompts]


def test_an_unchecked_image_keeps_its_points_and_other_images_do_not_get_them(bench):
    below, above = bench.add(colours(*SHAPE), name="below"), bench.add(colours(*SHAPE, 1), name="above")
    told = []
    bench.controller.told.connect(lambda text, _error: told.append(text))
    bench.start()
    bench.point(below, (37, 120))
    bench.controller.check(str(above.unique_id), False)
    assert owners(bench) == []
    assert "1 point on an image that is not checked" in told[-1]
    bench.controller.check(str(above.unique_id), True)
    assert owners(bench) == [str(above.unique_id)]


def test_a_removed_image_leaves_its_points_to_nobody_until_they_move(bench):
    below, above = bench.add(colours(*SHAPE), name="below"), bench.add(colours(*SHAPE, 1), name="above")
    bench.start()
    bench.point(below, (37, 120))
    bench.viewer.layers.remove(above)
    assert owners(bench) == []
    bench.prompts.data = [(40, 120)]
    bench.wait()
    assert owners(bench) == [str(below.unique_id)]


@pytest.mark.parametrize(
    ("enter", "leave"),
    [
        (lambda v: setattr(v.canvas.grid, "enabled", True), lambda v: setattr(v.canvas.grid, "enabled", False)),
        (lambda v: setattr(v.dims, "ndisplay", 3), lambda v: setattr(v.dims, "ndisplay", 2)),
    ],
    ids=["grid", "3-D"],
)
def test_new_points_are_refused_where_they_say_nothing_of_their_place(bench, enter, leave):
    layer = bench.add(np.stack([colours(*SHAPE, seed)[..., 0] for seed in range(3)]), name="a")
    told = []
    bench.controller.told.connect(lambda text, _error: told.append(text))
    bench.start()
    bench.point(layer, (1, 37, 120))
    enter(bench.viewer)
    bench.point(layer, (1, 5, 5))
    assert len(bench.session.prompts) == 1
    assert "1 point left out until moved: in 3-D or in the grid" in told[-1]
    leave(bench.viewer)
    bench.point(layer, (1, 60, 60))
    assert len(bench.session.prompts) == 2
    assert "1 point left out until moved" in told[-1]


def test_the_last_point_gone_is_told(bench):
    layer = bench.add(colours(*SHAPE), name="a")
    told = []
    bench.controller.told.connect(lambda text, _error: told.append(text))
    bench.start()
    bench.point(layer, (37, 120))
    assert told[-1] == "Searching for what is under 1 point in a."
    bench.prompts.selected_data = {0}
    bench.prompts.remove_selected()
    bench.wait()
    assert told[-1] == "Click on what you look for."


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
