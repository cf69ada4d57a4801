"""The list of images follows the viewer and tells what the person ticks."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from events import spin
from napari_dinosim._napari.image_list import ImageList
from napari_dinosim._napari.rows import ImageRow
from napari_dinosim.states import InputState, Stage
from pictures import colours

SHAPE = (100, 150)


def row(key: str, **changed) -> ImageRow:
    values = {
        "name": key,
        "checked": True,
        "pixels": (600, 800),
        "patches": (38, 50),
        "state": InputState(Stage.ABSENT),
    }
    return ImageRow(key, **(values | changed))


@pytest.fixture
def images(qtbot) -> ImageList:
    made = ImageList()
    qtbot.addWidget(made)
    made.resize(300, 300)
    made.show()
    return made


@pytest.mark.parametrize(
    ("state", "words", "tip"),
    [
        (InputState(Stage.ABSENT), "not embedded", "a: not embedded"),
        (InputState(Stage.WAITING), "waiting", "a: waiting"),
        (InputState(Stage.RUNNING, 0.45), "45 %", "a: 45 %"),
        (InputState(Stage.READY, 1.0, 0.83), "ready · best match 0.83", "a: ready · best match 0.83"),
        (InputState(Stage.STALE, 1.0, None, "the contrast"), "stale", "the contrast"),
        (InputState(Stage.FAILED, reason="no memory"), "error: no memory", "no memory"),
    ],
    ids=lambda value: value.stage.name if isinstance(value, InputState) else "",
)
def test_states_in_words(images, state, words, tip):
    images.set_rows([row("a", state=state)])
    assert images.item(0).text().split("\n") == ["a", "600 × 800 px · 38 × 50 patches", words]
    assert images.item(0).toolTip() == tip
    images.set_rows([row("a")])
    images.set_row(row("a", state=state))
    assert images.item(0).text().split("\n")[2] == words


def test_size_without_patches(images):
    images.set_rows([row("a", patches=None)])
    assert images.item(0).text().split("\n")[1] == "600 × 800 px"


def test_ticks_are_told_and_updates_are_not(images, qtbot):
    told = []
    images.check_requested.connect(lambda *what: told.append(what))
    images.set_rows([row("a"), row("b", checked=False)])
    images.set_row(row("a", checked=False))
    images.set_row(row("nowhere"))
    assert told == []
    images.item(1).setCheckState(Qt.CheckState.Checked)
    assert told == [("b", True)]
    images.setCurrentItem(images.item(1))
    QTest.keyClick(images, Qt.Key.Key_Space)
    assert told[1:] == [("b", False)]


def test_selection_stays(images):
    images.set_rows([row("a"), row("b"), row("c")])
    images.setCurrentRow(1)
    images.set_rows([row("c"), row("b")])
    assert images.currentItem().text().startswith("b")


def test_list_follows_the_viewer(desk):
    found = desk(Image(colours(*SHAPE), name="a"))

    def names() -> list[str]:
        spin(0.05)
        return [line[0] for line in found.lines()]

    b = found.viewer.add_image(np.zeros((75, 61)), name="b")
    found.viewer.add_labels(np.zeros((9, 9), int))
    found.viewer.add_points(name="mine")
    assert names() == ["b", "a"]
    assert found.lines()[0][1] == "75 × 61 px · 5 × 4 patches"
    b.name = "renamed"
    assert names() == ["renamed", "a"]
    found.viewer.layers.move(found.viewer.layers.index("a"), 4)
    assert names() == ["a", "renamed"]
    found.start()
    found.patches.value = True
    found.click(found.viewer.layers["a"], (37, 120))
    assert len(found.viewer.layers) == 8
    assert names() == ["a", "renamed"]
    b.data = np.zeros((32, 33))
    assert names() == ["a", "renamed"]
    assert found.lines()[1][1] == "32 × 33 px · 2 × 3 patches"
    found.viewer.layers.remove("a")
    assert names() == ["renamed"]


def test_reordering_keeps_what_is_unticked(desk):
    found = desk(Image(colours(*SHAPE), name="a"), Image(colours(*SHAPE), name="b"))
    found.tick("a", False)
    found.viewer.layers.reverse()
    found.viewer.layers["a"].name = "A"
    spin(0.05)
    assert found.item("A").checkState() == Qt.CheckState.Unchecked
    assert found.item("b").checkState() == Qt.CheckState.Checked
