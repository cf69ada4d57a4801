"""What a progress bar says."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QProgressBar

from napari_dinosim._napari.bar_text import ZERO_WIDTH_SPACE, write_in_bar


@pytest.fixture
def bar(qtbot) -> QProgressBar:
    made = QProgressBar()
    qtbot.addWidget(made)
    made.resize(282, 20)
    made.setValue(40)
    return made


@pytest.mark.parametrize("name", ["a", "10%medium 50%value 3%p"])
def test_a_name_is_shown_as_it_is(bar, name):
    write_in_bar(bar, f"Embedding {name}")
    assert bar.text().replace(ZERO_WIDTH_SPACE, "") == f"Embedding {name}"


def test_a_long_name_keeps_the_time_left_in_sight(bar):
    write_in_bar(bar, f"Embedding {'a very long name ' * 9}· 17 s left")
    assert bar.text().startswith("Embedding a")
    assert bar.text().endswith("· 17 s left")
    assert bar.fontMetrics().horizontalAdvance(bar.text()) <= bar.width()
