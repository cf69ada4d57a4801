"""The widget: what it shows of the work, and what its buttons do."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from events import spin
from napari_dinosim._napari.encoder_section import EncoderSection
from napari_dinosim._napari.features_section import FeaturesSection
from napari_dinosim._napari.figure_section import FigureSection
from napari_dinosim._napari.matches_section import MatchesSection
from napari_dinosim._napari.objects_section import ObjectsSection
from napari_dinosim._napari.segment_section import SegmentSection
from napari_dinosim._napari.widget import DinosimWidget
from napari_dinosim.analysis.recipe import Segmentation
from napari_dinosim.records.tools import ClusterChoices, FigureChoices, MatchChoices, ToolChoices
from pictures import colours, greys

SHAPE = (100, 150)


def press(button) -> None:
    QTest.mouseClick(button.native, Qt.MouseButton.LeftButton)


def test_start_makes_the_prompts_layer_ready_for_clicks(desk):
    found = desk(Image(colours(*SHAPE), name="a"))
    assert found.prompts is None
    assert found.states() == {"a": "not embedded"}
    found.start()
    assert (found.prompts.mode, found.viewer.layers.selection.active) == ("add", found.prompts)
    found.viewer.layers.selection.active = found.viewer.layers["a"]
    found.start()
    assert (found.prompts.mode, found.viewer.layers.selection.active) == ("add", found.prompts)


def test_open_sections_show_the_choices_of_a_file(desk):
    found = desk(Image(np.zeros((48, 80), np.uint8)))
    kinds = (SegmentSection, MatchesSection, ObjectsSection, FeaturesSection, FigureSection)
    segment, matches, objects, features, figure = map(found.unfold, kinds)
    found.controller.tools.restore(
        ToolChoices(
            segmentation=Segmentation(0.37, fill_holes=True),
            matches=MatchChoices(k=7),
            likeness=0.61,
            clusters=ClusterChoices(count=9),
            figure=FigureChoices(dpi=123),
        )
    )
    assert segment.slider.value() == pytest.approx(0.37)
    assert segment.holes.isChecked()
    assert matches.count.value() == 7
    assert objects.least.value() == pytest.approx(0.61)
    assert features.count.value == 9
    assert figure.dpi.value == 123


def test_progress_time_left_and_cancel_within_one_tile(desk, encoders):
    encoders.delay = 0.12
    found = desk(Image(np.zeros((2048, 2048), np.uint8), name="large"))
    assert not found.widget.cancel.enabled
    found.start(wait=False)
    assert spin(20, lambda: encoders.calls >= 3)
    spin(0.05)
    bar = found.widget.progress.native
    assert 0 < found.widget.progress.value < found.widget.progress.max
    assert bar.isVisible()
    assert bar.text().startswith("Embedding large")
    assert bar.text().endswith("s left")
    assert found.states()["large"].endswith(" %")
    assert found.lines()[0][2] == found.states()["large"]
    calls = encoders.calls
    press(found.widget.cancel)
    assert found.states() == {"large": "partly embedded"}
    spin(0.5)
    assert encoders.calls <= calls + 1
    assert not bar.isVisible()
    assert not found.widget.cancel.enabled
    assert found.widget.message.value.startswith("Cancelled")
    encoders.delay = 0
    found.start()
    assert found.states() == {"large": "ready"}


def test_another_encoder_embeds_what_is_missing(desk, encoders):
    image = colours(75, 61)
    layer = Image(image, name="a")
    found = desk(layer)
    found.start()
    found.click(layer, (70, 50))
    assert found.lines()[0][1] == "75 × 61 px · 5 × 4 patches"
    found.choose("dinov2_vits14")
    found.wait()
    assert found.lines()[0][1] == "75 × 61 px · 6 × 5 patches"
    found.assert_map(layer, image / 255, [(70, 50)])
    found.choose("builtin")
    found.wait()
    assert encoders.calls == 2


def test_several_images_are_embedded_once_each(desk, encoders):
    a, b = Image(colours(*SHAPE), name="a"), Image(colours(75, 61, 1), name="b", translate=(0, 200))
    found = desk(a, b)
    found.tick("b", False)
    found.start()
    found.click(a, (37, 120))
    assert (encoders.calls, found.map_of(b)) == (1, None)
    found.tick("b", True)
    found.wait()
    assert encoders.calls == 2
    found.assert_map(b, colours(75, 61, 1) / 255, [(37, 120)], colours(*SHAPE) / 255)
    found.tick("b", False)
    assert found.map_of(b) is None
    assert found.states()["b"] == "not embedded"
    found.tick("b", True)
    found.wait()
    assert encoders.calls == 2
    assert found.map_of(b) is not None


def test_stale_is_said_in_words(desk):
    layer = Image((greys(*SHAPE) * 900).astype(np.uint16), name="a", contrast_limits=(0, 900))
    found = desk(layer)
    found.start()
    layer.contrast_limits = (0, 300)
    spin(0.05)
    assert found.lines()[0][2] == "stale"
    assert "contrast limits have changed" in found.item("a").toolTip()
    found.start()
    assert found.lines()[0][2] == "ready"


def test_show_patches(desk):
    layer = Image(colours(*SHAPE), name="a")
    found = desk(layer)
    found.start()
    found.click(layer, (37, 120))
    found.patches.native.click()
    spin(0.1)
    (patches,) = found.ours("patch grid")
    assert patches.nshapes == 2
    np.testing.assert_allclose(patches.data[1].min(axis=0), (31.5, 111.5), atol=1e-4)
    found.click(layer, (5, 5))
    assert patches.nshapes == 3
    widths = []
    for zoom in (2.0, 20.0):
        found.viewer.scene.camera.zoom = zoom
        spin(0.2)
        widths.append(patches.edge_width[0] * zoom)
    np.testing.assert_allclose(widths, widths[0], rtol=0.3)
    found.patches.native.click()
    spin(0.1)
    assert found.ours("patch grid") == []
    assert found.viewer.layers.selection.active is found.prompts


def test_start_without_an_image(desk):
    found = desk()
    press(found.widget.start)
    assert found.widget.message.value == "⚠ No image is checked. Open an image, or check one in the list."
    assert len(found.viewer.layers) == 0


def test_device_names_what_auto_stands_for(desk):
    found = desk(Image(colours(*SHAPE), name="a"))
    box = found.widget.section(EncoderSection).device.native
    assert spin(30, lambda: box.itemText(0).startswith("auto ("))
    assert [box.itemText(i) for i in range(1, box.count())] == ["cpu", "cuda", "mps"]
    assert found.widget.section(EncoderSection).device.value == "auto"


def test_second_widget_that_is_destroyed_is_told_nothing(desk):
    found = desk(Image(colours(*SHAPE), name="a"))
    second = DinosimWidget(found.viewer)
    second.native.deleteLater()
    spin(0.1)
    assert spin(30, lambda: not found.controller.engine._jobs)
    spin(0.1)


@pytest.mark.parametrize("key", ["pair", "tissue", "textures", "stack"])
def test_sample_is_embedded_and_searched(desk, key):
    found = desk()
    layers = found.viewer.open_sample("napari-dinosim", key)
    found.start()
    assert {state.partition(" · ")[0] for state in found.states().values()} == {"ready"}
    height, width = layers[0].data.shape[-3:-1] if layers[0].rgb else layers[0].data.shape[-2:]
    found.click(layers[0], (*found.viewer.dims.current_step[: layers[0].ndim - 2], height // 3, width // 4))
    for layer in layers:
        assert found.map_of(layer) is not None
