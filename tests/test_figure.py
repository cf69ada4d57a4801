"""Figures: what is drawn where, how long a scale bar is, and that files are whole at every moment."""

import os
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.image import imread
from PIL import Image

from napari_dinosim.errors import ExportError, FigureError
from napari_dinosim.figure import MARKS, MapLook, Mark, Panel, draw_figure, save_figure, thinned
from napari_dinosim.figure.scale_bar import scale_bar
from napari_dinosim.grid import PatchGrid
from napari_dinosim.image import image_plane
from napari_dinosim.prompts import RegionPrompt
from napari_dinosim.pyramid import Pyramid
from napari_dinosim.regions import Region


def panel(name="a", shape=(100, 150), **more):
    image = np.random.default_rng(0).integers(0, 255, (*shape, 3), dtype=np.uint8)
    heat = np.linspace(0, 1, shape[0] * shape[1], dtype=np.float32).reshape(shape)
    return Panel(name, image, heat, **{"best": 0.83, "prompts": [(20.0, 130.0)], **more})


def marks(axis):
    return [line for line in axis.lines if line.get_gid() == "prompt"]


def bars(axis):
    return [line for line in axis.lines if line.get_gid() == "scale bar"]


def test_each_image_stands_beside_its_map_with_the_click_marked():
    figure = draw_figure([panel("a"), panel("b", (60, 200))], "What?")
    left, right = figure.axes[:2]
    best = "similarity · best match 0.83"
    assert [axis.get_title() for axis in figure.axes[:4]] == ["a", best, "b", best]
    for axis in (left, right):
        ((x,), (y,)) = marks(axis)[0].get_data()
        assert (y, x) == (20, 130)
    shown = right.images[0]
    assert shown.get_clim() == (0, 1)
    assert shown.get_array()[20, 130] == pytest.approx(panel().heat[20, 130])
    assert "min–max normalised" in figure.axes[-1].get_ylabel()
    assert figure.get_suptitle() == "What?"


def drawn_pixels(figure, axis, places):
    """Colours, drawn and read from the picture, at (y, x) of an axis."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    spots = axis.transData.transform([(x, y) for y, x in places])
    return [tuple(int(value) for value in pixels[len(pixels) - 1 - round(y), round(x), :3]) for x, y in spots]


def test_cells_lie_where_their_patches_do_and_padding_is_cut():
    """The 40 × 90 image has 3 × 6 patches of 16: the last row is 8 pixels high, the last column 10 wide."""
    heat = np.zeros((3, 6), dtype=np.float32)
    heat[1, 4], heat[2, 5], heat[2, 0] = 1, 1, 1
    one = Panel("a", np.zeros((40, 90)), heat, grid=PatchGrid(40, 90, 16))
    figure = draw_figure([one], scale_bars=False, colormap="gray")
    axis = figure.axes[1]
    inside = [(15.9, 63.9), (31.1, 79.1), (31.9, 79.9), (38, 88), (33, 15.2)]
    outside = [(15.1, 65), (17, 63.1), (31.1, 79.9), (31.9, 79.1), (33, 15.8)]
    assert drawn_pixels(figure, axis, inside) == [(255, 255, 255)] * len(inside)
    assert drawn_pixels(figure, axis, outside) == [(0, 0, 0)] * len(outside)
    assert axis.get_xlim() == (-0.5, 89.5)
    assert axis.get_ylim() == (39.5, -0.5)


def test_a_small_copy_covers_the_original():
    copy = np.zeros((20, 45), dtype=np.float32)
    copy[10:, 30:] = 1
    one = Panel("a", copy, np.zeros((3, 6)), grid=PatchGrid(40, 90, 16), covers=(40, 90))
    figure = draw_figure([one], scale_bars=False)
    found = drawn_pixels(figure, figure.axes[0], [(19.9, 59.9), (19.1, 62), (22, 59.1)])
    assert found == [(255, 255, 255), (0, 0, 0), (0, 0, 0)]


def test_over_the_image_the_map_has_an_opacity():
    figure = draw_figure([panel()], overlay=0.4)
    axis, _bar = figure.axes
    image, heat = axis.images
    assert (image.get_alpha(), heat.get_alpha()) == (None, 0.4)
    assert axis.get_title() == "a\nbest match 0.83"
    assert len(marks(axis)) == 1


def test_grey_images_are_grey():
    grey = Panel("g", np.zeros((50, 40), np.uint8), np.zeros((50, 40), np.float32), 1.0)
    assert draw_figure([grey]).axes[0].images[0].get_cmap().name == "gray"


def test_pixels_that_are_not_square():
    figure = draw_figure([panel(pixel_size=(3.0, 1.5), unit="µm")])
    assert figure.axes[0].get_aspect() == 2
    assert figure.axes[1].get_aspect() == 2


def test_labels_have_their_symbols_and_a_legend():
    prompts = [(1, 2, "positive"), (3, 4, "negative"), (5, 6, "root $a$"), (7, 8, "soil"), (9, 9, "root $a$")]
    figure = draw_figure([panel(prompts=prompts)])
    drawn = marks(figure.axes[0])
    assert [to_hex(line.get_color()) for line in drawn[:2]] == [MARKS["positive"].colour, MARKS["negative"].colour]
    looks = [(line.get_marker(), line.get_color()) for line in drawn]
    assert len(set(looks)) == 4
    assert looks[2] == looks[4]
    assert [text.get_text().strip() for text in figure.legends[0].get_texts()] == list(
        dict.fromkeys(label for *_, label in prompts)
    )
    own = draw_figure([panel(prompts=prompts)], marks={"soil": Mark("black", "X")})
    assert marks(own.axes[0])[3].get_marker() == "X"
    assert not draw_figure([panel()]).legends


def test_regions_are_outlined_where_they_lie():
    polygon = Region.polygon([(20, 90), (20, 130), (50, 130), (50, 90)], (100, 150))
    one = panel(prompts=(), regions=[RegionPrompt("a", polygon, label="root")])
    figure = draw_figure([one], scale_bars=False)
    for axis in figure.axes[:2]:
        outline = axis.collections[-1].get_paths()[0].vertices
        np.testing.assert_allclose([outline.min(0), outline.max(0)], [(89.5, 19.5), (129.5, 49.5)], atol=0.5)
        assert axis.get_xlim() == (-0.5, 149.5)
    assert [text.get_text().strip() for text in figure.legends[0].get_texts()] == ["root"]


@pytest.mark.parametrize(("most", "expected"), [(1.0, (-1, 1)), (1.6, (-2, 2))])
def test_raw_scores_have_a_signed_scale(most, expected):
    heat = np.full((30, 40), -0.5, dtype=np.float32)
    heat[3, 4], heat[5, 5] = most, np.nan
    figure = draw_figure([Panel("a", np.zeros((30, 40)), heat)], scale="cosine")
    assert figure.axes[1].images[0].get_clim() == expected
    assert figure.axes[-1].get_ylabel() == "cosine similarity"
    assert figure.axes[1].images[0].get_cmap().name == "RdBu_r"


def test_limits_and_colours_of_ones_own():
    colours = np.array([[0, 0, 0, 1], [1, 0, 0, 1.0]])
    figure = draw_figure([panel(prompts=())], limits=(0.25, 0.75), colormap=colours)
    assert figure.axes[1].images[0].get_clim() == (0.25, 0.75)
    first, last = drawn_pixels(figure, figure.axes[1], [(5, 75), (95, 30)])
    assert (first, last) == ((0, 0, 0), (255, 0, 0))


@pytest.mark.parametrize(("count", "shape"), [(1, (1, 2)), (4, (4, 2)), (5, (3, 4)), (13, (5, 6))])
def test_rows_and_columns(count, shape):
    figure = draw_figure([panel(str(number)) for number in range(count)])
    assert figure.axes[0].get_gridspec().get_geometry() == shape
    assert [axis.get_title() for axis in figure.axes[0 : 2 * count : 2]] == [str(number) for number in range(count)]


@pytest.mark.parametrize(
    ("width", "step", "unit", "pixels", "text"),
    [
        (1000, 0.5, "µm", 200, "100 µm"),
        (1000, 0.5, "um", 200, "100 µm"),
        (1000, 0.5, "micrometer", 200, "100 µm"),
        (2048, 6.5, "nm", 2000 / 6.5, "2 µm"),
        (1000, 0.9, "nm", 200 / 0.9, "200 nm"),
        (4000, 1e-3, "mm", 1000, "1 mm"),
        (3000, 1e-3, "mm", 500, "500 µm"),
        (1000, 1.0, "inch", 200, "200 inch"),
        (300, 0.25, "pixel", 50, "50 px"),
    ],
)
def test_scale_bar(width, step, unit, pixels, text):
    bar = scale_bar(width, step, unit)
    assert bar.text == text
    assert bar.pixels == pytest.approx(pixels)


def test_the_scale_bar_is_drawn_as_long_as_it_says():
    figure = draw_figure([panel(pixel_size=(1.0, 0.5), unit="µm")])
    (bar,) = bars(figure.axes[0])
    assert np.ptp(bar.get_xdata()) == pytest.approx(10 / 0.5)  # of 75 µm: 18.75 are too few for 20
    assert not bars(figure.axes[1])


def test_maps_that_look_otherwise_have_a_colour_bar_each():
    alike = [panel(look=MapLook("magma", (0.2, 0.9))), panel(look=MapLook("magma", (0.2, 0.9)))]
    figure = draw_figure(alike)
    assert len(figure.axes) == 5
    assert figure.axes[1].images[0].get_clim() == (0.2, 0.9)
    figure = draw_figure([alike[0], panel("b", look=MapLook(limits=(0, 0.5)))], colormap="gray")
    width, height = figure.get_size_inches()
    figure.draw_without_rendering()
    first, second, *bars_of = (figure.axes[place] for place in (1, 3, 4, 5))
    assert [axis.images[0].get_clim() for axis in (first, second)] == [(0.2, 0.9), (0, 0.5)]
    assert [axis.images[0].get_cmap().name for axis in (first, second)] == ["magma", "gray"]
    for axis, bar, limits in zip((first, second), bars_of, ((0.2, 0.9), (0, 0.5)), strict=True):
        assert bar.get_ylim() == pytest.approx(limits)
        assert "min–max normalised" in bar.get_ylabel()
        place, beside = axis.get_position(), bar.get_position()
        assert place.x1 < beside.x0 < 1
        assert place.y0 - 0.05 < beside.y0 < beside.y1 < place.y1 + 0.05
    assert (width, round(height)) == (10, 7)
    over = draw_figure([panel(look=MapLook(opacity=0.3)), panel()], overlay=0.6)
    assert [axis.images[1].get_alpha() for axis in over.axes[:2]] == [0.3, 0.6]
    assert len(over.axes) == 3


def test_rows_are_as_high_as_their_images():
    """A flat image below a tall one leaves no gap."""
    tall, flat = (Panel(name, np.zeros(shape), np.zeros(shape)) for name, shape in
                  (("tall", (90, 60)), ("flat", (20, 120))))  # fmt: skip
    figure = draw_figure([tall, flat], scale_bars=False)
    figure.draw_without_rendering()
    upper, lower = (figure.axes[place].get_position() for place in (0, 2))
    height = figure.get_size_inches()[1]
    assert (upper.height / upper.width) / (lower.height / lower.width) == pytest.approx(9, rel=0.01)
    assert 0.2 < (upper.y0 - lower.y1) * height < 1, "inches from one to the next"
    assert lower.y0 * height < 0.8


def test_a_large_image_is_thinned_by_averaging():
    image = np.random.default_rng(1).random((300, 1000)).astype(np.float32)
    seen = []
    small = thinned(image_plane(image, contrast_limits=(0, 1)), 100, lambda *done: seen.append(done))
    assert small.shape == (30, 100, 3)
    np.testing.assert_allclose(small[..., 1], image.reshape(30, 10, 100, 10).mean((1, 3)), atol=1e-5)
    assert seen[-1] == (30, 30)
    same = thinned(image_plane(image, contrast_limits=(0, 1)))
    np.testing.assert_array_equal(same[..., 0], image)


def test_a_pyramid_is_read_from_the_level_that_suffices():
    read = []

    class Watched:
        def __init__(self, plane, name):
            self.plane, self.name, self.shape = plane, name, plane.shape

        def window(self, *where):
            read.append(self.name)
            return self.plane.window(*where)

    image = np.random.default_rng(1).random((320, 640)).astype(np.float32)
    levels = [Watched(image_plane(image[::step, ::step], contrast_limits=(0, 1)), step) for step in (1, 2, 4)]
    assert thinned(Pyramid(levels), 200).shape == (100, 200, 3)
    assert set(read) == {2}


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: draw_figure([]), "found no panel, expected at least one"),
        (lambda: draw_figure([panel()], overlay=0), "overlay: found an opacity of 0, expected one above 0"),
        (lambda: draw_figure([panel()], scale="foo"), "scale: found 'foo', expected one of 'plane', 'stack'"),
        (lambda: draw_figure([panel()], colormap="nocmap"), "colormap: found 'nocmap', expected a name of"),
        (lambda: draw_figure([panel()], colormap=np.zeros((9, 2))), r"found an array of shape \(9, 2\), expected"),
        (lambda: draw_figure([panel()], colormap=np.full((9, 3), 255)), "found colours that are no numbers from 0"),
        (lambda: draw_figure([panel()], limits=(1, 0)), r"limits: found \(1, 0\), expected two numbers, the lower"),
        (lambda: draw_figure([panel()], limits=(0, 0)), r"limits: found \(0, 0\), expected two numbers, the lower"),
        (lambda: draw_figure([panel()], limits=(0, np.nan)), "limits: found .*nan"),
        (lambda: draw_figure([panel()], limits=0.5), "limits: found 0.5, expected two numbers"),
        (lambda: MapLook(opacity=2), "map look: found an opacity of 2, expected one above 0"),
        (lambda: draw_figure([panel()], columns=0), "columns: found 0, expected a whole number"),
        (lambda: Panel("a", np.zeros((3, 4, 2)), np.zeros((3, 4))), r"image 'a': found shape \(3, 4, 2\)"),
        (lambda: Panel("a", np.zeros((3, 4)), np.zeros((4, 3))), r"map of 'a': found shape \(4, 3\), expected"),
        (lambda: panel(pixel_size=0.0), "pixel size of 'a': found 0.0, expected positive"),
        (lambda: save_figure(draw_figure([panel()]), "a.jpeg"), "found 'a.jpeg', expected one that ends in .png, .svg"),
        (lambda: save_figure(draw_figure([panel()]), "a.png", 1e5), "found a side of 1,000,000 pixels"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(make, match):
    with pytest.raises(FigureError, match=match):
        make()


@pytest.mark.parametrize("name", ["figure.png", "figure.svg", "figure.PDF"])
def test_saved_whole_and_nothing_else(tmp_path, name):
    paths = []
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        figure = draw_figure([panel("$ <a> & ä")], "What?", caption="by the planted encoder")
        paths.append(save_figure(figure, tmp_path / folder / name))
        assert os.listdir(tmp_path / folder) == [name]
    first, second = (path.read_bytes() for path in paths)
    assert first == second, "the same figure gives another file"
    if name.endswith("png"):
        assert imread(paths[0]).shape[1] == 1500
        with Image.open(paths[0]) as file:
            assert (file.text["Title"], file.text["Description"]) == ("What?", "by the planted encoder")
    if name.endswith("svg"):
        texts = [text for node in ElementTree.parse(paths[0]).iter() if (text := (node.text or "").strip())]
        assert {"$ <a> & ä", "What?", "by the planted encoder"} <= set(texts)


def test_resolution(tmp_path):
    path = save_figure(draw_figure([panel()]), tmp_path / "a.png", 60)
    assert imread(path).shape[1] == 600


def test_the_old_file_stays_whole_if_the_new_one_cannot_be_written(tmp_path, monkeypatch):
    target = tmp_path / "figure.png"
    target.write_bytes(b"old")
    figure = draw_figure([panel()])

    def fail(part, **_):
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(ExportError, match=r"no room for .*What was there is unchanged"):
        save_figure(figure, target)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(ExportError, match=r"found no .*nowhere"):
        save_figure(figure, tmp_path / "nowhere" / "a.png")


def test_pyplot_and_its_state_are_left_alone(tmp_path):
    sys.modules.pop("matplotlib.pyplot", None)
    save_figure(draw_figure([panel()]), tmp_path / "a.png")
    assert "matplotlib.pyplot" not in sys.modules
