"""Pixels and patches: every edge of every patch, against arithmetic written another way."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from napari_dinosim.errors import ImageError, OutsideImageError
from napari_dinosim.grid import PatchGrid

sides = st.integers(1, 70)
patch_sizes = st.integers(1, 20)
grids = st.builds(PatchGrid, sides, sides, patch_sizes)
resized_grids = st.builds(PatchGrid, sides, sides, patch_sizes, st.tuples(sides, sides), st.sampled_from([1, 2, 4]))


def pixel_under(coordinate: float) -> int:
    """Pixel i covers [i - 1/2, i + 1/2), in exact arithmetic."""
    return math.floor(Fraction(coordinate) + Fraction(1, 2))


@st.composite
def grid_and_place(draw, kind=grids):
    """A grid and a coordinate in its image: anywhere, or within one rounding of the edge of a pixel."""
    grid = draw(kind)

    def along(length: int) -> float:
        edge = draw(st.integers(0, length)) - 0.5
        near = draw(st.sampled_from([edge, np.nextafter(edge, -np.inf), np.nextafter(edge, np.inf)]))
        anywhere = draw(st.floats(-0.5, length - 0.5))
        found = float(draw(st.sampled_from([near, anywhere])))
        return found if -0.5 <= found < length - 0.5 else -0.5

    return grid, along(grid.height), along(grid.width)


# --- shapes


@pytest.mark.parametrize(
    ("height", "width", "patch_size", "shape", "padded"),
    [
        (100, 150, 16, (7, 10), (112, 160)),
        (75, 61, 14, (6, 5), (84, 70)),
        (32, 48, 16, (2, 3), (32, 48)),
        (33, 48, 16, (3, 3), (48, 48)),
        (1, 1, 16, (1, 1), (16, 16)),
        (5, 200, 14, (1, 15), (14, 210)),
    ],
)
def test_shapes_of_known_images(height, width, patch_size, shape, padded):
    grid = PatchGrid(height, width, patch_size)
    assert grid.shape == (grid.rows, grid.cols) == shape
    assert grid.padded_shape == padded
    assert grid.image_shape == (height, width)


@given(grids)
def test_padding_is_the_least_to_whole_patches(grid):
    for length, padded in zip(grid.image_shape, grid.padded_shape, strict=True):
        assert padded % grid.patch_size == 0
        assert 0 <= padded - length < grid.patch_size


@pytest.mark.parametrize(("height", "width"), [(0, 5), (5, 0), (-1, 5)])
def test_an_empty_image_is_refused(height, width):
    with pytest.raises(ImageError, match=f"found {height} × {width} pixels, expected at least 1 × 1"):
        PatchGrid(height, width, 16)


def test_a_patch_size_of_nothing_is_refused():
    with pytest.raises(ValueError, match="patch size: found 0, expected a whole number of pixels ≥ 1"):
        PatchGrid(5, 5, 0)


# --- patch under a pixel


@given(grids, st.data())
def test_integer_pixels_follow_the_seed(grid, data):
    y, x = (data.draw(st.integers(0, length - 1)) for length in grid.image_shape)
    row, col = grid.patch_at(y, x)
    assert (row, col) == (y // grid.patch_size, x // grid.patch_size)
    assert row * grid.cols + col < grid.rows * grid.cols


@given(grid_and_place())
@example((PatchGrid(3, 3, 1), float(np.nextafter(0.5, 0)), 0.5))
def test_every_place_lies_in_the_patch_of_its_pixel(case):
    grid, y, x = case
    assert grid.contains(y, x)
    assert grid.patch_at(y, x) == (pixel_under(y) // grid.patch_size, pixel_under(x) // grid.patch_size)


@given(grid_and_place())
def test_every_place_lies_within_the_bounds_of_its_patch(case):
    grid, y, x = case
    top, left, bottom, right = grid.patch_bounds(*grid.patch_at(y, x))
    assert top <= y < bottom
    assert left <= x < right


@pytest.mark.parametrize(
    ("y", "x", "patch"),
    [
        (15.49, 15.51, (0, 1)),
        (15.5, 15.49, (1, 0)),
        (-0.5, 149.49, (0, 9)),
        (99.49, -0.5, (6, 0)),
        (31.6, 47.4, (2, 2)),
    ],
)
def test_half_pixels_belong_to_the_next_patch(y, x, patch):
    assert PatchGrid(100, 150, 16).patch_at(y, x) == patch


OUTSIDE = [
    (-0.51, 5),
    (5, -0.51),
    (99.5, 5),
    (5, 149.5),
    (120, 5),  # inside when rows and columns are swapped
    (math.nan, 5),
    (5, math.nan),
    (math.inf, 5),
    (5, -math.inf),
]


@pytest.mark.parametrize(("y", "x"), OUTSIDE)
def test_places_outside_are_refused(y, x):
    grid = PatchGrid(100, 150, 16)
    assert not grid.contains(y, x)
    with pytest.raises(OutsideImageError, match=r"lies outside the image of 100 × 150 pixels.*on the image"):
        grid.patch_at(y, x)


def test_the_padding_is_outside():
    assert PatchGrid(100, 150, 16).padded_shape == (112, 160)
    assert not PatchGrid(100, 150, 16).contains(105, 5)
    assert not PatchGrid(100, 150, 16).contains(5, 155)


# --- bounds


@given(grids)
def test_bounds_tile_the_image_without_gap_or_overlap(grid):
    covered = np.zeros(grid.image_shape, dtype=int)
    for row in range(grid.rows):
        for col in range(grid.cols):
            top, left, bottom, right = (round(edge + 0.5) for edge in grid.patch_bounds(row, col))
            assert top < bottom
            assert left < right
            covered[top:bottom, left:right] += 1
    assert (covered == 1).all()


def test_bounds_of_the_cut_corner():
    assert PatchGrid(100, 150, 16).patch_bounds(6, 9) == (95.5, 143.5, 99.5, 149.5)


# --- upsampling


def blocks(grid: PatchGrid, values: np.ndarray) -> np.ndarray:
    """Nearest-neighbour upsampling by repetition, then cropped."""
    whole = np.kron(values, np.ones((grid.patch_size, grid.patch_size), dtype=np.float32))
    return whole[: grid.height, : grid.width]


def some_values(grid: PatchGrid) -> np.ndarray:
    return np.arange(grid.rows * grid.cols, dtype=np.float32).reshape(grid.shape)


@given(grids)
def test_upsampling_repeats_each_patch_and_crops(grid):
    values = some_values(grid)
    found = grid.upsample(values)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, blocks(grid, values))


@given(grids)
def test_upsampling_writes_into_the_array_that_is_given(grid):
    out = np.full(grid.image_shape, -1, dtype=np.float32)
    assert grid.upsample(some_values(grid), out) is out
    np.testing.assert_array_equal(out, blocks(grid, some_values(grid)))


def test_upsampling_writes_into_a_part_of_an_array():
    grid, canvas = PatchGrid(37, 29, 8), np.full((60, 50), -1, dtype=np.float32)
    grid.upsample(some_values(grid), canvas[3:40, 5:34])
    np.testing.assert_array_equal(canvas[3:40, 5:34], blocks(grid, some_values(grid)))
    canvas[3:40, 5:34] = -1
    assert (canvas == -1).all()


@given(grids, st.data())
def test_upsampling_at_chosen_pixels_is_the_same(grid, data):
    ys, xs = (
        np.array(data.draw(st.lists(st.integers(0, length - 1), min_size=1, max_size=9))) for length in grid.image_shape
    )
    found = grid.upsample_at(some_values(grid), ys, xs)
    np.testing.assert_array_equal(found, blocks(grid, some_values(grid))[ys][:, xs])


@given(grid_and_place())
def test_the_upsampled_pixel_shows_the_patch_under_it(case):
    grid, y, x = case
    assert grid.upsample(some_values(grid))[pixel_under(y), pixel_under(x)] == some_values(grid)[grid.patch_at(y, x)]


# --- resized images, and cells finer than a patch


def cell_under(grid: PatchGrid, axis: int, pixel: int) -> int:
    """The cell that holds a pixel's centre, by going through the cells one by one."""
    resized = (pixel + Fraction(1, 2)) * grid.sampled_shape[axis] / grid.image_shape[axis]
    cell = 0
    while (
        not cell * Fraction(grid.patch_size, grid.finer) <= resized < (cell + 1) * Fraction(grid.patch_size, grid.finer)
    ):
        cell += 1
    return cell


@pytest.mark.parametrize(
    ("grid", "shape", "padded", "footprint"),
    [
        (PatchGrid(100, 150, 16, (50, 30)), (4, 2), (64, 32), (32, 80)),
        (PatchGrid(100, 150, 16, (200, 150)), (13, 10), (208, 160), (8, 16)),
        (PatchGrid(90, 150, 16, (27, 40)), (2, 3), (32, 48), (16 * 90 / 27, 60)),
        (PatchGrid(100, 150, 16, finer=2), (13, 19), (112, 160), (8, 8)),
        (PatchGrid(100, 150, 14, finer=4), (29, 43), (112, 154), (3.5, 3.5)),
        (PatchGrid(100, 150, 16, (50, 75), finer=2), (7, 10), (64, 80), (16, 16)),
    ],
)
def test_shapes_of_resized_images(grid, shape, padded, footprint):
    assert grid.shape == shape
    assert grid.padded_shape == padded
    assert grid.footprint == pytest.approx(footprint, rel=1e-12)
    assert grid.image_shape == (grid.height, grid.width)


def test_resized_to_its_own_size_is_not_resized():
    assert PatchGrid(100, 150, 16, (100, 150)) == PatchGrid(100, 150, 16)
    assert PatchGrid(100, 150, 16, (150, 100)) != PatchGrid(100, 150, 16)
    assert PatchGrid(100, 150, 16).sampled_shape == (100, 150)


def test_resized_to_nothing_is_refused():
    with pytest.raises(ImageError, match="found 0 × 5 pixels, expected at least 1 × 1"):
        PatchGrid(100, 150, 16, (0, 5))


def test_no_cells_are_refused():
    with pytest.raises(ValueError, match="finer: found 0 cells along a patch, expected a whole number ≥ 1"):
        PatchGrid(100, 150, 16, finer=0)


@given(grid_and_place(resized_grids))
def test_every_place_lies_in_the_cell_of_its_pixel(case):
    grid, y, x = case
    cell = grid.patch_at(y, x)
    assert cell == (cell_under(grid, 0, pixel_under(y)), cell_under(grid, 1, pixel_under(x)))
    assert all(at < length for at, length in zip(cell, grid.shape, strict=True))


@given(grid_and_place(resized_grids))
def test_the_centre_of_a_pixel_lies_within_the_bounds_of_its_cell(case):
    grid, y, x = case
    top, left, bottom, right = grid.patch_bounds(*grid.patch_at(y, x))
    tiny = 1e-9  # of the division
    assert top - tiny <= pixel_under(y) < bottom + tiny
    assert left - tiny <= pixel_under(x) < right + tiny


@given(resized_grids)
def test_bounds_of_cells_meet_and_end_with_the_image(grid):
    last = grid.patch_bounds(grid.rows - 1, grid.cols - 1)
    assert last[2:] == (grid.height - 0.5, grid.width - 0.5)
    assert grid.patch_bounds(0, 0)[:2] == (-0.5, -0.5)
    for row, col in zip(range(grid.rows - 1), range(grid.cols - 1), strict=False):
        top, left, bottom, right = grid.patch_bounds(row, col)
        assert grid.patch_bounds(row + 1, col + 1)[:2] == (bottom, right)
        assert (bottom - top, right - left) == pytest.approx(grid.footprint)


@given(resized_grids, st.booleans())
def test_upsampling_shows_the_cell_under_every_pixel(grid, given_out):
    ys, xs = ([cell_under(grid, axis, pixel) for pixel in range(grid.image_shape[axis])] for axis in (0, 1))
    out = np.full((grid.height + 3, grid.width + 5), -1, dtype=np.float32)[2:-1, 1:-4] if given_out else None
    found = grid.upsample(some_values(grid), out)
    assert out is None or found is out
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, some_values(grid)[ys][:, xs])


@given(resized_grids, st.data())
def test_upsampling_at_chosen_pixels_of_a_resized_image_is_the_same(grid, data):
    ys, xs = (
        np.array(data.draw(st.lists(st.integers(0, length - 1), min_size=1, max_size=9))) for length in grid.image_shape
    )
    whole = grid.upsample(some_values(grid))
    np.testing.assert_array_equal(grid.upsample_at(some_values(grid), ys, xs), whole[ys][:, xs])
