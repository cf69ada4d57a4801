"""The patch grid that is drawn: where its lines lie, what is marked, how wide, and how much of it there is."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels, Points, Shapes

from events import spin
from napari_dinosim._napari.patch_overlay import LINE_PIXELS, QUERY_PIXELS, grid_path, image_to_draw, patch_corners
from napari_dinosim._napari.roles import REGIONS, claim, key_of, mark
from napari_dinosim.grid import PatchGrid
from napari_dinosim.prompts import Prompt, PromptSet, RegionPrompt
from napari_dinosim.regions import Region
from pictures import colours, greys

SHAPE = (100, 150)


def segments(path: np.ndarray) -> tuple[set[float], set[float]]:
    """Positions of the horizontal and of the vertical lines of a path that run from rim to rim."""
    steps = np.diff(path, axis=0)
    lengths = np.ptp(path, axis=0)
    across = {float(path[i, 0]) for i in range(len(steps)) if abs(steps[i, 1]) == lengths[1]}
    down = {float(path[i, 1]) for i in range(len(steps)) if abs(steps[i, 0]) == lengths[0]}
    return across, down


GRIDS = [
    *(PatchGrid(100, 150, 16), PatchGrid(75, 61, 14), PatchGrid(64, 32, 16)),
    *(
        PatchGrid(100, 150, 16, (70, 104)),
        PatchGrid(100, 150, 14, (50, 75), finer=4),
        PatchGrid(75, 61, 16, (150, 244)),
    ),
]
"""Native, and coarser and finer than that."""


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_path_runs_along_every_edge_and_through_no_patch(grid):
    path = grid_path(grid)
    bounds = [grid.patch_bounds(row, col) for row in range(grid.rows) for col in range(grid.cols)]
    across, down = segments(path)
    assert (len(across), len(down)) == (grid.rows + 1, grid.cols + 1)
    edges = {edge for top, _, bottom, _ in bounds for edge in (top, bottom)}
    assert len(edges) == len(across)
    np.testing.assert_allclose(sorted(across), sorted(edges), atol=1e-9)
    np.testing.assert_allclose(sorted(down), sorted({edge for _, left, _, right in bounds for edge in (left, right)}))
    steps = np.diff(path, axis=0)
    assert (np.count_nonzero(steps, axis=1) <= 1).all()


def test_lines_and_mark_lie_on_the_patches_in_the_world(bench):
    layer = bench.add(colours(*SHAPE), name="a", scale=(0.5, 2), rotate=30, translate=(7, -3))
    bench.start()
    bench.show_patches(True)
    bench.point(layer, (37, 120))
    (patches,) = bench.ours("patch grid")
    path, marked = patches.data
    grid = PatchGrid(*SHAPE, 16)
    for drawn, meant in ((path, grid_path(grid)), (marked, patch_corners(grid, 2, 7))):
        world = np.array([patches.data_to_world(point) for point in drawn])
        np.testing.assert_allclose(world, [layer.data_to_world(point) for point in meant], atol=1e-4)


@pytest.mark.parametrize("units", [("um", "nm"), ("mm", "um")], ids="-".join)
def test_lines_lie_right_among_units(bench, units):
    size = {"mm": 1e-3, "um": 1, "nm": 1000}
    a, b = (
        bench.add(colours(*SHAPE), name=name, scale=(0.5 * size[unit], 0.8 * size[unit]), units=(unit, unit))
        for name, unit in zip("ab", units, strict=True)
    )
    bench.start()
    bench.show_patches(True)
    for layer in (a, b):
        bench.viewer.layers.selection.active = layer
        bench.wait()
        (patches,) = bench.ours("patch grid")
        assert patches.metadata["napari_dinosim"]["source"] == str(layer.unique_id)
        assert bench.viewer.layers.units is not None
        scale = float((1 * patches.units[0]).to(layer.units[0]).magnitude)
        end = np.array(patches.data_to_world(patches.data[0].max(axis=0))) * scale
        np.testing.assert_allclose(end, layer.data_to_world((99.5, 149.5)), rtol=1e-5)


def test_grid_follows_the_image(bench):
    layer = bench.add(colours(*SHAPE), name="a")
    bench.start()
    bench.show_patches(True)
    (patches,) = bench.ours("patch grid")
    layer.translate = (5, 40)
    bench.wait()
    (patches,) = bench.ours("patch grid")
    np.testing.assert_allclose(patches.data_to_world((0, 0)), (5, 40), atol=1e-4)
    layer.data = colours(75, 61)
    bench.wait()
    (patches,) = bench.ours("patch grid")
    np.testing.assert_allclose(patches.data[0].max(axis=0), (74.5, 60.5))


def test_every_queried_patch_of_the_plane_is_marked(bench):
    stack = np.stack([greys(*SHAPE, seed) for seed in range(3)])
    layer = bench.add(stack, name="a")
    bench.viewer.dims.set_point(0, 1)
    bench.start()
    bench.show_patches(True)
    bench.point(layer, (1, 37, 120))
    bench.point(layer, (1, 5, 5))
    assert bench.ours("patch grid")[0].nshapes == 3
    bench.viewer.dims.set_point(0, 2)
    bench.wait()
    assert bench.ours("patch grid")[0].nshapes == 1
    bench.viewer.dims.set_point(0, 1)
    bench.wait()
    assert bench.ours("patch grid")[0].nshapes == 3


def test_lines_are_as_wide_at_every_zoom(bench):
    bench.add(colours(*SHAPE), name="a", scale=(0.25, 0.25))
    bench.start()
    bench.show_patches(True)
    bench.point(bench.viewer.layers["a"], (37, 120))
    (patches,) = bench.ours("patch grid")
    for zoom in (0.1, 1, 40, 900):
        bench.viewer.scene.camera.zoom = zoom
        bench.wait()
        on_screen = np.array(patches.edge_width) * 0.25 * zoom
        np.testing.assert_allclose(on_screen, [LINE_PIXELS, QUERY_PIXELS], rtol=0.3)


def test_toggling_off_removes_it_and_keeps_the_active_layer(bench):
    bench.add(colours(*SHAPE), name="a")
    bench.start()
    for _ in range(2):
        bench.show_patches(True)
        assert len(bench.ours("patch grid")) == 1
        assert bench.viewer.layers.selection.active is bench.prompts
        bench.show_patches(False)
        assert bench.ours("patch grid") == []


def test_grid_of_the_active_image_and_of_no_map(bench):
    a, b = bench.add(colours(*SHAPE), name="a"), bench.add(colours(75, 61), name="b", translate=(0, 200))
    bench.start()
    bench.show_patches(True)
    bench.point(a, (37, 120))
    for active, source in ((a, a), (b, b), (bench.map_of(a), a)):
        bench.viewer.layers.selection.active = active
        bench.wait()
        assert bench.ours("patch grid")[0].metadata["napari_dinosim"]["source"] == str(source.unique_id)


def test_a_large_image_takes_one_path(bench):
    layer = bench.add(np.zeros((4096, 4096), np.uint8), name="a")
    bench.show_patches(True)
    (patches,) = bench.ours("patch grid")
    assert patches.nshapes == 1
    assert len(patches.data[0]) == 4 * (4096 // 16 + 1)
    assert layer.visible


def test_every_line_is_drawn_at_every_zoom(desk):
    """The screen itself: napari draws no change of widths alone, and lines thinner than a pixel get lost."""
    found = desk(Image(np.zeros((200, 250), np.uint8), name="a"))
    found.patches.value = True
    found.viewer.scene.camera.center = (0, 100, 125)
    for zoom in (0.7, 1.0, 1.3, 1.1):
        for step in (9 * zoom, 3 * zoom, zoom):  # as a wheel does
            found.viewer.scene.camera.zoom = step
            spin(0.02)
        spin(0.3)
        picture = found.viewer.screenshot(canvas_only=True, flash=False)[..., 0] > 40
        rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
        inside = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        lines = [np.count_nonzero(np.diff(inside.mean(axis=axis) > 0.8, prepend=False) > 0) for axis in (1, 0)]
        assert [(count + 1) // 2 for count in lines] == [200 // 16 + 2, 250 // 16 + 2], zoom


def test_in_3d_the_grid_goes_and_comes_back(bench):
    """napari cannot draw flat shapes there."""
    layer = bench.add(np.stack([colours(*SHAPE)] * 2), name="a", rgb=True)
    bench.start()
    bench.show_patches(True)
    assert len(bench.ours("patch grid")) == 1
    bench.viewer.dims.ndisplay = 3
    bench.viewer.layers.selection.active = layer
    bench.wait()
    assert bench.ours("patch grid") == []
    bench.viewer.dims.ndisplay = 2
    bench.viewer.layers.selection.active = bench.prompts
    bench.wait()
    assert len(bench.ours("patch grid")) == 1


def test_the_image_worked_in_is_that_of_what_is_in_hand():
    a, b, c = (Image(np.zeros(SHAPE), name=name) for name in "abc")
    region = Region.polygon([(2, 3), (2, 40), (30, 20)], SHAPE)
    prompts = PromptSet((Prompt(key_of(a), 5, 6),), regions=(RegionPrompt(key_of(b), region),))
    regions = Shapes(metadata=mark(REGIONS))
    labels = Labels(np.zeros(SHAPE, int), metadata=mark("labels of a map", source=key_of(c)))
    claim(regions)
    claim(labels)
    asked = [(None, a), (regions, b), (labels, c), (c, c), (Points(), a)]
    assert [image_to_draw([a, b, c], active, prompts).name for active, _ in asked] == [one.name for _, one in asked]
    assert image_to_draw([a, b, c], None, PromptSet(regions=prompts.regions)) is b
