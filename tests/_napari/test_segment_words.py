"""What is told of labels."""

from __future__ import annotations

import pytest

from napari_dinosim._napari.segment_words import NO_MAP, Found, made_for, said, why_none

A = Found("a", (0.5,), 3, frozenset({"rose"}), 250, 1000)
B = Found("b", (0.25, 0.75), 4, frozenset({"rose", "sky"}), 1000, 9000)
NOTHING = Found("none", (0.5,), area=1000)
ALL = Found("all", (0.5,), 1, frozenset({"rose"}), 1000, 1000)


@pytest.mark.parametrize(
    ("found", "classes", "together", "told"),
    [
        ([A], 0, True, "25.0 % of the area, from 0.50 on."),
        ([A, B], 0, False, "7 objects, 12.5 % of the area, with thresholds from 0.25 to 0.75."),
        ([A, B], 3, True, "2 of 3 classes, 12.5 % of the area, with thresholds from 0.25 to 0.75."),
        ([A, NOTHING, ALL], 0, True, "41.7 % of the area, from 0.50 on. ⚠ Nothing in none. ⚠ Everything in all."),
        ([NOTHING], 0, True, "⚠ Nothing reaches 0.50. Lower the threshold or the minimum size."),
        ([ALL], 0, True, "⚠ Everything reaches 0.50. Raise the threshold."),
        ([Found("tiny", (0.5,), 1, pixels=1, area=10000)], 0, True, "less than 0.1 % of the area, from 0.50 on."),
        ([], 0, True, NO_MAP),
    ],
)
def test_how_much_was_found(found, classes, together, told):
    assert said(found, classes=classes, together=together) == told


def test_planes_and_images_that_were_left_out():
    stack = Found("s", (0.5,), 1, frozenset(), 100, 1000, embedded=3, planes=5, left_out=2, reason="No contrast.")
    flat = Found("flat", left_out=1, reason="No unit.")
    told = said([stack, flat], classes=0, together=False)
    assert told == (
        "1 object, 10.0 % of the area, from 0.50 on. Embedded and done: 3 of 5 planes of s. "
        "⚠ 2 of 3 planes of s were left out: No contrast. ⚠ flat was left out: No unit."
    )
    assert why_none([flat]) == "flat was left out: No unit."
    assert said([flat], classes=0, together=False) == "⚠ flat was left out: No unit."


def test_each_reason_is_told_once():
    flat = [Found(name, left_out=1, reason="No contrast.") for name in "abcde"]
    stack = Found("s", embedded=3, left_out=1, reason="No contrast.")
    other = Found("other", left_out=1, reason="No unit.")
    assert why_none(flat) == "a, b, c and 2 more were left out: No contrast."
    assert why_none([flat[0], other, stack]) == (
        "a and 1 of 3 planes of s were left out: No contrast. other was left out: No unit."
    )
    assert why_none([stack]) == "1 of 3 planes of s was left out: No contrast."
    told = said([A, *flat, other], classes=0, together=True)
    assert told.endswith(
        "from 0.50 on. ⚠ a, b, c and 2 more were left out: No contrast. ⚠ other was left out: No unit."
    )


def test_which_labels_can_be_painted_in():
    assert made_for(2, []) == "Labels of 2 images: they are yours to paint in."
    assert made_for(1, ["a"]) == "Labels of 1 image, drawn where you look: too large to paint in."
    several = made_for(6, ["a", "b", "c", "d", "e"])
    assert several.endswith("but for a, b, c and 2 more, too large for that and drawn where you look.")
