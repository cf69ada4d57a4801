"""Which of several images the objects of a Labels layer are measured over."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_dinosim._napari.measuring import Measuring
from napari_dinosim._napari.roles import mark
from napari_dinosim.errors import SelectionError

SHAPE = (48, 80)


@pytest.fixture
def measuring(bench):
    made = Measuring(bench.controller)
    yield made
    made.shutdown()


def images(bench, *names, **places):
    """Images of one shape, each of one colour; embedded."""
    made = [
        bench.add(np.full((*SHAPE, 3), 40 * i + 30, np.uint8), name=name, **places.get(name, {}))
        for i, name in enumerate(names)
    ]
    bench.start()
    return made


def labelled(bench, name="cells", **more):
    labels = np.zeros(SHAPE, np.uint16)
    labels[4:9, 40:60] = 3
    return bench.viewer.add_layer(Labels(labels, name=name, **more))


def test_labels_of_ours_are_measured_over_the_image_that_they_were_made_of(bench, measuring):
    a, _ = images(bench, "a", "b")
    layer = labelled(bench, "labels · b", metadata=mark("labels", source=str(a.unique_id)))
    assert measuring.image_of(layer).image is a
    bench.controller.check(str(a.unique_id), False)
    with pytest.raises(SelectionError, match="found 'labels · b', made of 'a', expected that image to be checked"):
        measuring.image_of(layer)
    bench.viewer.layers.remove(a)  # then it is as any other
    assert measuring.image_of(layer).name == "b"


def test_the_image_at_the_same_place(bench, measuring):
    images(bench, "a", "b", b={"translate": (0, 100)})
    assert measuring.image_of(labelled(bench)).name == "a"
    assert measuring.image_of(labelled(bench, translate=(0, 100))).name == "b"


@pytest.mark.parametrize(("name", "meant"), [("img1_masks", "img1"), ("img10 cells", "img10"), ("IMG · img", "img")])
def test_of_several_the_one_whose_name_is_in_that_of_the_labels(bench, measuring, name, meant):
    images(bench, "img", "img1", "img10")
    assert measuring.image_of(labelled(bench, name)).name == meant


def test_of_several_none_is_taken_by_chance_but_the_one_that_is_chosen(bench, measuring):
    a, b = images(bench, "a", "b")
    layer, other = labelled(bench), labelled(bench, "nuclei")
    with pytest.raises(SelectionError, match=r"found 'cells' of 48 × 80, which fits 'b' and 'a'\. Choose one of them"):
        measuring.image_of(layer)
    measuring.measure(layer)
    assert bench.told[-1][1]
    assert "embedding" not in layer.features
    assert [found.name for found in measuring.images(layer)] == ["b", "a"]
    measuring.chosen[str(layer.unique_id)] = str(a.unique_id)
    assert measuring.image_of(layer).image is a
    with pytest.raises(SelectionError, match="fits 'b' and 'a'"):
        measuring.image_of(other)
    bench.controller.check(str(a.unique_id), False)
    assert measuring.image_of(layer).image is b


def test_of_many_images_three_are_named(bench, measuring):
    images(bench, *"abcde")
    with pytest.raises(SelectionError, match=r"which fits 'e', 'd', 'c' and 2 more\. Choose one of them"):
        measuring.image_of(labelled(bench))


def test_before_start_one_of_the_right_shape_asks_for_it(bench, measuring):
    bench.add(np.zeros((*SHAPE, 3), np.uint8), name="a")
    bench.add(np.zeros((20, 30, 3), np.uint8), name="b")
    measuring.measure(labelled(bench))
    assert bench.told[-1] == (
        "labels: found 'cells' of 48 × 80, the shape of 'a', but nothing of that is embedded yet. Press Start first, "
        "then Measure objects.",
        True,
    )
    bench.start()
    assert measuring.image_of(labelled(bench)).name == "a"
