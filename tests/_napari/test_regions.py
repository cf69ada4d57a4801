"""Regions in the viewer: which pixels a shape or an object means, in every image, and what is told of bad ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from napari.layers import Image, Labels
from napari.utils.colormaps.standardize_color import transform_color
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from skimage.draw import polygon2mask

from events import spin
from napari_dinosim._napari.controller import Controller
from napari_dinosim._napari.encoder_choices import patch_size
from napari_dinosim._napari.label_book import LOOKS
from napari_dinosim._napari.labels_box import NO_LABELS
from napari_dinosim._napari.reading import searched
from napari_dinosim._napari.regions_section import OBJECT_TIP, RegionsSection
from napari_dinosim._napari.roles import key_of
from napari_dinosim._napari.undo_section import UndoSection
from napari_dinosim.loading import EncoderChoice, EncoderSlot
from napari_dinosim.prompts import Prompt, RegionPrompt
from napari_dinosim.regions import Region
from pictures import colours

SHAPE = (100, 150)
PATCH = 16
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
POLYGON = np.array([(12.3, 70.2), (20.4, 131.6), (71.7, 118.1), (50.2, 90.9)])
PLACE = {
    "scale": (0.5, 1.5),
    "translate": (10, -20),
    "rotate": 25,
    "shear": [0.2],
    "affine": np.array([[1, 0.1, 3], [0.2, 1, 4], [0, 0, 1]]),
}


def patches_of(image01: np.ndarray) -> np.ndarray:
    """Mean colour of each patch, scaled to unit length, (rows, cols, 3)."""
    rows, cols = -(-image01.shape[0] // PATCH), -(-image01.shape[1] // PATCH)
    padded = np.zeros((rows * PATCH, cols * PATCH, 3))
    padded[: image01.shape[0], : image01.shape[1]] = image01
    means = padded.reshape(rows, PATCH, cols, PATCH, 3).mean(axis=(1, 3))
    return means / np.linalg.norm(means, axis=-1, keepdims=True)


def mean_of(image01: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Unit vector of the mean of the patches under a mask, each weighing as many pixels as it holds of it."""
    y, x = np.nonzero(mask)
    mean = patches_of(image01)[y // PATCH, x // PATCH].mean(axis=0)
    return mean / np.linalg.norm(mean)


def expected_map(image01: np.ndarray, *queries: np.ndarray, without: np.ndarray | None = None) -> np.ndarray:
    patches = patches_of(image01)
    scores = np.max([patches @ query for query in queries], axis=0)
    if without is not None:
        scores = scores - patches @ without
    stretched = (scores - scores.min()) / (scores.max() - scores.min() + 1e-8)
    assert np.ptp(stretched) > 0.9
    return np.kron(stretched, np.ones((PATCH, PATCH)))[: image01.shape[0], : image01.shape[1]]


def assert_map(found, layer, expected) -> None:
    shown = found.map_of(layer)
    assert shown is not None, found.states()
    np.testing.assert_allclose(np.asarray(shown.data), expected, atol=1e-5)


def inside(vertices, shape=SHAPE) -> np.ndarray:
    return polygon2mask(shape, np.asarray(vertices))


def draw(bench, layer, vertices, kind="polygon") -> None:
    """Draw a shape over places of a layer."""
    bench.controller.draw_regions()
    regions = bench.controller.regions.layer
    places = [regions.world_to_data(layer.data_to_world(vertex)[-regions.ndim :]) for vertex in vertices]
    regions.add(np.array(places), shape_type=kind)
    bench.wait()


def said(bench) -> str:
    return bench.told[-1][0]


# ---- without a window ------------------------------------------------------------------------------------------------


def test_a_region_means_its_pixels_in_every_image(bench):
    a, b = colours(*SHAPE), colours(75, 61, 1)
    other = bench.add(b, name="b", translate=(0, 900))
    layer = bench.add(a, name="a", **PLACE)
    bench.start()
    draw(bench, layer, POLYGON)
    query = mean_of(a / 255, inside(POLYGON))
    assert_map(bench, layer, expected_map(a / 255, query))
    assert_map(bench, other, expected_map(b / 255, query))
    assert said(bench) == "Searching for what is in 1 region."


def test_negative_points_and_regions_are_told_as_what_is_not_meant():
    region = Region.polygon(POLYGON, SHAPE)
    sought, unlike = RegionPrompt("a", region), RegionPrompt("a", region, label="negative")
    points = [Prompt("a", 1, 2, label="root"), Prompt("a", 3, 4), Prompt("a", 5, 6, label="negative")]
    assert searched(points, [sought, unlike, unlike]) == (
        "Searching for what is under 2 points and in 1 region, unlike what is under 1 negative point and in 2 negative "
        "regions."
    )
    assert searched(points[2:], where="a") == (
        "Searching for what the points of a file mean, unlike what is under 1 negative point."
    )
    assert searched([], [sought, unlike]) == "Searching for what is in 1 region, unlike what is in 1 negative region."


def test_regions_and_points_are_one_query_and_editing_follows(bench):
    image = colours(*SHAPE)
    layer = bench.add(image, name="a")
    bench.start()
    draw(bench, layer, POLYGON)
    bench.point(layer, (90, 10))
    region, point = mean_of(image / 255, inside(POLYGON)), patches_of(image / 255)[5, 0]
    assert_map(bench, layer, expected_map(image / 255, region, point))
    assert said(bench) == "Searching for what is under 1 point and in 1 region."
    moved = POLYGON - (0, 60)
    bench.controller.regions.layer.data = [moved]
    bench.wait()
    assert_map(bench, layer, expected_map(image / 255, mean_of(image / 255, inside(moved)), point))
    bench.viewer.layers.remove(bench.controller.regions.layer)
    bench.wait()
    assert bench.controller.regions.layer is None
    assert_map(bench, layer, expected_map(image / 255, point))


@pytest.mark.parametrize("kind", ["rectangle", "ellipse", "path"])
def test_every_kind_of_shape(bench, kind):
    image = colours(*SHAPE)
    layer = bench.add(image, name="a")
    bench.start()
    box = np.array([(10, 60), (10, 140), (50, 140), (50, 60)])
    draw(bench, layer, box[:2] if kind == "path" else box, kind)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    masks = {
        "rectangle": (y >= 10) & (y < 50) & (x >= 60) & (x < 140),
        "ellipse": ((y - 30) / 20) ** 2 + ((x - 100) / 40) ** 2 < 1,
        "path": (y == 10) & (x >= 60) & (x <= 140),
    }
    shown = np.asarray(bench.map_of(layer).data)
    np.testing.assert_allclose(shown, expected_map(image / 255, mean_of(image / 255, masks[kind])), atol=5e-3)


def test_a_negative_region_is_taken_off_and_a_class_has_its_map(bench):
    image = colours(*SHAPE)
    layer = bench.add(image, name="a")
    bench.start()
    book = bench.controller.prompts.labels.book
    draw(bench, layer, POLYGON)
    book.choose("negative")
    low = np.array([(70, 5), (70, 40), (95, 40), (95, 5)]) - 0.5
    draw(bench, layer, low)
    regions = bench.controller.regions.layer
    assert list(regions.features["label"]) == ["positive", "negative"]
    np.testing.assert_allclose(regions.edge_color[1], _rgba(LOOKS["negative"].colour), atol=0.01)
    query, minus = (mean_of(image / 255, inside(one)) for one in (POLYGON, low))
    assert_map(bench, layer, expected_map(image / 255, query, without=minus))
    regions.selected_data = {1}
    book.add("fibre")
    bench.controller.regions._holder.labels.relabel_selected()
    bench.wait()
    assert bench.session.classes == ("positive", "fibre")
    assert ("1 region relabelled: fibre.", False) in bench.told
    bench.controller.remove_class("fibre")
    bench.wait()
    assert list(regions.features["label"]) == ["positive", "positive"]
    assert regions.selected_data == {1}
    assert bench.session.classes == ()
    assert book.labels == ("positive", "negative"), "a class that is gone is there again"
    told = next(text for text, _ in bench.told if text.startswith("Class 'fibre' is gone."))
    assert "selected: 1 region of it (on their layer, Delete removes, Shift+K relabels)" in told
    bench.controller.regions.undoing.undo()
    bench.wait()
    assert [region.label for region in bench.session.prompts.regions] == ["positive", "fibre"]
    book.rename("fibre", "bark")
    bench.wait()
    assert [region.label for region in bench.session.prompts.regions] == ["positive", "bark"]
    assert book.labels == ("positive", "negative", "bark")


def test_several_representatives_find_each_of_two_textures(bench):
    image = np.zeros((96, 160, 3), dtype=np.uint8)
    image[:] = (40, 200, 40)
    image[:, :32] = (250, 10, 10)
    image[:, 32:64] = (10, 10, 250)
    layer = bench.add(image, name="a")
    bench.start()
    draw(bench, layer, np.array([(0, 0), (0, 64), (96, 64), (96, 0)]) - 0.5)
    bench.controller.regions.represent_by(2)
    assert spin(20, lambda: bench.controller.regions.representatives == 2)
    bench.wait()
    shown = np.asarray(bench.map_of(layer).data)
    np.testing.assert_allclose(shown[:, :64], 1, atol=1e-5)
    assert (shown[:, 64:] < 0.01).all()


def test_a_region_lies_in_the_plane_on_screen(bench):
    stack = np.stack([colours(*SHAPE, seed) for seed in range(3)])
    layer = bench.add(stack, name="stack", rgb=True)
    bench.viewer.dims.set_point(0, 2)
    bench.start()
    places = np.column_stack([np.full(4, 2.0), POLYGON])
    draw(bench, layer, places)
    (prompt,) = bench.session.prompts.regions
    assert prompt.plane == (2,)
    found = bench.session.map(prompt.source, (2,))
    expected = expected_map(stack[2] / 255, mean_of(stack[2] / 255, inside(POLYGON)))
    np.testing.assert_allclose(found.grid.upsample(found.values), expected, atol=1e-5)


@pytest.mark.parametrize("column", [["negative", pd.NA], pd.Categorical(["negative", None], ["negative"])])
def test_labels_that_pandas_made_are_read_and_can_be_changed(bench, column):
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    for corners in (POLYGON, np.array([(70, 5), (70, 40), (95, 40), (95, 5)]) - 0.5):
        draw(bench, layer, corners)
    regions = bench.controller.regions.layer
    regions.features = {"label": column}
    bench.wait()
    assert list(regions.features["label"]) == ["negative", "positive"]
    bench.controller.prompts.labels.book.add("fibre")
    regions.selected_data = {1}
    bench.controller.regions._holder.labels.relabel_selected()
    bench.wait()
    assert [region.label for region in bench.session.prompts.regions] == ["negative", "fibre"]


def test_an_object_of_a_labels_layer_is_a_region(bench):
    image = colours(*SHAPE)
    layer = bench.add(image, name="a", **PLACE)
    marked = np.zeros(SHAPE, dtype=int)
    marked[30:60, 80:140] = 7
    marked[40:50, 90:100] = 3
    marked[70:75, 20:30] = 7  # another part; and a hole in the first
    objects = bench.viewer.add_layer(Labels(marked, name="cells", **PLACE))
    objects.selected_label = 7
    before = objects.data.copy()
    bench.start()
    bench.controller.use_object(objects)
    assert spin(20, lambda: bench.controller.regions.layer is not None)
    bench.wait()
    (prompt,) = bench.session.prompts.regions
    assert prompt.region.pixels == (marked == 7).sum()
    assert_map(bench, layer, expected_map(image / 255, mean_of(image / 255, marked == 7)))
    np.testing.assert_array_equal(objects.data, before)


def test_an_object_of_a_coarser_layer_counts_where_it_lies(bench):
    image = colours(*SHAPE)
    bench.add(image, name="a")
    coarse = np.zeros((50, 75), dtype=int)
    coarse[10:20, 30:60] = 4
    objects = bench.viewer.add_layer(Labels(coarse, name="cells", scale=(2, 2), translate=(0.5, 0.5)))
    objects.selected_label = 4
    bench.start()
    bench.controller.use_object(objects)
    assert spin(20, lambda: bench.controller.regions.layer is not None)
    bench.wait()
    (prompt,) = bench.session.prompts.regions
    assert (prompt.region.top, prompt.region.left) == (20, 60)
    assert prompt.region.pixels == pytest.approx(20 * 60, abs=4), "its corners are cut by less than a pixel of its own"
    assert any("of another size than the images" in text for text, _ in bench.told)


def test_one_outline_on_two_planes_or_of_two_labels_is_two_regions(bench):
    flat = bench.add(colours(*SHAPE), name="flat")
    bench.controller.draw_regions()
    bench.viewer.layers.remove(flat)
    layer = bench.add(np.stack([colours(*SHAPE, seed) for seed in range(5)]), name="deep")
    marked = np.zeros((5, *SHAPE), dtype=int)
    marked[:, 30:60, 80:140] = 7
    objects = bench.viewer.add_layer(Labels(marked, name="cells"))
    bench.viewer.layers.selection.active = objects
    objects.selected_label = 7
    bench.start()
    regions = bench.controller.regions
    assert regions.layer.ndim == 2

    def use(plane: int) -> str:
        bench.viewer.dims.set_point(0, plane)
        bench.told.clear()
        bench.controller.use_object(objects)
        assert spin(10, lambda: any("Object 7" in text for text, _ in bench.told))
        bench.wait()
        return next(text for text, _ in bench.told if "Object 7" in text)

    def found() -> list:
        return [(prompt.plane, prompt.label) for prompt in bench.session.prompts.regions]

    assert use(0) == "Object 7 of cells is a region now. Ctrl+Z on DINOSim regions takes it back."
    assert "is a region now" in use(3)
    assert use(0) == "Object 7 of cells is a region already: number 1, which is selected now."
    assert use(3) == "Object 7 of cells is a region already: number 2, which is selected now."
    assert {prompt.source for prompt in bench.session.prompts.regions} == {key_of(layer)}
    regions.book.add("root")
    assert "is a region now" in use(3)
    assert found() == [((0,), "positive"), ((3,), "positive"), ((3,), "root")]
    bench.viewer.dims.set_point(0, 1)
    regions.layer.selected_data = {0}
    regions.layer.remove_selected()
    bench.wait()
    assert found() == [((3,), "positive"), ((3,), "root")], "they took the plane of the one that lay where they lie"
    regions.undoing.undo()
    bench.wait()
    assert found() == [((0,), "positive"), ((3,), "positive"), ((3,), "root")]


def test_objects_that_are_none_are_told(bench):
    bench.add(colours(*SHAPE), name="a")
    objects = bench.viewer.add_layer(Labels(np.zeros(SHAPE, dtype=int), name="cells"))
    bench.start()
    objects.selected_label = 0
    bench.controller.use_object(objects)
    bench.viewer.dims.ndisplay = 3
    bench.controller.use_object(objects)
    assert bench.told[-1] == ("An object is taken from the plane on screen: go back to 2-D first.", True)
    bench.viewer.dims.ndisplay = 2
    bench.controller.use_object(objects)
    assert bench.told[-1] == ("cells: number 0 is its background. Pick an object first (the dropper, 5).", True)
    objects.selected_label = 9
    bench.controller.use_object(objects)
    assert spin(20, lambda: "no object 9" in said(bench))
    assert bench.controller.regions.layer is None


def test_regions_that_say_nothing_are_told_and_left_out(bench):
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    draw(bench, layer, POLYGON + 500)
    assert bench.told[-1] == ("Region 1 outside every checked image: nothing is searched for there.", True)
    assert bench.map_of(layer) is None
    draw(bench, layer, POLYGON)
    assert bench.told[-1][1]
    assert bench.map_of(layer) is not None
    regions = bench.controller.regions.layer
    regions.selected_data = {0}
    regions.remove_selected()
    bench.wait()
    assert said(bench) == "Searching for what is in 1 region."
    regions.data = [np.array([(20.1, 31.2), (20.1, 31.4), (20.3, 31.4)])]
    bench.wait()
    assert said(bench) == "Searching for what is in 1 region. 1 region smaller than a patch: the whole patch counts."
    bench.assert_map(layer, colours(*SHAPE) / 255, [(20, 31)])


def test_a_region_half_outside_counts_as_far_as_it_lies_in_the_image(bench):
    image = colours(*SHAPE)
    layer = bench.add(image, name="a")
    bench.start()
    box = np.array([(60, 100), (60, 400), (90, 400), (90, 100)])
    draw(bench, layer, box - 0.5)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[60:90, 100:] = True
    assert_map(bench, layer, expected_map(image / 255, mean_of(image / 255, mask)))


def test_an_open_path_is_what_lies_under_it_and_a_closed_one_its_inside(bench):
    bench.add(colours(*SHAPE), name="a")
    bench.start()
    corners = np.array([(10, 60), (10, 100), (40, 100), (40, 60)]) - 0.5
    layer = bench.viewer.layers["a"]
    draw(bench, layer, [*corners, corners[0]], "path")
    draw(bench, layer, corners, "path")
    closed, open_ = bench.session.prompts.regions
    assert closed.region.pixels == 30 * 40
    assert open_.region.pixels < 200


def test_before_start_a_region_asks_for_it(bench):
    layer = bench.add(colours(*SHAPE), name="a")
    draw(bench, layer, POLYGON)
    assert any(text.endswith("images are embedded only when you say so.") for text, _ in bench.told)
    assert bench.map_of(layer) is None
    bench.start()
    assert bench.map_of(layer) is not None


def test_without_a_checked_image_there_is_nothing_to_draw_on(bench):
    objects = bench.viewer.add_layer(Labels(np.ones(SHAPE, dtype=int), name="cells"))
    for attempt in (bench.controller.draw_regions, lambda: bench.controller.use_object(objects)):
        attempt()
        assert bench.told.pop() == ("No image is checked. Open an image, or check one in the list.", True)
    assert not bench.ours("regions")


def test_the_layer_is_found_again_and_a_copy_is_not_ours(bench, encoders):
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    bench.controller.prompts.labels.book.choose("negative")
    draw(bench, layer, POLYGON)
    made = bench.controller.regions.layer
    bench.viewer.add_layer(type(made).create(*made.as_layer_data_tuple()))
    bench.controller.shutdown()
    again = Controller(bench.viewer, EncoderChoice("builtin"), EncoderSlot(encoders.load), patch_size)
    try:
        assert again.regions.layer is made
        again.read_prompts()
        assert [region.label for region in again.session.prompts.regions] == ["negative"]
        assert "K" in {str(key) for key in made.keymap}
    finally:
        again.shutdown()
    assert not made.keymap


def test_a_region_keeps_to_its_image_and_an_unchanged_one_is_not_read_again(bench):
    below = bench.add(colours(*SHAPE), name="below")
    bench.start()
    draw(bench, below, POLYGON)
    (first,) = bench.session.prompts.regions
    above = bench.add(colours(*SHAPE, 1), name="above")
    bench.start()
    bench.point(above, (90, 10))
    assert bench.session.prompts.regions[0] is first
    bench.controller.check(first.source, False)
    bench.wait()
    assert bench.session.prompts.regions == ()
    assert "on an image that is not checked" in said(bench)


def test_a_region_goes_with_its_image_into_a_composition_and_back_into_it_by_undo(bench):
    a, b = (bench.add(colours(*SHAPE, seed)[..., 0], name=name) for seed, name in enumerate("ab"))
    bench.start()
    draw(bench, b, POLYGON)
    bench.add(colours(*SHAPE, 3), name="above")  # a region that belonged to none would belong to this one
    bench.controller.compose([str(layer.unique_id) for layer in (a, b)])
    bench.start()
    (composed,) = [one.key for one in bench.controller.offering.checked() if one.composed]
    assert [region.source for region in bench.session.prompts.regions] == [composed]
    regions = bench.controller.regions.layer
    regions.selected_data = {0}
    regions.remove_selected()
    bench.wait()
    assert not bench.session.prompts.regions
    bench.controller.regions.undoing.undo()
    bench.wait()
    assert [region.source for region in bench.session.prompts.regions] == [composed]


def test_a_region_that_is_relabelled_or_represented_otherwise_keeps_its_pixels(bench):
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    draw(bench, layer, POLYGON)
    (first,) = bench.session.prompts.regions
    regions = bench.controller.regions.layer
    regions.selected_data = {0}
    bench.controller.prompts.labels.book.choose("negative")
    bench.controller.regions.labels.relabel_selected()
    bench.wait()
    (second,) = bench.session.prompts.regions
    assert (first.label, second.label) == ("positive", "negative")
    assert second.region is first.region, "no pixel is looked at again"
    regions.data = [POLYGON[::-1]]
    bench.wait()
    (third,) = bench.session.prompts.regions
    assert third.region is not first.region


def _rgba(colour: str) -> np.ndarray:
    return np.array([*(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)), 1])


# ---- with the window -------------------------------------------------------------------------------------------------


def screen(desk, layer, place) -> QPoint:
    x, y = desk._drawn(layer, [np.asarray(place, dtype=float)])[0]
    return QPoint(round(float(x)), round(float(y)))


def begun(found, image, corners) -> None:
    """Click corners of a polygon that is not ended."""
    found.viewer.reset_view()
    spin(0.2)
    for spot in [screen(found, image, corner) for corner in corners]:
        QTest.mouseMove(found.canvas.native, spot)
        spin(0.05)
        QTest.mouseClick(found.canvas.native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
        spin(0.6)  # two clicks at once would be a double click


def test_drawn_with_the_mouse(desk):
    image = colours(*SHAPE)
    layer = Image(image, name="a", scale=(1, 1.3))
    found = desk(layer)
    found.start()
    section = found.unfold(RegionsSection)
    QTest.mouseClick(section.draw, Qt.MouseButton.LeftButton)
    spin(0.2)
    regions = found.ours("regions")[0]
    assert found.viewer.layers.selection.active is regions
    assert regions.mode == "add_polygon"
    native = found.canvas.native
    begun(found, layer, POLYGON)
    assert not found.session.prompts.regions, "a polygon that is being drawn is none yet"
    QTest.keyClick(native, Qt.Key.Key_Escape)
    spin(0.2)
    found.wait()
    assert regions.nshapes == 1
    drawn = regions.data[0]
    assert np.abs(drawn - POLYGON).max() < 1.0, "the mouse hits whole screen pixels"
    mask = inside(drawn)
    assert_map(found, layer, expected_map(image / 255, mean_of(image / 255, mask)))
    assert "1" in section.text()


def test_an_object_by_keyboard_from_the_section(desk):
    image = colours(*SHAPE)
    marked = np.zeros(SHAPE, dtype=int)
    marked[30:60, 80:140] = 7
    layer, objects = Image(image, name="a"), Labels(marked, name="cells")
    found = desk(layer, objects)
    found.start()
    section = found.unfold(RegionsSection)
    found.viewer.layers.selection.active = objects
    objects.selected_label = 7
    assert section.labels.currentText() == "cells"
    found.viewer.window._qt_window.activateWindow()
    assert spin(5, found.viewer.window._qt_window.isActiveWindow)
    QTest.keyClick(found.widget.native, Qt.Key.Key_O, Qt.KeyboardModifier.AltModifier)
    assert spin(20, lambda: bool(found.session.prompts.regions))
    found.wait()
    assert_map(found, layer, expected_map(image / 255, mean_of(image / 255, marked == 7)))
    assert found.viewer.layers.selection.active is objects
    assert section.text().endswith("Regions: 1")


def test_an_object_that_is_a_region_already_is_selected(desk):
    marked = np.zeros(SHAPE, dtype=int)
    marked[30:60, 80:140], marked[10:20, 10:30] = 7, 2
    layer, objects = Image(colours(*SHAPE), name="a"), Labels(marked, name="cells")
    found = desk(layer, objects)
    section = found.unfold(RegionsSection)
    found.viewer.layers.selection.active = objects
    for count, value in enumerate((2, 7), 1):
        objects.selected_label = value
        QTest.mouseClick(section.use, Qt.MouseButton.LeftButton)
        assert spin(10, lambda count=count: section.text().endswith(f"Regions: {count}"))
        spin(0.3)
        told = f"Object {value} of cells is a region now. Ctrl+Z on DINOSim regions takes it back."
        assert found.widget.message.value.startswith(told), "it was told away"
    for value, text in (
        (7, "Object 7 of cells is a region already: number 2, which is selected now."),
        (2, "Object 2 of cells is a region already: number 1, which is selected now."),
    ):
        objects.selected_label = value
        QTest.mouseClick(section.use, Qt.MouseButton.LeftButton)
        assert spin(10, lambda text=text: text in found.widget.message.value)
    regions = found.controller.regions.layer
    assert regions.nshapes == 2
    assert set(regions.selected_data) == {0}
    assert found.viewer.layers.selection.active is objects


def test_without_a_labels_layer_the_button_says_why(desk):
    found = desk(Image(colours(*SHAPE), name="a"))
    section = found.unfold(RegionsSection)
    assert [part.isEnabled() for part in (section.use, section.labels)] == [False, False]
    assert section.use.toolTip() == section.labels.toolTip() == NO_LABELS
    found.viewer.add_layer(Labels(np.ones(SHAPE, dtype=int), name="cells"))
    assert [part.isEnabled() for part in (section.use, section.labels)] == [True, True]
    assert section.use.toolTip() == OBJECT_TIP
    assert section.labels.toolTip() == "cells\nThe Labels layer that the object is taken from."


def test_a_rectangle_drawn_beside_every_image_is_told_and_one_on_it_found(desk):
    image = colours(*SHAPE)
    layer = Image(image, name="a")
    found = desk(layer)
    found.start()
    QTest.mouseClick(found.unfold(RegionsSection).draw, Qt.MouseButton.LeftButton)
    regions = found.ours("regions")[0]
    regions.mode = "add_rectangle"
    found.drag(layer, (160, 20), (190, 60))
    found.wait()
    assert "outside every checked image" in found.widget.message.native.text()
    assert found.map_of(layer) is None
    found.drag(layer, (20.2, 40.2), (59.8, 109.8))
    found.wait()
    drawn = regions.data[1]
    np.testing.assert_allclose([drawn.min(axis=0), drawn.max(axis=0)], [(20.2, 40.2), (59.8, 109.8)], atol=0.5)
    assert_map(found, layer, expected_map(image / 255, mean_of(image / 255, inside(drawn))))


@pytest.mark.parametrize("other", ["positive", "negative"])
def test_a_drawing_that_is_broken_off_leaves_no_colour_to_others(desk, other):
    layer = Image(colours(*SHAPE), name="a")
    found = desk(layer)
    found.start()
    found.controller.draw_regions()
    regions, book = found.controller.regions.layer, found.controller.prompts.labels.book
    regions.add(POLYGON, shape_type="polygon")
    begun(found, layer, [(50, 30)])
    assert regions.nshapes == 2
    found.key(Qt.Key.Key_Escape)
    assert regions.nshapes == 1
    book.choose(other)
    begun(found, layer, [(70, 20), (90, 20), (90, 40)])
    found.key(Qt.Key.Key_Escape)
    found.wait()
    labels = ["positive", other]
    assert [prompt.label for prompt in found.session.prompts.regions] == labels

    def assert_colours(count: int) -> None:
        assert len(regions.data) == len(regions.edge_color) == len(regions.face_color) == count
        expected = [transform_color(LOOKS[label].colour)[0] for label in labels[:count]]
        np.testing.assert_allclose(regions.edge_color, expected, atol=0.01)
        np.testing.assert_allclose(np.asarray(regions.face_color)[:, :3], np.array(expected)[:, :3], atol=0.01)
        assert np.max(np.asarray(regions.face_color)[:, 3]) < 0.5, "what is under it must be seen"

    assert_colours(2)
    found.key(Qt.Key.Key_Z, CONTROL)
    assert_colours(1)
    found.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    assert_colours(2)


def test_an_object_that_is_used_while_a_polygon_is_drawn_ends_it(desk):
    marked = np.zeros(SHAPE, dtype=int)
    marked[30:60, 80:140] = 7
    layer, objects = Image(colours(*SHAPE), name="a"), Labels(marked, name="cells")
    objects.selected_label = 7
    found = desk(layer, objects)
    found.start()
    found.controller.draw_regions()
    regions = found.controller.regions.layer
    begun(found, layer, [(70, 20), (90, 20)])
    assert regions.nshapes == 1
    found.controller.use_object(objects)
    assert spin(10, lambda: "is a region now" in found.widget.message.value)
    found.wait()
    assert [prompt.region.pixels for prompt in found.session.prompts.regions] == [30 * 60]
    assert found.controller.regions.undoing.undoable == "1 region added"


def test_a_shape_that_cannot_be_added_holds_nothing_up(bench):
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    draw(bench, layer, POLYGON)
    regions = bench.controller.regions
    assert (regions.undoing.undoable, regions.undoing.redoable) == ("1 region added", "")
    with pytest.raises(ValueError, match="Rectangle expects four corner vertices"):
        regions.layer.add(np.zeros((5, 2)), shape_type="rectangle")
    bench.controller.read_prompts()
    assert len(bench.session.prompts.regions) == 1
    regions.undoing.undo()
    bench.wait()
    assert not bench.session.prompts.regions
    assert bench.viewer.status == "Undone: 1 region added"
    assert regions.undoing.undoable == "", "it was one step"


# ---- undo ------------------------------------------------------------------------------------------------------------


def test_keys_and_buttons_undo_what_was_drawn_moved_relabelled_and_deleted(desk):
    layer = Image(colours(*SHAPE), name="a")
    found = desk(layer)
    found.start()
    found.click(layer, (90, 10))
    found.controller.draw_regions()
    regions = found.controller.regions.layer
    for corner in POLYGON:
        found.click(layer, corner)
        found.key(Qt.Key.Key_Z, CONTROL)
        assert found.viewer.status.startswith("Finish what you draw first")
    found.key(Qt.Key.Key_Escape)
    assert spin(5, lambda: len(found.session.prompts.regions) == 1)
    drawn = regions.data[0].copy()
    regions.mode = "select"
    middle = drawn.mean(axis=0)
    found.drag(layer, middle, middle + np.array((10, -20)))
    assert np.abs(regions.data[0] - drawn).max() > 5
    regions.selected_data = {0}
    found.controller.prompts.labels.book.choose("negative")
    found.key(Qt.Key.Key_K, SHIFT)
    found.key(Qt.Key.Key_Delete)
    assert not regions.data
    undoing, told = found.controller.regions.undoing, []
    for _ in range(4):
        found.key(Qt.Key.Key_Z, CONTROL)
        told.append(undoing.redoable)
    assert told == [f"1 region {what}" for what in ("deleted", "relabelled", "moved", "added")]
    assert (len(regions.data), len(found.prompts.data)) == (0, 1)
    buttons = found.widget.section(UndoSection).buttons
    assert buttons.redo.toolTip().startswith("Redo: 1 region added (Ctrl+Shift+Z while the regions layer")
    for _ in range(3):
        buttons.redo.click()
        spin(0.1)
    assert [region.label for region in found.session.prompts.regions] == ["negative"]
    assert np.abs(regions.data[0] - drawn).max() > 5
    np.testing.assert_allclose(regions.edge_color[0], transform_color(LOOKS["negative"].colour)[0], atol=0.01)
    found.viewer.layers.selection.active = found.prompts
    buttons.undo.click()
    assert (len(regions.data), len(found.prompts.data)) == (1, 0)
