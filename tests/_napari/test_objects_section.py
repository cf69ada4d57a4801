"""Objects of a Labels layer: measured into its features, coloured, and those like one of them shown."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from napari.layers import Image, Labels
from napari.utils.colormaps import ensure_colormap
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from events import spin
from napari_dinosim._napari.labels_box import NO_LABELS
from napari_dinosim._napari.measuring import CHANGED, GONE, NO_SCORES, Measuring
from napari_dinosim._napari.object_colours import STEPS
from napari_dinosim._napari.objects_section import NO_NUMBERS, NOT_MEASURED, ObjectsSection
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
    assert bench.told[-1] == (f"4 objects of cells measured over a. {NO_SCORES}", False)
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


def test_an_object_is_like_itself_and_not_counted(bench, measuring):
    image = bench.add(picture(), name="a")
    layer = bench.viewer.add_layer(Labels(cells(), name="cells"))
    bench.start()
    bench.point(image, (20, 20))
    measure(measuring, layer)
    key = str(layer.unique_id)
    vectors = measuring.measured[key].vectors
    vectors *= np.float32(1 - 1e-6)  # lengths are 1 but for roundings
    text = measuring.rank(layer, 5, 1.0)
    assert text == "0 of 3 other objects are like object 5."
    assert bench.ours("objects like one")[0].metadata["napari_dinosim"]["objects"] == [5]
    assert layer.features.set_index("index")["likeness"][5] == 1


@pytest.mark.parametrize("change", ["data", "paint", "undo", "in place"])
def test_what_was_measured_of_other_labels_is_not_used(bench, measuring, change):
    bench.add(picture(), name="a")
    layer = bench.viewer.add_layer(Labels(cells(), name="cells"))
    bench.start()
    if change == "undo":
        layer.paint((60, 20), 9)
    measure(measuring, layer)
    told = []
    measuring.changed.connect(lambda: told.append(len(measuring.measured)))
    if change == "data":
        layer.data = cells()[:, ::-1]
    elif change == "paint":
        layer.paint((60, 20), 9)
    elif change == "undo":
        layer.undo()
    else:
        layer.data[50:60, 10:30] = 9
    assert told == ([0] if change in ("data", "paint") else [])
    with pytest.raises(SelectionError, match=r"cells was not measured as it is now\. Press Measure objects"):
        measuring.rank(layer, 3, 0.9)
    measure(measuring, layer)
    assert "other objects are like object 3" in measuring.rank(layer, 3, 0.9)


def test_labels_that_change_or_go_while_they_are_measured(bench, measuring):
    bench.add(picture(), name="a")
    layer = bench.viewer.add_layer(Labels(cells(), name="cells"))
    bench.start()
    measuring.measure(layer)
    layer.paint((60, 20), 9)
    assert spin(20, lambda: not measuring.task.running)
    assert bench.told[-1] == (CHANGED.format("cells"), True)
    assert not measuring.measured
    measuring.measure(layer)
    bench.viewer.layers.remove(layer)
    assert spin(20, lambda: not measuring.task.running)
    assert bench.told[-1] == (GONE, True)


def test_scores_go_with_the_points_and_a_persons_column_stays(bench, measuring):
    image = bench.add(picture(), name="a")
    layer = bench.viewer.add_layer(Labels(cells(), name="cells"))
    layer.features = {"index": [3, 9], "similarity max": ["mine", "too"]}
    bench.start()
    bench.point(image, (20, 20))
    measure(measuring, layer)
    measuring.rank(layer, 3, 0.9)
    assert {"similarity mean", "dinosim similarity max", "likeness", "rank"} < set(layer.features)
    bench.prompts.data = np.empty((0, 2))
    bench.wait()
    measure(measuring, layer)
    assert list(layer.features) == ["index", "similarity max", "pixels embedded", "embedding"]
    assert layer.features.set_index("index")["similarity max"][9] == "too"


def test_likeness_below_zero_is_drawn_as_zero_and_above_in_proportion(bench, measuring):
    """Vectors are planted: object 5 is the opposite of object 3, 7 half like it."""
    bench.add(picture(), name="a")
    layer = bench.viewer.add_layer(Labels(cells(), name="cells"))
    bench.start()
    measure(measuring, layer)
    vectors = measuring.measured[str(layer.unique_id)].vectors
    vectors[:] = [(1, 0, 0), (-1, 0, 0), (0.5, np.sqrt(0.75), 0), (0, 1, 0)]
    measuring.rank(layer, 3, -1.0)
    (shown,) = bench.ours("objects like one")
    scale = ensure_colormap("viridis").map(np.array([1, 0, 128 / 255, 0]))
    for label, colour in zip((3, 5, 7, 9), scale, strict=True):
        np.testing.assert_allclose(shown.get_color(label), colour, atol=1e-6)


def test_the_status_bar_is_short_and_the_vector_whole(bench, measuring, tmp_path):
    bench.add(picture(), name="a")
    layer = bench.viewer.add_layer(Labels(cells(), name="cells"))
    bench.start()
    measure(measuring, layer)
    status = layer.get_status((30.0, 20.0), world=True)["coordinates"]
    assert status.endswith("embedding: 3 numbers")
    vectors = measuring.measured[str(layer.unique_id)].vectors
    for table in (copy.deepcopy(layer.features), pickle.loads(pickle.dumps(layer.features))):
        np.testing.assert_array_equal(np.stack(table["embedding"]), vectors)
        assert str(table["embedding"][1]) == "3 numbers"
    assert type(np.asarray(layer.features["embedding"][1])) is np.ndarray
    np.save(tmp_path / "vectors.npy", np.stack(layer.features["embedding"]))
    np.testing.assert_array_equal(np.load(tmp_path / "vectors.npy"), vectors)


def test_many_objects_are_drawn_in_few_colours(bench, measuring):
    bench.add(picture(), name="a")
    layer = bench.viewer.add_layer(Labels(np.arange(SHAPE[0] * SHAPE[1], dtype=np.int32).reshape(SHAPE), name="cells"))
    bench.start()
    measure(measuring, layer)
    measuring.rank(layer, 5, 0.5)
    measuring.colour_by(layer, "rank")
    assert len(layer.colormap.color_dict) == SHAPE[0] * SHAPE[1] + 1  # and for all others; the background is 0
    assert (
        len(layer.colormap) <= STEPS + 4
    )  # napari counts the background and others twice; each other colour costs napari time
    np.testing.assert_allclose(layer.get_color(5), ensure_colormap("viridis").map(0.0)[0], atol=1e-6)


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


def test_scores_of_earlier_prompts_are_told_until_they_are_measured_again_or_the_prompts_are_back(desk):
    image, labels = Image(picture(), name="a"), Labels(cells(), name="cells")
    found = desk(image, labels)
    section = found.unfold(ObjectsSection)
    found.start()
    found.click(image, (20, 20))
    measure = section.measure.native
    QTest.mouseClick(measure, Qt.MouseButton.LeftButton)
    assert spin(10, section.like.isEnabled)
    spin(0.2)
    assert not section.said.isVisible()
    found.click(image, (5, 100))
    assert spin(3, section.said.isVisible)
    assert section.said.text() == "⚠ Scores are of earlier prompts: measure again."
    assert section.like.isEnabled(), "embeddings hold, whatever is looked for"
    found.viewer.layers.selection.active = found.prompts
    found.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert spin(3, lambda: not section.said.isVisible())
    found.click(image, (5, 100))
    assert spin(3, section.said.isVisible)
    QTest.mouseClick(measure, Qt.MouseButton.LeftButton)
    assert spin(10, lambda: not section.said.isVisible())
    found.prompts.data = np.empty((0, 2))
    assert spin(3, section.said.isVisible)


def test_a_region_that_is_undone_and_redone_is_the_same_to_the_scores(bench, measuring):
    bench.add(picture(), name="a")
    layer = bench.viewer.add_layer(Labels(cells(), name="cells"))
    layer.selected_label = 3
    bench.start()
    bench.controller.use_object(layer)
    assert spin(20, lambda: bool(bench.session.prompts.regions))
    bench.wait()
    measure(measuring, layer)
    undoing = bench.controller.regions.undoing
    undoing.undo()
    bench.wait()
    assert measuring.outdated(layer)
    undoing.redo()
    bench.wait()
    assert bench.session.prompts.regions
    assert not measuring.outdated(layer)


def test_controls_that_are_disabled_say_why(desk):
    found = desk(Image(picture(), name="a"))
    section = found.unfold(ObjectsSection)
    parts = section.colour, section.column, section.like
    assert [(part.isEnabled(), part.toolTip()) for part in parts] == [(False, NO_LABELS)] * 3
    labels = found.viewer.add_layer(Labels(cells(), name="cells"))
    assert [(part.isEnabled(), part.toolTip()) for part in parts] == [(False, NOT_MEASURED)] * 3
    found.start()
    QTest.mouseClick(section.measure.native, Qt.MouseButton.LeftButton)
    assert spin(10, section.like.isEnabled)
    assert section.like.toolTip().startswith("Show the objects that are like the selected label")
    assert [(part.isEnabled(), part.toolTip()) for part in parts[:2]] == [(False, NO_NUMBERS)] * 2
    found.click(found.viewer.layers["a"], (20, 20))
    QTest.mouseClick(section.measure.native, Qt.MouseButton.LeftButton)
    assert spin(10, section.colour.isEnabled)
    assert section.colour.toolTip().startswith("Colour the objects")
    assert section.column.toolTip().startswith("similarity mean\nA number of the objects")
    assert labels in found.viewer.layers


def test_the_section_asks_which_of_two_images_is_meant(desk):
    one, other, labels = Image(picture(), name="a"), Image(picture()[::-1], name="b"), Labels(cells(), name="cells")
    found = desk(one, other, labels)
    section = found.unfold(ObjectsSection)
    found.start()
    assert spin(3, lambda: section.image.count() == 3)
    assert [section.image.itemText(i) for i in range(3)] == ["automatic", "b", "a"]
    QTest.mouseClick(section.measure.native, Qt.MouseButton.LeftButton)
    assert found.widget.message.value.startswith("⚠ labels: found 'cells' of 80 × 144, which fits 'b' and 'a'")
    section.image.setFocus()
    QTest.keyClick(section.image, Qt.Key.Key_End)
    QTest.mouseClick(section.measure.native, Qt.MouseButton.LeftButton)
    assert spin(10, section.like.isEnabled)
    assert "4 objects of cells measured over a." in found.widget.message.value
    found.tick("a", False)
    assert spin(3, lambda: section.image.count() == 2)
    assert section.image.currentText() == "automatic"
