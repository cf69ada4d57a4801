"""**Save figure…**: what the viewer shows, in a file; nothing is replaced, and nothing half written."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog

from events import spin
from napari_dinosim._napari import figures
from napari_dinosim._napari.export import completed
from napari_dinosim._napari.figure_section import FigureSection
from napari_dinosim._napari.figures import FigureExport, pixel_size
from napari_dinosim.errors import ExportError
from pictures import colours

FIRST, SECOND = colours(100, 150), colours(60, 90, 1)


class Exporting:
    """A bench with an exporter of figures, the figures it drew, and what it told."""

    def __init__(self, bench, monkeypatch) -> None:
        self.bench, self.drawn, self.told = bench, [], []
        self.export = FigureExport(bench.controller)
        self.export.told.connect(lambda *told: self.told.append(told))
        draw = figures.FrozenFigure.draw

        def watched(*args, **more):
            self.drawn.append(draw(*args, **more))
            return self.drawn[-1]

        monkeypatch.setattr(figures.FrozenFigure, "draw", watched)

    def write(self, target, dpi=40, over=False, **more):
        self.export.write(target, dpi, over=over, **more)
        assert spin(20, lambda: not self.export.running)
        spin(0.02)
        return self.drawn[-1] if self.drawn else None


@pytest.fixture
def exporting(bench, monkeypatch):
    made = Exporting(bench, monkeypatch)
    yield made
    made.export.cancel()


def prompts_of(axis):
    return [line for line in axis.lines if line.get_gid() == "prompt"]


def test_all_checked_images_with_their_maps_and_points(exporting, tmp_path):
    bench = exporting.bench
    first = bench.add(FIRST, name="first", scale=(2, 0.5), units=("um", "um"), rotate=20)
    second = bench.add(SECOND, name="second")
    third = bench.add(SECOND[:, :50], name="third")
    bench.controller.check(str(third.unique_id), False)
    bench.start()
    bench.point(second, (33, 70))
    for layer in (first, second):
        bench.map_of(layer).colormap = "magma"
        bench.map_of(layer).contrast_limits = (0.2, 0.9)
    figure = exporting.write(tmp_path / "a.png")
    names = [axis.get_title() for axis in figure.axes]
    assert (names[0], names[2]) == ("first", "second")
    assert len(figure.axes) == 5
    for place, image, layer in ((0, FIRST, first), (2, SECOND, second)):
        axis, beside = figure.axes[place : place + 2]
        np.testing.assert_allclose(axis.images[0].get_array(), image / 255, atol=1e-6)
        heat = beside.images[0]
        cells = bench.session.shown_map(str(layer.unique_id)).values
        np.testing.assert_array_equal(heat.get_array(), cells)
        assert heat.get_clim() == (0.2, 0.9)
        middle = heat.get_cmap()(0.5)
        np.testing.assert_allclose(middle, bench.map_of(first).colormap.map(np.array([0.5]))[0], atol=0.02)
    assert figure.axes[0].get_aspect() == pytest.approx(4)
    assert [text.get_text() for text in figure.axes[0].texts] == ["10 µm"]  # a quarter of 75 µm is 18.75
    assert [text.get_text() for text in figure.axes[2].texts] == ["20 px"]
    assert prompts_of(figure.axes[0]) == []
    (point,) = prompts_of(figure.axes[2])
    assert (point.get_xdata()[0], point.get_ydata()[0]) == pytest.approx((70, 33))
    assert exporting.told == [(f"The figure is in {tmp_path / 'a.png'}.", False)]
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_over_the_images_as_opaque_as_on_screen(exporting, tmp_path):
    bench = exporting.bench
    first = bench.add(FIRST, name="first")
    bench.start()
    bench.point(first, (33, 70))
    bench.map_of(first).opacity = 0.3
    figure = exporting.write(tmp_path / "a.svg", over=True)
    assert [image.get_alpha() for image in figure.axes[0].images] == [None, 0.3]


def test_each_map_as_it_is_on_screen(exporting, tmp_path):
    bench = exporting.bench
    first, second = bench.add(FIRST, name="first"), bench.add(SECOND, name="second")
    bench.start()
    bench.point(second, (33, 70))
    bench.map_of(second).colormap = "gray"
    bench.map_of(second).contrast_limits = (0.5, 0.9)
    bench.map_of(second).opacity = 0.25
    figure = exporting.write(tmp_path / "a.png", over=True)
    heat = [axis.images[1] for axis in figure.axes[:2]]
    assert [one.get_clim() for one in heat] == [(0, 1), (0.5, 0.9)]
    assert [one.get_alpha() for one in heat] == [bench.map_of(first).opacity, 0.25]
    np.testing.assert_allclose(heat[1].get_cmap()(1.0)[:3], (1, 1, 1), atol=0.01)
    assert len(figure.axes) == 4  # a colour bar each


def test_classes_look_as_in_the_viewer(exporting, tmp_path):
    bench = exporting.bench
    first = bench.add(FIRST, name="first")
    bench.start()
    book = bench.controller.prompts.labels.book
    for label, place in (("soil", (80, 20)), ("root", (33, 70))):
        book.add(label)
        book.choose(label)
        bench.point(first, place)
    assert bench.session.classes == ("soil", "root")
    key = str(first.unique_id)
    figure = exporting.write(tmp_path / "a.png", label="root")
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), bench.session.shown_map(key, "root").values)
    drawn = prompts_of(figure.axes[0])
    assert [to_hex(line.get_color()) for line in drawn] == [book.look(label).colour for label in ("soil", "root")]
    assert [line.get_marker() for line in drawn] == [figures.MARKERS[book.look(name).symbol] for name in book.classes]
    assert [text.get_text().strip() for text in figure.legends[0].get_texts()] == ["soil", "root"]
    assert "Class: root" in figure.get_supxlabel()


def test_the_plane_on_screen(exporting, tmp_path):
    bench = exporting.bench
    stack = np.stack([colours(60, 90, seed)[..., 0] for seed in range(3)])
    layer = bench.add(stack, name="stack", contrast_limits=(0, 255), scale=(5, 1, 1))
    bench.encoders.complement = True
    bench.start()
    bench.viewer.dims.set_point(0, 10)
    bench.point(layer, (2, 33, 70))
    figure = exporting.write(tmp_path / "a.png")
    np.testing.assert_allclose(figure.axes[0].images[0].get_array()[..., 0], stack[2] / 255, atol=1e-6)
    assert len(prompts_of(figure.axes[0])) == 1
    bench.viewer.dims.set_point(0, 0)
    spin(0.1)
    figure = exporting.write(tmp_path / "a.png")
    np.testing.assert_allclose(figure.axes[0].images[0].get_array()[..., 0], stack[0] / 255, atol=1e-6)
    assert prompts_of(figure.axes[0]) == []


def test_images_without_a_map_are_told(exporting, tmp_path):
    bench = exporting.bench
    first = bench.add(FIRST, name="first")
    bench.start()
    bench.point(first, (33, 70))
    bench.encoders.fails_on = lambda _batch: True
    bench.add(SECOND, name="second")
    bench.wait()
    exporting.write(tmp_path / "a.png")
    assert exporting.told[-1] == (f"The figure is in {tmp_path / 'a.png'}. Left out: 1 without a map.", False)


def test_cancelled_nothing_is_written_and_the_old_file_stays(exporting, tmp_path):
    bench = exporting.bench
    first = bench.add(FIRST, name="first")
    bench.start()
    bench.point(first, (33, 70))
    target = tmp_path / "a.png"
    target.write_bytes(b"old")
    exporting.export.write(target, 40, over=False)
    exporting.export.cancel()
    spin(1)
    assert exporting.told == [("Cancelled: no figure was written.", False)]
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_cancelled_while_it_is_written_the_old_file_stays(exporting, tmp_path, monkeypatch):
    bench = exporting.bench
    first = bench.add(FIRST, name="first")
    bench.start()
    bench.point(first, (33, 70))
    target = tmp_path / "a.png"
    target.write_bytes(b"old")
    begun, gate, write = threading.Event(), threading.Event(), Figure.savefig

    def slow(figure, path, **more):
        begun.set()
        assert gate.wait(20)
        write(figure, path, **more)

    monkeypatch.setattr(Figure, "savefig", slow)
    exporting.export.write(target, 40, over=False)
    assert begun.wait(20)
    exporting.export.cancel()
    gate.set()
    spin(1.5, lambda: len(list(tmp_path.iterdir())) > 1)
    assert spin(5, lambda: list(tmp_path.iterdir()) == [target])
    assert target.read_bytes() == b"old"
    assert exporting.told == [("Cancelled: no figure was written.", False)]


def test_a_folder_that_is_not_there_is_told(exporting, tmp_path):
    bench = exporting.bench
    first = bench.add(FIRST, name="first")
    bench.start()
    bench.point(first, (33, 70))
    exporting.write(tmp_path / "nowhere" / "a.png")
    text, is_error = exporting.told[-1]
    assert is_error
    assert text.startswith("folder: found no")


@pytest.mark.parametrize(
    ("scale", "units", "expected"),
    [
        ((3, 2), ("um", "um"), ((3, 2), "micrometer")),
        ((3000, 2), ("nm", "um"), ((3, 2), "micrometer")),
        ((3, 2), ("s", "um"), (1.0, "pixel")),
        ((3, 2), None, ((3, 2), "pixel")),
    ],
)
def test_pixel_sizes(scale, units, expected):
    size, unit = pixel_size(Image(FIRST[..., 0], scale=scale, units=units, rotate=30), (-2, -1))
    np.testing.assert_allclose(size, expected[0])
    assert unit == expected[1]


def test_pixel_sizes_along_other_axes():
    image = Image(np.zeros((3, 4, 5)), scale=(7, 2, 3), units=("um", "nm", "um"))
    size, unit = pixel_size(image, (-1, -3))
    np.testing.assert_allclose(size, (3, 7))
    assert unit == "micrometer"


def test_a_file_that_the_dialog_has_not_asked_about_is_not_replaced(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(ExportError, match=r"'a\.png' is there already"):
        completed(str(tmp_path / "a"), ".png", (".png", ".svg"), [])
    with pytest.raises(ExportError, match=r"file name: found 'x\.tif', expected one that ends in \.png, \.svg\."):
        completed(str(tmp_path / "x.tif"), ".png", (".png", ".svg"), [])
    assert completed(str(tmp_path / "b.SVG"), ".png", (".png", ".svg"), []) == tmp_path / "b.SVG"
    assert completed(str(tmp_path / "b.c"), ".svg", (".png", ".svg"), []) == tmp_path / "b.c.svg"


def test_the_section_in_the_window(desk, tmp_path, monkeypatch):
    first = Image(FIRST, name="first")
    found = desk(first)
    section = found.widget.section(FigureSection)
    QTest.mouseClick(section.toggleButton(), Qt.MouseButton.LeftButton)
    spin(0.4)
    told = []
    found.controller.told.connect(lambda *what: told.append(what))
    answers, asked = [("", "")], []
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: asked.append(1) or answers[-1])
    QTest.mouseClick(section.save.native, Qt.MouseButton.LeftButton)
    assert told[-1] == ("figure: found no image with a map, expected at least one. Embed one, then click.", True)
    assert not asked, "a name is asked for, for nothing"
    found.start()
    found.click(first, (33, 120))
    found.wait()
    QTest.mouseClick(section.save.native, Qt.MouseButton.LeftButton)
    assert not list(tmp_path.iterdir())
    assert not section.export.running
    answers.append((str(tmp_path / "figure"), "SVG (*.svg)"))
    section.save.native.setFocus()
    QTest.keyClick(section.save.native, Qt.Key.Key_Space)
    assert spin(20, lambda: not section.export.running)
    spin(0.05)
    assert told[-1] == (f"The figure is in {tmp_path / 'figure.svg'}.", False)
    assert "Patch embeddings by builtin" in (tmp_path / "figure.svg").read_text(encoding="utf-8")
    QTest.keyClick(section.save.native, Qt.Key.Key_Space)
    assert told[-1] == ("'figure.svg' is there already. Choose it in the dialog to replace it.", True)
    assert not section.label.visible
    book = found.controller.prompts.labels.book
    book.choose(book.add("root"))
    found.click(first, (80, 20))
    assert spin(5, lambda: section.label.visible)
    assert list(section.label.choices) == ["", "positive", "root"]


def test_long_names_widen_neither_the_section_nor_the_window(desk):
    long = "a name that is far too long to be read at once, " * 4
    found = desk(Image(FIRST, name=long))
    found.start()
    book = found.controller.prompts.labels.book
    book.choose(book.add(long))
    found.click(found.viewer.layers[long], (33, 120))
    section = found.unfold(FigureSection)
    assert spin(5, lambda: section.label.visible)
    assert section.dpi.max == 400
    for theme in ("light", "dark"):
        found.viewer.theme = theme
        spin(0.1)
        assert section.minimumSizeHint().width() <= 290
        assert found.widget.body.native.minimumSizeHint().width() <= 300
    assert found.viewer.window._qt_window.minimumSizeHint().width() <= 1000
