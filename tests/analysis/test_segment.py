"""Blobs are planted in scores, and found again."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_dinosim import PatchGrid, Segmentation, segment
from napari_dinosim.analysis.segment import label_type
from napari_dinosim.errors import Cancelled, SegmentationError

GRID = PatchGrid(90, 141, 10)
"""9 × 15 patches; the last column is one pixel wide."""


def scores_with(*blobs: tuple[slice, slice], low: float = 0.2, high: float = 0.8) -> np.ndarray:
    scores = np.full(GRID.shape, low, dtype=np.float32)
    for blob in blobs:
        scores[blob] = high
    return scores


def upsampled(cells: np.ndarray, size: int = 10, shape: tuple[int, int] = (90, 141)) -> np.ndarray:
    """Each value ``size`` × ``size`` times, cropped: written without the package."""
    return np.kron(cells, np.ones((size, size), cells.dtype))[: shape[0], : shape[1]]


A, B, CORNER = np.s_[1:4, 2:7], np.s_[6:8, 9:11], np.s_[4:5, 14:15]


def test_planted_blobs_are_found_to_the_pixel():
    scores = scores_with(A, B)
    found = segment(scores, GRID, Segmentation(0.5))
    np.testing.assert_array_equal(found.image(), upsampled((scores > 0.5).astype(np.uint8)))
    assert found.image().dtype == np.uint8
    assert found.table() == {"index": [1], "class": ["similar"], "pixels": [1900], "score": [pytest.approx(0.8)]}
    assert found.fraction == 1900 / (90 * 141)
    assert (found.threshold, found.known) == (0.5, True)


def test_a_score_equal_to_the_threshold_is_found():
    scores = scores_with(A, low=0.25, high=0.75)
    assert segment(scores, GRID, Segmentation(0.75)).pixels.tolist() == [1500]
    assert segment(scores, GRID, Segmentation(np.nextafter(0.75, 1))).pixels.tolist() == [0]
    assert segment(scores, GRID, Segmentation(0.25)).fraction == 1


def test_what_is_not_known_is_never_found():
    scores = scores_with(A)
    scores[1, 2] = scores[8, 8] = np.nan
    for more in ({}, {"smoothing": 1}, {"detail": 3}, {"fill_holes": True}):
        found = segment(scores, GRID, Segmentation(0.0, **more))
        expected = upsampled(np.isfinite(scores).astype(np.uint8))
        np.testing.assert_array_equal(found.image(), expected)
    assert not segment(np.full(GRID.shape, np.nan), GRID).known


def test_objects_are_numbered_from_top_to_bottom_and_counted_exactly():
    found = segment(scores_with(B, A, CORNER), GRID, Segmentation(0.5, objects="components"))
    assert found.pixels.tolist() == [1500, 10, 400]  # the corner's column is one pixel wide
    image = found.image()
    assert [image[15, 25], image[45, 140], image[65, 95]] == [1, 2, 3]
    assert found.table()["index"] == [1, 2, 3]


def test_parts_that_touch_at_a_corner_are_two():
    found = segment(scores_with(np.s_[1:3, 1:3], np.s_[3:5, 3:5]), GRID, Segmentation(0.5, objects="components"))
    assert found.pixels.tolist() == [400, 400]


@pytest.mark.parametrize("objects", ["together", "components", "watershed"])
def test_smallest_part_that_is_kept(objects):
    scores = scores_with(A, B)
    kept = segment(scores, GRID, Segmentation(0.5, minimum_size=400, objects=objects))
    assert kept.pixels.sum() == 1900
    left = segment(scores, GRID, Segmentation(0.5, minimum_size=401, objects=objects))
    np.testing.assert_array_equal(left.image() > 0, upsampled(scores_with(A) > 0.5))


def test_smallest_part_by_area():
    recipe = Segmentation(0.5, minimum_size=50, unit="µm²", objects="components")
    scores = scores_with(A, B)
    assert segment(scores, GRID, recipe, pixel_size=(0.5, 0.25), unit="um").pixels.tolist() == [1500, 400]
    assert segment(scores, GRID, recipe, pixel_size=(0.5, 0.2499), unit="um").pixels.tolist() == [1500]


def test_holes_are_filled_and_bays_are_not():
    ring, bay = scores_with(np.s_[1:6, 1:6]), np.s_[6:9, 9:14]
    ring[2:4, 2:5] = 0.2
    ring[bay] = 0.8
    ring[8, 10:12] = 0.2  # open to the image's edge
    plain, filled = (segment(ring, GRID, Segmentation(0.5, fill_holes=fill)) for fill in (False, True))
    assert (filled.pixels - plain.pixels).tolist() == [600]
    assert filled.image()[25, 35] == 1
    assert filled.image()[85, 105] == 0


def discs(*centres: tuple[float, float], radius: float, shape: tuple[int, int]) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.any([(y - row) ** 2 + (x - col) ** 2 <= radius**2 for row, col in centres], axis=0)


@pytest.mark.parametrize("flat", [True, False], ids=["equal scores", "peaked scores"])
def test_two_touching_blobs_are_two_by_watershed(flat):
    grid = PatchGrid(30 * 8, 44 * 8, 8)
    mask = discs((14, 13), (16, 27), radius=8, shape=grid.shape)
    scores = mask.astype(np.float32) if flat else gaussian_filter(mask.astype(np.float32), 2)
    together = segment(scores, grid, Segmentation(0.5, objects="components"))
    assert together.count == 1
    found = segment(scores, grid, Segmentation(0.5, objects="watershed", distance=4))
    assert found.count == 2
    np.testing.assert_array_equal(found.labels > 0, together.labels > 0)
    assert found.labels[14, 13] != found.labels[16, 27]
    row, col = np.nonzero(found.labels)
    first = found.labels[row, col] == found.labels[14, 13]
    nearer = (row - 14) ** 2 + (col - 13) ** 2 < (row - 16) ** 2 + (col - 27) ** 2
    assert np.mean(first == nearer) > 0.97


def test_peaks_that_are_near_count_once():
    grid = PatchGrid(30 * 8, 44 * 8, 8)
    scores = discs((14, 13), (16, 27), radius=8, shape=grid.shape).astype(np.float32)
    assert segment(scores, grid, Segmentation(0.5, objects="watershed", distance=16)).count == 1
    assert segment(scores, grid, Segmentation(0.5, objects="watershed", distance=12)).count == 2


@pytest.mark.parametrize("detail", [1, 4])
@pytest.mark.parametrize("finer", [1, 2])
@pytest.mark.parametrize(("distance", "count"), [(3, 2), (6, 1)])
def test_distances_of_peaks_are_in_patches(detail, finer, distance, count):
    """Two peaks, five patches apart, however many cells a patch has."""
    grid = PatchGrid(7 * 16, 12 * 16, 16, finer=finer)
    scores = np.zeros(grid.shape)
    scores[2 * finer : 5 * finer, 2 * finer : 10 * finer] = 0.6
    scores[3 * finer, 3 * finer + finer // 2], scores[3 * finer, 8 * finer + finer // 2] = 0.9, 0.8
    found = segment(scores, grid, Segmentation(0.5, objects="watershed", distance=distance, detail=detail))
    assert found.count == count


def test_a_long_blob_of_equal_scores_is_one():
    found = segment(scores_with(np.s_[3:6, 1:14]), GRID, Segmentation(0.5, objects="watershed", distance=1))
    assert found.count == 1


def test_a_part_whose_peak_is_outdone_by_a_neighbour_is_not_lost():
    scores = scores_with(np.s_[1:4, 2:4])
    scores[1:4, 5:7] = 0.9
    found = segment(scores, GRID, Segmentation(0.5, objects="watershed", distance=8))
    assert sorted(found.pixels.tolist()) == [600, 600]


def test_classes_go_to_the_highest_score():
    cells, nuclei = scores_with(A, B), scores_with(A, low=0.1, high=0.9)
    nuclei[3, 3] = 0.7
    for fold in (dict, lambda items: dict(reversed(list(items)))):  # whatever their order
        classes = fold({"cells": cells, "nuclei": nuclei}.items())
        found = segment(classes, GRID, Segmentation(0.5))
        names = np.array(["", *found.names])[found.image()]
        assert found.names == tuple(classes)
        expected = np.full(GRID.shape, "", dtype=object)
        expected[A], expected[B], expected[3, 3] = "nuclei", "cells", "cells"
        np.testing.assert_array_equal(names, upsampled_names(expected))
        table = dict(zip(found.table()["class"], found.table()["pixels"], strict=True))
        assert table == {"cells": 500, "nuclei": 1400}


def upsampled_names(cells: np.ndarray) -> np.ndarray:
    return cells.repeat(10, axis=0).repeat(10, axis=1)[:90, :141].astype(str)


def test_objects_of_classes():
    classes = {"a": scores_with(A, CORNER), "b": scores_with(B), "c": scores_with(low=0.1, high=0)}
    found = segment(classes, GRID, Segmentation(0.5, objects="components"))
    assert found.names == ("a", "a", "b")
    assert found.pixels.tolist() == [1500, 10, 400]
    together = segment(classes, GRID, Segmentation(0.5))
    assert together.names == ("a", "b", "c")
    assert together.table()["class"] == ["a", "b"]  # what is not there has no row


def test_a_class_within_another_keeps_its_own_inside():
    outer, inner = scores_with(np.s_[0:9, 0:9]), scores_with(low=0)
    outer[1:8, 1:8] = 0.2
    inner[3:6, 3:6], inner[4, 4] = 0.9, 0
    found = segment({"outer": outer, "inner": inner}, GRID, Segmentation(0.5, fill_holes=True))
    assert [found.labels[2, 2], found.labels[4, 4], found.labels[3, 3]] == [1, 2, 2]


def test_smoothing_is_a_gaussian_in_patches():
    scores = np.random.default_rng(0).random(GRID.shape).astype(np.float32)
    found = segment(scores, GRID, Segmentation(0.5, smoothing=1.5))
    np.testing.assert_array_equal(found.labels > 0, gaussian_filter(scores, 1.5, mode="nearest") >= 0.5)
    finer = PatchGrid(90, 141, 20, finer=2)  # the same cells, two along a patch
    twice = segment(scores, finer, Segmentation(0.5, smoothing=0.75))
    np.testing.assert_array_equal(found.labels, twice.labels)


def test_detail_interpolates_between_the_centres_of_patches():
    scores = np.random.default_rng(0).random(GRID.shape).astype(np.float32)
    found = segment(scores, GRID, Segmentation(0.5, detail=5))
    assert found.grid.footprint == (2, 2)
    y, x = ((np.arange(n) + 0.5) / 10 - 0.5 for n in (90, 141))  # pixels, in patches
    y, x = (at[::2][: -(-n // 2)] + 0.05 for at, n in ((y, 90), (x, 141)))  # centres of cells of two pixels
    row, col = (np.clip(at, 0, n - 1) for at, n in zip((y, x), GRID.shape, strict=True))
    r0, c0 = (np.minimum(np.floor(at).astype(int), n - 2) for at, n in zip((row, col), GRID.shape, strict=True))
    dr, dc = (row - r0)[:, None], (col - c0)[None]
    s = scores.astype(float)
    expected = (
        s[np.ix_(r0, c0)] * (1 - dr) * (1 - dc)
        + s[np.ix_(r0 + 1, c0)] * dr * (1 - dc)
        + s[np.ix_(r0, c0 + 1)] * (1 - dr) * dc
        + s[np.ix_(r0 + 1, c0 + 1)] * dr * dc
    )
    clear = abs(expected - 0.5) > 1e-5
    np.testing.assert_array_equal((found.labels > 0)[clear], (expected >= 0.5)[clear])
    np.testing.assert_array_equal(found.image(), upsampled(found.labels, 2))


def test_pixels_of_a_resized_grid():
    grid = PatchGrid(91, 140, 16, sampled=(67, 200))
    scores = np.random.default_rng(0).random(grid.shape)
    found = segment(scores, grid, Segmentation(0.5, objects="components"))
    image = found.image()
    assert image.shape == (91, 140)
    np.testing.assert_array_equal(found.pixels, np.bincount(image.ravel())[1:])
    where = np.array([[scores[grid.patch_at(y, x)] >= 0.5 for x in range(140)] for y in range(91)])
    np.testing.assert_array_equal(image > 0, where)


def test_mean_score_is_over_pixels():
    scores = scores_with(low=0)
    scores[4, 13], scores[4, 14] = 0.5, 1.0  # 100 and 10 pixels
    assert segment(scores, GRID, Segmentation(0.4)).scores[0] == pytest.approx((50 + 10) / 110)


def test_some_pixels_of_a_huge_image_are_had_without_the_rest():
    grid = PatchGrid(2_000_000, 3_000_000, 100_000)
    scores = np.zeros(grid.shape)
    scores[7, 21] = 1
    found = segment(scores, grid)
    np.testing.assert_array_equal(found.at(np.array([699_999, 700_000]), np.array([2_100_000])), [[0], [1]])
    assert found.pixels.tolist() == [10**10]


# ---- what is refused ---------------------------------------------------------------------------------------------


def test_scores_of_another_shape():
    with pytest.raises(SegmentationError, match=r"scores of 'a': found shape \(15, 9\), expected \(9, 15\)"):
        segment({"a": np.zeros((15, 9))}, GRID)


def test_no_class():
    with pytest.raises(SegmentationError, match="found no class, expected at least one"):
        segment({}, GRID)


def test_more_cells_than_fit():
    with pytest.raises(SegmentationError, match=r"detail: found 6144 × 6144 cells, expected at most 33,554,432"):
        segment(np.zeros((1024, 1024)), PatchGrid(1024, 1024, 1), Segmentation(detail=6))


def test_more_labels_than_the_type_holds():
    scores = np.indices((30, 30)).sum(axis=0) % 2
    found = segment(scores, PatchGrid(30, 30, 1), Segmentation(objects="components"))
    assert found.count == 450
    with pytest.raises(SegmentationError, match=r"labels: found 450, but uint8 holds 255. Choose a larger type"):
        found.image(np.uint8)
    assert found.image().dtype == np.uint16
    with pytest.raises(SegmentationError, match="found float32, expected an integer type"):
        found.image(np.float32)
    assert label_type(65536) == np.int32


def test_it_is_cancelled_between_the_steps():
    recipe = Segmentation(0.5, smoothing=1, detail=2, fill_holes=True, objects="watershed")
    asked = []

    def never() -> bool:
        asked.append(False)
        return False

    segment({"a": scores_with(A), "b": scores_with(B)}, GRID, recipe, cancelled=never)
    steps = len(asked)
    assert steps >= 6
    for number in range(steps):
        answers = iter([False] * number + [True])
        with pytest.raises(Cancelled, match="cancelled while labels were made"):
            segment({"a": scores_with(A), "b": scores_with(B)}, GRID, recipe, cancelled=answers.__next__)
