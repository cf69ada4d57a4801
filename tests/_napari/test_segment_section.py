"""Labels made of maps in the viewer: exact where the answer is planted, live, and never over what a person painted."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QWidget

from events import spin
from napari_dinosim import segment, snap_edges
from napari_dinosim._napari.coordinates import to_data, to_world
from napari_dinosim._napari.segment_section import FOUND, THRESHOLD, SegmentSection
from napari_dinosim._napari.segmenting import Segmenting
from napari_dinosim.analysis.recipe import Segmentation

RED, BLUE, GREY = (250, 10, 10), (10, 10, 250), (90, 90, 90)


def blobs(height: int = 90, width: int = 125) -> np.ndarray:
    """Two red blobs, one of them with a hole, and a blue one; edges at patches."""
    image = np.empty((height, width, 3), np.uint8)
    image[:] = GREY
    image[16:64, 16:64] = RED
    image[32:48, 32:48] = GREY
    image[64:80, 96:112] = RED
    image[0:16, 80:125] = BLUE
    return image


def is_red(image: np.ndarray) -> np.ndarray:
    return (image == RED).all(axis=-1)


@pytest.fixture
def segmenting(bench):
    made = Segmenting(bench.controller)
    made.task.told.connect(bench.controller.told.emit)
    yield made
    made.shutdown()


def labels_over(bench, layer, role: str = "labels"):
    source = str(layer.unique_id)
    return [found for found in bench.ours(role) if found.metadata["napari_dinosim"]["source"] == source]


def make(bench, segmenting, **choices) -> None:
    segmenting.follow(Segmentation(**{"threshold": 0.9, **choices}))
    segmenting.make()
    assert spin(20, lambda: not segmenting.task.running)
    spin(0.05)


def test_a_blob_of_one_colour_is_segmented_exactly_in_every_image(bench, segmenting):
    image = blobs()
    one = bench.add(image, name="a", scale=(2, 0.5), rotate=25, units="um")
    other = bench.add(image[::-1], name="b", scale=(2, 0.5), rotate=25, translate=(400, 0), units="um")
    bench.start()
    bench.point(one, (20, 50))
    make(bench, segmenting)
    for layer in (one, other):
        (found,) = labels_over(bench, layer)
        assert isinstance(found, Labels)
        np.testing.assert_array_equal(np.asarray(found.data) > 0, similar(bench, layer))
        np.testing.assert_allclose(found.extent.world, layer.extent.world)
        assert list(found.features["class"]) == ["similar"]
    np.testing.assert_array_equal(similar(bench, one), is_red(image))
    assert bench.told[-1][0] == "Labels of 2 images: they are yours to paint in. 20.5 % of the area, from 0.90 on."


def similar(bench, layer) -> np.ndarray:
    return np.asarray(bench.map_of(layer).data) >= 0.9


def test_objects_holes_and_sizes(bench, segmenting):
    image = blobs()
    layer = bench.add(image, name="a", scale=(0.5, 0.5), units="um")
    bench.start()
    bench.point(layer, (20, 50))
    make(bench, segmenting, objects="components", fill_holes=True)
    (found,) = labels_over(bench, layer)
    expected = np.zeros((90, 125), int)
    expected[16:64, 16:64], expected[64:80, 96:112] = 1, 2
    np.testing.assert_array_equal(found.data, expected)
    assert list(found.features["pixels"]) == [48 * 48, 256]
    make(bench, segmenting, objects="components", fill_holes=True, minimum_size=100, unit="µm²")
    assert labels_over(bench, layer) == [found], "the layer was not updated in place"
    np.testing.assert_array_equal(found.data, expected == 1)


@pytest.mark.parametrize(("least", "left"), [(200, 1), (300, 0)])
def test_the_area_of_pixels_whose_sides_have_different_units(bench, segmenting, least, left):
    image = np.full((96, 144, 3), GREY, np.uint8)
    image[16:48, 16:48] = RED  # 256 µm²
    layer = bench.add(image, name="a", scale=(500, 0.5), units=("nm", "um"))
    bench.start()
    units, shown = bench.viewer.layers.units, bench.viewer.dims.point
    bench.prompts.add(to_data(bench.prompts, to_world(layer, (20, 20), units), units, shown))
    bench.wait()
    make(bench, segmenting, objects="components", minimum_size=least, unit="µm²")
    assert sum(len(found.features) for found in labels_over(bench, layer)) == left


@pytest.mark.parametrize(("least", "left"), [(5000, 1), (5200, 0)])
def test_the_area_of_pixels_of_the_plane_on_screen(bench, segmenting, least, left):
    stack = np.full((64, 96, 144, 3), GREY, np.uint8)
    stack[16:48, 35:45, 16:48] = RED  # 32 × 32 pixels of 5 × 1 µm in the plane on screen
    layer = bench.add(stack, name="a", rgb=True, scale=(5, 1, 1), units="um")
    bench.viewer.dims.order = (1, 0, 2)
    bench.viewer.dims.set_current_step(1, 40)
    bench.controller.embed_scope("plane")
    bench.start()
    bench.point(layer, (20, 40, 20))
    make(bench, segmenting, objects="components", minimum_size=least, unit="µm²")
    assert sum(len(found.features) for found in labels_over(bench, layer)) == left


def test_edges_are_snapped_to_the_image(bench, segmenting):
    image = np.full((96, 128, 3), GREY, np.uint8)
    image[21:75, 27:101] = RED
    layer = bench.add(image, name="a")
    bench.start()
    bench.point(layer, (40, 60))
    make(bench, segmenting, threshold=0.6, edges="image")
    (found,) = labels_over(bench, layer)
    wrong = ((np.asarray(found.data) > 0) != is_red(image)).mean()
    assert wrong < 0.005


@pytest.mark.parametrize(("least", "left"), [(100, 2), (200, 1)])
def test_what_edges_make_too_small_is_left_out_as_from_python(bench, segmenting, least, left):
    image = np.full((96, 144, 3), GREY, np.uint8)
    image[21:75, 27:85] = RED
    image[34:46, 114:126] = RED  # 144 pixels of a patch of 256
    layer = bench.add(image, name="a")
    bench.start()
    bench.point(layer, (40, 60))
    recipe = {"threshold": 0.6, "minimum_size": least, "objects": "components"}
    make(bench, segmenting, **recipe)
    (found,) = labels_over(bench, layer)
    assert len(found.features) == 2
    make(bench, segmenting, **recipe, edges="image")
    (found,) = labels_over(bench, layer)
    assert len(found.features) == left
    heat, asked = bench.controller.session.shown_map(str(layer.unique_id)), segmenting.recipe
    scripted = snap_edges(segment(asked.scores_of(heat), heat.grid, asked), image)
    np.testing.assert_array_equal(found.data, scripted)
    assert list(found.features["pixels"]) == [count for count in np.bincount(scripted.ravel())[1:] if count]


def test_edges_tell_progress_within_a_plane(bench, segmenting):
    layer = bench.add(np.tile(blobs(), (5, 5, 1)), name="a")  # two by two tiles
    bench.start()
    bench.point(layer, (20, 50))
    told = []
    segmenting.task.progressed.connect(told.append)
    make(bench, segmenting, edges="image")
    assert any(0 < fraction < 1 for fraction in told if fraction is not None)


def test_cancelled_no_labels_are_made(bench, segmenting):
    stack = np.stack([np.tile(blobs(), (5, 5, 1))] * 2)
    layer = bench.add(stack, name="a", rgb=True)
    bench.viewer.dims.set_current_step(0, 0)
    bench.start()
    bench.point(layer, (0, 20, 50))
    segmenting.follow(Segmentation(0.9, edges="image"))
    segmenting.make()
    segmenting.task.cancel()
    assert spin(20, lambda: not segmenting.task.running)
    spin(0.3)
    assert labels_over(bench, layer) == []
    assert bench.told[-1][0] == "Cancelled: no labels were made."


def test_classes_are_one_layer_with_names(bench, segmenting):
    image = blobs()
    layer = bench.add(image, name="a")
    bench.start()
    book = bench.controller.prompts.labels.book
    for name, place in (("rose", (20, 50)), ("sky", (5, 100)), ("rest", (85, 5))):
        book.add(name)
        bench.point(layer, place)
    make(bench, segmenting, on="cosine")
    (found,) = labels_over(bench, layer)
    expected = np.where(is_red(image), 1, np.where((image == BLUE).all(axis=-1), 2, 3))
    np.testing.assert_array_equal(found.data[:80, :112], expected[:80, :112])
    assert list(found.features["class"]) == ["rose", "sky", "rest"]
    assert np.ptp([found.get_color(k) for k in (1, 2, 3)], axis=0).max() > 0.3


def test_planes_of_a_stack_have_numbers_of_their_own(bench, segmenting):
    stack = np.stack([blobs(), blobs()[:, ::-1], blobs()[::-1]])
    layer = bench.add(stack, name="a", rgb=True)
    bench.viewer.dims.set_current_step(0, 1)
    bench.start()
    bench.point(layer, (1, 20, 70))
    make(bench, segmenting, objects="components")
    (found,) = labels_over(bench, layer)
    assert isinstance(found.data, np.ndarray)
    held = [set(np.unique(plane)) - {0} for plane in found.data]
    assert sum(map(len, held)) == len(set.union(*held)) == len(found.features)
    np.testing.assert_array_equal(found.data[1] > 0, np.asarray(bench.map_of(layer).data)[1] >= 0.9)
    planes = dict(zip(found.features["index"], found.features["plane"], strict=True))
    assert all(planes[label] == str(z) for z in range(3) for label in held[z])


def test_painted_labels_are_never_written_over(bench, segmenting):
    layer = bench.add(blobs(), name="a")
    bench.start()
    bench.point(layer, (20, 50))
    make(bench, segmenting)
    (first,) = labels_over(bench, layer)
    first.paint((85, 5), 7)
    painted = np.array(first.data)
    make(bench, segmenting, threshold=0.2)
    (second,) = [one for one in labels_over(bench, layer) if one is not first]
    np.testing.assert_array_equal(first.data, painted)
    assert (np.asarray(second.data) > 0).sum() > (painted > 0).sum()


def test_a_thin_stroke_in_large_labels_is_noticed(bench, segmenting, monkeypatch):
    monkeypatch.setattr("napari_dinosim._napari.inputs.FINGERPRINT_BYTES", 2048)  # only some rows are looked at
    layer = bench.add(blobs(), name="a")
    bench.start()
    bench.point(layer, (20, 50))
    make(bench, segmenting)
    (first,) = labels_over(bench, layer)
    first.brush_size = 1
    first.paint((85, 5), 7)
    make(bench, segmenting, threshold=0.2)
    assert first.data[85, 5] == 7
    assert len(labels_over(bench, layer)) == 2


def test_new_labels_have_their_colours_from_the_start(bench, segmenting):
    """To set them later draws each layer once more."""
    layer, drawn = bench.add(blobs(), name="a"), []
    bench.start()
    bench.point(layer, (20, 50))
    bench.viewer.layers.events.inserted.connect(lambda event: event.value.events.colormap.connect(drawn.append))
    segmenting.preview.switch(True)
    assert spin(5, lambda: bool(bench.ours("preview of labels")))
    make(bench, segmenting)
    for found in (*labels_over(bench, layer), *labels_over(bench, layer, "preview of labels")):
        np.testing.assert_allclose(found.get_color(1), (1, 0x2D / 255, 0x78 / 255, 1), atol=1e-6)
    assert drawn == []


def test_labels_outlive_their_image(bench, segmenting):
    layer, swept = bench.add(blobs(), name="a"), []
    bench.start()
    bench.point(layer, (20, 50))
    make(bench, segmenting)
    (found,) = labels_over(bench, layer)
    bench.controller.feature_layers.swept.connect(lambda: swept.append(True))
    bench.viewer.layers.remove(layer)
    assert spin(5, lambda: bool(swept))
    assert found in bench.viewer.layers


def test_objects_have_colours_after_all_were_one(bench, segmenting):
    layer = bench.add(blobs(), name="a")
    bench.start()
    bench.point(layer, (20, 50))
    make(bench, segmenting)
    make(bench, segmenting, objects="components")
    (found,) = labels_over(bench, layer)
    colours = [found.get_color(label) for label in (1, 2)]
    assert all(colour[3] == 1 for colour in colours)
    assert np.abs(colours[0] - colours[1]).max() > 0.1
    make(bench, segmenting)
    np.testing.assert_allclose(found.get_color(1), (1, 0x2D / 255, 0x78 / 255, 1), atol=1e-6)


@pytest.mark.parametrize(
    ("threshold", "told"), [(1.01, "Nothing reaches 1.01. Lower the threshold"), (0, "Everything reaches 0.00. Raise")]
)
def test_thresholds_that_find_nothing_or_everything_are_told(bench, segmenting, threshold, told):
    layer = bench.add(blobs(), name="a")
    bench.start()
    bench.point(layer, (20, 50))
    make(bench, segmenting, threshold=threshold)
    assert told in bench.told[-1][0]


def test_without_a_map_it_is_told(bench, segmenting):
    bench.add(blobs(), name="a")
    segmenting.make()
    assert bench.told[-1] == (
        "There is no map to make labels of. Press Start, then click on what you look for.",
        True,
    )


def test_the_preview_follows_slider_clicks_and_planes_and_goes(desk):
    stack = np.stack([blobs(), blobs()[:, ::-1]])
    layer = Image(stack, name="a", rgb=True)
    found = desk(layer)
    section = found.unfold(SegmentSection)
    found.viewer.dims.set_current_step(0, 0)
    found.start()
    found.click(layer, (0, 20, 50))
    section.slider.setValue(0.9)
    QTest.mouseClick(section.preview, Qt.MouseButton.LeftButton)
    assert spin(5, lambda: found.ours("preview of labels"))
    (preview,) = found.ours("preview of labels")
    heat = np.asarray(found.map_of(layer).data)

    def shows(plane: int, threshold: float) -> bool:
        return np.array_equal(np.asarray(preview.data[plane]) > 0, heat[plane] >= np.float32(threshold))

    assert spin(5, lambda: shows(0, 0.9))
    section.slider.setValue(0.3)
    assert spin(5, lambda: shows(0, 0.3))
    assert "of the area, from 0.30 on." in section.said.text()
    found.viewer.dims.set_current_step(0, 1)
    assert spin(5, lambda: shows(1, 0.3))
    section.method.setFocus()
    QTest.keyClick(section.method, Qt.Key.Key_Down)
    spin(0.3)
    parts = [section.slider, *section.slider.findChildren(QWidget)]
    assert len(parts) > 2
    assert not any(part.isEnabled() for part in parts)
    assert {part.toolTip() for part in parts} == {FOUND}
    assert "from 0.30 on" not in section.said.text()
    QTest.keyClick(section.method, Qt.Key.Key_Up)
    assert all(part.isEnabled() for part in parts)
    assert {part.toolTip() for part in parts} == {THRESHOLD}
    assert {part.accessibleName() for part in parts} == {"Threshold"}
    QTest.mouseClick(section.make.native, Qt.MouseButton.LeftButton)
    assert spin(10, lambda: bool(found.ours("labels")))
    assert spin(5, lambda: found.ours("preview of labels") == [])
    assert not section.preview.isChecked()


def test_an_unreadable_size_holds_nothing_else_up(desk):
    layer = Image(blobs(), name="a")
    found = desk(layer)
    section = found.unfold(SegmentSection)
    found.start()
    found.click(layer, (20, 50))
    QTest.keyClicks(section.size, "40")
    QTest.keyClick(section.size, Qt.Key.Key_Return)
    QTest.mouseDClick(section.size, Qt.MouseButton.LeftButton)
    QTest.keyClicks(section.size, "12 seconds")
    QTest.keyClick(section.size, Qt.Key.Key_Return)
    why = "⚠ minimum size: found '12 seconds', expected a number of pixels or an area"
    assert section.said.text().startswith(why)
    QTest.mouseClick(section.preview, Qt.MouseButton.LeftButton)
    section.slider.setValue(0.9)
    recipe = Segmentation(0.9, minimum_size=40)
    assert section.segmenting.recipe == found.controller.tools.choices.segmentation == recipe
    assert spin(5, lambda: "from 0.90 on" in section.said.text())
    assert section.said.text().startswith(why)
    QTest.mouseClick(section.make.native, Qt.MouseButton.LeftButton)
    assert not section.segmenting.task.running
    assert section.said.text().startswith(why)
    section.size.clear()
    QTest.mouseClick(section.make.native, Qt.MouseButton.LeftButton)
    assert spin(10, lambda: bool(found.ours("labels")))
    assert found.controller.tools.choices.segmentation == Segmentation(0.9)
    assert "minimum size" not in section.said.text()


def test_cancelled_the_preview_stays(desk):
    layer = Image(np.tile(blobs(), (5, 5, 1)), name="a")
    found = desk(layer)
    section = found.unfold(SegmentSection)
    found.start()
    found.click(layer, (20, 50))
    section.edges.click()
    QTest.mouseClick(section.preview, Qt.MouseButton.LeftButton)
    assert spin(5, lambda: found.ours("preview of labels"))
    spin(0.3)  # a preview that follows would be told of
    QTest.mouseClick(section.make.native, Qt.MouseButton.LeftButton)
    QTest.mouseClick(section.make.native, Qt.MouseButton.LeftButton)
    spin(0.3)
    assert section.said.text() == "Cancelled: no labels were made."
    assert section.preview.isChecked()
    assert found.ours("preview of labels")


def test_what_a_person_added_to_the_features_stays(bench, segmenting):
    layer = bench.add(blobs(), name="a")
    bench.start()
    bench.point(layer, (20, 50))
    make(bench, segmenting, objects="components")
    (found,) = labels_over(bench, layer)
    assert list(found.features["index"]) == [1, 2]
    found.features = found.features.assign(note=["large", "small"])
    make(bench, segmenting, objects="components", fill_holes=True)
    assert labels_over(bench, layer) == [found]
    assert list(found.features["note"]) == ["large", "small"]
    assert list(found.features["pixels"]) == [48 * 48, 256]
    make(bench, segmenting, objects="components", minimum_size=1000)
    assert list(found.features["index"]) == [1], "a row of a label that is no more"
    assert list(found.features["note"]) == ["large"]
    make(bench, segmenting, threshold=1.01)
    assert len(found.features) == 0


def test_an_image_without_contrast_is_named_and_the_others_are_labelled(bench, segmenting):
    one = bench.add(blobs(), name="a")
    flat = bench.add(np.full((64, 96, 3), GREY, np.uint8), name="flat", translate=(0, 200))
    bench.start()
    bench.point(one, (20, 50))
    make(bench, segmenting, method="otsu")
    (found,) = labels_over(bench, one)
    assert np.asarray(found.data)[is_red(blobs())].all()
    assert labels_over(bench, flat) == []
    text, is_error = bench.told[-1]
    assert not is_error
    assert text.startswith("Labels of 1 image:")
    assert "⚠ flat was left out: threshold: found fewer than 2 different scores" in text


def test_with_no_contrast_anywhere_no_labels_are_made(bench, segmenting):
    stack = np.full((2, 64, 96, 3), GREY, np.uint8)
    flat = bench.add(stack, name="flat", rgb=True)
    bench.start()
    bench.point(flat, (0, 20, 50))
    make(bench, segmenting, method="otsu")
    assert bench.ours("labels") == []
    assert bench.told[-1][1]
    assert bench.told[-1][0].startswith("2 of 2 planes of flat were left out: threshold: found fewer than 2")


def test_numbers_do_not_depend_on_the_plane_on_screen(bench, segmenting):
    stack = np.stack([blobs(), blobs()[:, ::-1], blobs()[::-1]])
    layer = bench.add(stack, name="a", rgb=True)
    bench.viewer.dims.set_current_step(0, 2)
    bench.start()
    bench.point(layer, (2, 65, 50))
    make(bench, segmenting, objects="components")
    (found,) = labels_over(bench, layer)
    assert list(found.features["plane"]) == ["0", "0", "1", "1", "2", "2"]
    assert [set(np.unique(plane)) for plane in found.data] == [{0, 1, 2}, {0, 3, 4}, {0, 5, 6}]


def test_all_together_a_label_has_one_row_through_all_planes(bench, segmenting):
    stack = np.stack([blobs(), np.full_like(blobs(), GREY), blobs()])
    layer = bench.add(stack, name="a", rgb=True)
    bench.viewer.dims.set_current_step(0, 0)
    bench.start()
    bench.point(layer, (0, 20, 50))
    make(bench, segmenting, on="cosine")
    (found,) = labels_over(bench, layer)
    assert found.features.to_dict("list") == {
        "index": [1],
        "class": ["similar"],
        "pixels": [2 * is_red(blobs()).sum()],
        "score": [pytest.approx(1, abs=1e-5)],
    }


def test_its_score_is_the_mean_over_all_its_pixels(bench, segmenting):
    """Of many pixels that are alike in one plane, and few that are less so in another."""
    other = np.full_like(blobs(), GREY)
    other[16:32, 16:32] = (200, 90, 90)
    layer = bench.add(np.stack([blobs(), other]), name="a", rgb=True)
    bench.viewer.dims.set_current_step(0, 0)
    bench.start()
    bench.point(layer, (0, 20, 50))
    make(bench, segmenting, threshold=0.2)
    (found,) = labels_over(bench, layer)
    there, heat = np.asarray(found.data) > 0, np.asarray(bench.map_of(layer).data)
    pixels, means = there.sum(axis=(1, 2)), [heat[z][there[z]].mean() for z in range(2)]
    assert pixels[0] > 5 * pixels[1] > 0
    assert abs(means[0] - means[1]) > 0.1
    assert list(found.features["score"]) == [pytest.approx(heat[there].mean(), abs=1e-5)]


def test_shares_are_of_the_pixels_that_were_written(bench, segmenting):
    small = np.full((96, 128, 3), GREY, np.uint8)
    small[21:75, 27:101] = RED
    large = np.full((320, 160, 3), GREY, np.uint8)
    one, other = bench.add(small, name="a"), bench.add(large, name="b", translate=(0, 200))
    bench.start()
    bench.point(one, (40, 60))
    make(bench, segmenting, threshold=0.8, on="cosine", edges="image")
    labels = [np.asarray(found.data) > 0 for layer in (one, other) for found in labels_over(bench, layer)]
    share = sum(each.sum() for each in labels) / sum(each.size for each in labels)
    assert f" {100 * share:.1f} % of the area, from 0.80 on. ⚠ Nothing in b." in bench.told[-1][0]


def test_classes_are_counted_that_were_found(bench, segmenting):
    layer = bench.add(blobs(), name="a")
    bench.start()
    book = bench.controller.prompts.labels.book
    for name, place in (("rose", (20, 50)), ("sky", (5, 100)), ("rest", (85, 5))):
        book.add(name)
        bench.point(layer, place)
    make(bench, segmenting, on="cosine", threshold=0.99, minimum_size=1000)
    (found,) = labels_over(bench, layer)
    assert list(found.features["class"]) == ["rose", "rest"]
    assert "they are yours to paint in. 2 of 3 classes, " in bench.told[-1][0]


def test_only_embedded_planes_are_told(bench, segmenting):
    layer = bench.add(np.stack([blobs()] * 3), name="a", rgb=True)
    bench.viewer.dims.set_current_step(0, 1)
    bench.controller.embed_scope("plane")
    bench.start()
    bench.point(layer, (1, 20, 50))
    make(bench, segmenting)
    assert bench.told[-1][0].endswith(" Embedded and done: 1 of 3 planes of a.")


def test_each_plane_has_its_own_threshold_by_otsu(bench, segmenting):
    other = blobs()
    other[is_red(other)] = (200, 60, 60)
    layer = bench.add(np.stack([blobs(), other]), name="a", rgb=True)
    bench.viewer.dims.set_current_step(0, 0)
    bench.start()
    bench.point(layer, (0, 20, 50))
    make(bench, segmenting, on="cosine", method="otsu")
    assert " of the area, with thresholds from 0." in bench.told[-1][0]


def test_what_cannot_be_painted_in_says_so(bench, segmenting, monkeypatch):
    monkeypatch.setattr("napari_dinosim._napari.feature_layers.REAL_STACK", 30_000)
    flat = bench.add(blobs(), name="flat", translate=(0, 200))
    stack = bench.add(np.stack([blobs()] * 3), name="stack", rgb=True)
    bench.viewer.dims.set_current_step(0, 0)
    bench.start()
    bench.point(flat, (20, 50))
    for _ in range(2):  # made, and updated in place
        make(bench, segmenting)
        (lazy,), (real,) = labels_over(bench, stack), labels_over(bench, flat)
        assert real.editable
        assert not lazy.editable
        told = "Labels of 2 images: they are yours to paint in, but for stack, too large for that and drawn where you"
        assert bench.told[-1][0].startswith(told)
    bench.controller.check(str(flat.unique_id), False)
    bench.point(stack, (0, 20, 50))
    make(bench, segmenting)
    assert bench.told[-1][0].startswith("Labels of 1 image, drawn where you look: too large to paint in. ")
