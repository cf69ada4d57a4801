"""The plugin's page in napari's Preferences."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image
from napari.settings import get_plugin_settings
from qtpy.QtWidgets import QApplication

from events import spin
from napari_dinosim._napari.encoder_section import EncoderSection
from napari_dinosim._napari.preferences import apply_cache_folder, first_choice, parse_blocks
from napari_dinosim.encoders.hub import cache_folder


@pytest.fixture(autouse=True)
def settings(tmp_path, monkeypatch):
    """Preferences as on a new computer, kept in a folder of the test."""
    monkeypatch.setattr("napari.settings._PLUGIN_SETTINGS", {})
    return get_plugin_settings("napari-dinosim", path_dir=tmp_path)


def test_defaults():
    choice = first_choice()
    assert (choice.name, choice.device, choice.precision) == ("dinov3_vits16", "auto", "auto")
    assert choice.layers is None
    assert not choice.centre


def test_the_widget_opens_with_what_was_set(settings, make_napari_viewer):
    settings.encoding.encoder = "builtin"
    settings.encoding.device = "cpu"
    settings.encoding.precision = "float32"
    settings.encoding.blocks = "8, 9 10"
    viewer = make_napari_viewer()
    _, widget = viewer.window.add_plugin_dock_widget("napari-dinosim")
    assert (widget.encoder.value, widget.section(EncoderSection).device.value) == ("builtin", "cpu")
    assert widget.controller.session.encoder.precision == "float32"
    assert widget.controller.session.encoder.layers is None  # it has no blocks
    widget.encoder.value = "dinov3_vits16"
    assert widget.controller.session.encoder.layers == (8, 9, 10)
    widget.encoder.value = "dinov3_convnext_tiny"
    assert widget.controller.session.encoder.layers is None


@pytest.mark.parametrize("name", ["dinov9", "dinov3_vits-16", "resnet50"])
def test_an_unknown_encoder_is_told_and_gives_way_to_the_default(settings, monkeypatch, name):
    told = []
    monkeypatch.setattr("napari_dinosim._napari.preferences.show_error", told.append)
    settings.encoding.encoder = name
    assert first_choice().name == "dinov3_vits16"
    assert len(told) == 1
    assert f"encoder: found '{name}', expected" in told[0]
    assert "Until then it is 'dinov3_vits16'" in told[0]


@pytest.mark.parametrize("name", ["", " ", " builtin "])
def test_space_around_a_name_is_no_fault(settings, name):
    settings.encoding.encoder = name
    assert first_choice().name == (name.strip() or "dinov3_vits16")


@pytest.mark.parametrize("name", ["timm:test_vit.r160_in1k", "hf-hub:owner/model"])
def test_any_model_of_timm_can_be_the_first_and_is_shown_by_its_name(settings, make_napari_viewer, name):
    settings.encoding.encoder = name
    viewer = make_napari_viewer()
    _, widget = viewer.window.add_plugin_dock_widget("napari-dinosim")
    assert widget.encoder.value == widget.controller.session.encoder.name == name
    assert widget.encoder.native.currentText() == name
    widget.encoder.value = "builtin"
    assert widget.controller.session.encoder.name == "builtin"
    widget.encoder.value = name  # it stays in the list
    assert widget.controller.session.encoder.name == name
    assert spin(20, lambda: f"{name.partition(':')[2]} is not on this computer" in widget.weights.text.value)


@pytest.mark.parametrize(
    ("name", "told"), [("timm:nonsense", "expected a model of timm"), ("hf-hub:x", "expected 'hf-hub:OWNER/REPO'")]
)
def test_a_model_that_timm_does_not_have_is_told(settings, make_napari_viewer, name, told):
    settings.encoding.encoder = name
    viewer = make_napari_viewer()
    _, widget = viewer.window.add_plugin_dock_widget("napari-dinosim")
    assert spin(20, lambda: told in widget.message.value)
    assert f"found '{name}'" in widget.message.value


def test_blocks_that_are_no_numbers_are_told_and_the_widget_opens(settings, monkeypatch):
    told = []
    monkeypatch.setattr("napari_dinosim._napari.preferences.show_error", told.append)
    settings.encoding.blocks = "last"
    assert first_choice().layers is None
    assert "found 'last', expected whole numbers" in told[0]


def test_subtracting_the_mean_takes_effect_at_once_and_embeds_nothing_again(settings, desk):
    image = np.full((96, 160, 3), 200, np.uint8)
    image[:, 80:] = 180, 200, 220
    layer = Image(image)
    found = desk(layer)
    found.start()
    found.click(layer, (20, 20))
    calls = found.encoders.calls
    plain = float(found.session.shown_map(str(layer.unique_id)).scores.min())
    settings.encoding.subtract_mean = True
    for _ in range(200):
        QApplication.processEvents()
        found_map = found.session.shown_map(str(layer.unique_id))
        if found_map is not None and float(found_map.scores.min()) < 0:
            break
    assert plain > 0.9
    assert float(found.session.shown_map(str(layer.unique_id)).scores.min()) < -0.9
    assert found.encoders.calls == calls


def test_new_maps_look_as_preferred(settings, desk):
    settings.maps.colormap = "magma"
    settings.maps.opacity = 0.4
    layer = Image(np.random.default_rng(0).integers(0, 255, (96, 160, 3), np.uint8))
    found = desk(layer)
    found.start()
    found.click(layer, (20, 20))
    assert found.map_of(layer).colormap.name == "magma"
    assert found.map_of(layer).opacity == pytest.approx(0.4)


@pytest.mark.parametrize(("text", "blocks"), [("", None), (" ", None), ("-1", (-1,)), ("8, 9,10", (8, 9, 10))])
def test_blocks(text, blocks):
    assert parse_blocks(text) == blocks


def test_blocks_refused():
    with pytest.raises(ValueError, match=r"blocks: found '1\.5', expected whole numbers"):
        parse_blocks("1.5")


def test_the_memory_budget_takes_effect_at_once(settings, desk):
    stack = np.random.default_rng(0).integers(0, 255, (4, 96, 160, 3), np.uint8)
    found = desk(Image(stack, name="stack", rgb=True))
    found.start()
    assert found.states() == {"stack": "ready · 4 of 4 planes"}
    settings.memory.budget = 2.5 * 6 * 10 * 3 * 4 / 1e9
    assert found.states() == {"stack": "ready · 2 of 4 planes"}
    settings.memory.budget = 0
    found.wait()
    assert found.states() == {"stack": "ready · 4 of 4 planes"}


def test_the_folder_for_weights_is_taken_at_the_start_and_when_it_changes(settings, make_napari_viewer, tmp_path):
    settings.weights.cache_folder = str(tmp_path / "first")
    viewer = make_napari_viewer()
    viewer.window.add_plugin_dock_widget("napari-dinosim")
    assert cache_folder() == tmp_path / "first"
    settings.weights.cache_folder = str(tmp_path / "second")
    assert cache_folder() == tmp_path / "second"
    settings.weights.cache_folder = ""
    assert cache_folder() == tmp_path / "second", "an empty preference leaves what was chosen"


def test_a_folder_that_cannot_be_made_is_told(settings, monkeypatch, tmp_path):
    told = []
    monkeypatch.setattr("napari_dinosim._napari.preferences.show_error", told.append)
    (tmp_path / "file").touch()
    settings.weights.cache_folder = str(tmp_path / "file" / "folder")
    apply_cache_folder()
    assert "cannot be made" in told[0]
