import numpy as np
import pytest
from matplotlib.image import imread

from napari_dinosim.figure import Panel, draw, save


def panel(name="a", shape=(100, 150)):
    image = np.random.default_rng(0).integers(0, 255, (*shape, 3), dtype=np.uint8)
    heat = np.linspace(0, 1, shape[0] * shape[1], dtype=np.float32).reshape(shape)
    return Panel(name, image, heat, 0.83, [(20.0, 130.0)])


def test_each_image_stands_beside_its_map_with_the_click_marked():
    figure = draw([panel("a"), panel("b", (60, 200))], "What?")
    left, right = figure.axes[0], figure.axes[1]
    assert [axis.get_title() for axis in figure.axes[:4]] == [
        "a",
        "similarity · best match 0.83",
        "b",
        "similarity · best match 0.83",
    ]
    for axis in (left, right):
        (x,), (y,) = axis.lines[0].get_data()
        assert (y, x) == (20, 130)
    shown = right.images[0]
    assert shown.get_clim() == (0, 1)
    assert shown.get_array()[20, 130] == pytest.approx(panel().heat[20, 130])
    assert "min–max normalised" in figure.axes[-1].get_ylabel()


def test_grey_images_are_grey():
    grey = Panel("g", np.zeros((50, 40), np.uint8), np.zeros((50, 40), np.float32), 1.0)
    assert draw([grey]).axes[0].images[0].get_cmap().name == "gray"


def test_nothing_to_draw():
    with pytest.raises(ValueError, match="found no panel, expected at least one"):
        draw([])


@pytest.mark.parametrize("name", ["figure.png", "figure.svg"])
def test_saved_whole_and_nothing_else(tmp_path, name):
    save(draw([panel()]), tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    if name.endswith("png"):
        assert imread(tmp_path / name).shape[1] == 1200


def test_the_old_file_stays_whole_if_the_new_one_cannot_be_written(tmp_path, monkeypatch):
    target = tmp_path / "figure.png"
    target.write_bytes(b"old")
    figure = draw([panel()])

    def fail(part, **_):
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError, match="No space left"):
        save(figure, target)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]
