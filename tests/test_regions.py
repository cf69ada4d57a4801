"""Regions as prompts: which pixels and patches they are, what stands for them, and that a session looks for them."""

from __future__ import annotations

from threading import get_ident

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from skimage.draw import polygon as skimage_polygon

import napari_dinosim as dinosim
from desk import Desk
from napari_dinosim import PatchGrid, Region, RegionPrompt
from napari_dinosim.errors import NotEmbeddedError, OutsideImageError, RegionError
from napari_dinosim.loading import EncoderChoice
from napari_dinosim.mosaic import Mosaic
from napari_dinosim.outlines import MOST_PIXELS, filled, outline_of
from napari_dinosim.prompts import Prompt, PromptSet
from napari_dinosim.representatives import MOST_PATCHES, representatives
from planted import MeanColourEncoder

SHAPE = (100, 150)
RED, GREEN, BLUE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.2, 1.0)


def pixels_of(region: Region) -> np.ndarray:
    """The region as a mask over its whole image."""
    found = np.zeros(region.shape, dtype=bool)
    rows, cols = region.inside.shape
    found[region.top : region.top + rows, region.left : region.left + cols] = region.inside
    return found


def counted(region: Region, grid: PatchGrid) -> np.ndarray:
    """Pixels of the region in each patch."""
    found = np.zeros(grid.shape, dtype=int)
    covered = region.patches(grid)
    found[covered.rows, covered.cols] = covered.pixels
    return found


# ---- pixels ------------------------------------------------------------------------------------------------------


def test_a_rectangle_takes_the_pixels_whose_centre_lies_in_it():
    found = pixels_of(Region.polygon([(9.5, 19.5), (9.5, 29.5), (14.5, 29.5), (14.5, 19.5)], SHAPE))
    expected = np.zeros(SHAPE, dtype=bool)
    expected[10:15, 20:30] = True
    np.testing.assert_array_equal(found, expected)


def test_polygons_side_by_side_share_no_pixel_and_leave_none_out():
    left = pixels_of(Region.polygon([(0, 0), (0, 40), (60, 90), (60, 0)], SHAPE))
    right = pixels_of(Region.polygon([(0, 40), (0, 140), (60, 140), (60, 90)], SHAPE))
    both = left.astype(int) + right
    assert both.max() == 1
    assert both[:60, :140].all()


places = st.tuples(*(st.integers(-120, last).map(lambda n: n / 4 + 0.1) for last in (520, 720)))


@settings(max_examples=80, deadline=None)
@given(st.lists(places, min_size=3, max_size=9, unique=True))
def test_polygons_are_filled_as_skimage_fills_them(vertices):
    ys, xs = np.array(vertices).T
    rows, cols = skimage_polygon(ys, xs, SHAPE)
    expected = np.zeros(SHAPE, dtype=bool)
    expected[rows, cols] = True
    assume(expected.any())
    differing = np.argwhere(pixels_of(Region.polygon(vertices, SHAPE)) != expected)
    for pixel in differing:  # only where rules for centres on an edge may differ
        start, end = np.array(vertices), np.roll(vertices, -1, axis=0)
        along = end - start
        share = np.clip(((pixel - start) * along).sum(1) / np.maximum((along**2).sum(1), 1e-300), 0, 1)
        assert np.linalg.norm(start + share[:, None] * along - pixel, axis=1).min() < 1e-6


def test_a_polygon_of_very_many_vertices_is_filled_in_parts(monkeypatch):
    zigzag = np.array([(70 * (i % 2) + 3.3, 0.7 * i) for i in range(120)] + [(99, 84), (99, 0)]) + 0.13
    whole = Region.polygon(zigzag, SHAPE)
    expected = np.zeros(SHAPE, dtype=bool)
    expected[skimage_polygon(*zigzag.T, SHAPE)] = True
    np.testing.assert_array_equal(pixels_of(whole), expected)
    monkeypatch.setattr("napari_dinosim.outlines.MOST_CROSSINGS", 300)
    np.testing.assert_array_equal(Region.polygon(zigzag, SHAPE).inside, whole.inside)


@pytest.mark.parametrize("vertices", [np.empty((0, 2)), np.full((1, 2), 3.0), np.full((4, 2), 3.0)])
def test_what_has_no_area_holds_no_pixels(vertices):
    found = filled(vertices, np.arange(7), np.arange(9))
    assert (found.shape, found.dtype, found.any()) == ((7, 9), np.dtype(bool), False)


def test_a_polygon_is_cut_at_the_edge_of_the_image():
    region = Region.polygon([(-20, 140), (-20, 200), (9.5, 200), (9.5, 140)], SHAPE)
    assert (region.top, region.left, region.pixels) == (0, 140, 100)


def test_a_self_crossing_polygon_leaves_out_what_it_encloses_twice():
    star = [(50 + 40 * np.cos(a), 75 + 40 * np.sin(a)) for a in np.arange(5) * 4 * np.pi / 5]
    found = pixels_of(Region.polygon(star, SHAPE))
    assert not found[50, 75]
    assert found[80, 75]


def test_a_polygon_smaller_than_a_pixel_is_the_pixel_under_it():
    region = Region.polygon([(20.1, 31.2), (20.1, 31.4), (20.3, 31.4)], SHAPE)
    assert (region.top, region.left, region.pixels) == (20, 31, 1)
    assert region.is_small(PatchGrid(*SHAPE, 16))
    assert not Region.polygon([(0, 0), (0, 16), (16, 16), (16, 0)], SHAPE).is_small(PatchGrid(*SHAPE, 16))


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.3, 0.5, 0.8]))
@settings(max_examples=60, deadline=None)
def test_an_outline_holds_just_the_pixels_of_an_object_its_holes_and_parts(seed, share):
    mask = np.random.default_rng(seed).random((13, 19)) < share
    outline = outline_of(mask)
    if mask.any():
        np.testing.assert_array_equal(pixels_of(Region.polygon(outline, mask.shape)), mask)
    else:
        assert outline.shape == (0, 2)


def test_the_outline_of_a_large_object_is_short():
    y, x = np.mgrid[:600, :700]
    disc = (y - 300) ** 2 + (x - 350) ** 2 < 250**2
    outline = outline_of(disc)
    assert len(outline) < 700
    np.testing.assert_array_equal(pixels_of(Region.polygon(outline, disc.shape)), disc)
    assert outline_of(np.zeros((5, 6), dtype=bool)).shape == (0, 2)


def test_a_path_is_what_lies_under_its_line():
    found = pixels_of(Region.path([(10, 20), (10, 30), (15.2, 30)], SHAPE))
    expected = np.zeros(SHAPE, dtype=bool)
    expected[10, 20:31] = expected[10:16, 30] = True
    np.testing.assert_array_equal(found, expected)
    beyond = pixels_of(Region.path([(5, 145), (5, 400)], SHAPE))
    assert (beyond[5, 145:].all(), beyond.sum()) == (True, 5)


def test_a_huge_polygon_is_looked_at_in_part():
    shape = (30_000, 40_000)
    region = Region.polygon([(0, 0), (0, 40_000), (30_000, 40_000), (30_000, 0)], shape)
    assert region.step > 1
    assert region.inside.size <= MOST_PIXELS
    assert region.pixels == pytest.approx(shape[0] * shape[1], rel=0.01)
    covered = region.patches(PatchGrid(*shape, 16))
    assert (covered.rows.max(), covered.cols.max()) > (1870, 2490)


def test_a_thread_of_a_huge_object_is_not_lost():
    mask = np.zeros((3000, 3000), dtype=bool)
    mask[[0, 2999], [0, 2999]] = True
    mask[1, 1:2999] = True
    assert Region.mask(mask).pixels > 0


# ---- patches -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "grid",
    [PatchGrid(*SHAPE, 16), PatchGrid(*SHAPE, 14, finer=2), PatchGrid(*SHAPE, 16, sampled=(203, 77))],
    ids=["plain", "finer", "resized"],
)
def test_a_patch_counts_by_the_pixels_it_holds(grid):
    vertices = [(3.2, 7), (20, 140.5), (88, 90), (60, 60), (97, 12)]
    region = Region.polygon(vertices, SHAPE)
    expected = np.zeros(grid.shape, dtype=int)
    for y, x in np.argwhere(pixels_of(region)):
        expected[grid.patch_at(y, x)] += 1
    np.testing.assert_array_equal(counted(region, grid), expected)
    np.testing.assert_array_equal(counted(Region.mask(pixels_of(region)), grid), expected)


def test_an_object_is_its_mask():
    labels = np.zeros(SHAPE, dtype=np.uint16)
    labels[10:30, 40:90], labels[60:70, 5:9] = 3, 700
    grid = PatchGrid(*SHAPE, 16)
    np.testing.assert_array_equal(counted(Region.label(labels, 700), grid), counted(Region.mask(labels == 700), grid))
    assert Region.label(labels, 3).pixels == 1000


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: Region.polygon([(0, 0), (1, 1)], SHAPE), RegionError, r"found vertices of shape \(2, 2\)"),
        (lambda: Region.polygon([(0, 0, 0)] * 3, SHAPE), RegionError, r"found vertices of shape \(3, 3\)"),
        (lambda: Region.polygon([(0, 0), (np.nan, 1), (4, 4)], SHAPE), RegionError, "a vertex that is NaN"),
        (lambda: Region.polygon([(-9, 0), (-9, 50), (-1, 20)], SHAPE), OutsideImageError, "outside the image of 100 ×"),
        (lambda: Region.polygon([(-0.4, 999), (-0.4, 151), (-0.3, 160)], SHAPE), OutsideImageError, "outside the im"),
        (lambda: Region.polygon([(-9, 20), (-9, 20.2), (0.1, 20.1)], SHAPE), OutsideImageError, "outside the image"),
        (lambda: Region.path([(3, 3)], SHAPE), RegionError, "n ≥ 2"),
        (lambda: Region.drawn("ellipse", [(3, 3), (4, 4), (5, 5)], SHAPE), RegionError, r"expected \(4, 2\)"),
        (lambda: Region.mask(np.zeros(SHAPE)), RegionError, "mask: found float64 of shape"),
        (lambda: Region.mask(np.zeros(SHAPE, bool)), RegionError, "found no pixel that is True"),
        (lambda: Region.label(np.zeros(SHAPE, int), 7), RegionError, "object 7: found no pixel of it"),
        (lambda: Region.path([(3, 3), (4, 4)], SHAPE).patches(PatchGrid(50, 60, 16)), RegionError,
         "found one of an image of 100 × 150 pixels, expected one of 50 × 60"),
    ],
)  # fmt: skip
def test_what_is_no_region_says_so(make, error, text):
    with pytest.raises(error, match=text):
        make()


# ---- what stands for it ------------------------------------------------------------------------------------------


def halves(left=RED, right=GREEN, height=100, width=150, at=80) -> np.ndarray:
    image = np.empty((height, width, 3))
    image[:, :at], image[:, at:] = left, right
    return image


def unit(vector) -> np.ndarray:
    return np.asarray(vector) / np.linalg.norm(vector)


def embedded(image: np.ndarray):
    return dinosim.embed((image * 255).astype(np.uint8), MeanColourEncoder())


def test_the_mean_of_a_polygon_over_two_colours():
    """At x = 80 patches of 16 end: no patch holds both colours, and the mean follows the areas alone."""
    found = embedded(halves()).query_region([(7.5, 39.5), (7.5, 89.5), (61.5, 89.5), (61.5, 39.5)])
    expected = unit(40 * unit(RED) + 10 * unit(GREEN))
    np.testing.assert_allclose(found.vectors.numpy(), [expected], atol=1e-6)


def test_the_mean_weighs_patches_by_what_the_region_covers_of_them():
    image, rng = np.random.default_rng(1).random((100, 150, 3)), np.random.default_rng(2)
    mask = rng.random(SHAPE) < 0.1
    padded, area = np.zeros((112, 160, 3)), np.zeros((112, 160))
    padded[:100, :150], area[:100, :150] = (image * 255).astype(np.uint8) / 255, mask
    total = np.zeros(3)
    for row in range(7):
        for col in range(10):
            here = slice(16 * row, 16 * row + 16), slice(16 * col, 16 * col + 16)
            total += area[here].sum() * unit(padded[here].mean(axis=(0, 1)))
    found = embedded(image).query_region(mask)
    np.testing.assert_allclose(found.vectors.numpy(), [unit(total)], atol=1e-6)


def test_k_means_finds_both_colours_the_larger_share_first():
    embeddings = embedded(halves())
    found = embeddings.query_region([(7.5, 39.5), (7.5, 109.5), (61.5, 109.5), (61.5, 39.5)], representatives=2)
    np.testing.assert_allclose(found.vectors.numpy(), [unit(RED), unit(GREEN)], atol=1e-6)
    again = embeddings.query_region([(7.5, 39.5), (7.5, 109.5), (61.5, 109.5), (61.5, 39.5)], representatives=2)
    np.testing.assert_array_equal(found.vectors, again.vectors)
    both = embeddings.cosine(found)
    np.testing.assert_allclose(both, 1, atol=1e-6)


def test_fewer_colours_than_representatives_give_fewer():
    found = embedded(halves()).query_region([(0, 0), (0, 149), (99, 149), (99, 0)], representatives=5)
    np.testing.assert_allclose(found.vectors.numpy(), [unit(RED), unit(GREEN)], atol=1e-6)


def test_means_of_clusters_are_weighted():
    vectors = np.array([unit((1, 0, 0)), unit((1, 0.1, 0)), unit((0, 0, 1))])
    found = representatives(vectors, np.array([1, 3, 9]), 2)
    np.testing.assert_allclose(found, [vectors[2], (vectors[0] + 3 * vectors[1]) / 4], atol=1e-6)


def test_of_very_many_patches_the_mean_is_that_of_some():
    rng = np.random.default_rng(0)
    colours = np.where(rng.random((200, 300, 1)) < 0.25, unit(RED), unit(GREEN)).astype(np.float32)
    embeddings = dinosim.PatchEmbeddings(Mosaic.of(torch.from_numpy(colours)), PatchGrid(200, 300, 1), "planted")
    assert MOST_PATCHES < 200 * 300
    found = embeddings.query_region([(-0.5, -0.5), (-0.5, 300), (200, 300), (200, -0.5)])
    np.testing.assert_allclose(found.vectors.numpy(), [unit(colours.mean(axis=(0, 1)))], atol=0.02)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "found 0, expected 1"),
        (17, "found 17, expected 1"),
        (3, "found 3 of a region of 2 patches, expected at most as many as it has. Choose fewer"),
    ],
)
def test_more_representatives_than_there_are_patches(count, text):
    with pytest.raises(RegionError, match=text):
        embedded(halves()).query_region([(0, 0), (0, 20), (10, 20), (10, 0)], count)


def test_a_mask_of_another_size():
    with pytest.raises(RegionError, match="found one of an image of 90 × 150 pixels, expected one of 100 × 150"):
        embedded(halves()).query_region(np.ones((90, 150), dtype=bool))


def in_part(shape=(1000, 1200)):
    """Embeddings of a large grid of one pixel per patch, of which rows 100 to 200 are known: y = 150 is red."""
    mosaic = Mosaic(*shape)
    units = torch.zeros(100, 1200, 3)
    units[..., 1] = 1
    units[50] = torch.tensor(RED)
    mosaic.add(100, 0, units)
    return dinosim.PatchEmbeddings(mosaic, PatchGrid(*shape, 1), "planted")


def test_of_a_region_in_part_embedded_the_known_part_counts():
    found = in_part()
    region = [(149.5, 9.5), (149.5, 900), (150.5, 900), (150.5, 9.5)]
    np.testing.assert_allclose(found.query_region(region).vectors, [RED], atol=1e-6)
    taller = found.query_region([(149.5, 9.5), (149.5, 20), (400, 20), (400, 9.5)])
    np.testing.assert_allclose(taller.vectors, [unit((1, 49, 0))], atol=1e-6)
    with pytest.raises(NotEmbeddedError, match="region of 8000 patches: found none of them embedded"):
        found.query_region([(600, 0), (600, 100), (680, 100), (680, 0)])


def test_vectors_of_many_patches_are_those_of_each():
    mosaic = in_part().mosaic
    rng = np.random.default_rng(3)
    rows, cols = rng.integers(90, 210, 300), rng.integers(0, 1200, 300)
    vectors, known = mosaic.known_at(rows, cols)
    np.testing.assert_array_equal(known, (rows >= 100) & (rows < 200))
    np.testing.assert_array_equal(vectors, mosaic.at(list(zip(rows[known], cols[known], strict=True))))


# ---- a session ---------------------------------------------------------------------------------------------------


def square(source: str, y: int, x: int, side: int, shape=SHAPE, **kwargs) -> RegionPrompt:
    low, high = np.array([y, x]) - 0.5, np.array([y, x]) + side - 0.5
    corners = [(low[0], low[1]), (low[0], high[1]), (high[0], high[1]), (high[0], low[1])]
    return RegionPrompt(source, Region.polygon(corners, shape), **kwargs)


def as_bytes(image: np.ndarray) -> np.ndarray:
    return (image * 255).astype(np.uint8)


def test_a_session_looks_for_a_region_in_every_image():
    desk = Desk()
    desk.add("a", as_bytes(halves()))
    desk.add("b", as_bytes(halves(GREEN, RED, 75, 61, 32)))
    desk.session.set_prompts(PromptSet(regions=(square("a", 20, 100, 30),)))
    desk.start()
    assert desk.heat("b")[:, :32].min() == pytest.approx(1)
    assert desk.heat("b")[:, 32:].max() == pytest.approx(0)
    assert desk.session.state("b").best == pytest.approx(1)


def test_points_and_regions_are_one_query():
    desk = Desk()
    desk.add("a", as_bytes(halves()))
    desk.session.set_prompts(PromptSet((Prompt("a", 5, 5),), regions=(square("a", 20, 100, 30),)))
    desk.start()
    found = desk.session.shown_map("a")
    np.testing.assert_allclose(found.scores, 1, atol=1e-6)
    desk.session.set_prompts(PromptSet((Prompt("a", 5, 5),)))
    assert float(desk.session.shown_map("a").scores.min()) == pytest.approx(0)


def test_planes_that_hold_regions_are_embedded_before_the_others():
    desk = Desk()
    desk.add("a", np.stack([as_bytes(halves())] * 6), plane=(0,))
    desk.session.set_prompts(PromptSet(regions=(square("a", 20, 100, 30, plane=(4,)),)))
    desk.start()
    assert [index for _, _, index in desk.read][:3] == [(0,), (4,), (1,)]
    assert desk.session.shown_map("a") is not None


def test_a_region_of_an_image_that_now_has_another_size_is_told():
    desk = Desk()
    desk.add("a", as_bytes(halves()))
    desk.session.set_prompts(PromptSet(regions=(square("a", 2, 10, 30, shape=(400, 500)),)))
    desk.start()
    assert "image a: region: found one of an image of 400 × 500 pixels" in desk.messages[-1]
    assert desk.session.shown_map("a") is None


def test_windows_under_regions_come_first(monkeypatch):
    from napari_dinosim.cache import CacheKey
    from napari_dinosim.loading import EncoderChoice
    from napari_dinosim.plan import Plan, View

    plan = Plan(EncoderChoice("a"), shown={"a": ()}, views={"a": View(0, 0, 50, 50)})
    plan.prompts = PromptSet(regions=(square("a", 3200, 1600, 64, shape=(4000, 4000)),))
    focus = plan.focus(CacheKey("a", (), 0, EncoderChoice("a")), PatchGrid(4000, 4000, 16))
    assert set(focus.places) == {(row, col) for row in range(200, 204) for col in range(100, 104)}


def test_vectors_are_found_once_for_each_region(monkeypatch):
    import napari_dinosim.representatives as module

    calls = []
    whole = module.represent
    monkeypatch.setattr(module, "represent", lambda *args: calls.append(1) or whole(*args))
    desk = Desk()
    desk.add("a", as_bytes(halves()))
    region = square("a", 20, 100, 30, representatives=2)
    desk.session.set_prompts(PromptSet(regions=(region,)))
    desk.start()
    first = len(calls)
    for x in range(5):
        desk.session.set_prompts(PromptSet((Prompt("a", 5, x),), regions=(region,)))
    assert (first, len(calls)) == (1, 1)
    desk.session.set_prompts(PromptSet(regions=(square("a", 20, 100, 31),)))
    assert len(calls) == 2


def test_what_stands_for_several_regions_is_found_by_a_worker(monkeypatch):
    from napari_dinosim import representatives as module

    threads = []
    whole = module.represent
    monkeypatch.setattr(module, "represent", lambda *args: threads.append(get_ident()) or whole(*args))
    desk = Desk()
    desk.add("a", as_bytes(halves()))
    desk.session.set_prompts(PromptSet((Prompt("a", 5, 5),)))
    desk.start()
    before = desk.session.shown_map("a")
    regions = tuple(square("a", 20, x, 30, representatives=2) for x in (5, 60, 100))
    desk.session.set_prompts(PromptSet(regions=(*regions, square("a", 2, 10, 30, shape=(400, 500), representatives=2))))
    assert desk.session.shown_map("a") is before, "the map goes before the next one is there"
    desk.wait()
    assert get_ident() not in threads[:3]
    assert desk.session.shown_map("a").best == pytest.approx(1, abs=1e-6)
    assert any("expected one of" in text for text in desk.messages), "the region of another size is not told"
    count = len(threads)
    desk.session.set_prompts(PromptSet(regions=regions))
    assert len(threads) == count


def test_more_representatives_than_patches_give_as_many_as_there_are():
    desk = Desk()
    desk.add("a", as_bytes(halves()))
    desk.session.set_prompts(PromptSet(regions=(square("a", 0, 64, 32, representatives=16),)))
    desk.start()
    np.testing.assert_allclose(desk.session.shown_map("a").scores, 1, atol=1e-6)
    assert not desk.messages


def test_a_file_keeps_regions_as_they_were_drawn():
    from napari_dinosim.records.making import record_image, record_query, record_session
    from napari_dinosim.records.replay import replay
    from napari_dinosim.records.text import from_text, to_text
    from napari_dinosim.records.values import SessionRecord

    desk = Desk()
    image = as_bytes(halves())
    ring = np.hypot(*(np.indices(image.shape[:2]) - np.array([30, 60])[:, None, None]))
    drawn = (
        square("a", 0, 64, 32, representatives=2),
        RegionPrompt("a", Region.mask((ring < 25) & (ring > 12)), label="negative"),
        RegionPrompt("a", Region.drawn("ellipse", [(5, 90), (5, 120), (30, 130), (30, 100)], image.shape[:2])),
        RegionPrompt("a", Region.path([(40, 5), (60, 5), (60, 40), (40, 5)], image.shape[:2])),
    )
    desk.add("a", image)
    desk.session.set_prompts(PromptSet(regions=drawn))
    desk.start()
    before = desk.session.shown_map("a").scores.clone()
    record = from_text(SessionRecord, to_text(record_session(desk.session, [record_image("a", image)])))
    again = replay(record, {"a": image}, encoder=MeanColourEncoder(), accept_differences=True)
    np.testing.assert_allclose(again.map("a").scores, before, atol=1e-6)
    assert [region.kind for region in record.regions] == ["polygon", "polygon", "ellipse", "line"]
    vectors = record_query(desk.session)  # of other images, what is in them is looked for
    assert vectors.labels == ("positive", "positive", "negative", "positive", "positive")


def test_a_region_that_lies_in_no_part_of_another_image_is_told():
    from napari_dinosim.records.drawn import RegionRecord
    from napari_dinosim.records.making import record_image
    from napari_dinosim.records.replay import replay
    from napari_dinosim.records.values import EncoderRecord, Place, PromptRecord, SessionRecord

    image = as_bytes(halves())
    record = SessionRecord(
        encoder=EncoderRecord(EncoderChoice("builtin")),
        images=(record_image("a", image),),
        prompts=(PromptRecord(Place("a", 3, 3)),),
        regions=(RegionRecord("line", "a", ((900, 900), (910, 920))),),
    )
    assert replay(record, {"a": image}, encoder=MeanColourEncoder()).notes[0].startswith("Region 1 was left out: ")


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (
            {"kind": "polygon", "image": "a", "vertices": ((1, 2), (3, 4))},
            "with 2 vertices in its image",
        ),
        ({"kind": "ellipse", "world": ((1, 2),) * 5}, "with 5 vertices in the world, expected 4"),
        ({"kind": "line", "image": "a", "vertices": ((1, 2), (3, 4)), "representatives": 0}, "found 0 representatives"),
    ],
)
def test_regions_of_a_file_that_are_none(facts, told):
    from napari_dinosim.errors import RecordError
    from napari_dinosim.records.drawn import RegionRecord

    with pytest.raises(RecordError, match=told):
        RegionRecord(**facts)
