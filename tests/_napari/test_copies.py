"""What a person makes of our layers is theirs; what the person does elsewhere is noticed."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtWidgets import QFileDialog

from events import spin
from napari_dinosim._napari.encoder_section import EncoderSection
from napari_dinosim._napari.inputs import Revisions, fingerprint
from napari_dinosim._napari.map_section import MapSection
from napari_dinosim._napari.prompts_section import PromptsSection
from napari_dinosim._napari.widget import DinosimWidget
from napari_dinosim.loading import EncoderChoice
from pictures import colours

SHAPE = (100, 150)


def test_a_copy_of_a_map_is_neither_overwritten_nor_removed(bench):
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    bench.point(layer, (37, 120))
    state = bench.map_of(layer).as_layer_data_tuple()
    copy = Image(state[0].copy(), **(state[1] | {"name": "kept"}))
    bench.viewer.add_layer(copy)
    before = copy.data.copy()
    bench.prompts.selected_data = {0}
    bench.prompts.remove_selected()
    bench.wait()
    bench.point(layer, (5, 5))
    assert copy in bench.viewer.layers
    np.testing.assert_array_equal(copy.data, before)
    assert str(copy.unique_id) not in bench.session.inputs


def test_the_map_is_renamed_with_its_image_unless_the_person_named_it(bench):
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    bench.point(layer, (37, 120))
    layer.name = "b"
    assert bench.map_of(layer).name == "similarity · b"
    bench.map_of(layer).name = "mine"
    layer.name = "c"
    assert bench.map_of(layer).name == "mine"


def test_renaming_a_stale_image_embeds_nothing(bench):
    layer = bench.add(colours(*SHAPE)[..., 0].astype(np.uint16), name="a")
    bench.start()
    layer.contrast_limits = (10, 100)
    assert bench.states()["a"].startswith("stale")
    calls = bench.encoders.calls
    layer.name = "b"
    bench.wait()
    assert bench.encoders.calls == calls
    assert bench.states()["b"].startswith("stale")


def test_pixels_changed_in_place_are_embedded_at_the_next_start(bench):
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    bench.point(layer, (37, 120))
    calls = bench.encoders.calls
    bench.start()
    assert bench.encoders.calls == calls
    layer.data[:] = colours(*SHAPE, 5)
    bench.start()
    assert bench.encoders.calls == calls + 1
    bench.assert_map(layer, colours(*SHAPE, 5) / 255, [(37, 120)])


@pytest.mark.parametrize("shape", [(4,), (30, 40), (5, 30, 40, 3)])
def test_fingerprints(shape):
    data = np.random.default_rng(0).random(shape)
    other = data.copy()
    other.flat[-1] += 1
    assert fingerprint(data) == fingerprint(data.copy())
    assert fingerprint(data) != fingerprint(other)
    assert fingerprint([1, 2]) == 0


def test_revisions_change_with_the_data():
    layer, revisions = Image(np.zeros((5, 7))), Revisions()
    revisions.look(layer)
    assert revisions[layer] == 0
    layer.data[0, 0] = 1
    revisions.look(layer)
    revisions.look(layer)
    assert revisions[layer] == 1


def test_two_widgets_show_the_same_choices(desk):
    found = desk(Image(colours(*SHAPE), name="a"))
    second = DinosimWidget(found.viewer)
    found.widget.encoder.value = "dinov2_vits14"
    found.controller.combine("mean")
    found.controller.change_encoder(debias=True)
    found.patches.value = True
    shown = (
        second.encoder.value,
        second.section(PromptsSection).combine.currentData(),
        second.section(EncoderSection).debias.value,
        second.section(MapSection).patches.value,
    )
    assert shown == ("dinov2_vits14", "mean", True, True)
    second.native.deleteLater()
    spin(0.05)


def test_the_encoder_is_remembered_when_the_widget_is_closed(desk):
    found = desk(Image(colours(*SHAPE), name="a"), encoder="dinov2_vits14")
    found.dock.destroyOnClose()
    spin(0.1)
    _, again = found.viewer.window.add_plugin_dock_widget("napari-dinosim")
    assert again.encoder.value == "dinov2_vits14"


def test_a_cancelled_file_dialog_leaves_the_ways_on(desk, monkeypatch):
    found = desk(Image(colours(*SHAPE), name="a"), encoder="dinov3_vits16")
    monkeypatch.setattr("napari_dinosim.encoders.hub.cached_weights", lambda _spec: None)
    found.widget.weights.look("dinov3_vits16")
    assert spin(5, lambda: found.widget.weights.visible)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    found.widget.encoder.value = "file"
    assert found.widget.encoder.value == "dinov3_vits16"
    spin(0.3)
    assert found.widget.weights.visible


def test_choosing_another_encoder_takes_an_error_away(bench):
    bench.add(colours(*SHAPE), name="a")
    told = []
    bench.controller.told.connect(lambda text, error: told.append((text, error)))
    bench.encoders.load_error = ValueError("no weights")
    bench.start()
    assert told[-1][1]
    bench.encoders.load_error = None
    bench.controller.choose_encoder(EncoderChoice("dinov2_vits14"))
    assert not told[-1][1]
