"""The k best places of an image: planted ones are found in order, at their exact places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_dinosim.analysis.matches import Match, MatchCriteria, find_matches
from napari_dinosim.analysis.mutual import Mutual
from napari_dinosim.analysis.places import BestPlaces
from napari_dinosim.embedding import embed
from napari_dinosim.embeddings import PatchEmbeddings
from napari_dinosim.errors import Cancelled, EncoderMismatchError, RegionError, SelectionError
from napari_dinosim.grid import PatchGrid
from napari_dinosim.mosaic import Mosaic
from napari_dinosim.prompts import Prompt, PromptSet, RegionPrompt
from napari_dinosim.regions import Region
from napari_dinosim.states import SimilarityMap
from planted import MeanColourEncoder

if TYPE_CHECKING:
    from napari_dinosim.similarity import Query

RED = np.array([250, 5, 5], dtype=np.uint8)
"""What is looked for; the planted places resemble it less and less."""
PLANTED = {(2, 7): (240, 20, 20), (5, 1): (200, 60, 30), (0, 4): (180, 120, 20)}
"""Colour by patch (row, col), the best first."""


def scene(height: int = 100, width: int = 150) -> np.ndarray:
    """Blue, with patches of 16 pixels planted in it."""
    image = np.full((height, width, 3), (5, 5, 200), dtype=np.uint8)
    for (row, col), colour in PLANTED.items():
        image[row * 16 : (row + 1) * 16, col * 16 : (col + 1) * 16] = colour
    return image


def heat(scores, grid: PatchGrid) -> SimilarityMap:
    found = torch.as_tensor(np.asarray(scores, dtype=np.float32))
    return SimilarityMap(found, grid, float(np.nanmax(scores)))


def of(image: np.ndarray, query: Query) -> SimilarityMap:
    found = embed(image, MeanColourEncoder())
    return SimilarityMap(found.cosine(query), found.grid, 1, (-1, 1))


def red() -> Query:
    return embed(np.broadcast_to(RED, (16, 16, 3)).copy(), MeanColourEncoder()).query([(8, 8)])


def test_planted_places_are_found_in_order():
    found = find_matches(of(scene(), red()), MatchCriteria(k=3, radius=20, threshold=0.5), source="scene")
    assert [(match.y, match.x) for match in found] == [(row * 16 + 7.5, col * 16 + 7.5) for row, col in PLANTED]
    assert [match.rank for match in found] == [1, 2, 3]
    unit = RED / np.linalg.norm(RED.astype(float))
    expected = [np.dot(colour, unit) / np.linalg.norm(colour) for colour in PLANTED.values()]
    np.testing.assert_allclose([match.score for match in found], expected, atol=1e-5)
    assert {(match.source, match.plane) for match in found} == {("scene", ())}


def test_the_threshold_is_a_cosine_and_may_leave_none():
    found = of(scene(), red())
    scores = sorted(found.scores.ravel().tolist(), reverse=True)
    assert len(find_matches(found, MatchCriteria(k=9, threshold=scores[1]))) == 2
    assert find_matches(found, MatchCriteria(k=9, threshold=1.0)) == []


def test_no_more_than_there_are_patches():
    found = of(scene(), red())
    places = find_matches(found, 10_000)
    assert len(places) == found.grid.rows * found.grid.cols
    assert len({(match.y, match.x) for match in places}) == len(places)
    scores = [match.score for match in places]
    assert scores == sorted(scores, reverse=True)


def test_the_middle_of_a_patch_that_is_cut_at_the_edge():
    grid = PatchGrid(40, 50, 16)
    scores = np.zeros(grid.shape)
    scores[2, 3] = 1
    (match,) = find_matches(heat(scores, grid), 1)
    assert (match.y, match.x) == (35.5, 48.5)
    assert grid.patch_at(match.y, match.x) == (2, 3)


def greedy(scores: np.ndarray, grid: PatchGrid, radius: float, pixel: tuple[float, float]) -> list[tuple[int, int]]:
    """Non-maximum suppression by its words: the best, then the best of what is not nearer than the radius."""
    left = [(row, col) for row in range(grid.rows) for col in range(grid.cols) if not np.isnan(scores[row, col])]

    def middle(row, col):
        top, west, bottom, east = grid.patch_bounds(row, col)
        return np.array([(top + bottom) / 2 * pixel[0], (west + east) / 2 * pixel[1]])

    given = []
    while left:
        best = max(left, key=lambda patch: (scores[patch], (-patch[0], -patch[1])))
        given.append(best)
        left = [patch for patch in left if patch != best
                and np.linalg.norm(middle(*patch) - middle(*best)) >= radius * (1 - 1e-9)]  # fmt: skip
    return given


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 9), st.integers(1, 7), st.sampled_from([0, 1, 3, 3.2, 4.5, 9, 100]),
    st.sampled_from([(1.0, 1.0), (0.1, 0.1), (2.5, 0.4)]), st.integers(0, 9999),
)  # fmt: skip
def test_suppression_is_exact(rows, cols, radius, pixel, seed):
    random = np.random.default_rng(seed)
    grid = PatchGrid(rows * 3 - 1, cols * 3 - 2 if cols > 1 else 3, 3)
    scores = random.integers(0, 12, grid.shape).astype(np.float32) / 12  # with many that are equal
    scores[random.random(grid.shape) < 0.1] = np.nan
    radius *= pixel[1]
    found = [(row, col) for row, col, _ in BestPlaces(scores, grid, radius, pixel)]
    assert found == greedy(scores, grid, radius, pixel)


def test_two_places_exactly_the_radius_apart_are_both_given():
    grid = PatchGrid(16, 64, 16)
    row = heat([[0.9, 0.8, 0.7, 0.6]], grid)
    assert [match.x for match in find_matches(row, MatchCriteria(radius=16))] == [7.5, 23.5, 39.5, 55.5]
    assert [match.x for match in find_matches(row, MatchCriteria(radius=16.1))] == [7.5, 39.5]


def test_a_physical_radius_is_measured_along_each_axis():
    found = heat(np.ones((3, 3)), PatchGrid(48, 48, 16))
    places = find_matches(found, MatchCriteria(radius=10), pixel_size=(1.0, 0.5))  # 16 units down, 8 across
    assert [(match.y, match.x) for match in places] == [(y, x) for y in (7.5, 23.5, 39.5) for x in (7.5, 39.5)]


def test_what_was_clicked_is_left_out():
    found = heat([[0.9, 0.8, 0.7, 0.6]], PatchGrid(16, 64, 16))
    places = find_matches(found, MatchCriteria(radius=20), exclude={(): [(3, 20)]})
    assert [match.x for match in places] == [55.5]
    assert [match.x for match in find_matches(found, exclude={(): [(3, 20)]})] == [7.5, 39.5, 55.5]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([0, 16, 17, 23, 40]), st.integers(0, 9999))
def test_in_and_around_a_region_nothing_is_found(radius, seed):
    grid, random = PatchGrid(100, 150, 16), np.random.default_rng(seed)
    mask = np.zeros((100, 150), dtype=bool)
    for top, left in zip(random.integers(0, 90, 2), random.integers(0, 140, 2), strict=True):
        mask[top : top + 60, left : left + 45] = True
    region, scores = Region.mask(mask), random.random(grid.shape).astype(np.float32)
    rows, cols, _ = region.patches(grid)
    whole, by_points = BestPlaces(scores, grid, radius), BestPlaces(scores, grid, radius)
    whole.exclude([region])
    ys, xs = grid.centres()
    by_points.exclude(zip(ys[rows].tolist(), xs[cols].tolist(), strict=True))
    assert [*whole] == [*by_points]


def test_a_region_of_an_image_of_another_size_is_refused():
    region = Region.mask(np.ones((16, 48), dtype=bool))
    with pytest.raises(RegionError, match=r"of 16 × 48 pixels, expected one of 16 × 32"):
        find_matches(heat([[0.9, 0.8]], PatchGrid(16, 32, 16)), exclude={(): [region]})


def test_planes_of_a_stack_are_ranked_together():
    grid = PatchGrid(16, 32, 16)
    planes = {(0,): heat([[0.5, 0.9]], grid), (2,): heat([[0.9, 0.95]], grid)}
    found = find_matches(planes.get, 3, planes=[(0,), (1,), (2,)])
    assert [(match.plane, match.x, match.rank) for match in found] == [((2,), 23.5, 1), ((0,), 23.5, 2), ((2,), 7.5, 3)]


def test_a_mutual_check_drops_a_decoy():
    """Orange is more like red than brown is; but in the prompt's image there is an orange place of its own."""
    home = scene()
    home[80:96, 112:128] = (240, 120, 10)
    away = scene()[::-1][:96].copy()
    away[...] = (5, 5, 200)
    away[16:32, 32:48] = (240, 120, 10)  # the decoy
    away[64:80, 96:112] = (120, 70, 5)  # darker and browner: the decoy's colour is nearer to it than red is
    away[32:48, 112:128] = (100, 5, 2)  # a darker red
    encoder = MeanColourEncoder()
    first, second = embed(home, encoder), embed(away, encoder)
    query = first.query([(40, 120)])
    mutual = Mutual.of([Prompt("home", 40, 120)], lambda key, _plane: first if key == "home" else None)
    found = SimilarityMap(second.cosine(query), second.grid, 1, (-1, 1))
    wanted = MatchCriteria(k=3, threshold=0.5)
    every = find_matches(found, wanted, source="away")
    assert {(match.y, match.x) for match in every} == {(39.5, 119.5), (23.5, 39.5), (71.5, 103.5)}
    kept = find_matches(found, wanted, source="away", mutual=mutual, embeddings=lambda _plane: second)
    assert [(match.y, match.x) for match in kept] == [(39.5, 119.5)]


def test_a_region_is_an_anchor_of_the_mutual_check_with_all_its_patches():
    vectors = torch.nn.functional.normalize(torch.randn(4, 9, 4, generator=torch.Generator().manual_seed(2)), dim=-1)
    plane = PatchEmbeddings(Mosaic.of(vectors), PatchGrid(64, 144, 16), "e")
    mask = np.zeros((64, 144), dtype=bool)
    mask[16:32, 64:96] = True  # patches (1, 4) and (1, 5)
    regions = (RegionPrompt("a", Region.mask(mask)), RegionPrompt("a", Region.mask(~mask), (), "negative"))
    mutual = Mutual.of(PromptSet((), "max", regions), lambda _key, _plane: plane)
    assert mutual.patches[("a", ())].tolist() == [[1, 4], [1, 5]]
    patches = [(row, col) for row in range(4) for col in range(9)]
    expected = [row <= 2 and 3 <= col <= 6 for row, col in patches]
    assert mutual.keep(("b", ()), plane, patches) == expected
    assert mutual.keep(("a", ()), plane, patches) == [True] * 36
    assert mutual.asks(("b", ()))
    assert not mutual.asks(("a", ()))
    edge = Mutual({("a", ()): np.array([[1, 8]])}, mutual.embeddings)  # not beside the first of the next row
    assert [patch for patch, kept in zip(patches, edge.keep(("b", ()), plane, patches), strict=True) if kept] == [
        (row, col) for row in (0, 1, 2) for col in (7, 8)
    ]
    elsewhere = RegionPrompt("a", Region.mask(np.ones((9, 9), dtype=bool)))
    assert Mutual.of([elsewhere], lambda _key, _plane: plane) is None


def test_nothing_is_asked_of_the_prompts_own_plane_and_its_neighbours_count():
    vectors = torch.nn.functional.normalize(torch.randn(1, 6, 4, generator=torch.Generator().manual_seed(2)), dim=-1)
    plane = PatchEmbeddings(Mosaic.of(vectors), PatchGrid(16, 96, 16), "e")
    mutual = Mutual.of([Prompt("a", 8, 40)], lambda _key, _plane: plane)
    patches = [(0, col) for col in range(6)]
    assert mutual.keep(("a", ()), plane, patches) == [True] * 6
    assert mutual.keep(("b", ()), plane, patches) == [False, True, True, True, False, False]  # beside patch 2
    of_stack = Mutual.of([Prompt("a", 8, 40, (0,))], lambda _key, _plane: plane)
    assert of_stack.keep(("a", (0,)), plane, patches) == [True] * 6
    assert of_stack.keep(("a", (1,)), plane, patches) == [False, True, True, True, False, False]


def test_each_place_is_looked_for_in_the_plane_of_the_prompt_that_it_is_most_like():
    def plane(**vectors) -> PatchEmbeddings:
        dense = torch.zeros(2, 5, 3)
        dense[..., 2] = 1
        for name, vector in vectors.items():
            dense[int(name[1]), int(name[2])] = torch.tensor([*vector, 0.0])
        return PatchEmbeddings(Mosaic.of(torch.nn.functional.normalize(dense, dim=-1)), PatchGrid(32, 80, 16), "e")

    held = {"a": plane(p01=(1, 0), p14=(0, 1)), "b": plane(p10=(0.8, 0.6), p03=(0.95, 0.31))}
    prompts = [Prompt("a", 8, 24), Prompt("a", 24, 72), Prompt("b", 24, 8)]
    mutual = Mutual.of(prompts, lambda key, _plane: held[key])
    searched = plane(p00=(1, 0), p13=(0.78, 0.62), p04=(0.9, 0.43))
    # most like the first prompt; like that of b; like that of b, where another place is more like it
    assert mutual.keep(("c", ()), searched, [(0, 0), (1, 3), (0, 4)]) == [True, True, False]


def test_prompts_that_are_not_embedded_or_outside_are_no_anchor():
    vectors = torch.ones(1, 2, 4) / 2
    plane = PatchEmbeddings(Mosaic.of(vectors), PatchGrid(16, 32, 16), "e")
    held = {"a": plane}
    prompts = [Prompt("a", 8, 400), Prompt("c", 8, 8), Prompt("a", 8, 8, (), "negative")]
    assert Mutual.of(prompts, lambda key, _plane: held.get(key)) is None
    other = PatchEmbeddings(Mosaic.of(vectors), PatchGrid(16, 32, 16), "f")
    mutual = Mutual.of([Prompt("a", 8, 8)], lambda key, _plane: held.get(key))
    with pytest.raises(EncoderMismatchError, match=r"made with 'f' but the image was embedded with 'e'"):
        mutual.keep(("b", ()), other, [(0, 0)])


def test_cancelled_between_planes():
    with pytest.raises(Cancelled, match="cancelled"):
        find_matches(heat([[1.0]], PatchGrid(4, 4, 16)), 1, cancelled=lambda: True)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"k": 0}, r"found k = 0, expected at least 1"),
        ({"radius": -1}, r"found a radius of -1, expected 0 or more"),
        ({"radius": float("nan")}, r"found a radius of nan"),
        ({"threshold": 2.1}, r"found a threshold of 2.1, expected a score, from -2 to 2"),
    ],
)
def test_what_makes_no_sense_is_refused(wanted, message):
    with pytest.raises(SelectionError, match=message):
        MatchCriteria(**wanted)


def test_a_match_is_a_value():
    assert Match("a", 1, 2, 0.5, 1) == Match("a", 1, 2, 0.5, 1, ())
