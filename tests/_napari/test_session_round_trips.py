"""What is saved, opened in an empty viewer and saved again is the same file, and the maps are the same."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
import tifffile
from napari.layers import Image
from napari.utils.colormaps import Colormap

from events import spin
from napari_dinosim._napari import opening
from napari_dinosim._napari.features_section import FeaturesSection
from napari_dinosim._napari.figure_section import OVER, FigureSection
from napari_dinosim._napari.layer_looks import dress, look_of, looks_in
from napari_dinosim._napari.limits import Intensities
from napari_dinosim._napari.matches_section import MatchesSection
from napari_dinosim._napari.objects_section import ObjectsSection
from napari_dinosim._napari.segment_section import SegmentSection
from napari_dinosim.analysis.recipe import Segmentation
from napari_dinosim.intensity import Intensity
from napari_dinosim.records.files import load_session
from sessions import answer, begin, close, layers_of, opened, question, save


def write(folder, *names: str) -> None:
    """Images of noise, no two alike; a stack of four planes is one of them."""
    for name in names:
        shape = (4, 60, 90) if name == "stack" else (60, 90)
        pixels = np.random.default_rng(ord(name[0])).random(shape) * 4000
        tifffile.imwrite(folder / f"{name}.tif", pixels.astype(np.uint16), photometric="minisblack")


def one_plane(found) -> None:
    stack = layers_of(found)["stack"]
    stack.scale, stack.units = (3, 0.5, 0.7), "um"
    found.controller.embed_scope("plane")
    found.viewer.dims.set_current_step(0, 3)
    found.start()
    found.click(stack, (3, 20, 70))


def along_other_axes(found) -> None:
    found.viewer.dims.order = (1, 0, 2)
    found.viewer.dims.set_current_step(1, 33)
    found.controller.embed_scope("plane")
    found.start()
    found.prompts.add((2, 33, 50))
    found.wait()


def left_out_and_read_by_its_own(found) -> None:
    own = {str(layers_of(found)["a"].unique_id): Intensity("fixed", fixed=(300, 2500))}
    found.tick("b", False)
    found.controller.read_by(Intensities(Intensity(), own))
    found.controller.stretch_over("cosine")
    found.controller.limit_matches(0.3)
    found.start()
    found.click(layers_of(found)["a"], (20, 70))
    found.wait()
    image, heat = layers_of(found)["a"], found.map_of(layers_of(found)["a"])
    image.colormap, image.gamma, image.opacity = "magma", 0.7, 0.8
    layers_of(found)["b"].visible = False
    heat.colormap, heat.opacity, heat.contrast_limits = "inferno", 0.25, (-0.5, 0.75)


def composed(found) -> None:
    layers = layers_of(found)
    layers["a"].colormap, layers["a"].opacity = "red", 0.5
    layers["b"].colormap = Colormap([[0, 0.1, 0], [0.2, 1, 0.4]], name="mine")
    layers["b"].gamma = 0.7
    found.controller.compose([one.key for one in found.controller.offering.all() if one.image.name in "ab"])
    found.start()
    found.click(layers["a"], (20, 70))


def channels_along_an_axis(found) -> None:
    stack = layers_of(found)["stack"]
    found.controller.compose([str(stack.unique_id)], -3)
    found.viewer.dims.set_current_step(0, 0)
    found.start()
    found.click(stack, (0, 20, 70))


def with_regions_and_choices_of_tools(found) -> None:
    """A turned ellipse, a negative polygon, a line beside all images; and what maps are made into."""
    first = layers_of(found)["a"]
    first.rotate, first.translate = 30, (5, 7)
    found.start()
    found.click(first, (20, 70))
    controller, section = found.controller, found.widget.section
    controller.draw_regions()
    regions = controller.regions.layer
    regions.add(np.array([(10, 20), (16, 40), (30, 36), (24, 16)]), shape_type="ellipse")
    regions.add(np.array([(-90, -90), (-80, -70)]), shape_type="line")
    controller.prompts.labels.book.choose("negative")
    regions.add(np.array([(40, 50), (55, 60), (45, 80)]), shape_type="polygon")
    regions.features = {"label": list(regions.features["label"]), "note": ["x", "", "y"]}
    controller.regions.represent_by(3)
    matches, features, figure = section(MatchesSection), section(FeaturesSection), section(FigureSection)
    matches.count.setValue(7)
    matches.mutual.setChecked(True)
    features.method.value, features.count.value = "agglomerative", 9
    figure.place.value, figure.dpi.value, figure.caption.value = OVER, 120, False
    section(ObjectsSection).least.setValue(0.65)
    segment = section(SegmentSection)
    segment.scale.setCurrentIndex(1)
    segment.method.setCurrentIndex(3)
    segment.slider.setValue(0.25)
    segment.size.setText("40")
    segment.holes.click()
    assert spin(10, lambda: controller.regions.representatives == 3)
    assert controller.tools.choices.segmentation == Segmentation(
        0.25, "cosine", "multi-otsu", upper=2, minimum_size=40, fill_holes=True
    )


def rounded(value):
    """Numbers to 9 digits: of a turned image, a place comes back a little rounded."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


@pytest.mark.parametrize(
    ("names", "do"),
    [
        (["a", "b"], with_regions_and_choices_of_tools),
        (["stack"], one_plane),
        (["stack"], along_other_axes),
        (["a", "b"], left_out_and_read_by_its_own),
        (["a", "b", "c"], composed),
        (["stack"], channels_along_an_axis),
    ],
)
def test_what_is_opened_is_what_was_saved(desk, tmp_path, monkeypatch, names, do):
    write(tmp_path, *names)
    found, section = opened(desk, tmp_path, *names)
    do(found)
    found.wait()
    assert len(found.session.prompts) == 1
    save(found, section, monkeypatch, tmp_path / "1.json")
    drawn = {name: layer for name, layer in layers_of(found).items() if found.map_of(layer) is not None}
    maps = {name: np.array(found.map_of(layer).data) for name, layer in drawn.items()}
    assert maps
    close(found)
    again, section = opened(desk, tmp_path)
    begin(section, monkeypatch, tmp_path / "1.json")
    assert spin(20, lambda: len(again.session.prompts) == 1 or question() is not None), again.widget.message.value
    assert question() is None, question().text()
    again.wait()
    for name, layer in layers_of(again).items():
        other = again.map_of(layer)
        assert (other is not None) == (name in maps)
        if other is not None:
            np.testing.assert_allclose(np.asarray(other.data), maps[name], atol=1e-5)
    save(again, section, monkeypatch, tmp_path / "2.json")
    first, second = (json.loads((tmp_path / f"{count}.json").read_text(encoding="utf-8")) for count in (1, 2))
    for image in (*first["images"], *second["images"]):  # a table of colours comes back a little rounded
        for channel in image["channels"]:
            del channel["colours"]
    assert rounded(first) == rounded(second)
    assert load_session(tmp_path / "1.json").tools == again.controller.tools.choices
    assert len(again.session.prompts.regions) == sum(region["image"] is not None for region in first["regions"])


@pytest.fixture
def file(desk, tmp_path, monkeypatch):
    """A session of one image and one point."""
    write(tmp_path, "a")
    found, section = opened(desk, tmp_path, "a")
    found.start()
    found.click(layers_of(found)["a"], (20, 70))
    save(found, section, monkeypatch, tmp_path / "session.json")
    close(found)
    return tmp_path / "session.json"


def test_a_colormap_of_a_persons_own_comes_back():
    colormap = Colormap([[0, 0.1, 0, 1], [0.2, 1, 0.4, 1]], name="mine")
    before = Image(np.zeros((4, 6)), colormap=colormap, gamma=0.5, visible=False)
    after = Image(np.zeros((4, 6)))
    dress(after, looks_in(look_of(before)))
    assert (after.colormap.name, after.gamma, after.visible) == ("mine", 0.5, False)
    places = np.linspace(0, 1, 7)
    np.testing.assert_allclose(after.colormap.map(places), colormap.map(places), atol=1e-3)


def test_another_plugin_reads_what_the_first_one_cannot(desk, file, monkeypatch):
    text = file.read_text(encoding="utf-8")
    assert '"reader": "napari"' in text
    file.write_text(text.replace('"reader": "napari"', '"reader": "gone"'), encoding="utf-8")
    found, section = opened(desk, file.parent)
    begin(section, monkeypatch, file)
    assert spin(20, lambda: len(found.session.prompts) == 1), found.widget.message.value


@pytest.mark.parametrize("how", ["cancelled", "failed"])
def test_what_was_opened_for_nothing_is_taken_away(desk, file, monkeypatch, how):
    def look(*_):
        time.sleep(0.5)
        raise MemoryError("planted")

    monkeypatch.setattr(opening, "encoder_differences", look)
    found, section = opened(desk, file.parent)
    begin(section, monkeypatch, file)
    assert spin(10, lambda: len(layers_of(found)) == 1)
    if how == "cancelled":
        section.buttons[1].native.click()
    assert spin(5, lambda: not layers_of(found)), "the viewer is not as it was"
    spin(0.6)
    assert ("Nothing was changed." if how == "cancelled" else "planted") in found.widget.message.value


def test_points_of_files_are_asked_about_and_kept(desk, file, monkeypatch):
    found, section = opened(desk, file.parent, "a")
    found.start()
    found.click(layers_of(found)["a"], (40, 10))
    save(found, section, monkeypatch, file.parent / "points.json", 2)
    found.prompts.data = found.prompts.data[:0]
    begin(section, monkeypatch, file.parent / "points.json", 3)
    assert spin(10, lambda: len(found.controller.prompts.loose) == 1)
    kept = found.controller.prompts.loose
    begin(section, monkeypatch, file)
    assert "There is already: 1 point of a file. Replace it" in answer("Keep both")
    assert spin(10, lambda: len(found.session.prompts) == 1)
    assert found.controller.prompts.loose == kept
    begin(section, monkeypatch, file)
    assert "There are already: 1 point, 1 point of a file. Replace them" in answer("Replace")
    assert spin(10, lambda: not found.controller.prompts.loose)


def test_points_of_a_class_are_looked_for_where_the_class_is_new(desk, file, monkeypatch):
    found, section = opened(desk, file.parent, "a")
    found.start()
    found.click(layers_of(found)["a"], (40, 10))
    found.controller.prompts.labels.book.add("door")
    found.click(layers_of(found)["a"], (10, 40))
    save(found, section, monkeypatch, file.parent / "points.json", 2)
    close(found)
    found, section = opened(desk, file.parent, "a")
    found.start()
    begin(section, monkeypatch, file.parent / "points.json", 3)
    assert spin(10, lambda: len(found.controller.prompts.loose) == 2)
    found.wait()
    assert section.loose.text() == "2 points of a file looked for."
    assert not section.forget.isHidden()
    assert "classes · a" in [layer.name for layer in found.viewer.layers]
    assert set(found.controller.prompts.labels.book.classes) == {"door"}
    assert found.controller.combined_by == "max"
    section.forget.click()
    assert spin(5, lambda: not found.controller.prompts.loose)


@pytest.mark.parametrize("here", [False, True], ids=["alone", "beside a point"])
def test_points_of_a_file_count_as_they_did_where_nothing_else_is_looked_for(desk, file, monkeypatch, here):
    found, section = opened(desk, file.parent, "a")
    found.start()
    for place in ((40, 10), (10, 40)):
        found.click(layers_of(found)["a"], place)
    found.controller.combine("mean")
    save(found, section, monkeypatch, file.parent / "points.json", 2)
    close(found)
    found, section = opened(desk, file.parent, "a")
    found.start()
    if here:
        found.click(layers_of(found)["a"], (30, 30))
    begin(section, monkeypatch, file.parent / "points.json", 3)
    assert spin(10, lambda: len(found.controller.prompts.loose) == 2)
    assert (found.controller.combined_by, found.session.prompts.combine) == (
        ("max", "max") if here else ("mean", "mean")
    )
    note = "When they were saved, several counted like all (mean); here like any (maximum) is chosen."
    assert (note in found.widget.message.value) is here
