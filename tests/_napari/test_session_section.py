"""Sessions in the viewer: saved, opened in another viewer, and everything that can be other than it was."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QFileDialog

from events import spin
from napari_dinosim._napari.features_section import FeaturesSection
from napari_dinosim._napari.figure_section import FigureSection
from napari_dinosim._napari.matches_section import MatchesSection
from napari_dinosim._napari.objects_section import ObjectsSection
from napari_dinosim._napari.resolution import Cover, Resolution
from napari_dinosim._napari.scores_section import ScoresSection
from napari_dinosim._napari.segment_section import SegmentSection
from napari_dinosim._napari.session_section import SessionSection
from napari_dinosim.analysis.recipe import Segmentation
from napari_dinosim.errors import WeightsNotFoundError
from napari_dinosim.records.files import load_session
from napari_dinosim.records.replay import replay
from pictures import colours
from planted import MeanColourEncoder, planted_spec
from sessions import answer, begin, close, layers_of, opened, question, save

ONE, TWO = colours(90, 125), colours(75, 61, 1)
A, B = (37, 110), (60, 20)


@pytest.fixture
def folder(tmp_path) -> Path:
    for name, image in (("one", ONE), ("two", TWO)):
        tifffile.imwrite(tmp_path / f"{name}.tif", image, photometric="rgb")
    return tmp_path


def saved(desk, folder, monkeypatch):
    """A session of two images, one of them turned, with a positive, a negative and a classified point."""
    found, section = opened(desk, folder, "one", "two")
    two = layers_of(found)["two"]
    two.scale, two.rotate, two.translate, two.units = (2, 0.5), 30, (10, 200), "um"
    found.controller.sample_by(Resolution(Cover.PIXELS, pixels=12, finer=2))
    found.controller.combine("mean")
    found.start()
    found.controller.prompts.labels.book.add("unused")
    for label, layer, place in (("positive", "one", A), ("negative", "one", B), ("root", "two", (20, 30))):
        book = found.controller.prompts.labels.book
        book.choose(label) if label in book.labels else book.add(label)
        found.click(layers_of(found)[layer], place)
    save(found, section, monkeypatch, folder / "session.json")
    assert found.widget.message.value == f"Session saved in {folder / 'session.json'}."
    return found


def test_a_session_is_opened_in_an_empty_viewer_and_replayed_in_python(desk, folder, monkeypatch):
    first = saved(desk, folder, monkeypatch)
    before = {name: np.array(first.map_of(layer).data) for name, layer in layers_of(first).items()}
    prompts = [(prompt.y, prompt.x, prompt.label) for prompt in first.session.prompts]
    close(first)
    found, section = opened(desk, folder)
    begin(section, monkeypatch, folder / "session.json")
    assert spin(20, lambda: len(found.session.prompts) == 3), found.widget.message.value
    found.wait()
    assert [(prompt.y, prompt.x, prompt.label) for prompt in found.session.prompts] == [
        (pytest.approx(y), pytest.approx(x), label) for y, x, label in prompts
    ]
    assert found.controller.offering.resolution == Resolution(Cover.PIXELS, pixels=12, finer=2)
    assert found.controller.combined_by == "mean"
    assert found.session.classes == ("positive", "root")
    book = found.controller.prompts.labels.book
    assert (book.classes, book.current) == ({"unused": 0, "root": 1}, "root")
    for name, layer in layers_of(found).items():
        np.testing.assert_allclose(np.asarray(found.map_of(layer).data), before[name], atol=1e-5)
    assert found.widget.message.value.startswith("Session opened: 3 points.") or len(found.prompts.data) == 3
    encoder = MeanColourEncoder(planted_spec(16, "builtin"), identity="builtin@planted")
    done = replay(load_session(folder / "session.json"), {"one": ONE, "two": TWO}, encoder=encoder)
    np.testing.assert_allclose(done.heat("one"), before["one"], atol=1e-5)


def test_what_differs_is_told_and_asked(desk, folder, monkeypatch):
    first = saved(desk, folder, monkeypatch)
    close(first)
    tifffile.imwrite(folder / "two.tif", TWO[:, :-1], photometric="rgb")
    found, section = opened(desk, folder)
    begin(section, monkeypatch, folder / "session.json")
    text = answer("Cancel")
    assert "changed" in text
    assert "(75, 60, 3)" in text
    assert "(75, 61, 3)" in text
    assert spin(5, lambda: not layers_of(found)), "the viewer is not as it was"
    assert found.widget.message.value == "Nothing was changed."
    begin(section, monkeypatch, folder / "session.json")
    answer("Open anyway")
    assert spin(20, lambda: len(found.session.prompts) == 3)


def test_a_file_that_is_gone_is_asked_for(desk, folder, monkeypatch):
    first = saved(desk, folder, monkeypatch)
    close(first)
    moved = folder / "elsewhere"
    moved.mkdir()
    (folder / "two.tif").rename(moved / "2.tif")
    found, section = opened(desk, folder)
    begin(section, monkeypatch, folder / "session.json")
    assert spin(20, lambda: question() is not None)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(moved / "2.tif"), ""))
    assert "is not here" in answer("Locate…")
    assert spin(20, lambda: len(found.session.prompts) == 3), found.widget.message.value
    assert sorted(layers_of(found)) == ["2", "one"]


def test_a_question_goes_with_the_widget_and_the_view_holds_what_is_opened(desk, folder, monkeypatch):
    first = saved(desk, folder, monkeypatch)
    close(first)
    found, section = opened(desk, folder)
    (folder / "two.tif").rename(folder / "other.tif")
    tifffile.imwrite(folder / "one.tif", ONE[::-1], photometric="rgb")
    begin(section, monkeypatch, folder / "session.json")
    answer("Open without")
    assert spin(20, lambda: question() is not None)
    assert "one" in question().text()
    assert "two" not in question().text(), "what was answered is asked again"
    assert sorted(layers_of(found)) == ["one"]
    found.viewer.window.remove_dock_widget(found.dock)
    assert spin(5, lambda: question() is None and not layers_of(found)), "the viewer is not as it was"
    (folder / "other.tif").rename(folder / "two.tif")
    tifffile.imwrite(folder / "one.tif", ONE, photometric="rgb")
    found.dock, found.widget = found.viewer.window.add_plugin_dock_widget("napari-dinosim")
    found.viewer.scene.camera.zoom, found.viewer.scene.camera.center = 50, (0, -900, -900)
    begin(found.widget.section(SessionSection), monkeypatch, folder / "session.json")
    assert spin(20, lambda: found.widget.controller.session.prompts), found.widget.message.value
    before = found.viewer.scene.camera.zoom, found.viewer.scene.camera.center
    found.viewer.reset_view()
    assert before == (found.viewer.scene.camera.zoom, found.viewer.scene.camera.center)


def test_points_on_an_image_that_is_left_out_stay_and_are_no_other_images(desk, folder, monkeypatch):
    found, section = opened(desk, folder, "one", "two")  # both lie at the origin: a place of one is one of the other
    found.start()
    for name in ("one", "two"):
        found.click(layers_of(found)[name], (20, 30))
        layers_of(found)["two"].visible = False
    found.controller.prompts.labels.book.choose("positive")
    owners = found.controller.prompts.owners()
    assert owners[0].key != owners[1].key
    save(found, section, monkeypatch, folder / "session.json")
    close(found)
    (folder / "two.tif").unlink()
    found, section = opened(desk, folder)
    begin(section, monkeypatch, folder / "session.json")
    text = answer("Open without")
    assert "1 point or region lies there; without it, what was marked is not searched for." in text
    assert spin(20, lambda: found.session.prompts and not section.opening.running)
    assert question() is None
    assert len(found.prompts.data) == 2
    assert len(found.session.prompts) == 1
    [prompt] = found.session.prompts
    assert (round(prompt.y), round(prompt.x)) == (20, 30)
    told = (
        "Session opened: 2 points. 1 of them on images, or planes of them, that are not here: nothing is searched for "
        "there."
    )
    assert found.widget.message.value == told
    assert (
        found.viewer.status
        == "1 point of an image that was not there when the session was opened: left out until moved."
    )


def test_files_and_samples_lie_on_each_other_as_they_did(desk, folder, monkeypatch):
    found, section = opened(desk, folder, "one")
    found.viewer.open_sample("napari-dinosim", "textures")
    found.viewer.open(folder / "two.tif", plugin="napari")
    found.wait()
    order = list(layers_of(found))
    assert order[0] == "one"
    assert order[-1] == "two"
    save(found, section, monkeypatch, folder / "session.json")
    close(found)
    found, section = opened(desk, folder)
    begin(section, monkeypatch, folder / "session.json")
    assert spin(30, lambda: len(layers_of(found)) == 3 and not section.opening.running), found.widget.message.value
    assert list(layers_of(found)) == order


def test_images_that_came_from_no_file_are_told_when_a_session_is_saved(desk, folder, monkeypatch):
    found, section = opened(desk, folder, "one")
    found.viewer.add_image(TWO, name="computed")
    found.wait()
    save(found, section, monkeypatch, folder / "session.json")
    assert found.widget.message.value == (
        f"Session saved in {folder / 'session.json'}. computed came from no file: open that before you open the "
        "session."
    )


def test_the_layers_of_the_winning_classes_look_as_they_did(desk, folder, monkeypatch):
    def winners(found) -> dict:
        return {layer.name: layer for layer in found.ours("winning classes")}

    first = saved(desk, folder, monkeypatch)
    one, two = winners(first)["classes · one"], winners(first)["classes · two"]
    one.opacity, one.contour, two.visible = 0.9, 2, False
    first.controller.prompts.labels.book.choose("positive")
    save(first, first.widget.section(SessionSection), monkeypatch, folder / "session.json")
    close(first)
    found, section = opened(desk, folder)
    begin(section, monkeypatch, folder / "session.json")
    assert spin(20, lambda: len(winners(found)) == 2)
    found.wait()
    one, two = winners(found)["classes · one"], winners(found)["classes · two"]
    assert (one.opacity, one.contour, one.visible) == (0.9, 2, True)
    assert (two.opacity, two.contour, two.visible) == (0.5, 0, False)


def test_images_with_units_are_opened_without_a_warning(desk, folder, monkeypatch):
    found, section = opened(desk, folder, "one", "two")
    for layer in layers_of(found).values():
        layer.scale, layer.units = (0.5, 0.25), "um"
    found.wait()
    save(found, section, monkeypatch, folder / "session.json")
    close(found)
    found, section = opened(desk, folder)
    with notification_manager:
        before = len(notification_manager.records)
        begin(section, monkeypatch, folder / "session.json")
        assert spin(20, lambda: "Session opened" in found.widget.message.value), found.widget.message.value
        found.wait()
        assert [record.message for record in notification_manager.records[before:]] == []
    assert {str(unit) for layer in layers_of(found).values() for unit in layer.units} == {"micrometer"}


def test_weights_that_are_gone_are_asked_for(desk, folder, monkeypatch):
    found, section = opened(desk, folder, "one")
    found.controller.change_encoder(name="own", weights=str(folder / "own.pth"))
    (folder / "own.pth").touch()
    found.start()
    save(found, section, monkeypatch, folder / "session.json")
    close(found)
    (folder / "own.pth").rename(folder / "other.pth")
    found.encoders.load_error = WeightsNotFoundError("planted")
    found, section = opened(desk, folder)
    begin(section, monkeypatch, folder / "session.json")
    assert answer("Open without") == (
        f"The weights of its encoder are not here; without them there will be no maps:\n\n{folder / 'own.pth'}"
    )
    assert spin(20, lambda: len(layers_of(found)) == 1 and not section.opening.running), found.widget.message.value
    assert question() is None, "what was answered is asked again"
    found.encoders.load_error = None
    begin(section, monkeypatch, folder / "session.json")
    assert spin(20, lambda: question() is not None)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(folder / "other.pth"), ""))
    answer("Locate…")
    assert spin(20, lambda: len(layers_of(found)) == 1 and not section.opening.running), found.widget.message.value
    found.wait()
    assert found.session.encoder.weights == str(folder / "other.pth")


def test_points_that_are_there_are_asked_about(desk, folder, monkeypatch):
    found = saved(desk, folder, monkeypatch)
    section = found.widget.section(SessionSection)
    found.controller.prompts.labels.book.choose("positive")
    found.click(layers_of(found)["one"], (5, 5))
    begin(section, monkeypatch, folder / "session.json")
    assert "There are already: 4 points. Replace them" in answer("Cancel")
    spin(0.2)
    assert len(found.prompts.data) == 4
    begin(section, monkeypatch, folder / "session.json")
    answer("Keep both")
    assert spin(10, lambda: len(found.prompts.data) == 7)
    begin(section, monkeypatch, folder / "session.json")
    answer("Replace")
    assert spin(10, lambda: len(found.prompts.data) == 3)
    found.controller.prompts.undoing.undo()
    assert spin(5, lambda: len(found.prompts.data) == 7), "replaced points cannot be had again"


def test_regions_that_are_replaced_can_be_had_again(desk, folder, monkeypatch):
    found = saved(desk, folder, monkeypatch)
    section = found.widget.section(SessionSection)
    found.controller.draw_regions()
    regions = found.controller.regions.layer
    regions.add(np.array([(5, 5), (20, 5), (20, 30)]), shape_type="polygon")
    found.wait()
    begin(section, monkeypatch, folder / "session.json")
    assert "There are already: 3 points, 1 region. Replace them" in answer("Replace")
    assert spin(10, lambda: not regions.data)
    assert found.session.prompts.regions == ()
    found.controller.regions.undoing.undo()
    assert spin(5, lambda: len(found.session.prompts.regions) == 1)
    assert regions.data[0].tolist() == [[5, 5], [20, 5], [20, 30]]


def test_a_session_that_is_opened_while_a_region_is_drawn_ends_the_drawing(desk, folder, monkeypatch):
    found, section = opened(desk, folder, "one")
    found.start()
    found.controller.draw_regions()
    regions = found.controller.regions.layer
    regions.add(np.array([(5, 5), (40, 5), (40, 30)]), shape_type="polygon")
    found.wait()
    save(found, section, monkeypatch, folder / "session.json")
    for place in ((50, 60), (70, 60)):
        found.click(layers_of(found)["one"], place)
        spin(0.6)  # two clicks at once would be a double click
    assert regions.nshapes == 2
    begin(section, monkeypatch, folder / "session.json")
    assert answer("Keep both") == "There is already: 1 region. Replace it by the session's?"
    assert spin(20, lambda: not section.opening.running)
    found.wait()
    assert found.widget.message.value == "Session opened: 1 region."
    assert (regions.nshapes, len(found.session.prompts.regions)) == (2, 2)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"format": "napari-dinosim session", "version": 1, "im', "It was cut off"),
        ("not json", "found no JSON"),
        ('{"format": "other"}', "found the format 'other'"),
        ('{"format": "napari-dinosim session", "version": 99, "written_by": "9.1"}', "(napari-dinosim 9.1)"),
    ],
)
def test_files_that_are_none_are_refused(desk, folder, monkeypatch, text, told):
    found, section = opened(desk, folder, "one")
    (folder / "bad.json").write_text(text, encoding="utf-8")
    begin(section, monkeypatch, folder / "bad.json")
    assert spin(10, lambda: told in found.widget.message.value), found.widget.message.value
    assert found.widget.message.value.startswith("⚠")


def test_nothing_is_replaced_unasked_and_a_failed_save_leaves_the_old_file(desk, folder, monkeypatch):
    found = saved(desk, folder, monkeypatch)
    section, whole = found.widget.section(SessionSection), (folder / "session.json").read_text(encoding="utf-8")
    save(found, section, monkeypatch, folder / "session")
    assert "'session.json' is there already" in found.widget.message.value
    save(found, section, monkeypatch, folder / "gone" / "session.json")
    assert found.widget.message.value.startswith("⚠")

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    monkeypatch.setattr(Path, "write_text", full)
    monkeypatch.setattr("os.replace", full)
    monkeypatch.setattr(Path, "replace", full)
    save(found, section, monkeypatch, folder / "session.json")
    assert found.widget.message.value.startswith("⚠")
    assert (folder / "session.json").read_text(encoding="utf-8") == whole


def test_points_of_one_image_are_looked_for_in_another(desk, folder, monkeypatch):
    found, section = opened(desk, folder, "one")
    found.start()
    found.click(layers_of(found)["one"], A)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(folder / "points"), ""))
    section.buttons[2].native.click()
    assert spin(10, lambda: (folder / "points.json").exists())
    content = json.loads((folder / "points.json").read_text(encoding="utf-8"))
    assert content["labels"] == ["positive"]
    close(found)
    found, section = opened(desk, folder, "two")
    found.start()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(folder / "points.json"), ""))
    section.buttons[3].native.click()
    assert spin(10, lambda: found.map_of(layers_of(found)["two"]) is not None)
    assert section.loose.text() == "1 point of a file looked for."
    found.wait()
    found.assert_map(layers_of(found)["two"], TWO / 255, [A], ONE / 255)
    found.choose("dinov3_vits16")
    told = "1 point of a file not comparable with this encoder"
    assert spin(5, lambda: section.loose.text() == f"{told}.")
    assert section.text().endswith(f"Session: {told}")
    found.choose("builtin")
    assert spin(5, lambda: section.loose.text() == "1 point of a file looked for.")
    section.forget.click()
    spin(0.2)
    assert found.map_of(layers_of(found)["two"]) is None


def test_without_a_point_in_what_is_embedded_there_is_nothing_to_save(desk, folder, monkeypatch):
    found, section = opened(desk, folder, "one")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(folder / "points.json"), ""))
    section.buttons[2].native.click()
    assert "Press Start, click, and save then." in found.widget.message.value
    assert not (folder / "points.json").exists()


def test_what_is_chosen_outlives_a_closed_widget(desk, folder, monkeypatch):
    found, section = opened(desk, folder, "one")
    found.start()
    found.click(layers_of(found)["one"], A)
    save(found, section, monkeypatch, folder / "points.json", 2)
    begin(section, monkeypatch, folder / "points.json", 3)
    assert spin(10, lambda: len(found.controller.prompts.loose) == 1)
    first, segmentation = found.controller, Segmentation(0.25, "cosine", minimum_size=40)
    first.combine("mean")
    first.embed_scope("plane")
    first.stretch_over("cosine")
    first.limit_matches(0.3)
    found.widget.section(MatchesSection).count.setValue(7)
    found.widget.section(FeaturesSection).count.value = 9
    found.widget.section(FigureSection).dpi.value = 120
    first.tools.choose(segmentation=segmentation, likeness=0.65)
    found.wait()
    kept = first.kept()
    found.viewer.window.remove_dock_widget(found.dock)
    spin(0.2)
    found.dock, found.widget = found.viewer.window.add_plugin_dock_widget("napari-dinosim")
    assert found.widget.controller is not first
    assert found.widget.controller.kept() == kept
    assert (kept.combine, kept.scope, kept.normalisation, kept.threshold) == ("mean", "plane", "cosine", 0.3)
    assert found.widget.section(SessionSection).loose.text() == "1 point of a file looked for."
    assert found.widget.section(MatchesSection).count.value() == 7
    assert found.widget.section(FeaturesSection).count.value == 9
    assert found.widget.section(FigureSection).dpi.value == 120
    assert found.widget.section(ObjectsSection).least.value() == pytest.approx(0.65)
    assert found.widget.section(SegmentSection).size.text() == "40"
    assert found.widget.section(ScoresSection).threshold.value() == pytest.approx(0.3)
