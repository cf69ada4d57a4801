"""Objects of a Labels layer: measured into its features, coloured, and those like one of them shown."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from events import spin
from napari_dinosim._napari.measuring import Measuring, write_features
from napari_dinosim._napari.objects_section import ObjectsSection
from napari_dinosim.errors import SelectionError

GREY, RED, BLUE = (90, 90, 90), (250, 10, 10), (10, 10, 250)
SHAPE = (80, 144)


def picture() -> np.ndarray:
    image = np.full((*SHAPE, 3), GREY, np.uint8)
    image[16:48, 16:32] = RED
    image[0:16, 96:128] = BLUE
    image[48:80, 112:144] = RED
    return image


def cells() -> np.ndarray:
    """Objects 3 and 9 are red, 5 is blue, 7 is half red and half grey."""
    labels = np.zeros(SHAPE, np.uint16)
    labels[20:44, 18:30] = 3
    labels[2:14, 100:120] = 5
    labels[50:78, 114:140] = 9
    labels[32:44, 20:44] = 7
    return labels


@pytest.fixture
def measuring(bench):
    made = Measuring(bench.controller)
    made.task.told.connect(bench.controller.told.emit)
    yield made
    made.shutdown()


def measure(measuring, layer) -> None:
    measuring.measure(layer)
    assert spin(20, lambda: not measuring.task.running)


def test_scores_and_embeddings_are_written_beside_a_persons_columns(bench, measuring):
    image = bench.add(picture(), name="a", scale=(2, 1), rotate=15)
    layer = bench.viewer.add_layer(Labels(cells(), name="cells", scale=(2, 1), rotate=15))
    layer.features = {"index": [9, 3], "mine": ["nine", "three"]}
    bench.start()
    bench.point(image, (20, 20))
    measure(measuring, layer)
    found = layer.features.set_index("index")
    assert found["mine"].to_dict() == {3: "three", 5: np.nan, 7: np.nan, 9: "nine"} or found.loc[9, "mine"] == "nine"
    assert list(found.index) == [3, 5, 7, 9]
    np.testing.assert_allclose(found["similarity mean"][[3, 9]], 1, atol=1e-6)
    np.testing.assert_allclose(found["similarity max"][[3, 7, 9]], 1, atol=1e-6)
    assert found["similarity mean"][5] < found["similarity mean"][7] < 1
    red, grey = (np.array(one) / np.linalg.norm(one) for one in (RED, GREY))
    area_red, area_grey = 12 * 12, 12 * 12
    mean = area_red * red + area_grey * grey
    np.testing.assert_allclose(found["embedding"][7], mean / np.linalg.norm(mean), atol=1e-5)
    measure(measuring, layer)
    assert list(layer.features.columns).count("similarity mean") == 1


def test_the_object_with_the_planted_texture_is_first(bench, measuring):
    bench.add(picture(), name="a")
    layer = bench.viewer.add_layer(Labels(cells(), name="cells"))
    bench.start()
    measure(measuring, layer)
    assert bench.told[-1][0].startswith("4 objects of cells measured: no map yet, so no scores")
    text = measuring.rank(layer, 3, 0.99)
    assert text == "1 of 3 other objects are like object 3, the nearest 1.00."
    ranks = dict(zip(layer.features["index"], layer.features["rank"], strict=True))
    assert (ranks[3], ranks[9], ranks[5]) == (1, 2, 4)
    (shown,) = bench.ours("objects like one")
    assert shown.metadata["napari_dinosim"]["objects"] == [3, 9]
    assert shown.get_color(9)[3] > 0
    assert shown.get_color(5)[3] == 0
    measuring.rank(layer, 3, 0.0)
    assert bench.ours("objects like one") == [shown]
    with pytest.raises(SelectionError, match="object 4: found no such object that was measured"):
        measuring.rank(layer, 4, 0.5)


def test_objects_of_classes_have_a_score_for_each(bench, measuring):
    image = bench.add(picture(), name="a")
    layer = bench.viewer.add_layer(Labels(cells(), name="cells"))
    bench.start()
    for name, place in (("rose", (20, 20)), ("sky", (5, 100))):
        bench.controller.prompts.labels.book.add(name)
        bench.point(image, place)
    measure(measuring, layer)
    found = layer.features.set_index("index")
    assert found["rose mean"][3] > 0.999 > found["sky mean"][3]
    assert found["sky mean"][5] > 0.999 > found["rose mean"][5]


def test_labels_of_another_shape_are_refused_with_both_shapes(bench, measuring):
    bench.add(picture(), name="a")
    layer = bench.viewer.add_layer(Labels(cells()[:-1], name="cells"))
    bench.start()
    measuring.measure(layer)
    text, amiss = bench.told[-1]
    assert amiss
    assert "found 'cells' of 79 × 144" in text
    assert "(80 × 144)" in text


def test_rows_that_nobody_numbered_are_those_of_the_labels():
    layer = Labels(cells())
    layer.features = {"name": ["background", "one", "two"]}
    write_features(layer, {"index": [2, 7], "size": [5.0, 6.0]})
    found = layer.features.set_index("index")
    assert found["name"][2] == "two"
    assert (found["size"][2], found["size"][7]) == (5.0, 6.0)
    assert len(found) == 4


def test_the_section_measures_colours_and_shows_what_is_alike(desk):
    image, labels = Image(picture(), name="a"), Labels(cells(), name="cells")
    found = desk(image, labels)
    section = found.unfold(ObjectsSection)
    assert section.layer.currentText() == "cells"
    for button in (section.colour, section.like):
        assert button.fontMetrics().horizontalAdvance(button.text()) < button.width()
    assert not section.like.isEnabled()
    found.start()
    found.click(image, (20, 20))
    QTest.mouseClick(section.measure.native, Qt.MouseButton.LeftButton)
    assert spin(10, section.like.isEnabled)
    assert [section.column.itemText(i) for i in range(section.column.count())] == ["similarity mean", "similarity max"]
    QTest.mouseClick(section.colour, Qt.MouseButton.LeftButton)
    spin(0.1)
    assert labels.get_color(3)[0] > 0.9 > 0.4 > labels.get_color(5)[0]
    labels.selected_label = 9
    QTest.mouseClick(section.like, Qt.MouseButton.LeftButton)
    assert "other objects are like object 9" in found.widget.message.value
    labels.selected_label = 1
    QTest.mouseClick(section.like, Qt.MouseButton.LeftButton)
    assert "Pick an object that was measured" in found.widget.message.value
