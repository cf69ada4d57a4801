"""Colours and clusters over all checked images: planted colours, in the layers that a person sees."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels
from napari.utils.colormaps import DirectLabelColormap, label_colormap
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest

from events import spin
from napari_dinosim._napari import feature_layers, lazy_map, results, task
from napari_dinosim._napari.feature_table import write_features
from napari_dinosim._napari.features import GONE, KINDS, Features, percents
from napari_dinosim._napari.features_section import OTHERS, OUTDATED, FeaturesSection
from napari_dinosim._napari.object_colours import by_number
from napari_dinosim._napari.roles import CLUSTERS, COLOURS, MAP, MARK, is_ours, role
from napari_dinosim._napari.task import BROKEN_OFF
from napari_dinosim.analysis.clusters import palette
from napari_dinosim.planes import LAST

RED, GREEN, BLUE = (220, 30, 30), (20, 200, 40), (30, 40, 210)


def painted(height: int, width: int, *spots) -> np.ndarray:
    """Red all over, but for spots of (colour, rows, columns); spots keep to patches of 16 pixels."""
    pixels = np.full((height, width, 3), RED, dtype=np.uint8)
    for colour, rows, cols in spots:
        pixels[rows, cols] = colour
    return pixels


FIRST = painted(80, 112, (GREEN, slice(16, 48), slice(64, 96)))
SECOND_WIDE = painted(80, 112, (GREEN, slice(16, 48), slice(64, 96)), (BLUE, slice(0, 16), slice(0, 16)))
SECOND = painted(60, 90, (GREEN, slice(32, 48), slice(16, 80)), (BLUE, slice(0, 16), slice(64, 80)))


@pytest.fixture
def features(bench):
    made = Features(bench.controller)
    made.colours.told.connect(bench.controller.told.emit)
    made.clusters.told.connect(bench.controller.told.emit)
    yield made
    made.shutdown()


def finish(features) -> None:
    assert spin(20, lambda: not (features.colours.running or features.clusters.running))
    spin(0.05)


def colours(bench, features) -> None:
    features.show_colours()
    finish(features)


def clusters(bench, features, count=3, method="k-means") -> None:
    features.show_clusters(count, method)
    finish(features)


def over(bench, kind, image):
    return results.find(bench.viewer, kind, str(image.unique_id))


def test_one_colour_is_one_colour_in_all_images(bench, features):
    first, second = bench.add(FIRST, name="first", rgb=True), bench.add(SECOND, name="second", rgb=True)
    bench.start()
    colours(bench, features)
    seen = {}
    for image in (first, second):
        layer = over(bench, COLOURS, image)
        assert (layer.name, layer.rgb) == (f"PCA · {image.name}", True)
        assert layer.data.shape == (*image.data.shape[:2], 4)
        assert isinstance(layer.data, np.ndarray)
        for colour in np.unique(image.data.reshape(-1, 3), axis=0):
            here = np.unique(layer.data[(image.data == colour).all(axis=-1)], axis=0)
            assert len(here) == 1, "patches of one colour differ"
            seen.setdefault(tuple(colour), []).append(tuple(here[0]))
    assert {colour: len(found) for colour, found in seen.items()} == {RED: 2, GREEN: 2, BLUE: 1}
    assert seen[GREEN][0] == seen[GREEN][1]
    assert seen[RED][0] == seen[RED][1]
    assert len({found[0] for found in seen.values()}) == 3
    assert all(found[0][3] == 255 for found in seen.values())
    note = over(bench, COLOURS, first).metadata[MARK]
    assert sum(note["explained_variance"]) == pytest.approx(1, abs=1e-4)  # three colours span a plane
    assert set(note["images"]) == {"first", "second"}
    assert bench.told[-1] == ("PCA colours over 2 images, with one basis: they explain 100 % of the variance.", False)


@pytest.mark.parametrize("method", ["k-means", "agglomerative"])
def test_planted_colours_are_clusters_with_exact_shares(bench, features, method):
    first, second = bench.add(FIRST, name="first", rgb=True), bench.add(SECOND, name="second", rgb=True)
    bench.start()
    told = []
    features.grouped.connect(told.append)
    clusters(bench, features, 3, method)
    numbers = {RED: 1, GREEN: 2, BLUE: 3}  # by area
    pixels = dict.fromkeys(numbers, 0)
    for image in (first, second):
        layer = over(bench, CLUSTERS, image)
        assert isinstance(layer, Labels)
        assert layer.name == f"clusters · {image.name}"
        for colour, number in numbers.items():
            here = (image.data == colour).all(axis=-1)
            pixels[colour] += here.sum()
            assert (layer.data[here] == number).all()
    (rows,) = told
    assert [row.number for row in rows] == [1, 2, 3]
    np.testing.assert_allclose([row.share for row in rows], np.array(list(pixels.values())) / (80 * 112 + 60 * 90))
    layer = over(bench, CLUSTERS, second)
    for row in rows:
        np.testing.assert_allclose(layer.get_color(row.number)[:3], row.colour, atol=1e-6)
    np.testing.assert_allclose(layer.features["share"][1:], [row.share for row in rows])
    assert layer.features["name"].tolist() == ["not embedded", "cluster 1", "cluster 2", "cluster 3"]
    by = {"k-means": "k-means", "agglomerative": "agglomerative clustering"}[method]
    assert bench.told[-1] == (f"3 clusters over 2 images, by {by}.", False)


def test_pressed_again_they_are_updated_in_place_and_keep_their_looks(bench, features):
    image = bench.add(FIRST, name="first", rgb=True)
    bench.start()
    colours(bench, features)
    clusters(bench, features)
    before = over(bench, COLOURS, image), over(bench, CLUSTERS, image)
    before[0].opacity, before[1].visible = 0.25, False
    image.data = painted(80, 112, (BLUE, slice(0, 32), slice(0, 112)))
    assert features.outdated("colours")
    assert features.outdated("clusters")
    bench.start()
    assert features.outdated("clusters")
    colours(bench, features)
    clusters(bench, features, 2)
    after = over(bench, COLOURS, image), over(bench, CLUSTERS, image)
    assert after[0] is before[0]
    assert after[1] is before[1]
    assert (after[0].opacity, after[1].visible) == (0.25, False)
    np.testing.assert_array_equal(after[1].data, np.where((image.data == RED).all(axis=-1), 1, 2))
    assert not features.outdated("colours")
    assert not features.outdated("clusters")
    assert len(bench.viewer.layers) == 4


def test_what_somebody_has_drawn_is_kept(bench, features):
    image = bench.add(FIRST, name="first", rgb=True)
    bench.start()
    clusters(bench, features)
    drawn = over(bench, CLUSTERS, image)
    drawn.paint((5, 5), 7)
    kept = drawn.data.copy()
    clusters(bench, features)
    fresh = over(bench, CLUSTERS, image)
    assert fresh is not drawn
    assert drawn in bench.viewer.layers
    np.testing.assert_array_equal(drawn.data, kept)
    assert not is_ours(drawn, CLUSTERS)
    clusters(bench, features)
    assert over(bench, CLUSTERS, image) is fresh


def test_they_go_with_their_image_unless_somebody_has_drawn(bench, features):
    images = [bench.add(FIRST, name=name, rgb=True) for name in ("first", "second", "third")]
    bench.start()
    colours(bench, features)
    clusters(bench, features)
    swept, drawn = [], over(bench, CLUSTERS, images[1])
    bench.controller.feature_layers.swept.connect(lambda: swept.append(True))
    drawn.paint((5, 5), 2)
    for image in images[:2]:
        bench.viewer.layers.remove(image)
    kinds = [role(layer) for layer in bench.viewer.layers]
    assert (kinds.count(COLOURS), kinds.count(CLUSTERS)) == (3, 3), "a layer went within the removal of another"
    assert spin(5, lambda: len(swept) > 1)
    assert {layer.name for layer in bench.viewer.layers if role(layer) in (COLOURS, CLUSTERS)} == {
        "PCA · third",
        "clusters · third",
        "clusters · second",
    }
    assert drawn in bench.viewer.layers
    assert not is_ours(drawn, CLUSTERS)
    assert features.shows("colours")
    bench.viewer.layers.remove(over(bench, COLOURS, images[2]))
    assert not features.shows("colours")
    assert features.shows("clusters")


def renamed(layer) -> None:
    layer.name = "my regions"


def coloured(layer) -> None:
    layer.colormap = DirectLabelColormap(color_dict=dict(layer.colormap.color_dict) | {2: "white"})


def coloured_by_napari(layer) -> None:
    layer.colormap = label_colormap(49)


def called(layer) -> None:
    layer.features = layer.features.assign(name=["not embedded", "ground", "cluster 2", "cluster 3"])


def described(layer) -> None:
    layer.features = layer.features.assign(mine=range(4))


def cut(layer) -> None:
    layer.features = layer.features.drop(columns="index")


@pytest.mark.parametrize("what", [renamed, coloured, coloured_by_napari, called, described, cut])
@pytest.mark.parametrize("after", ["removed", "another shape"])
def test_what_a_person_made_of_clusters_outlives_the_image(bench, features, what, after):
    image = bench.add(SECOND_WIDE, name="first", rgb=True)
    bench.start()
    clusters(bench, features, 2)
    clusters(bench, features, 3)
    layer = over(bench, CLUSTERS, image)
    what(layer)
    name, table, colour, held = layer.name, layer.features.copy(), layer.get_color(2), layer.data.copy()
    if after == "removed":
        bench.viewer.layers.remove(image)
    else:
        image.data = np.stack([SECOND] * 2)
        bench.start()
        clusters(bench, features, 2)
        assert over(bench, CLUSTERS, image) is not layer
    spin(0.3)
    assert layer in bench.viewer.layers
    assert not is_ours(layer, CLUSTERS)
    assert layer.name == name
    assert layer.features.equals(table)
    np.testing.assert_array_equal(layer.get_color(2), colour)
    np.testing.assert_array_equal(layer.data, held)


@pytest.mark.parametrize("again", [False, True])
def test_what_nobody_took_up_goes_with_the_image(bench, features, again):
    """Columns of ours, colours by a number, looks and a name that napari or a renamed image gave are no one's own."""
    for name in ("other", "first"):
        bench.viewer.add_layer(Labels(np.zeros((80, 112), np.uint8), name=f"clusters · {name}"))
    image = bench.add(FIRST, name="first", rgb=True)
    bench.start()
    for count in (4, 2) if again else (2,):
        clusters(bench, features, count)
    layer = over(bench, CLUSTERS, image)
    layer.opacity, layer.contour = 0.3, 1
    write_features(layer, {"index": [1, 2], "likeness": [0.5, 1.0]})
    layer.colormap = by_number(np.array([1, 2]), np.array([0.0, 1.0]), "gray")
    assert layer.name == "clusters · first [1]"
    image.name = "renamed"
    assert layer.name == "clusters · renamed"
    image.name = "other"
    assert layer.name == "clusters · other [1]"
    bench.viewer.layers.remove(image)
    assert spin(5, lambda: layer not in bench.viewer.layers)


def test_names_and_colours_that_a_person_gave_stay(bench, features):
    image = bench.add(FIRST, name="first", rgb=True)
    bench.start()
    clusters(bench, features, 2)
    layer = over(bench, CLUSTERS, image)
    layer.features = layer.features.assign(name=["not embedded", "ground", "cluster 2"], mine=[0.5, 1.5, 2.5])
    colours_now = dict(layer.colormap.color_dict)
    layer.colormap = DirectLabelColormap(color_dict=colours_now | {2: "white"})
    image.data = SECOND_WIDE
    bench.start()
    clusters(bench, features, 3)
    assert over(bench, CLUSTERS, image) is layer
    assert layer.features["name"].tolist() == ["not embedded", "ground", "cluster 2", "cluster 3"]
    assert layer.features["mine"].tolist()[:3] == [0.5, 1.5, 2.5]
    assert layer.features["share"].notna().sum() == 3
    np.testing.assert_allclose(layer.get_color(2), 1)
    np.testing.assert_allclose(layer.get_color(1), colours_now[1])
    np.testing.assert_allclose(layer.get_color(3)[:3], palette(3)[2], atol=1e-6)
    clusters(bench, features, 2)
    assert layer.features["index"].tolist() == [0, 1, 2]


def test_made_anew_all_clusters_are_drawn(bench, features):
    image = bench.add(FIRST, name="first", rgb=True)
    bench.start()
    clusters(bench, features, 2)
    features.show_only(2)
    assert over(bench, CLUSTERS, image).show_selected_label
    clusters(bench, features, 2)
    assert not over(bench, CLUSTERS, image).show_selected_label


def test_clusters_are_not_coloured_twice(bench, features):
    """Colours that are set later draw each layer once more."""
    bench.add(FIRST, name="first", rgb=True)
    bench.start()
    drawn = []
    bench.viewer.layers.events.inserted.connect(lambda event: event.value.events.colormap.connect(drawn.append))
    clusters(bench, features, 2)
    clusters(bench, features, 2)
    assert len(bench.ours(CLUSTERS)) == 1
    assert drawn == []


def test_colours_by_a_number_are_no_names(bench, features):
    """They are of the clusters of then."""
    image = bench.add(FIRST, name="first", rgb=True)
    bench.start()
    clusters(bench, features, 2)
    layer = over(bench, CLUSTERS, image)
    layer.colormap = by_number(np.array([1, 2]), np.array([0.0, 1.0]), "gray")
    clusters(bench, features, 2)
    np.testing.assert_allclose(layer.get_color(2)[:3], palette(2)[1], atol=1e-6)
    layer.colormap = label_colormap(49)
    clusters(bench, features, 2)
    assert not isinstance(layer.colormap, DirectLabelColormap)


def test_nobody_draws_in_clusters_that_hold_no_pixels(bench, features):
    image = bench.add(np.stack([FIRST] * 3), name="stack", rgb=True)
    bench.start()
    for _ in range(2):
        clusters(bench, features, 2)
        layer = over(bench, CLUSTERS, image)
        for shown in (3, 2):
            bench.viewer.dims.ndisplay = shown
            layer.mode = "paint"
            assert (layer.editable, str(layer.mode)) == (False, "pan_zoom")


def test_maps_and_clusters_lie_above_the_colours(bench, features):
    image = bench.add(FIRST, name="first", rgb=True)
    bench.start()
    clusters(bench, features)
    colours(bench, features)
    bench.point(image, (20, 20))
    order = [role(layer) for layer in bench.viewer.layers if layer is not image]
    assert order == [COLOURS, MAP, CLUSTERS, "prompts"] or order == [COLOURS, MAP, "prompts", CLUSTERS], order


def test_result_layers_are_never_searched(bench, features):
    bench.add(FIRST, name="first", rgb=True)
    bench.start()
    colours(bench, features)
    assert [row.name for row in bench.controller.rows()] == ["first"]


def test_they_lie_on_their_image_and_follow_it(bench, features):
    place = {"scale": (0.5, 2), "translate": (3, -8), "rotate": 30, "units": ("um", "um")}
    image = bench.add(FIRST, name="first", rgb=True, **place)
    bench.start()
    colours(bench, features)
    clusters(bench, features)
    for move in (False, True):
        if move:
            image.translate, image.name = (40, 50), "renamed"
        for kind, title in ((COLOURS, "PCA"), (CLUSTERS, "clusters")):
            layer = over(bench, kind, image)
            np.testing.assert_allclose(layer.data_to_world((7, 90)), image.data_to_world((7, 90)))
            assert layer.units == image.units
            assert layer.name == f"{title} · {image.name}"
    assert bench.viewer.layers.index(over(bench, CLUSTERS, image)) > bench.viewer.layers.index(image)


def test_all_planes_of_a_stack_and_nothing_where_not_embedded(bench, features):
    stack = np.stack([FIRST, painted(80, 112, (BLUE, slice(0, 80), slice(0, 32))), FIRST])
    image = bench.add(stack, name="stack", rgb=True)
    bench.controller.embed_scope("plane")
    shown = bench.controller.offering.plane(image)
    bench.start()
    colours(bench, features)
    clusters(bench, features, 2)
    layer, labels = over(bench, COLOURS, image), over(bench, CLUSTERS, image)
    assert layer.data.shape == (3, 80, 112, 4)
    assert labels.data.shape == (3, 80, 112)
    for plane in range(3):
        assert (np.asarray(layer.data[plane])[..., 3] == 255 * (plane == shown[0])).all()
        assert np.asarray(labels.data[plane]).any() == (plane == shown[0])
    bench.controller.embed_scope("all")
    bench.wait()
    assert features.outdated("colours")
    colours(bench, features)
    clusters(bench, features, 3)
    assert over(bench, COLOURS, image) is layer
    whole, seen = np.asarray(labels.data), np.asarray(layer.data)
    assert (seen[..., 3] == 255).all()
    for colour, number in {RED: 1, BLUE: 2, GREEN: 3}.items():
        here = (stack == colour).all(axis=-1)
        assert (whole[here] == number).all()
        assert len(np.unique(seen[here], axis=0)) == 1


def test_large_images_keep_but_the_grid_of_patches(bench, features, monkeypatch):
    monkeypatch.setattr(feature_layers, "REAL_PIXELS", 1000)
    monkeypatch.setattr(lazy_map, "SMALLEST_LEVEL", 64)
    image = bench.add(FIRST, name="large", rgb=True)
    bench.start()
    colours(bench, features)
    clusters(bench, features)
    layer, labels = over(bench, COLOURS, image), over(bench, CLUSTERS, image)
    assert layer.multiscale
    assert labels.multiscale
    assert [level.shape for level in layer.data] == [(80, 112, 4), (40, 56, 4)]
    assert [level.shape for level in labels.data] == [(80, 112), (40, 56)]
    green = (FIRST == GREEN).all(axis=-1)
    np.testing.assert_array_equal(np.asarray(labels.data[0]) == 2, green)
    np.testing.assert_array_equal(np.asarray(labels.data[1]) == 2, green[1::2, 1::2])
    colours(bench, features)
    assert over(bench, COLOURS, image) is layer


def test_axes_exchanged(bench, features):
    image = bench.add(FIRST, name="first", rgb=True)
    bench.viewer.dims.order = (1, 0)
    bench.start()
    clusters(bench, features, 2)
    np.testing.assert_array_equal(over(bench, CLUSTERS, image).data == 2, (FIRST == GREEN).all(axis=-1))


def test_only_checked_images(bench, features):
    first, second = bench.add(FIRST, name="first", rgb=True), bench.add(SECOND, name="second", rgb=True)
    bench.start()
    bench.controller.check(str(second.unique_id), False)
    colours(bench, features)
    assert over(bench, COLOURS, second) is None
    assert over(bench, COLOURS, first) is not None
    bench.controller.check(str(second.unique_id), True)
    assert features.outdated("colours")


def test_bad_input_is_told(bench, features):
    features.show_colours()
    assert bench.told[-1][0].startswith("Nothing is embedded of the checked images. Press Start")
    bench.add(FIRST[:16, :32], name="small", rgb=True)
    features.show_clusters(2, "k-means")
    assert bench.told[-1][0].startswith("Nothing is embedded")
    bench.start()
    colours(bench, features)
    assert bench.told[-1] == (
        "principal components: found 2 embedded patches, expected at least 4. "
        "Check more images, embed more of them, or ask for less.",
        True,
    )
    clusters(bench, features, 9)
    assert bench.told[-1][0].startswith("9 clusters: found 2 embedded patches, expected at least 9")
    clusters(bench, features, 2)
    assert bench.told[-1] == ("1 cluster over small, by k-means. There are no more kinds of patches: 2 were asked for.",
                              False)  # fmt: skip


def test_an_image_that_goes_meanwhile(bench, features):
    image = bench.add(FIRST, name="first", rgb=True)
    bench.start()
    features.show_colours()
    bench.viewer.layers.remove(image)
    finish(features)
    assert not bench.ours(COLOURS)
    assert bench.told[-1] == (GONE, True)


def test_cancelled_nothing_is_shown(bench, features):
    bench.add(FIRST, name="first", rgb=True)
    bench.start()
    features.show_clusters(3, "k-means")
    features.clusters.cancel()
    finish(features)
    assert not bench.ours(CLUSTERS)
    assert bench.told[-1] == ("Cancelled: no clusters were made.", False)


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("what", ["colours", "clusters"])
def test_broken_off_between_two_images_they_are_out_of_date(desk, monkeypatch, what, again):
    """Some images have new layers and others not: one numbering or basis no longer holds for all."""
    found = desk(Image(FIRST, name="first", rgb=True), Image(SECOND, name="second", rgb=True))
    section = found.unfold(FeaturesSection)
    features, note = section.features, section.explained if what == "colours" else section.grouped
    button = getattr(section, what)
    found.start()
    section.count.value = 2
    if again:
        button.native.click()
        finish(features)
        section.count.value = 3
    before = [(layer, layer.data.copy()) for layer in found.ours(KINDS[what])]
    monkeypatch.setattr(task, "PAUSE_MS", 50)
    show, shown = getattr(found.controller.feature_layers, f"show_{what}"), []

    def cancelling(one, *data, **more):
        shown.append(one.found.name)
        QTimer.singleShot(0, button.native.click)
        return show(one, *data, **more)

    monkeypatch.setattr(found.controller.feature_layers, f"show_{what}", cancelling)
    button.native.click()
    assert spin(20, lambda: found.widget.message.value == BROKEN_OFF)
    assert len(shown) == 1
    if what == "clusters" and again:
        assert sorted(np.array_equal(layer.data, data) for layer, data in before) == [False, True]
    assert features.outdated(what)
    assert spin(5, lambda: note.value == f"⚠ {OUTDATED}")
    monkeypatch.setattr(found.controller.feature_layers, f"show_{what}", show)
    button.native.click()
    finish(features)
    assert not features.outdated(what)
    assert spin(5, lambda: not note.value.startswith("⚠"))


def test_the_section_in_the_window(desk):
    first, second = Image(FIRST, name="first", rgb=True), Image(SECOND, name="second", rgb=True)
    found = desk(first, second)
    section = next(one for one in found.widget.sections if isinstance(one, FeaturesSection))
    found.start()
    found.viewer.layers.selection.active = first
    QTest.mouseClick(section.toggleButton(), Qt.MouseButton.LeftButton)
    spin(0.4)
    QTest.mouseClick(section.colours.native, Qt.MouseButton.LeftButton)
    finish(section.features)
    assert section.explained.value.startswith("Explained variance: red ")
    assert found.viewer.layers.selection.active is first
    section.count.value = 3
    section.clusters.native.setFocus()
    QTest.keyClick(section.clusters.native, Qt.Key.Key_Space)
    finish(section.features)
    texts = section.legend.texts()
    assert texts[0] == "all clusters"
    assert [text.split(" · ")[0] for text in texts[1:]] == ["1", "2", "3"]
    assert section.legend.isVisible()
    swatch = section.legend.item(2).icon().pixmap(14, 14).toImage().pixelColor(7, 7)
    labels = found.ours(CLUSTERS)
    assert len(labels) == 2
    np.testing.assert_allclose(labels[0].get_color(2)[:3], swatch.getRgbF()[:3], atol=0.01)
    QTest.keyClick(section.legend, Qt.Key.Key_Down)
    QTest.keyClick(section.legend, Qt.Key.Key_Down)
    assert [(layer.show_selected_label, layer.selected_label) for layer in labels] == [(True, 2)] * 2
    QTest.keyClick(section.legend, Qt.Key.Key_Home)
    assert not any(layer.show_selected_label for layer in labels)
    assert not section.explained.value.startswith("⚠")
    found.tick("second", False)
    spin(0.4)
    assert section.explained.value == section.grouped.value == f"⚠ {OUTDATED}"
    found.tick("second", True)
    spin(0.4)
    assert section.explained.value.startswith("Explained variance")
    assert section.grouped.value == ""


@pytest.mark.parametrize(
    ("shares", "told"),
    [
        ((0.334, 0.333, 0.222), [34, 33, 22]),
        ((0.496, 0.296, 0.106), [50, 29, 11]),
        ((0.3, 0.2, 0.1), [30, 20, 10]),
        ((0.0, 0.0, 0.0), [0, 0, 0]),
        ((np.nan, 0.504, 0.307), [0, 50, 31]),
        ((np.nan, np.nan, np.nan), [0, 0, 0]),
    ],
)
def test_per_cents_add_up(shares, told):
    assert percents(shares) == told
    assert sum(told) == round(100 * np.nansum(shares))


def test_the_section_tells_what_is_shown_where_something_else_is_chosen(desk):
    found = desk(Image(FIRST, name="first", rgb=True), Image(SECOND, name="second", rgb=True))
    section = found.unfold(FeaturesSection)
    found.start()
    section.count.value = 3
    section.clusters.native.click()
    finish(section.features)
    section.colours.native.click()
    finish(section.features)
    assert section.grouped.value == ""
    section.method.value = "agglomerative"
    assert spin(5, lambda: section.grouped.value == OTHERS.format("3 clusters by k-means"))
    section.clusters.native.click()
    finish(section.features)
    assert section.grouped.value == ""
    section.count.value = 2
    assert spin(5, lambda: section.grouped.value == OTHERS.format("3 clusters by agglomerative clustering"))
    section.count.value = 3
    assert spin(5, lambda: section.grouped.value == "")
    assert section.legend.isVisible()
    named = section.explained.value.removeprefix("Explained variance: ").replace("\N{NO-BREAK SPACE}%", "").rstrip(".")
    assert sum(int(part.split()[1]) for part in named.split(", ")) == 100
    for layer in (*found.ours(CLUSTERS), *found.ours(COLOURS)):
        found.viewer.layers.remove(layer)
    assert spin(5, lambda: not section.legend.isVisible())
    assert section.explained.value == section.grouped.value == ""


def test_a_reopened_widget_finds_the_layers(bench, features):
    image = bench.add(FIRST, name="first", rgb=True)
    bench.start()
    clusters(bench, features)
    layer = over(bench, CLUSTERS, image)
    other = Features(bench.controller)
    clusters(bench, other, 2)
    other.shutdown()
    assert over(bench, CLUSTERS, image) is layer
    assert bench.controller.offering.plane(image) == ()
    assert layer.ndim == len(LAST)
