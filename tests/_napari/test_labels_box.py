"""Which Labels layer objects are taken from: a person's own, the one taken up, and what was chosen stays."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from events import spin
from napari_dinosim._napari.labels_box import NO_LABELS, NONE, LabelsBox, with_objects
from napari_dinosim._napari.objects_section import ObjectsSection
from napari_dinosim._napari.regions_section import RegionsSection
from napari_dinosim._napari.results import put
from napari_dinosim._napari.roles import LIKE, PREVIEW, SEGMENTS, WINNER, mark

TIP = "What it is for."


def labels(name: str, role: str = "") -> Labels:
    return Labels(np.ones((4, 6), int), name=name, metadata=mark(role) if role else {})


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def box(qapp, viewer):
    made = LabelsBox(viewer.layers, TIP)
    yield made
    made.shutdown()


def lay(viewer, name: str, role: str = "") -> None:
    """Add a layer as we do: what is in hand stays in hand."""
    put(viewer, labels(name, role or SEGMENTS))
    spin(0.02)


def take_up(viewer, layer) -> None:
    viewer.layers.selection.active = layer
    spin(0.02)


def choose(box, name: str) -> None:
    """Choose with the keyboard."""
    while box.currentText() != name:
        before = box.currentIndex()
        QTest.keyClick(box, Qt.Key.Key_Down)
        if box.currentIndex() == before:
            QTest.keyClick(box, Qt.Key.Key_Home)


def test_previews_and_rankings_are_not_offered_and_classes_come_last(viewer):
    for name, role in (("winner", WINNER), ("low", ""), ("preview", PREVIEW), ("like", LIKE), ("made", SEGMENTS)):
        viewer.add_layer(labels(name, role))
    viewer.layers.move(0, 5)
    assert viewer.layers[-1].name == "winner"
    assert [layer.name for layer in with_objects(viewer.layers)] == ["made", "low", "winner"]


def test_own_labels_go_before_those_of_classes_until_one_is_chosen(viewer, box):
    assert (box.currentText(), box.isEnabled(), box.toolTip(), box.layer) == (NONE, False, NO_LABELS, None)
    image = viewer.add_layer(Image(np.zeros((4, 6)), name="image"))
    lay(viewer, "classes", WINNER)
    assert (box.currentText(), box.isEnabled(), box.why_not) == ("classes", True, "")
    assert box.toolTip() == f"classes\n{TIP}"
    lay(viewer, "cells")
    assert viewer.layers.selection.active is image
    assert box.currentText() == "cells"
    choose(box, "classes")
    lay(viewer, "nuclei")
    assert box.currentText() == "classes", "what a person chose stays"
    assert [box.itemText(i) for i in range(box.count())] == ["nuclei", "cells", "classes"]
    viewer.layers.remove("classes")
    assert box.currentText() == "nuclei"


def test_the_layer_that_is_taken_up_is_chosen_once(viewer, box):
    for name in ("first", "second", "third"):
        viewer.add_layer(labels(name))
        spin(0.02)
        assert box.currentText() == name
    take_up(viewer, viewer.layers["first"])
    assert box.currentText() == "first"
    choose(box, "second")
    viewer.layers["first"].name = "renamed"  # it is active still
    lay(viewer, "fourth")
    assert box.currentText() == "second"
    viewer.layers.move(0, 4)
    assert [box.itemText(i) for i in range(box.count())] == ["renamed", "fourth", "third", "second"]
    take_up(viewer, viewer.add_layer(Image(np.zeros((4, 6)), name="image")))
    assert box.currentText() == "second"
    lay(viewer, "preview", PREVIEW)
    take_up(viewer, viewer.layers["preview"])
    assert box.currentText() == "second"
    viewer.layers["second"].name = "named anew"
    assert box.currentText() == "named anew"


def test_what_was_done_with_a_layer_keeps_it(viewer, box):
    lay(viewer, "first")
    box.keep()
    lay(viewer, "second")
    assert box.layer is viewer.layers["first"]


def test_a_box_that_is_shut_down_listens_no_more(viewer, qapp):
    box = LabelsBox(viewer.layers, TIP)
    box.shutdown()
    viewer.layers.append(labels("cells"))
    assert box.currentText() == NONE


def test_both_sections_turn_from_classes_to_the_labels_that_a_person_opens(desk):
    found = desk(Image(np.zeros((64, 96, 3), np.uint8), name="a"))
    sections = [found.unfold(ObjectsSection).layer, found.unfold(RegionsSection).labels]
    lay(found.viewer, "classes · a", WINNER)
    assert [box.currentText() for box in sections] == ["classes · a"] * 2
    found.viewer.add_labels(np.ones((64, 96), int), name="cells")
    spin(0.05)
    take_up(found.viewer, found.viewer.layers["a"])
    assert [box.currentText() for box in sections] == ["cells"] * 2
    assert found.widget.section(ObjectsSection).measure.native.isEnabled()
