"""Every choice of a segmentation, and the thresholds and sizes that follow."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.filters import threshold_multiotsu, threshold_otsu

from napari_dinosim import PatchGrid, Segmentation
from napari_dinosim.analysis.areas import parse_size
from napari_dinosim.errors import SegmentationError
from napari_dinosim.states import SimilarityMap


def humps(seed: int, *centres: float) -> np.ndarray:
    """Scores around some centres, (20, 31)."""
    random = np.random.default_rng(seed)
    return (random.choice(centres, (20, 31)) + random.normal(0, 0.03, (20, 31))).astype(np.float32)


def test_otsu_is_that_of_skimage_on_the_same_values():
    scores = humps(0, 0.2, 0.7)
    assert Segmentation(method="otsu").threshold_for([scores]) == threshold_otsu(scores)


def test_otsu_over_several_maps_together_and_without_what_is_not_known():
    a, b = humps(0, 0.2, 0.7), humps(1, 0.1, 0.5)
    holed = a.copy()
    holed[3:9, 4] = np.nan
    expected = threshold_otsu(np.concatenate([holed[np.isfinite(holed)], b.ravel()]))
    found = Segmentation(method="otsu").threshold_for([holed, b])
    assert found == pytest.approx(expected, abs=1e-6)
    assert found != Segmentation(method="otsu").threshold_for([a])


@pytest.mark.parametrize(("classes", "upper"), [(3, 1), (3, 2), (4, 2), (5, 4)])
def test_multi_otsu_keeps_the_highest_classes(classes, upper):
    scores = humps(2, 0.1, 0.3, 0.5, 0.7, 0.9)
    recipe = Segmentation(method="multi-otsu", classes=classes, upper=upper)
    assert recipe.threshold_for([scores]) == threshold_multiotsu(scores, classes)[classes - 1 - upper]


def test_a_given_threshold_looks_at_nothing():
    assert Segmentation(0.3).threshold_for([]) == 0.3


@pytest.mark.parametrize("recipe", [Segmentation(method="otsu"), Segmentation(method="multi-otsu")])
@pytest.mark.parametrize("maps", [[], [np.full((3, 4), 0.5)], [np.full((3, 4), np.nan)]])
def test_scores_that_cannot_be_parted(recipe, maps):
    with pytest.raises(SegmentationError, match=r"fewer than \d different scores, .* set the threshold by hand"):
        recipe.threshold_for(maps)


def test_fewer_different_scores_than_classes():
    with pytest.raises(SegmentationError, match="found fewer than 5 different scores"):
        Segmentation(method="multi-otsu", classes=5).threshold_for([[[0, 1, 0.5]]])


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"on": "screen"}, r"on: found 'screen', expected one of 'shown', 'cosine'"),
        ({"method": "li"}, r"method: found 'li', expected one of 'fixed', 'otsu', 'multi-otsu'"),
        ({"objects": "each"}, r"objects: found 'each'"),
        ({"edges": "snapped"}, r"edges: found 'snapped'"),
        ({"threshold": np.nan}, r"threshold: found nan, expected a finite number"),
        ({"smoothing": -1}, r"smoothing: found -1, expected a finite number ≥ 0"),
        ({"minimum_size": np.inf}, r"minimum_size: found inf"),
        ({"classes": 6}, r"classes: found 6, expected from 3 to 5"),
        ({"upper": 3}, r"upper: found 3 of 3 classes, expected at least 1 and fewer than all"),
        ({"detail": 0}, r"detail: found 0 cells"),
    ],
)
def test_choices_that_make_no_sense(changed, told):
    with pytest.raises(SegmentationError, match=told):
        Segmentation(**changed)


@pytest.mark.parametrize(
    ("text", "size"),
    [("", (0, "pixel")), (" 120 ", (120, "pixel")), ("3 pixel", (3, "pixel")), ("2,5 um^2", (2.5, "µm²"))],
)
def test_sizes_as_people_write_them(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["much", "-3", "3 s", "25 µm", "1/0", "nan"])
def test_sizes_that_are_none(text):
    with pytest.raises(SegmentationError, match=r"expected a number of pixels or an area. Write it as 120 or 25 µm²"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "unit", "pixel", "of", "pixels"),
    [
        (12.5, "pixel", None, "pixel", 13),
        (25, "µm²", (0.5, 0.25), "um", 200),
        (25, "um**2", (500, 250), "nanometer", 200),
        (25.01, "µm²", (0.5, -0.25), "µm", 201),
        (0.3, "µm²", (0.1, 0.1), "µm", 30),  # 0.3 / (0.1 * 0.1) is a little more than 30
    ],
)
def test_fewest_pixels(size, unit, pixel, of, pixels):
    assert Segmentation(minimum_size=size, unit=unit).minimum_pixels(pixel, of) == pixels


@pytest.mark.parametrize(
    ("unit", "pixel", "of"), [("µm²", None, "um"), ("µm²", (1, 1), "pixel"), ("s", (1, 1), "um"), ("µm²", (1, 1), "s")]
)
def test_areas_of_pixels_without_a_size(unit, pixel, of):
    with pytest.raises(SegmentationError, match=f"found 25 {unit}, but pixels of unit '{of}'. Give the size in pixels"):
        Segmentation(minimum_size=25, unit=unit).minimum_pixels(pixel, of)


GRID = PatchGrid(5, 30, 10)


def test_scores_of_a_map():
    cosines = torch.tensor([[-0.5, 0.25, 1.0]])
    found = SimilarityMap(cosines, GRID, 1, (-0.5, 1))
    np.testing.assert_allclose(Segmentation().scores_of(found)["similar"], [[0, 0.5, 1]], atol=1e-6)
    np.testing.assert_array_equal(Segmentation(on="cosine").scores_of(found)["similar"], cosines.numpy())


@pytest.mark.parametrize("over", [(-0.5, 1), (-1, 2), None])
def test_scores_of_classes_are_stretched_as_one(over):
    a, b = torch.tensor([[-0.5, 0.25, torch.nan]]), torch.tensor([[-0.9, 1.0, torch.nan]])
    maps = {name: SimilarityMap(one, GRID, 1, (-0.9, 1)) for name, one in (("a", a), ("b", b))}
    found = SimilarityMap(torch.maximum(a, b), GRID, 1, over)
    scores = Segmentation().scores_of(found, maps)
    np.testing.assert_allclose(np.fmax(scores["a"], scores["b"]), found.values, atol=1e-6)
    assert scores["a"][0, 0] > scores["b"][0, 0]
    np.testing.assert_array_equal(Segmentation(on="cosine").scores_of(found, maps)["b"], b.numpy())


def test_scores_of_classes_where_nothing_differs_or_is_known():
    for value, shown in ((0.5, 0.0), (torch.nan, np.nan)):
        one = SimilarityMap(torch.full(GRID.shape, value), GRID, value, (value, value))
        np.testing.assert_array_equal(Segmentation().scores_of(one, {"a": one})["a"], np.full(GRID.shape, shown))
