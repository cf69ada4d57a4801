"""A box of long names: drawn in short, told in full."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import Qt

from events import spin
from napari_dinosim._napari.names_box import NamesBox

LONG = "2026-05-03 liver section 14, left lobe, stained twice_cp_masks"
OTHER = "2026-05-03 liver section 15, left lobe, stained twice_cp_masks"


def drawn(box) -> np.ndarray:
    image = box.grab().toImage().convertToFormat(box.grab().toImage().Format.Format_RGB32)
    pixels = image.constBits()
    pixels.setsize(image.sizeInBytes())
    return np.frombuffer(pixels, np.uint8).reshape(image.height(), -1).copy()


def made(qtbot, names, chosen) -> NamesBox:
    box = NamesBox("Labels layer", "What it is for.")
    qtbot.addWidget(box)
    box.setFixedSize(200, 28)
    box.offer(names, chosen)
    box.show()
    spin(0.1)
    return box


def test_a_long_name_is_drawn_with_its_beginning_and_its_end(qtbot):
    box = made(qtbot, {"a": LONG, "b": "cells"}, "a")
    short = box.shown_text()
    start, end = short.split("…")
    assert LONG.startswith(start)
    assert LONG.endswith(end)
    assert start
    assert end
    np.testing.assert_array_equal(drawn(box), drawn(made(qtbot, {"a": short}, "a")))
    box.setCurrentIndex(1)
    assert box.shown_text() == "cells"


def test_every_name_is_told_in_full(qtbot):
    box = made(qtbot, {"a": LONG, "b": OTHER}, "b")
    assert box.toolTip() == f"{OTHER}\nWhat it is for."
    assert [box.itemData(i, Qt.ItemDataRole.ToolTipRole) for i in range(2)] == [LONG, OTHER]
    box.setCurrentIndex(0)
    assert box.toolTip() == f"{LONG}\nWhat it is for."
    box.offer({"b": OTHER}, "a")
    assert box.toolTip() == f"{OTHER}\nWhat it is for."
    box.offer({}, None, "There is none.")
    assert (box.isEnabled(), box.toolTip()) == (False, "There is none.")
