"""How much of the sample a patch covers, as a person chooses it; and what that will cost, told before it begins."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from events import spin
from napari_dinosim._napari.coordinates import to_data, to_world
from napari_dinosim._napari.cost_line import CostLine
from napari_dinosim._napari.registry import acquire, release
from napari_dinosim._napari.resolution import Cover, Resolution, pixel_lengths
from napari_dinosim.errors import ResolutionError
from planted import seed_map

BLOCKS = np.random.default_rng(3).integers(30, 250, (6, 9, 3), dtype=np.uint8)
"""A sample whose every square of 6.4 µm has a colour of its own."""


def sample(pixels: int) -> np.ndarray:
    """The sample, with so many pixels along each square."""
    return np.kron(BLOCKS, np.ones((pixels, pixels, 1), np.uint8))


def by_pixels(covered: float, finer: int = 1) -> Resolution:
    return Resolution(Cover.PIXELS, pixels=covered, finer=finer)


def test_two_objectives_at_one_extent_per_patch(bench):
    fine = bench.add(sample(40), scale=(0.16, 0.16), units="um", rotate=30, translate=(5, 9))
    coarse = bench.add(sample(8), scale=(800, 800), units="nm", translate=(90_000, 70_000))
    bench.controller.sample_by(Resolution(Cover.LENGTH, length=6.4))
    bench.start()
    assert [row.patches for row in bench.controller.rows()] == [(6, 9), (6, 9)]
    units, shown = bench.viewer.layers.units, bench.viewer.dims.point
    bench.prompts.add(to_data(bench.prompts, to_world(fine, (3 * 40 + 11, 7 * 40 + 30), units), units, shown))
    bench.wait()
    small = np.kron(BLOCKS / 255, np.ones((16, 16, 1)))
    cells = seed_map(small, 16, [(3 * 16 + 1, 7 * 16 + 1)])[::16, ::16]
    assert np.argwhere(cells > 0.9999).tolist() == [[3, 7]]
    for layer, pixels in ((fine, 40), (coarse, 8)):
        expected = np.kron(cells, np.ones((pixels, pixels)))
        np.testing.assert_allclose(np.asarray(bench.map_of(layer).data), expected, atol=2e-2)  # a cubic rings at edges
    assert all("best match 1.00" in text for text in bench.states().values())


def test_a_unit_that_is_no_length_is_told_in_its_row_and_the_others_go_on(bench):
    plain = bench.add(sample(20), name="no units")
    good = bench.add(sample(20), name="calibrated", scale=(0.32, 0.32), units="um")
    bench.controller.sample_by(Resolution(Cover.LENGTH, length=6.4))
    bench.start()
    assert bench.states()["calibrated"] == "ready"
    reason = bench.session.state(bench.controller.offering.of(plain).key).reason
    assert "'no units' is in pixel × pixel, which cannot be converted to micrometer" in reason
    assert "say in pixels" in reason
    bench.controller.sample_by(by_pixels(20))
    bench.start()
    assert set(bench.states().values()) == {"ready"}
    bench.point(good, (50, 130))
    assert bench.map_of(plain).data.shape == plain.data.shape[:2]


def test_another_choice_waits_for_start_and_the_first_one_is_kept(bench):
    layer = bench.add(sample(16), name="a")
    bench.start()
    bench.point(layer, (40, 120))
    calls, before = bench.encoders.calls, np.array(bench.map_of(layer).data)
    bench.controller.sample_by(by_pixels(8))
    bench.wait()
    assert bench.states()["a"].startswith("stale")
    assert bench.encoders.calls == calls
    np.testing.assert_array_equal(bench.map_of(layer).data, before)
    bench.controller.sample_by(Resolution())
    bench.wait()
    assert bench.states()["a"].startswith("ready")
    bench.controller.sample_by(by_pixels(8))
    bench.start()
    assert bench.states()["a"].startswith("ready")
    assert bench.controller.rows()[0].patches == (12, 18)
    assert np.ptp(np.asarray(bench.map_of(layer).data) - before) > 0.01
    calls = bench.encoders.calls
    bench.controller.sample_by(Resolution())
    bench.start()
    assert bench.encoders.calls == calls, "embeddings of the first resolution were not kept"
    np.testing.assert_array_equal(bench.map_of(layer).data, before)


def test_a_rescaled_layer_is_stale_where_a_patch_covers_a_length(bench):
    layer = bench.add(sample(16), name="a", scale=(0.4, 0.4), units="um")
    bench.controller.sample_by(Resolution(Cover.LENGTH, length=6.4))
    bench.start()
    assert bench.states()["a"] == "ready"
    layer.scale = (0.8, 0.8)
    bench.wait()
    assert bench.states()["a"].startswith("stale")
    bench.start()
    assert bench.controller.rows()[0].patches == (12, 18)


def test_finer_maps_have_four_values_per_patch_and_the_overlay_shows_them(bench):
    layer = bench.add(sample(16), name="a")
    bench.controller.sample_by(Resolution(finer=2))
    bench.start()
    bench.show_patches(True)
    assert bench.controller.rows()[0].patches == (12, 18)
    bench.point(layer, (37, 101))
    assert len({*np.asarray(bench.map_of(layer).data)[20, 8:24].round(6)}) == 2
    _, mark = bench.ours("patch grid")[0].data
    np.testing.assert_allclose([mark.min(axis=0), mark.max(axis=0)], [(31.5, 95.5), (39.5, 103.5)])


def test_a_pyramid_is_read_from_the_level_that_suffices(bench):
    read = [0, 0]

    def level(number: int, pixels: int):
        def part(block):
            read[number] += block.size
            return block

        whole = da.from_array(sample(pixels), chunks=(64, 64, 3), name=f"level {number} of {pixels}")
        return whole.map_blocks(part, dtype=np.uint8, meta=np.empty((0, 0, 0), np.uint8))

    layer = bench.add([level(0, 64), level(1, 32)], multiscale=True, rgb=True, name="deep", contrast_limits=(0, 255))
    bench.controller.sample_by(by_pixels(64))
    read[:] = 0, 0
    bench.start()
    assert read[0] == 0
    assert read[1] > 0
    assert bench.controller.rows()[0].patches == (6, 9)
    bench.point(layer, (70, 200))
    found = np.asarray(bench.map_of(layer).data)
    assert found.shape == (384, 576)
    assert np.argwhere(found == found.max()).min(axis=0).tolist() == [64, 192]


def test_a_patch_that_covers_less_than_a_pixel_is_told(bench):
    bench.add(sample(4), name="a", scale=(1, 1), units="mm")
    bench.controller.sample_by(Resolution(Cover.LENGTH, length=6.4))
    bench.start()
    assert "expected at least 1 × 1" in bench.session.state(bench.controller.rows()[0].key).reason


def test_lengths_of_pixels_along_each_axis():
    layer = Image(np.zeros((3, 20, 30)), scale=(5, 0.2, 400), units=("s", "um", "nm"))
    length = pixel_lengths(layer, "micrometer")
    assert np.isnan(length[0])
    np.testing.assert_allclose(length[1:], (0.2, 0.4))
    turned = Image(np.zeros((20, 30)), scale=(0.2, 0.4), units="um", rotate=30, shear=[0.5])
    corners = np.array([turned.data_to_world(corner) for corner in ((0, 0), (1, 0), (0, 1))])
    expected = 1000 * np.linalg.norm(corners[1:] - corners[0], axis=1)
    np.testing.assert_allclose(pixel_lengths(turned, "nanometer"), expected)
    with pytest.raises(ResolutionError, match="cannot be converted to second"):
        Resolution(Cover.LENGTH, unit="second").covered(layer)


def test_a_choice_for_many_images_tells_each_of_their_maps_once(bench):
    for i in range(4):
        bench.add(sample(16), name=f"{i}", translate=(0, 300 * i))
    told = []
    bench.session.map_changed.connect(told.append)
    bench.controller.sample_by(by_pixels(24))
    assert sorted(told) == sorted(bench.session.inputs)


# ---- what it costs -----------------------------------------------------------------------------------------------


def words(line: CostLine) -> str:
    line.reckon()
    return line.text()


def test_the_cost_is_told_before_it_begins(bench):
    bench.add(np.stack([sample(16)] * 3), name="a", rgb=True)
    line = CostLine(bench.controller)
    assert words(line) == "To embed: 162 patches · 0.1 MB · time not yet known."
    bench.controller.embed_scope("plane")
    assert words(line).startswith("To embed: 54 patches")
    bench.start()
    assert words(line) == ""
    bench.controller.embed_scope("all")
    bench.wait()
    assert words(line) == ""
    bench.controller.sample_by(by_pixels(8))
    assert words(line) == "To embed: 648 patches · 0.1 MB · under 1 s."
    bench.controller.sample_by(by_pixels(8, finer=4))
    assert words(line).startswith("To embed: 10 368 patches")
    bench.session.set_budget(100_000)
    assert "More than the 0.1 MB set aside" in words(line)
    line.shutdown()


def test_what_cannot_be_done_is_told_before_it_begins_too(bench):
    bench.add(sample(16), name="no units")
    bench.add(sample(20), name="calibrated", scale=(0.32, 0.32), units="um")
    line = CostLine(bench.controller)
    bench.start()
    bench.controller.sample_by(Resolution(Cover.LENGTH, length=6.4))
    told = words(line)
    assert told.startswith("To embed: 54 patches · ")
    assert "⚠ " in told
    assert "'no units' is in pixel × pixel, which cannot be converted to micrometer" in told
    bench.start()
    assert words(line).startswith("⚠ ")
    bench.controller.sample_by(by_pixels(16))
    assert "⚠" not in words(line)
    line.shutdown()


def test_an_encoder_of_unknown_size_counts_planes(bench):
    bench.add(sample(16), name="a")
    line = CostLine(bench.controller)
    bench.controller.choose_encoder(bench.session.encoder.__class__("timm:some"))
    assert words(line) == "To embed: 1 plane; how many patches is known once it is loaded."
    line.shutdown()


# ---- the section -------------------------------------------------------------------------------------------------


def section_of(found):
    return next(one for one in found.widget.sections if "Resolution" in one.text())


def test_the_section_is_worked_by_keyboard_and_start_applies_it(desk):
    layer = Image(sample(16), name="a", scale=(0.4, 0.4), units="um")
    found = desk(layer)
    section = section_of(found)
    assert section.text() == "▸ Resolution: native"
    assert not section.amount.isVisibleTo(section)
    QTest.mouseClick(section.toggleButton(), Qt.MouseButton.LeftButton)
    spin(0.3)
    section.cover.setFocus()
    QTest.keyClick(section.cover, Qt.Key.Key_End)
    spin(0.1)
    assert section.text() == "▾ Resolution: 10 µm"
    assert (section.unit.currentText(), section.unit.isVisibleTo(section)) == ("µm", True)
    section.amount.selectAll()
    QTest.keyClicks(section.amount, "12.8")
    QTest.keyClick(section.amount, Qt.Key.Key_Return)
    spin(0.3)
    assert found.lines()[0][1] == "96 × 144 px · 3 × 5 patches"
    assert spin(3, lambda: found.widget.cost.text().startswith("To embed: 15 patches"))
    found.start()
    assert spin(3, lambda: found.widget.cost.text() == "")
    found.click(layer, (40, 120))
    assert len(found.prompts.data) == 1
    assert np.asarray(found.map_of(layer).data)[40, 120] == pytest.approx(1)


def test_the_choice_is_there_again_when_the_widget_is_opened_anew(desk):
    found = desk(Image(sample(16), name="a"))
    found.controller.sample_by(by_pixels(24, finer=2))
    found.viewer.window.remove_dock_widget(found.dock)
    found.widget.close()
    spin(0.2)
    user = object()
    controller = acquire(found.viewer, user)
    assert controller.offering.resolution == by_pixels(24, finer=2)
    assert controller.rows()[0].patches == (8, 12)
    release(controller, id(user))
