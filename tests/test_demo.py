import sys

import numpy as np
import pytest
from matplotlib.image import imread

from napari_dinosim import demo
from napari_dinosim.errors import EncodingError


@pytest.fixture(scope="module")
def searched():
    return demo.search_pair()


def test_the_tyre_is_found_in_both_images(searched):
    session, images = searched
    assert set(images) == {"left", "right"}
    for key, tyre, floor in (("left", (330, 152), (480, 300)), ("right", (330, 110), (480, 300))):
        found = session.shown_map(key)
        values = found.grid.upsample(found.values)
        assert values.shape == images[key].shape[:2]
        assert values[tyre] > 0.85, key
        assert values[floor] < 0.4, key
    assert session.state("left").text == "ready · best match 1.00"


def test_without_a_display_it_is_a_picture(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    demo.main()
    told = capsys.readouterr().out
    assert str(tmp_path / "demo.png") in told
    assert "There is no display" in told
    assert np.ptp(imread(tmp_path / "demo.png")) > 0.9


@pytest.mark.parametrize(
    ("platform", "variables", "has"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "w"}, True),
        ("darwin", {}, True),
        ("win32", {}, True),
    ],
)
def test_display(monkeypatch, platform, variables, has):
    monkeypatch.setattr(sys, "platform", platform)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert demo.has_display() is has


def test_a_failure_is_raised_not_hidden(monkeypatch):
    def fail(*_):
        raise RuntimeError("no")

    monkeypatch.setattr("napari_dinosim.encoders.builtin.BuiltinEncoder.encode", fail)
    with pytest.raises(EncodingError, match="RuntimeError: no"):
        demo.search_pair()
