"""Widgets come and go, viewers close, layers vanish: nothing raises, nothing is left behind."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from events import spin
from napari_dinosim._napari import registry
from napari_dinosim._napari.controller import Controller
from napari_dinosim._napari.encoder_choices import patch_size
from napari_dinosim._napari.features import Features
from napari_dinosim._napari.map_section import MapSection
from napari_dinosim._napari.matching import Matching
from napari_dinosim._napari.prompts_section import PromptsSection
from napari_dinosim._napari.widget import DinosimWidget
from napari_dinosim.loading import EncoderChoice, EncoderSlot
from napari_dinosim.records.tools import MatchChoices
from pictures import colours, greys

SHAPE = (100, 150)


def workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("napari-dinosim")]


def connections(viewer) -> dict:
    """How many callbacks hang on everything that we could have connected to."""
    groups = {"list": viewer.layers.events, "selection": viewer.layers.selection.events, "dims": viewer.dims.events}
    groups |= {"camera": viewer.scene.camera.events, "cursor": viewer.cursor.events, "viewer": viewer.events}
    groups |= {layer.name: layer.events for layer in viewer.layers}
    counted = {}
    for name, group in groups.items():
        signals = getattr(group, "emitters", None) or group.signals
        for event, signal in signals.items():
            counted[name, event] = len(getattr(signal, "callbacks", signal))
    return counted


def model_controller(viewer, encoders) -> Controller:
    return Controller(viewer, EncoderChoice("builtin"), EncoderSlot(encoders.load), patch_size)


def work_and_shut_down(viewer, encoders) -> weakref.ref:
    controller = model_controller(viewer, encoders)
    controller.start()
    controller.show_patches(True)
    controller.prompts.layer.add((0, 37, 120))
    assert spin(20, lambda: len(viewer.layers) == 6)
    controller.shutdown()
    spin(0.1)
    return weakref.ref(controller)


def test_shutdown_leaves_no_callback_and_no_controller(qapp, encoders):
    viewer = ViewerModel()
    viewer.add_image(colours(*SHAPE), name="a")
    viewer.add_image(np.stack([greys(*SHAPE)] * 3), name="stack")
    before = connections(viewer)
    controller = work_and_shut_down(viewer, encoders)
    after = connections(viewer)
    assert {key: after[key] for key in before} == before
    bare = ViewerModel()
    for layer in viewer.layers:
        if layer.name not in ("a", "stack"):
            bare.add_layer(type(layer).create(*layer.as_layer_data_tuple()))
            counts = connections(bare)
            ours = {event: count for (name, event), count in after.items() if name == layer.name}
            assert ours == {event: count for (name, event), count in counts.items() if name == layer.name}
    assert spin(5, lambda: gc.collect() is not None and controller() is None)


def test_shutdown_ends_the_worker(qapp, encoders):
    encoders.delay = 0.2
    viewer = ViewerModel()
    viewer.add_image(np.zeros((2048, 2048), np.uint8), name="a")
    controller = model_controller(viewer, encoders)
    controller.start()
    assert spin(20, lambda: encoders.calls > 0)
    controller.shutdown()
    calls = encoders.calls
    assert spin(5, lambda: not workers())
    assert encoders.calls <= calls + 1


def test_dock_is_hidden_and_shown_again(desk):
    image = colours(*SHAPE)
    layer = Image(image, name="a")
    found = desk(layer)
    found.start()
    found.dock.close()
    spin(0.05)
    found.click(layer, (37, 120))
    found.assert_map(layer, image / 255, [(37, 120)])
    found.dock.show()
    spin(0.05)
    assert found.lines()[0][2] == "ready · best match 1.00"


def test_two_widgets_share_one_controller(desk):
    layer = Image(colours(*SHAPE), name="a")
    found = desk(layer)
    second = DinosimWidget(found.viewer)
    dock = found.viewer.window.add_dock_widget(second, name="second")
    assert second.controller is found.controller
    found.start()
    found.click(layer, (37, 120))
    assert len(found.ours("similarity map")) == 1
    assert [second.images.item(0).text()] == ["\n".join(found.lines()[0])]
    found.viewer.window.remove_dock_widget(dock)
    dock.deleteLater()
    second.native.deleteLater()
    spin(0.1)
    found.viewer.add_image(colours(40, 40), name="b")
    found.wait()
    assert [line[0] for line in found.lines()] == ["b", "a"]
    assert found.states()["b"].startswith("ready")


def test_second_widget_begins_as_the_first_is_set(desk):
    found = desk(Image(colours(*SHAPE), name="a"))
    found.controller.combine("mean")
    found.patches.value = True
    second = DinosimWidget(found.viewer)
    combine, patches = second.section(PromptsSection).combine, second.section(MapSection).patches
    assert (second.encoder.value, combine.currentData(), patches.value) == ("builtin", "mean", True)
    second.native.deleteLater()
    spin(0.05)


def test_widget_destroyed_and_made_again_goes_on_with_its_layers(desk, encoders):
    image = colours(*SHAPE)
    layer = Image(image, name="a")
    found = desk(layer)
    found.start()
    found.click(layer, (37, 120))
    made, prompts, gone = found.map_of(layer), found.prompts, weakref.ref(found.controller)
    found.viewer.window.remove_dock_widget(found.dock)
    found.dock.deleteLater()
    found.widget.native.deleteLater()
    spin(0.1)
    assert not registry._controllers
    found.controller = found.session = found.widget = found.dock = None
    assert spin(10, lambda: gc.collect() is not None and gone() is None)
    again = type(found)(found.viewer, encoders)
    again.choose("builtin")
    again.start()
    assert again.prompts is prompts
    assert again.map_of(layer) is made
    again.click(layer, (80, 20))
    again.assert_map(layer, image / 255, [(37, 120), (80, 20)])


def test_viewer_is_closed_while_work_runs(desk, encoders):
    encoders.delay = 0.3
    found = desk(Image(np.zeros((2048, 2048), np.uint8), name="a"))
    found.start(wait=False)
    assert spin(20, lambda: encoders.calls > 0)
    found.viewer.close()
    calls = encoders.calls
    assert spin(5, lambda: not workers())
    assert encoders.calls <= calls + 1
    assert not registry._controllers


@pytest.mark.parametrize("name", ["a", "b"])
def test_layers_are_removed_in_a_window(desk, encoders, name):
    a, b = Image(colours(*SHAPE), name="a"), Image(colours(75, 61, 1), name="b", translate=(0, 200))
    found = desk(a, b)
    found.start()
    found.patches.value = True
    found.click(a, (37, 120))
    encoders.delay = 0.2
    a.data = b.data = colours(*SHAPE, 5)
    found.viewer.layers.remove(name)
    found.wait()
    assert [line[0] for line in found.lines()] == [{"a": "b", "b": "a"}[name]]
    for ours in found.ours("similarity map") + found.ours("prompts") + found.ours("patch grid"):
        if ours in found.viewer.layers:
            found.viewer.layers.remove(ours)
            spin(0.05)
    found.viewer.layers.clear()  # adding one would crash: vispy, in software OpenGL, after points were removed
    spin(0.1)
    assert found.lines() == []


@pytest.mark.parametrize("turn", range(4))  # napari goes through what is selected in the order of a set: any
def test_all_layers_can_be_selected_and_deleted_at_once(bench, turn):
    """Maps, grids and matches go with their images, and are selected too: none is gone when its turn comes."""
    layers = bench.viewer.layers
    for _ in range(turn):
        Image(np.zeros((2, 2)))  # other layers have other hashes
    first = bench.add(colours(100, 150), name="first")
    bench.add(colours(90, 60, 1), name="second", translate=(0, 200))
    bench.start()
    for label, place in (("root", (20, 30)), ("stem", (60, 70))):
        bench.controller.prompts.labels.book.add(label)
        bench.point(first, place)
    bench.show_patches(True)
    matching = Matching(bench.controller)
    matching.find(MatchChoices(k=3))
    assert spin(10, lambda: len(bench.ours("matches")) == 2 and not matching.task.running)
    features = Features(bench.controller)
    features.show_colours()
    assert spin(10, lambda: len(bench.ours("pca colours")) == 2 and not features.colours.running)
    layers.selection = set(layers)
    layers.remove_selected()
    assert spin(5, lambda: not [*layers]), [*layers]
    matching.shutdown()
    features.shutdown()


def test_a_new_layer_leaves_all_in_hand_that_were(bench):
    first, second = (bench.add(colours(60, 90, seed), name=f"{seed}") for seed in range(2))
    bench.viewer.layers.selection = {first, second}
    bench.show_patches(True)
    assert set(bench.viewer.layers.selection) == {first, second}
