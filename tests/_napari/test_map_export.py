"""**Export map…**: the file equals the layer, number for number, and lies where the image lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog

from events import spin
from napari_dinosim._napari.export import FORMATS, MapExport, place_of, suggested, target_of
from napari_dinosim._napari.map_section import MapSection
from napari_dinosim._napari.resolution import Cover, Resolution
from napari_dinosim._napari.searched import Searched
from napari_dinosim.errors import ExportError
from pictures import colours, greys

SHAPE = (100, 150)
TIFF, ZARR, OLD_ZARR = FORMATS
PLACE = {"scale": (0.5, 0.25), "translate": (-3, 7), "units": ("um", "um")}


class Exporting:
    """A bench with an exporter, and what it told."""

    def __init__(self, bench) -> None:
        self.bench = bench
        self.export = MapExport(bench.controller.engine, bench.session)
        self.told, self.fractions = [], []
        self.export.told.connect(lambda *told: self.told.append(told))
        self.export.progressed.connect(self.fractions.append)

    def write(self, layer, target: Path, version: str = "0.5") -> Path:
        self.export.write(Searched((layer,)), target, version)
        assert spin(20, lambda: not self.export.running)
        return target


@pytest.fixture
def exporting(bench) -> Exporting:
    return Exporting(bench)


def opened(path: Path) -> list:
    """Layers of a viewer in which a file was opened with the reader that people use for it."""
    viewer = ViewerModel()
    viewer.open(path, plugin="napari-ome-zarr" if path.suffix == ".zarr" else "napari")
    return list(viewer.layers)


def assert_same_place(path: Path, read, layer) -> None:
    """The file tells scale and origin; napari-ome-zarr 0.10 reads the scale."""
    group = zarr.open_group(path, mode="r")
    (image,) = group.attrs.get("ome", group.attrs)["multiscales"]
    scale, translation = image["datasets"][0]["coordinateTransformations"]
    np.testing.assert_allclose(scale["scale"], layer.scale)
    np.testing.assert_allclose(translation["translation"], layer.translate)
    np.testing.assert_allclose(read.scale, layer.scale)


def whole(layer) -> np.ndarray:
    return np.asarray(layer.data[0] if layer.multiscale else layer.data)


@pytest.mark.parametrize(("name", "version"), [("m.ome.tif", "0.5"), ("m.ome.zarr", "0.5"), ("m.ome.zarr", "0.4")])
def test_file_equals_the_map(exporting, tmp_path, name, version):
    bench = exporting.bench
    layer = bench.add(colours(*SHAPE), name="a", **PLACE)
    bench.start()
    bench.point(layer, (37, 120))
    path = exporting.write(layer, tmp_path / name, version)
    (read,) = opened(path)
    np.testing.assert_array_equal(whole(read), bench.map_of(layer).data)
    assert exporting.told == [(f"The map over a is in {path}.", False)]
    assert exporting.fractions[-1] is None
    if path.suffix == ".zarr":
        assert read.units == layer.units
        assert_same_place(path, read, layer)
    else:  # napari's own reader drops what the file says of its pixels
        with tifffile.TiffFile(path) as file:
            pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
        assert (pixels["PhysicalSizeY"], pixels["PhysicalSizeX"]) == (0.5, 0.25)
        assert (pixels["PhysicalSizeYUnit"], pixels["PhysicalSizeXUnit"]) == ("µm", "µm")


@pytest.mark.parametrize("name", ["m.ome.tif", "m.ome.zarr"])
def test_large_map(exporting, tmp_path, name):
    """A lazy map of several levels: each is that of the file."""
    bench = exporting.bench
    bench.encoders.complement = True
    layer = bench.add(np.tile(colours(500, 420)[..., 0], (9, 10)), name="a")
    bench.start()
    bench.point(layer, (2345, 3999))
    path = exporting.write(layer, tmp_path / name)
    shown = bench.map_of(layer)
    assert shown.multiscale
    if name == "m.ome.zarr":
        levels = list(opened(path)[0].data)
    else:
        with tifffile.TiffFile(path) as file:
            levels = [level.asarray() for level in file.series[0].levels]
    for level, expected in zip(levels, shown.data, strict=True):
        np.testing.assert_array_equal(np.asarray(level), np.asarray(expected))


@pytest.mark.parametrize("name", ["m.ome.tif", "m.ome.zarr"])
def test_stack(exporting, tmp_path, name):
    bench = exporting.bench
    bench.encoders.complement = True
    place = {"scale": (1500, 0.65, 0.65), "units": ("ms", "um", "um"), "translate": (3, 0, 2)}
    layer = bench.add(np.stack([greys(*SHAPE, seed) for seed in range(3)]), name="a", contrast_limits=(0, 1), **place)
    bench.start()
    plane = int(layer.world_to_data(bench.viewer.dims.point)[0])
    bench.point(layer, (plane, 37, 120))
    path = exporting.write(layer, tmp_path / name)
    (read,) = opened(path)
    found = whole(read)
    assert np.isfinite(found[plane]).all()
    np.testing.assert_array_equal(found, np.asarray(bench.map_of(layer).data))
    if path.suffix == ".zarr":
        assert [str(unit) for unit in read.units] == ["millisecond", "micrometer", "micrometer"]
        assert_same_place(path, read, layer)
        assert read.axis_labels == ("t", "y", "x")
    else:
        with tifffile.TiffFile(path) as file:
            assert file.series[0].axes == "TYX"
            pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
        assert (pixels["TimeIncrement"], pixels["TimeIncrementUnit"]) == (1500, "ms")


def test_prompts_set_meanwhile_do_not_change_the_file(exporting, tmp_path):
    bench = exporting.bench
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    bench.point(layer, (37, 120))
    before = bench.map_of(layer).data.copy()
    exporting.export.write(Searched((layer,)), tmp_path / "m.tif")
    bench.prompts.data = [(80, 20)]
    bench.wait()
    assert spin(20, lambda: not exporting.export.running)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "m.tif"), before)
    assert not np.array_equal(bench.map_of(layer).data, before)


def test_a_failure_is_told_once_in_the_words_of_the_house(exporting, tmp_path):
    bench = exporting.bench
    layer = bench.add(colours(*SHAPE), name="a", units=("s", "s"))
    bench.start()
    bench.point(layer, (37, 120))
    exporting.write(layer, tmp_path / "m.tif")
    layer.units = ("um", "um")
    exporting.write(layer, tmp_path / "nowhere" / "m.tif")
    (first, second) = exporting.told
    assert first == ("unit of y: found 'second', expected one of space, such as 'µm'.", True)
    assert "found no " in second[0]
    assert second[1]
    assert list(tmp_path.iterdir()) == []


# ---- where an image lies -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leading", "labels", "units", "letters"),
    [
        ((), None, None, "yx"),
        ((2,), None, None, "zyx"),
        ((2,), ("t", "y", "x"), None, "tyx"),
        ((2,), ("Channel", "y", "x"), None, "cyx"),
        ((2,), ("position", "y", "x"), ("s", "um", "um"), "tyx"),
        ((2, 2), None, None, "tzyx"),
        ((2, 2), ("z", "?", "y", "x"), None, "ztyx"),
        ((2, 2), ("time", "p", "y", "x"), None, "tzyx"),
        ((2, 2, 2), None, None, "tczyx"),
        ((2, 2, 2), ("c", "c", "a", "y", "x"), None, "ctzyx"),
    ],
)
def test_letters_of_the_axes(leading, labels, units, letters):
    layer = Image(np.zeros((*leading, 9, 8)), axis_labels=labels, units=units)
    assert place_of(layer).axes == letters


def test_four_leading_axes_are_more_than_these_formats_have(exporting, tmp_path):
    layer = exporting.bench.add(np.zeros((2, 2, 2, 2, 9, 8)), name="a")
    exporting.write(layer, tmp_path / "m.tif")
    ((sentence, is_error),) = exporting.told
    assert sentence.startswith("axes: found ")
    assert is_error


@pytest.mark.parametrize(
    ("place", "size", "origin", "straight"),
    [
        ({"scale": (0.5, 2), "translate": (7, -3)}, (0.5, 2), (7, -3), True),
        ({"scale": (0.5, 2), "affine": np.diag([3, 4, 1])}, (1.5, 8), (0, 0), True),
        ({"scale": (-0.5, 2), "translate": (7, -3)}, (0.5, 2), (0, 0), False),
        ({"scale": (0.5, 0.5), "rotate": 30, "translate": (7, -3)}, (0.5, 0.5), (0, 0), False),
        ({"scale": (1e-9, 2e-9), "rotate": 90}, (1e-9, 2e-9), (0, 0), False),
    ],
)
def test_place(place, size, origin, straight):
    found = place_of(Image(np.zeros((9, 8)), **place))
    np.testing.assert_allclose(found.pixel_size, size)
    np.testing.assert_allclose(found.origin, origin)
    assert found.straight == straight


def test_what_a_file_cannot_tell_is_said(exporting, tmp_path):
    bench = exporting.bench
    layer = bench.add(colours(*SHAPE), name="a", rotate=20)
    bench.start()
    bench.point(layer, (37, 120))
    exporting.write(layer, tmp_path / "m.ome.zarr")
    assert "rotation, shear and flips are not" in exporting.told[0][0]


# ---- which file --------------------------------------------------------------------------------------------------


def test_path_that_is_suggested(tmp_path):
    path = tmp_path / "retina 3.tif"
    tifffile.imwrite(path, colours(*SHAPE))
    viewer = ViewerModel()
    (layer,) = viewer.open(path, plugin="napari")
    assert suggested(layer) == str(tmp_path / "retina_3-similarity.ome.tif")
    assert suggested(Image(np.zeros((9, 8)), name="../../etc")) == str(Path.home() / "etc-similarity.ome.tif")
    assert suggested(Image(np.zeros((9, 8)), name="?!")) == str(Path.home() / "image-similarity.ome.tif")


@pytest.mark.parametrize(
    ("name", "chosen", "target"),
    [
        ("m", TIFF, "m.ome.tif"),
        ("m.v2", ZARR, "m.v2.ome.zarr"),
        ("m", OLD_ZARR, "m.ome.zarr"),
        ("m.tiff", ZARR, "m.tiff"),
        ("m.ome.zarr", TIFF, "m.ome.zarr"),
    ],
)
def test_ending_is_completed(tmp_path, name, chosen, target):
    assert target_of(str(tmp_path / name), chosen, []) == tmp_path / target


def test_files_that_are_not_replaced(tmp_path):
    path = tmp_path / "retina.tif"
    tifffile.imwrite(path, colours(*SHAPE))
    viewer = ViewerModel()
    viewer.open(path, plugin="napari")
    with pytest.raises(ExportError, match=r"'retina.tif' is the file of the layer 'retina'. Choose another name"):
        target_of(str(tmp_path / "." / "retina.tif"), TIFF, viewer.layers)
    (tmp_path / "m.ome.tif").touch()
    with pytest.raises(ExportError, match=r"'m.ome.tif' is there already. Choose it in the dialog to replace it"):
        target_of(str(tmp_path / "m"), TIFF, [])
    assert target_of(str(tmp_path / "m.ome.tif"), TIFF, viewer.layers) == tmp_path / "m.ome.tif"


# ---- the button --------------------------------------------------------------------------------------------------


def press(found) -> None:
    section = found.widget.section(MapSection)
    if not section.isExpanded():
        section.toggleButton().click()
        spin(0.3)
    QTest.mouseClick(found.export.native, Qt.MouseButton.LeftButton)


def answer(monkeypatch, path, chosen=TIFF) -> list:
    """Answer the file dialog; returns what it was asked."""
    asked = []

    def dialog(_parent, title, start, formats):
        asked.append((title, start, formats))
        return str(path), chosen

    monkeypatch.setattr(QFileDialog, "getSaveFileName", dialog)
    return asked


def test_button_follows_the_maps_and_the_active_image(desk, monkeypatch, tmp_path):
    a, b = Image(colours(*SHAPE), name="a"), Image(colours(75, 61, 1), name="b", translate=(0, 200))
    found = desk(a, b)
    button = found.export
    assert not button.enabled
    assert "There is none yet" in button.tooltip
    found.start()
    assert not button.enabled
    found.click(a, (37, 120))
    assert button.enabled
    asked = answer(monkeypatch, "")
    for active, name in ((found.prompts, "a"), (b, "b"), (found.map_of(b), "b"), (found.map_of(a), "a"), (a, "a")):
        found.viewer.layers.selection.active = active
        spin(0.02)
        assert button.tooltip == f"Write the similarity map over {name} to a file."
        press(found)
        title, _, formats = asked.pop()
        assert title == f"Export the similarity map over {name}"
        assert formats == ";;".join(FORMATS)
    found.viewer.layers.remove(found.map_of(a))
    spin(0.05)
    assert not button.enabled
    found.prompts.data = []
    spin(0.1)
    assert not button.enabled
    assert list(tmp_path.iterdir()) == []


def test_press_writes_and_tells_where(desk, monkeypatch, tmp_path):
    layer = Image(colours(*SHAPE), name="a", **PLACE)
    found = desk(layer)
    found.start()
    found.click(layer, (37, 120))
    answer(monkeypatch, tmp_path / "m", ZARR)
    press(found)
    assert spin(20, lambda: not found.export.export.running)
    assert found.widget.message.value == f"The map over a is in {tmp_path / 'm.ome.zarr'}."
    assert found.export.text == "Export map…"
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "m.ome.zarr" / "0")[:], found.map_of(layer).data)
    press(found)
    assert found.widget.message.value == "⚠ 'm.ome.zarr' is there already. Choose it in the dialog to replace it."


def test_planes_along_other_axes_are_written_in_the_axes_of_the_image(desk, encoders, monkeypatch, tmp_path):
    encoders.complement = True  # greys differ
    layer = Image(np.stack([greys(*SHAPE, seed) for seed in range(20)]), name="a", scale=(2, 0.5, 0.25), units="um")
    found = desk(layer)
    found.start()
    found.viewer.dims.order = (1, 0, 2)
    found.controller.embed_scope("all")
    found.wait()
    found.prompts.data = [(3, 37, 120)]
    found.wait()
    expected = np.array(found.map_of(layer).data)
    assert np.ptp(expected[:, 37]) > 0.5
    assert len({*expected[3, 32:48, 120]}) > 1, "neighbouring rows are of maps of their own"
    answer(monkeypatch, tmp_path / "m.ome.zarr", ZARR)
    press(found)
    assert spin(20, lambda: not found.export.export.running)
    written = zarr.open_group(tmp_path / "m.ome.zarr", mode="r")
    np.testing.assert_array_equal(written["0"][:], expected)
    (image,) = written.attrs["ome"]["multiscales"]
    assert [axis["name"] for axis in image["axes"]] == ["z", "y", "x"]
    assert image["datasets"][0]["coordinateTransformations"][0]["scale"] == [2, 0.5, 0.25]


@pytest.mark.parametrize("name", ["m.ome.tif", "m.ome.zarr"])
def test_planes_without_a_map_along_other_axes_are_empty(exporting, tmp_path, name):
    bench = exporting.bench
    layer = bench.add(np.stack([greys(30, 40, seed) for seed in range(20)]), name="a")
    bench.controller.embed_scope("plane")
    bench.viewer.dims.order = (2, 1, 0)
    bench.viewer.dims.set_point(2, 25)
    bench.start()
    bench.prompts.add((3, 18, 25))
    bench.wait()
    exporting.export.write(Searched((layer,)), tmp_path / name, axes=(-2, -3))
    assert spin(20, lambda: not exporting.export.running)
    written = tifffile.imread(tmp_path / name) if name.endswith("tif") else zarr.open_array(tmp_path / name / "0")[:]
    np.testing.assert_array_equal(written, np.asarray(bench.map_of(layer).data))
    assert np.isfinite(written).all(axis=(0, 1)).nonzero()[0].tolist() == [25]


def test_an_image_with_its_axes_exchanged(exporting, tmp_path):
    bench = exporting.bench
    layer = bench.add(colours(*SHAPE), name="a", rgb=True)
    bench.viewer.dims.order = (1, 0)
    bench.start()
    bench.point(layer, (37, 120))
    exporting.export.write(Searched((layer,)), tmp_path / "m.ome.tif", axes=(-1, -2))
    assert spin(20, lambda: not exporting.export.running)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "m.ome.tif"), whole(bench.map_of(layer)))


@pytest.mark.parametrize(
    "chosen", [Resolution(Cover.PIXELS, pixels=23), Resolution(Cover.PIXELS, 24, finer=2)], ids=str
)
@pytest.mark.parametrize("name", ["m.ome.tif", "m.ome.zarr"])
def test_map_of_another_resolution(exporting, tmp_path, chosen, name):
    bench = exporting.bench
    layer = bench.add(colours(*SHAPE), name="a", rgb=True, **PLACE)
    bench.controller.sample_by(chosen)
    bench.start()
    bench.point(layer, (37, 120))
    path = exporting.write(layer, tmp_path / name)
    (read,) = opened(path)
    np.testing.assert_array_equal(whole(read), whole(bench.map_of(layer)))
    assert whole(read).shape == SHAPE
    if name.endswith("zarr"):
        assert_same_place(path, read, layer)


def test_press_again_cancels(desk, monkeypatch, tmp_path):
    """A map that takes a while: 200 million pixels."""
    found = desk(Image(np.zeros((14_000, 14_000), np.uint8), name="a"))
    layer = found.viewer.layers["a"]
    found.viewer.layers.selection.active = layer
    maps = {}
    monkeypatch.setattr(found.session, "frozen_maps", lambda _key: maps.get)
    answer(monkeypatch, tmp_path / "m.tif")
    found.export.export.write(Searched((layer,)), tmp_path / "m.tif")
    assert spin(20, lambda: found.export.text == "Cancel · 2 %")
    assert found.export.enabled
    press(found)
    assert found.widget.message.value == "Cancelled: no map was written."
    assert found.export.text == "Export map…"
    assert not found.export.enabled
    assert spin(20, lambda: list(tmp_path.iterdir()) == [])
    spin(0.2)
    assert found.export.text == "Export map…"
    assert found.widget.message.value == "Cancelled: no map was written."


def test_closing_the_widget_stops_the_writing(desk, tmp_path):
    found = desk(Image(np.zeros((14_000, 14_000), np.uint8), name="a"))
    export = found.export.export
    export.write(Searched((found.viewer.layers["a"],)), tmp_path / "m.tif")
    assert spin(20, lambda: list(tmp_path.iterdir()) != [])
    found.viewer.window.remove_dock_widget(found.dock)
    assert spin(20, lambda: list(tmp_path.iterdir()) == [])
    assert not export.running
