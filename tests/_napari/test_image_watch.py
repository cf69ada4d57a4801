"""What is told of the person's image layers, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_dinosim._napari.image_watch import ImageWatch
from napari_dinosim._napari.roles import MAP, mark

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNALS = (
    "joined",
    "left",
    "removed",
    "listed",
    "pixels_changed",
    "renamed",
    "contrast_changed",
    "placed",
)


@pytest.fixture
def watched() -> Iterator[tuple]:
    viewer, told = ViewerModel(), []
    first = viewer.add_image(np.zeros((10, 15)), name="first")
    watch = ImageWatch(viewer)
    for name in SIGNALS:
        getattr(watch, name).connect(lambda *_values, name=name: told.append(name))
    watch.follow()
    assert told == ["joined"]
    told.clear()
    yield viewer, watch, first, told
    watch.close()


def test_images_come_and_go(watched):
    viewer, watch, first, told = watched
    second = viewer.add_image(np.zeros((10, 15)))
    assert told == ["joined", "listed"]
    assert watch.images() == [second, first]
    assert watch.find(str(second.unique_id)) is second
    told.clear()
    viewer.layers.remove(second)
    assert told == ["left", "removed", "listed"]
    assert watch.find(str(second.unique_id)) is None


def test_other_layers_are_no_images(watched):
    viewer, watch, first, told = watched
    viewer.add_labels(np.zeros((10, 15), int))
    viewer.add_image(np.zeros((10, 15)), metadata=mark(MAP))
    assert watch.images() == [first]
    assert "joined" not in told


@pytest.mark.parametrize(
    ("name", "value", "signal"),
    [
        ("data", np.ones((10, 15)), "pixels_changed"),
        ("name", "other", "renamed"),
        ("contrast_limits", (0.1, 0.2), "contrast_changed"),
        ("scale", (2, 3), "placed"),
        ("translate", (2, 3), "placed"),
        ("rotate", 10, "placed"),
        ("shear", [0.3], "placed"),
        ("affine", np.diag([2, 3, 1]), "placed"),
        ("units", ("um", "um"), "placed"),
    ],
)
def test_changes_of_a_layer(watched, name, value, signal):
    _, _, first, told = watched
    setattr(first, name, value)
    assert signal in told


def test_order(watched):
    viewer, watch, first, told = watched
    second = viewer.add_image(np.zeros((10, 15)))
    told.clear()
    viewer.layers.move(0, 2)
    assert set(told) == {"listed"}
    assert watch.images() == [first, second]


def test_nothing_is_told_after_closing(watched):
    viewer, watch, first, told = watched
    watch.close()
    first.name = "other"
    viewer.add_image(np.zeros((10, 15)))
    assert told == []
