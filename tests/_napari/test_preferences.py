"""The plugin's page in napari's Preferences."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from napari.settings import get_plugin_settings
from qtpy.QtWidgets import QDoubleSpinBox

from events import spin
from napari_dinosim._napari import preferences, registry
from napari_dinosim._napari.encoder_section import EncoderSection
from napari_dinosim._napari.preferences import apply_cache_folder, first_choice, parse_blocks
from napari_dinosim.encoders._hub_settings import prefer_folder, read_settings
from napari_dinosim.encoders.hub import cache_folder, set_cache_folder
from napari_dinosim.loading import EncoderChoice


@pytest.fixture(autouse=True)
def settings(tmp_path, monkeypatch):
    """Preferences as on a new computer, kept in a folder of the test, and a short pause after typing."""
    monkeypatch.setattr("napari.settings._PLUGIN_SETTINGS", {})
    monkeypatch.setattr(preferences, "PAUSE_MS", 60)
    yield get_plugin_settings("napari-dinosim", path_dir=tmp_path)
    prefer_folder(None)


@pytest.fixture
def told(monkeypatch):
    """Errors that were told, of preferences and of what Qt calls."""
    texts = []
    monkeypatch.setattr(preferences, "_complaints", {})
    for module in ("preferences", "guard"):
        monkeypatch.setattr(f"napari_dinosim._napari.{module}.show_error", texts.append)
    return texts


def type_in(part, name, text):
    """Set a preference letter by letter, as napari's page does."""
    for end in range(1, len(text) + 1):
        setattr(part, name, text[:end])
        spin(0.005)


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


def test_blocks_that_are_no_numbers_are_told_and_the_widget_opens(settings, told):
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
    made = partial(found.session.shown_map, str(layer.unique_id))
    assert spin(5, lambda: made() is not None and float(made().scores.min()) < 0)
    assert plain > 0.9
    assert float(found.session.shown_map(str(layer.unique_id)).scores.min()) < -0.9
    assert found.encoders.calls == calls


def test_new_maps_look_as_preferred(settings, desk):
    settings.maps.colormap = "magma"
    settings.maps.opacity = 40
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
    assert spin(5, lambda: found.states() == {"stack": "ready · 2 of 4 planes"})
    settings.memory.budget = 0
    assert spin(5, lambda: found.states() == {"stack": "ready · 4 of 4 planes"})


def test_a_server_can_give_embeddings_all_of_its_memory(settings, make_napari_viewer):
    from napari._qt.dialogs.preferences_dialog import PreferencesDialog

    dialog = PreferencesDialog()
    rows = [dialog._list.item(row).text() for row in range(dialog._list.count())]
    page = dialog._stack.widget(next(row for row, text in enumerate(rows) if "dinosim" in text.lower()))
    assert any(box.maximum() >= 24_000 for box in page.findChildren(QDoubleSpinBox))
    dialog.close()


@pytest.mark.usefixtures("encoders")
def test_the_folder_for_weights_goes_before_the_chosen_one_and_is_written_nowhere(settings, qapp, tmp_path, told):
    first, chosen, typed = tmp_path / "first", tmp_path / "chosen", tmp_path / "typed"
    set_cache_folder(chosen)
    settings.weights.cache_folder = str(first)
    viewer, user = ViewerModel(), object()
    controller = registry.acquire(viewer, user)
    assert cache_folder() == first
    type_in(settings.weights, "cache_folder", str(typed))
    assert spin(5, lambda: cache_folder() == typed)
    settings.weights.cache_folder = "typed/somewhere"
    assert spin(5, lambda: cache_folder() == chosen)
    settings.weights.cache_folder = ""
    spin(0.15)
    assert cache_folder() == chosen
    registry.release(controller, id(user))
    assert read_settings().cache_folder == chosen
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["chosen"]
    assert len(told) == 1
    assert "folder for weights: found 'typed/somewhere', expected a whole path" in told[0]
    set_cache_folder(None)


def test_a_file_in_place_of_the_folder_is_told_once(settings, told, tmp_path):
    (tmp_path / "file").touch()
    settings.weights.cache_folder = str(tmp_path / "file")
    apply_cache_folder()
    apply_cache_folder()
    assert len(told) == 1
    assert "which is a file, expected a folder" in told[0]
    settings.weights.cache_folder = ""
    apply_cache_folder()
    settings.weights.cache_folder = "~/weights"
    apply_cache_folder()
    assert cache_folder() == Path.home() / "weights"
    assert len(told) == 1


def test_what_a_session_restored_stays_but_for_the_preference_that_changes(settings, desk):
    found = desk(Image(np.zeros((48, 80), np.uint8)))
    section = found.unfold(EncoderSection)
    assert not section.unlike.isVisibleTo(section)
    restored = EncoderChoice("dinov3_vits16", precision="float32", layers=(8, 9), centre=True)
    found.controller.choose_encoder(restored)
    assert section.unlike.text() == "Unlike Preferences: precision float32, blocks 8, 9, mean subtracted."
    assert section.unlike.isVisibleTo(section)
    settings.memory.budget = 2.0
    settings.weights.cache_folder = ""
    spin(0.15)
    assert found.session.encoder == restored
    section.debias.value = True
    found.choose("dinov2_vitb14")
    assert found.session.encoder == replace(restored, name="dinov2_vitb14", debias=True)
    settings.encoding.precision = "bfloat16"
    assert spin(5, lambda: found.session.encoder.precision == "bfloat16")
    assert (found.session.encoder.layers, found.session.encoder.centre) == ((8, 9), True)
    section.prefer.native.click()
    assert found.session.encoder == EncoderChoice("dinov2_vitb14", precision="bfloat16", debias=True)
    assert not section.unlike.isVisibleTo(section)


def test_blocks_are_taken_when_they_are_typed_and_nonsense_is_a_sentence(settings, desk, told):
    found = desk(Image(np.zeros((48, 80), np.uint8)), encoder="dinov3_vits16")
    chosen = []
    choose = found.session.set_encoder
    found.session.set_encoder = lambda choice: (chosen.append(choice.layers), choose(choice))
    type_in(settings.encoding, "blocks", "-1, 9, 10")
    assert spin(5, lambda: found.session.encoder.layers == (-1, 9, 10))
    assert chosen == [(-1, 9, 10)]
    settings.encoding.blocks = "-"
    settings.memory.budget = 2.5 / 1e9
    spin(0.15)
    assert found.session.encoder.layers == (-1, 9, 10)
    assert found.session._cache.budget == 2
    assert len(told) == 1
    assert told[0].startswith("DINOSim: Preferences, blocks: found '-', expected whole numbers")


def test_the_message_still_says_what_is_searched_for(settings, desk):
    layer = Image(np.random.default_rng(0).integers(0, 255, (96, 160, 3), np.uint8))
    found = desk(layer)
    found.start()
    found.click(layer, (20, 20))
    said = found.widget.message.value
    assert "Click on what" not in said
    settings.memory.budget = 2.0
    settings.encoding.subtract_mean = True
    assert spin(5, lambda: found.session.encoder.centre)
    assert found.widget.message.value == said
