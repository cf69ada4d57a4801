"""A disc that fits no patch grid is found again, to the pixel where the image allows it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_dinosim import PatchGrid, Sampling, Segmentation, segment, snap_edges
from napari_dinosim.errors import Cancelled, SegmentationError
from napari_dinosim.image import image_plane
from napari_dinosim.sampling import sampled_plane

SHAPE = (230, 300)
GRID = PatchGrid(*SHAPE, 16)
INSIDE, OUTSIDE = (200, 60, 60), (60, 60, 200)


def disc(row: float, col: float, radius: float) -> np.ndarray:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return (y - row) ** 2 + (x - col) ** 2 <= radius**2


def picture(mask: np.ndarray, noise: float = 12) -> np.ndarray:
    clean = np.where(mask[..., None], INSIDE, OUTSIDE)
    return (clean + np.random.default_rng(0).normal(0, noise, clean.shape)).clip(0, 255).astype(np.uint8)


def share(mask: np.ndarray) -> np.ndarray:
    """Score of a patch: how much of it lies inside."""
    padded = np.zeros(GRID.padded_shape)
    padded[: SHAPE[0], : SHAPE[1]] = mask
    return padded.reshape(GRID.rows, 16, GRID.cols, 16).mean(axis=(1, 3))


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


MASK = disc(109, 143, 71)
PATCHES = segment(share(MASK), GRID)


def test_a_disc_is_recovered():
    before = overlap(PATCHES.image() > 0, MASK)
    after = overlap(snap_edges(PATCHES, picture(MASK)) > 0, MASK)
    assert before < 0.93
    assert after > 0.995


def test_objects_and_classes_keep_their_numbers():
    left, right = disc(100, 80, 45), disc(120, 220, 52)
    found = segment({"a": share(left), "b": share(right)}, GRID)
    labels = snap_edges(found, picture(left | right))
    np.testing.assert_array_equal(np.unique(labels), [0, 1, 2])
    assert overlap(labels == 1, left) > 0.99
    assert overlap(labels == 2, right) > 0.99


def test_only_the_band_changes():
    labels, patches = snap_edges(PATCHES, picture(MASK), band=0.25), PATCHES.image()
    changed = np.argwhere(labels != patches)
    assert len(changed)
    inner, outer = patches[:, 1:] != patches[:, :-1], patches[1:] != patches[:-1]
    edges = np.concatenate([np.argwhere(inner), np.argwhere(outer)])
    nearest = np.sqrt(((changed[:, None] - edges[None]) ** 2).sum(axis=2)).min(axis=1)
    assert nearest.max() <= 4 + 1


def test_a_part_that_the_band_swallows_keeps_its_core():
    small = disc(104, 152, 7)
    scores = np.zeros(GRID.shape)
    scores[6, 9] = 1
    labels = snap_edges(segment(scores, GRID), picture(small))
    assert overlap(labels > 0, small) > 0.9


def test_tiles_do_not_show(monkeypatch):
    whole = snap_edges(PATCHES, picture(MASK))
    monkeypatch.setattr("napari_dinosim.analysis.edges.TILE", 100)
    done = []
    tiled = snap_edges(PATCHES, picture(MASK), on_progress=lambda *told: done.append(told))
    assert np.mean(tiled != whole) < 1e-3
    assert done == [(k, 9) for k in range(1, 10)]


def test_without_edges_in_the_image_outlines_stay():
    np.testing.assert_array_equal(snap_edges(PATCHES, np.full(SHAPE, 7, np.uint8)), PATCHES.image())


def test_nothing_and_all_stay():
    for value in (0, 1):
        found = segment(np.full(GRID.shape, value), GRID)
        np.testing.assert_array_equal(snap_edges(found, picture(MASK)), np.full(SHAPE, value))


def test_a_resized_plane_is_seen_as_it_is():
    plane = sampled_plane(image_plane(picture(MASK)), Sampling.zoomed(0.5), 8)
    grid = plane.grid(8)
    found = segment(share(MASK), grid)
    assert overlap(snap_edges(found, plane) > 0, MASK) > 0.995


def patches(*places: tuple[slice, slice]) -> np.ndarray:
    scores = np.zeros(GRID.shape)
    for place in places:
        scores[place] = 1
    return scores


LARGE, SMALL = disc(96, 80, 46), disc(104, 216, 14)
"""6 600 and 600 pixels; the scores below say 9 216 and 2 304."""
OVER_LARGE, OVER_SMALL, NECK = np.s_[3:9, 2:8], np.s_[5:8, 12:15], np.s_[6:7, 8:12]


@pytest.mark.parametrize("objects", ["together", "components"])
@pytest.mark.parametrize("neck", [False, True], ids=["shrunk", "parted"])
@pytest.mark.parametrize(("least", "kept"), [(500, LARGE | SMALL), (700, LARGE)])
def test_parts_that_become_too_small_are_left_out(objects, neck, least, kept):
    scores = patches(OVER_LARGE, OVER_SMALL, *([NECK] if neck else []))
    found = segment(scores, GRID, Segmentation(minimum_size=least, objects=objects))
    assert found.count == (2 if objects == "components" and not neck else 1)
    labels = snap_edges(found, picture(LARGE | SMALL))
    assert overlap(labels > 0, kept) > 0.95
    assert (labels[SMALL] > 0).any() == kept[SMALL].any()


@pytest.mark.parametrize("fill_holes", [False, True])
def test_holes_that_the_image_closes_are_filled(fill_holes):
    ring = disc(104, 136, 86) & ~disc(104, 136, 42)
    scores = patches(np.s_[1:12, 3:14])
    scores[4:9, 6:11], scores[6, 11:14] = 0, 0  # open to the right
    found = segment(scores, GRID, Segmentation(fill_holes=fill_holes))
    assert found.image()[104, 136] == 0
    labels = snap_edges(found, picture(ring))
    assert (labels[ring] > 0).mean() > 0.95
    assert labels[104, 136] == fill_holes


def test_a_hole_goes_to_the_nearest_object_of_what_encloses_it_where_it_is_known():
    above, below, inner = np.s_[1:6, 2:13], np.s_[6:12, 2:13], np.s_[4:9, 5:10]
    scores = patches(above, below)
    found = segment(scores, GRID, Segmentation(fill_holes=True))
    labels = found.labels.copy()
    labels[below] *= 2
    labels[inner] = 0
    scored = found.scored.copy()
    scored[6, 6] = False
    objects = replace(found, labels=labels, names=("a", "a"), scores=np.ones(2, np.float32), scored=scored)
    filled = snap_edges(objects, np.zeros(SHAPE, np.uint8))
    expected = np.where(np.arange(SHAPE[0]) < 96, 1, 2)[64:144, None].repeat(80, axis=1)
    expected[32:48, 16:32] = 0
    rows = np.r_[64:90, 102:144] - 64  # in the middle both are equally near
    np.testing.assert_array_equal(filled[64:144, 80:96][rows], expected[:, :16][rows])
    assert filled[104, 104] == 0
    assert (filled[64:144, 112:160] > 0).all()


def test_a_hole_between_two_classes_stays_and_one_that_touches_what_encloses_it_is_filled():
    whole, left, right = np.s_[1:13, 1:15], np.s_[2:12, 2:8], np.s_[2:12, 8:14]
    between, inside, beside = np.s_[5:8, 6:10], np.s_[9:11, 11:12], np.s_[2:4, 2:4]
    scores = patches(whole)
    found = segment(scores, GRID, Segmentation(fill_holes=True))
    labels = found.labels.copy()
    for number, places in enumerate((whole, left, right), 1):
        labels[places] = number
    for hole in (between, inside, beside):
        labels[hole] = 0
    names = ("a", "b", "c")
    classes = replace(found, labels=labels, names=names, scores=np.ones(3, np.float32), scored=labels > -1)
    filled = snap_edges(classes, np.zeros(SHAPE, np.uint8))
    expected = labels.copy()
    expected[inside], expected[beside] = 3, 1
    np.testing.assert_array_equal(filled, replace(classes, labels=expected).image())


# ---- what is refused ---------------------------------------------------------------------------------------------


def test_another_image():
    with pytest.raises(
        SegmentationError, match="an image of 300 × 230 pixels, expected 230 × 300 as the segments have"
    ):
        snap_edges(PATCHES, np.zeros(SHAPE[::-1], np.uint8))


def test_an_image_that_is_too_large(monkeypatch):
    monkeypatch.setattr("napari_dinosim.analysis.edges.MOST_PIXELS", 1000)
    with pytest.raises(SegmentationError, match=r"230 × 300 pixels, expected at most 1,000 in all. Crop it, or leave"):
        snap_edges(PATCHES, picture(MASK))


def test_cancelled():
    with pytest.raises(Cancelled, match="cancelled while outlines were moved"):
        snap_edges(PATCHES, picture(MASK), cancelled=lambda: True)


def test_cancelled_within_a_tile():
    done, asked = [], []

    def soon() -> bool:
        asked.append(None)
        return len(asked) > 5

    with pytest.raises(Cancelled, match="cancelled while outlines were moved"):
        snap_edges(PATCHES, picture(MASK), on_progress=lambda *told: done.append(told), cancelled=soon)
    assert done == []
