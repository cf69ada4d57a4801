"""Classes on screen: a map of each, the winner as labels; and how scores are shown."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels
from napari.utils.colormaps import DirectLabelColormap
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from events import spin
from napari_dinosim._napari.features import Features
from napari_dinosim._napari.label_book import CLASS_LOOKS, LOOKS
from napari_dinosim._napari.map_section import MapSection
from napari_dinosim._napari.matching import Matching
from napari_dinosim._napari.measuring import Measuring
from napari_dinosim._napari.regions_section import RegionsSection
from napari_dinosim._napari.roles import (
    CLUSTERS,
    COLOURS,
    LIKE,
    MATCHES,
    PREVIEW,
    PROMPTS,
    REGIONS,
    SEGMENTS,
    is_ours,
    key_of,
)
from napari_dinosim._napari.scores_section import ScoresSection
from napari_dinosim._napari.segmenting import Segmenting
from napari_dinosim.records.tools import MatchChoices
from pictures import colours

RED, BLUE, GREEN = (250, 10, 10), (10, 10, 250), (10, 250, 10)


def striped(height: int = 80, width: int = 112) -> np.ndarray:
    """Red at the left, blue in the middle, green at the right; edges at patches."""
    image = np.empty((height, width, 3), np.uint8)
    image[:, :32], image[:, 32:80], image[:, 80:] = RED, BLUE, GREEN
    return image


def classes_over(bench, layer) -> dict:
    return bench.controller.class_layers.layers(str(layer.unique_id))


def sort_into(bench, layer, **places) -> None:
    """Name classes, and click on a place of each."""
    book = bench.controller.prompts.labels.book
    for name, place in places.items():
        if name in book.labels:
            book.choose(name)
        else:
            book.add(name)
        bench.point(layer, place)


def test_each_class_has_a_map_and_the_winner_is_exact(bench):
    one = bench.add(striped(), name="a", scale=(2, 0.5), rotate=20, translate=(3, 4), units="um")
    other = bench.add(striped()[:, ::-1], name="b", scale=(2, 0.5), rotate=20, translate=(300, 4), units="um")
    bench.start()
    sort_into(bench, one, rose=(40, 10), sky=(70, 50))
    assert bench.session.classes == ("rose", "sky")
    values = np.repeat(np.array([2] * 2 + [3] * 3 + [0] * 2), 16)[None].repeat(80, axis=0)
    for layer, expected in ((one, values), (other, values[:, ::-1])):
        made = classes_over(bench, layer)
        assert list(made) == [None, "rose", "sky"]
        winner = made[None]
        assert isinstance(winner, Labels)
        assert (winner.name, winner.visible, winner.editable) == (f"classes · {layer.name}", True, False)
        known = expected > 0  # green is like both, or neither
        np.testing.assert_array_equal(np.asarray(winner.data)[known], expected[known])
        np.testing.assert_allclose(winner.extent.world, layer.extent.world)
        assert list(winner.features["name"]) == ["not embedded", "rose", "sky"]
        np.testing.assert_allclose(winner.get_color(2)[:3], rgb(CLASS_LOOKS[0].colour), atol=0.01)
        for name, place in (("rose", expected == 2), ("sky", expected == 3)):
            heat = np.asarray(made[name].data)
            assert heat.shape == (80, 112)
            assert (heat[place] > 0.999).all()
            assert (heat[~place] < 0.9).all()
            assert not made[name].visible


def rgb(colour: str) -> list[float]:
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def test_the_layers_follow_clicks_in_place_and_go_with_the_classes(bench):
    layer = bench.add(striped(), name="a")
    bench.start()
    sort_into(bench, layer, positive=(40, 100), rose=(40, 10))
    made = classes_over(bench, layer)
    made["rose"].visible, made["rose"].opacity = True, 0.3
    assert np.asarray(made[None].data)[5, 40] in (1, 2)
    sort_into(bench, layer, rose=(40, 50))
    again = classes_over(bench, layer)
    assert {name: id(one) for name, one in again.items()} == {name: id(one) for name, one in made.items()}
    assert again["rose"].opacity == 0.3
    assert np.asarray(again[None].data)[5, 40] == 2
    np.testing.assert_allclose(again[None].get_color(1)[:3], rgb(LOOKS["positive"].colour), atol=0.01)
    bench.controller.prompts.labels.relabel("positive", [1, 2])
    bench.wait()
    assert classes_over(bench, layer) == {}
    assert bench.map_of(layer) is not None


def test_classes_of_a_stack_are_nan_and_zero_where_not_embedded(bench):
    stack = np.stack([striped()] * 3)
    layer = bench.add(stack, name="a", rgb=True)
    bench.viewer.dims.set_current_step(0, 1)
    bench.controller.embed_scope("plane")
    bench.start()
    sort_into(bench, layer, rose=(1, 40, 10), sky=(1, 40, 50))
    made = classes_over(bench, layer)
    winner, heat = np.asarray(made[None].data), np.asarray(made["rose"].data)
    assert winner.shape == heat.shape == (3, 80, 112)
    assert np.unique(winner[1, :, :80]).tolist() == [2, 3]
    assert not winner[[0, 2]].any()
    assert np.isnan(heat[[0, 2]]).all()


def test_a_huge_image_has_lazy_pyramids_of_classes(bench):
    layer = bench.add(np.broadcast_to(np.uint8(90), (5000, 4000)), name="a", contrast_limits=(0, 255))
    bench.controller.sample_by(bench.controller.offering.resolution.__class__("pixels", pixels=400))
    bench.start()
    sort_into(bench, layer, rose=(40, 10), sky=(4900, 3900))
    for one in classes_over(bench, layer).values():
        assert one.multiscale
        assert one.data.shape == (5000, 4000)
        assert max(one.data[-1].shape) <= 1024
        assert not isinstance(one, Labels) or not one.editable


def test_nobody_draws_in_labels_of_classes_and_they_are_offered_last(bench):
    layer = bench.add(striped(), name="a")
    bench.start()
    bench.viewer.add_layer(Labels(np.ones((80, 112), np.uint8), name="cells"))
    sort_into(bench, layer, rose=(40, 10), sky=(40, 50))
    winner = classes_over(bench, layer)[None]
    bench.viewer.layers.move(bench.viewer.layers.index(winner), len(bench.viewer.layers))
    for shown in (3, 2):
        bench.viewer.dims.ndisplay = shown
        winner.mode = "fill"
        assert (winner.editable, str(winner.mode)) == (False, "pan_zoom")
    measuring, regions = Measuring(bench.controller), RegionsSection(bench.controller)
    bench.viewer.layers.selection.active = layer
    assert [regions.labels.itemText(i) for i in range(regions.labels.count())] == ["cells", "classes · a"]
    measuring.measure(winner)
    assert spin(20, lambda: not measuring.task.running)
    assert measuring.measured
    bench.point(layer, (40, 100))
    assert not measuring.measured  # its labels are others now
    measuring.shutdown()
    regions.shutdown()


def test_a_class_layer_that_was_copied_is_the_persons(bench):
    layer = bench.add(striped(), name="a")
    bench.start()
    sort_into(bench, layer, rose=(40, 10), sky=(40, 50))
    mine = Labels(np.asarray(classes_over(bench, layer)[None].data), metadata=classes_over(bench, layer)[None].metadata)
    bench.viewer.add_layer(mine)
    bench.prompts.data = np.empty((0, 2))
    bench.wait()
    assert mine in bench.viewer.layers
    assert classes_over(bench, layer) == {}


def test_a_widget_that_is_opened_anew_takes_the_layers_up(desk):
    layer = Image(striped(), name="a")
    found = desk(layer)
    found.start()
    sort_into(found, layer, rose=(40, 10), sky=(40, 50))
    made = classes_over(found, layer)
    made["sky"].opacity = 0.4
    found.viewer.window.remove_dock_widget(found.dock)
    found.widget.close()
    spin(0.2)
    again = type(found)(found.viewer, found.encoders)
    again.start()
    assert {id(one) for one in classes_over(again, layer).values()} == {id(one) for one in made.values()}
    assert made["sky"].opacity == 0.4
    again.prompts.data = np.array([[40, 50], [40, 10]])  # exchanged
    again.wait()
    np.testing.assert_array_equal(np.asarray(made[None].data)[5, [10, 50]], (3, 2))


def test_the_status_bar_names_the_class(bench):
    layer = bench.add(striped(), name="a")
    bench.start()
    sort_into(bench, layer, rose=(40, 10), sky=(40, 50))
    status = classes_over(bench, layer)[None].get_status((40, 50), world=True)
    assert "name: sky" in status["value"]


def test_looks_of_class_layers_return_with_the_classes(bench):
    layer = bench.add(striped(), name="a")
    bench.start()
    sort_into(bench, layer, rose=(40, 10), sky=(40, 50))
    made = classes_over(bench, layer)
    made["rose"].visible, made["rose"].opacity, made["rose"].colormap = True, 0.3, "magma"
    made[None].opacity, made[None].contour = 0.9, 2
    bench.controller.prompts.labels.relabel("positive", [0, 1])
    bench.wait()
    assert classes_over(bench, layer) == {}
    bench.controller.stretch_over("cosine")
    bench.controller.prompts.labels.relabel("rose", [0])
    bench.controller.prompts.labels.relabel("sky", [1])
    bench.wait()
    again = classes_over(bench, layer)
    rose, winner = again["rose"], again[None]
    assert (rose.visible, rose.opacity, rose.colormap.name) == (True, 0.3, "magma")
    assert tuple(rose.contrast_limits) == (-1, 1)  # which the person had not set
    assert again["sky"].colormap.name == "class sky"
    assert (winner.opacity, winner.contour) == (0.9, 2)


def test_class_layers_go_by_the_names_of_images_and_classes(bench):
    layer = bench.add(striped(), name="a")
    bench.start()
    sort_into(bench, layer, rose=(40, 10), sky=(40, 50))
    made = classes_over(bench, layer)
    made["sky"].name, made["rose"].opacity = "mine", 0.3
    layer.name = "z"
    bench.wait()
    assert [one.name for one in classes_over(bench, layer).values()] == ["classes · z", "rose · z", "mine"]
    bench.controller.prompts.labels.book.rename("rose", "tulip")
    bench.wait()
    again = classes_over(bench, layer)
    assert again["tulip"] is made["rose"]
    assert (again["tulip"].name, again["tulip"].opacity) == ("tulip · z", 0.3)
    assert set(again) == {None, "tulip", "sky"}
    assert list(again[None].features["name"]) == ["not embedded", "tulip", "sky"]
    assert np.asarray(again["tulip"].data)[40, 10] == pytest.approx(1)


def test_an_image_that_is_left_out_loses_its_class_layers(bench):
    one, other = bench.add(striped(), name="a"), bench.add(striped(), name="b", translate=(0, 300))
    bench.start()
    sort_into(bench, one, rose=(40, 10), sky=(40, 50))
    classes_over(bench, other)["sky"].opacity = 0.3
    bench.controller.check(str(other.unique_id), False)
    bench.wait()
    assert classes_over(bench, other) == {}
    assert len(classes_over(bench, one)) == 3
    bench.controller.check(str(other.unique_id), True)
    bench.wait()
    assert classes_over(bench, other)["sky"].opacity == 0.3


def test_colours_of_classes_that_a_person_chose_stay(bench):
    layer = bench.add(striped(), name="a")
    bench.start()
    sort_into(bench, layer, rose=(40, 10), sky=(40, 50))
    winner = classes_over(bench, layer)[None]
    nothing = (0, 0, 0, 0)
    winner.colormap = DirectLabelColormap(color_dict={None: nothing, 0: nothing, 2: "white", 3: "black"})
    sort_into(bench, layer, leaf=(40, 100))
    np.testing.assert_allclose(winner.get_color(2)[:3], (1, 1, 1), atol=0.01)
    np.testing.assert_allclose(winner.get_color(4)[:3], rgb(CLASS_LOOKS[2].colour), atol=0.01)


# ---- how scores are shown ----------------------------------------------------------------------------------------


def test_raw_cosines_have_a_fixed_scale_and_diverging_colours(bench):
    layer = bench.add(striped(), name="a")
    bench.start()
    bench.point(layer, (40, 10))
    heat = bench.map_of(layer)
    assert (heat.colormap.name, tuple(heat.contrast_limits)) == ("viridis", (0, 1))
    bench.controller.stretch_over("cosine")
    bench.wait()
    assert (heat.colormap.name, tuple(heat.contrast_limits)) == ("coolwarm", (-1, 1))
    red, blue = (np.array(one, float) for one in (RED, BLUE))
    expected = red @ blue / np.linalg.norm(red) / np.linalg.norm(blue)
    np.testing.assert_allclose(np.asarray(heat.data)[40, [10, 50]], (1, expected), atol=1e-5)
    bench.controller.stretch_over("plane")
    bench.wait()
    assert (heat.colormap.name, tuple(heat.contrast_limits)) == ("viridis", (0, 1))


def test_looks_that_a_person_chose_stay(bench):
    layer = bench.add(striped(), name="a")
    bench.start()
    bench.point(layer, (40, 10))
    heat = bench.map_of(layer)
    heat.colormap, heat.contrast_limits = "magma", (0.2, 0.8)
    bench.controller.stretch_over("cosine")
    assert (heat.colormap.name, tuple(heat.contrast_limits)) == ("magma", (0.2, 0.8))


@pytest.mark.parametrize(
    ("before", "after", "looks"),
    [("plane", "cosine", ("coolwarm", (-1, 1))), ("cosine", "plane", ("viridis", (0, 1)))],
)
def test_a_map_that_returns_looks_as_the_scale_of_then_demands(bench, before, after, looks):
    layer = bench.add(striped(), name="a")
    bench.start()
    bench.controller.stretch_over(before)
    bench.point(layer, (40, 10))
    bench.map_of(layer).gamma = 0.7
    bench.prompts.data = np.empty((0, 2))
    bench.wait()
    assert bench.map_of(layer) is None
    bench.controller.stretch_over(after)
    bench.point(layer, (40, 10))
    heat = bench.map_of(layer)
    assert (heat.colormap.name, tuple(heat.contrast_limits)) == looks
    assert heat.gamma == 0.7


def test_limits_that_a_person_chose_return_under_any_scale(bench):
    layer = bench.add(striped(), name="a")
    bench.start()
    bench.point(layer, (40, 10))
    bench.map_of(layer).colormap, bench.map_of(layer).contrast_limits = "magma", (0.2, 0.8)
    bench.prompts.data = np.empty((0, 2))
    bench.wait()
    bench.controller.stretch_over("cosine")
    bench.point(layer, (40, 10))
    assert (bench.map_of(layer).colormap.name, tuple(bench.map_of(layer).contrast_limits)) == ("magma", (0.2, 0.8))


def test_one_range_for_all_images(bench):
    """In the second image nothing is like the query: its map has no 1."""
    one, apart = bench.add(striped(), name="a"), striped()[:, 32:]
    apart[:32] = 200, 10, 240
    other = bench.add(apart, name="b", translate=(0, 300))
    bench.start()
    bench.point(one, (40, 10))
    assert np.asarray(bench.map_of(other).data).max() == pytest.approx(1)
    bench.controller.stretch_over("shared")
    bench.wait()
    assert np.asarray(bench.map_of(one).data).max() == pytest.approx(1)
    assert np.asarray(bench.map_of(other).data).max() < 0.9


def test_the_section_shows_the_scale_and_says_where_nothing_matches(desk):
    one, other = Image(striped(), name="a"), Image(striped()[:, 32:80], name="b", translate=(0, 300))
    found = desk(one, other)
    section = found.unfold(ScoresSection)
    assert not section.bar.isVisibleTo(section)
    found.start()
    found.click(one, (40, 10))
    assert spin(3, lambda: section.bar.isVisibleTo(section))
    cosine = found.session.shown_map(str(one.unique_id)).scores
    assert (section.bar.low.text(), section.bar.high.text()) == (f"{cosine.min():.2f}", f"{cosine.max():.2f}")
    QTest.mouseClick(section.limited, Qt.MouseButton.LeftButton)
    spin(0.2)
    texts = found.states()
    assert texts["a"] == "ready · best match 1.00"
    assert texts["b"].startswith("ready · no match here, best 0.")
    assert section.said.text() == "A match in 1 of 2 images."
    found.controller.limit_matches(-2)
    assert spin(3, lambda: section.said.text() == "A match in all 2 images.")
    section.threshold.setValue(1)  # the clicked patch itself has 0.9999999
    spin(0.2)
    assert found.states()["a"] == "ready · best match 1.00"
    found.controller.limit_matches(0.6)
    spin(0.2)
    section.stretch.setFocus()
    QTest.keyClick(section.stretch, Qt.Key.Key_End)
    assert spin(3, lambda: section.bar.low.text() == "-1.00")
    found.map_of(one).contrast_limits = (0, 0.5)
    assert spin(3, lambda: (section.bar.low.text(), section.bar.high.text()) == ("0.00", "0.50"))
    QTest.mouseClick(section.limited, Qt.MouseButton.LeftButton)
    spin(0.2)
    assert found.states()["b"].startswith("ready · best match")


def test_the_bar_and_the_rows_tell_scores_of_classes_and_of_negatives(desk):
    image = striped()
    image[:, 80:] = 10, 250, 200  # nearer to the one class than to the other
    layer = Image(image, name="a")
    found = desk(layer)
    section = found.unfold(ScoresSection)
    found.start()
    book = found.controller.prompts.labels.book
    for label, place in (("root", (40, 10)), ("stem", (40, 60))):
        book.add(label)
        found.click(layer, place)
    key = str(layer.unique_id)
    found.viewer.layers.selection.active = next(one for one in found.viewer.layers if one.name.startswith("root · "))
    assert spin(3, lambda: section.bar.middle.text() == "cosine · root")
    scores = found.session.shown_map(key, "root").scores
    assert (section.bar.low.text(), section.bar.high.text()) == (f"{scores.min():.2f}", f"{scores.max():.2f}")
    assert scores.min() < found.session.shown_map(key).scores.min() - 0.05, "the bar could be of either"
    found.viewer.layers.selection.active.contrast_limits = (0.5, 1)  # of this layer, not of the one map
    middle = scores.min() + (scores.max() - scores.min()) / 2
    assert spin(3, lambda: section.bar.low.text() == f"{middle:.2f}"), (section.bar.low.text(), middle)
    tip = found.widget.images.item(0).toolTip()
    assert tip.split("\n")[1:] == ["root: best 1.00", "stem: best 1.00"]
    book.choose("negative")
    found.viewer.layers.selection.active = found.prompts
    found.click(layer, (40, 100))
    assert spin(3, lambda: section.bar.middle.text() == "score")
    best = float(found.session.shown_map(key).scores.max())
    assert found.states()["a"] == f"ready · best score {best:.2f}"
    assert found.widget.images.item(0).toolTip().endswith("Scores: cosines, less those with what is negative.")


def made_of_features(controller, what) -> Features:
    made = Features(controller)
    if what == COLOURS:
        made.show_colours()
    else:
        made.show_clusters(2, "k-means")
    assert spin(20, lambda: not (made.colours.running or made.clusters.running))
    return made


def made_labels(controller, what) -> Segmenting:
    made = Segmenting(controller)
    if what == SEGMENTS:
        made.make()
        assert spin(20, lambda: not made.task.running)
    else:
        made.preview.switch(True)
        assert spin(20, lambda: sum(is_ours(layer, PREVIEW) for layer in controller.viewer.layers) == 2)
    return made


def made_objects(controller, _what) -> Measuring:
    made = Measuring(controller)
    labels = next(layer for layer in controller.viewer.layers if layer.name == "cells")
    made.measure(labels)
    assert spin(20, lambda: not made.task.running)
    made.rank(labels, 1, -1)
    return made


@pytest.mark.parametrize(
    ("what", "make"),
    [
        (COLOURS, made_of_features),
        (CLUSTERS, made_of_features),
        (SEGMENTS, made_labels),
        (PREVIEW, made_labels),
        (LIKE, made_objects),
    ],
)
def test_results_lie_above_the_classes_and_below_what_is_clicked(bench, what, make):
    cells = np.zeros((80, 112), np.uint8)
    cells[10:30, 2:30], cells[40:60, 2:30] = 1, 2
    one = bench.add(striped()[:, ::-1], name="a", translate=(0, 200))
    bench.viewer.add_layer(Labels(cells, name="cells"))
    other = bench.add(striped(), name="b")
    bench.start()
    matching = Matching(bench.controller)
    sort_into(bench, other, rose=(40, 10), sky=(70, 50))
    bench.controller.draw_regions()
    matching.find(MatchChoices())
    assert spin(20, lambda: not matching.task.running)
    made = make(bench.controller, what)
    order = list(bench.viewer.layers)
    shown = {layer.metadata["napari_dinosim"]["source"]: order.index(layer) for layer in bench.ours(what)}
    classes = {key_of(image): list(classes_over(bench, image).values()) for image in (one, other)}
    assert [len(layers) for layers in classes.values()] == [3, 3]
    if what == LIKE:  # it is noted of which Labels layer it is
        shown = {key_of(other): shown.popitem()[1]}
    assert set(shown) == ({key_of(other)} if what == LIKE else set(classes))
    for key, place in shown.items():
        assert place > max(map(order.index, classes[key]))
    clicked = [layer for kind in (PROMPTS, REGIONS, MATCHES) for layer in bench.ours(kind)]
    assert len(clicked) == 4
    assert max(shown.values()) < min(map(order.index, clicked))
    made.shutdown()
    matching.shutdown()


def test_no_title_widens_the_dock(desk):
    found = desk(Image(colours(100, 150), name="an image with a name that is far too long to be read at once" * 2))
    found.start()
    width = found.widget.native.minimumSizeHint().width()
    assert width <= 300
    for section in found.widget.sections:
        section.expand(animate=False)
        spin(0.05)
        assert section.minimumSizeHint().width() <= 290, section.text()
    assert found.widget.section(MapSection).isExpanded()
