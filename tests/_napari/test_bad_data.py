"""Data that cannot be read, or only in part: told once, in the row of the image too, and everything else goes on."""

from __future__ import annotations

from dataclasses import replace

import dask
import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr

from napari_dinosim._napari.coordinates import to_data, to_world
from pictures import as_rgb, colours, greys
from planted import seed_map

SHAPE, CLICK = (100, 150), (37, 120)
BESIDE = {"translate": (0, 300)}


@pytest.fixture(autouse=True)
def _six_numbers(encoders):
    """Greys must not all point the same way."""
    encoders.complement = True


def told(bench, words: str) -> int:
    return sum(words in text for text, _ in bench.told)


def planes(*seeds: int) -> np.ndarray:
    return np.stack([greys(*SHAPE, seed).astype(np.float32) for seed in seeds])


def assert_goes_on(bench, good) -> None:
    """Another image is embedded and searched as ever."""
    bench.point(good, CLICK)
    bench.assert_map(good, colours(*SHAPE) / 255, [CLICK])


@pytest.mark.parametrize("shape", [(0, *SHAPE), (2, 0, *SHAPE), (0, 3, *SHAPE)])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_an_axis_of_length_zero(bench, shape, shared):
    """napari itself raises where height or width is 0; a stack of no plane it takes."""
    good = bench.add(colours(*SHAPE), name="good", **BESIDE)
    deep = bench.add((planes(3)[0] * 900).astype(np.uint16), name="deep", translate=(200, 0))
    offering = bench.controller.offering
    offering.intensities = replace(offering.intensities, shared=shared)
    empty = bench.add(np.zeros(shape, np.uint16), name="empty", contrast_limits=(0, 1))
    bench.start()
    state = bench.session.state(str(empty.unique_id))
    assert state.stage == "error"
    assert state.reason == f"empty image: found shape {shape}, expected at least one pixel. Choose another image."
    assert bench.told.count((state.reason, True)) == 1
    assert_goes_on(bench, good)
    bench.show_patches(True)
    assert bench.map_of(empty) is None
    assert len(bench.controller.rows()) == 3
    assert bench.map_of(deep) is not None


@pytest.mark.parametrize("steps", [(1, 1), (1, 2, 1), (2, 1)])
def test_a_pyramid_whose_levels_do_not_shrink(bench, steps):
    """The first level is what is embedded, whatever follows it."""
    image = planes(0)[0]
    levels = [image[::step, ::step] for step in steps]
    layer = bench.add(levels, name="a", multiscale=True, contrast_limits=(0, 1))
    click = (CLICK[0] // steps[0], CLICK[1] // steps[0])
    bench.start()
    bench.point(layer, click)
    bench.assert_map(layer, as_rgb(levels[0]), [click])
    assert bench.map_of(layer).data.shape == levels[0].shape
    bench.start()
    text, amiss = bench.told[-1]
    assert amiss
    assert text.startswith(f"a: found level {2 if len(steps) > 2 else 1} of shape")
    assert text.endswith("expected each smaller than the one before. Its full resolution is read.")


def test_a_pyramid_of_several_types_is_refused(bench):
    image = planes(0)[0]
    layer = bench.add([image, (image[::2, ::2] * 255).astype(np.uint8)], name="a", multiscale=True)
    good = bench.add(colours(75, 61, 1), name="good", **BESIDE)
    bench.start()
    reason = bench.session.state(str(layer.unique_id)).reason
    assert f"found levels of the types {image.dtype}, uint8, expected one type" in reason
    assert bench.states()["good"] == "ready"
    assert good in bench.viewer.layers


def test_a_zarr_array_whose_folder_is_gone_is_told(bench, tmp_path):
    folder = tmp_path / "a.zarr"
    array = zarr.create_array(str(folder), shape=(2, *SHAPE), chunks=(1, 32, 32), dtype=np.uint8)
    array[:] = np.random.default_rng(0).integers(0, 255, array.shape)
    layer = bench.add(array, name="a", contrast_limits=(0, 255))
    bench.controller.embed_scope("plane")
    bench.viewer.dims.set_current_step(0, 0)
    bench.start()
    assert bench.states()["a"].startswith("ready")
    folder.rename(tmp_path / "moved.zarr")
    bench.viewer.dims.set_current_step(0, 1)
    bench.wait()
    assert "found no array at" in bench.session.state(str(layer.unique_id)).reason
    (tmp_path / "moved.zarr").rename(folder)
    bench.start()
    assert bench.states()["a"].startswith("ready")


@pytest.mark.filterwarnings("ignore:.*nits.*")
def test_units_that_cannot_be_converted(bench):
    """napari draws both as if they were in pixels, and warns; clicks follow what is drawn."""
    a = bench.add(colours(*SHAPE), name="a", units=("um", "um"), scale=(0.5, 2))
    b = bench.add(colours(75, 61, 1), name="b", units=("s", "s"), **BESIDE)
    assert bench.viewer.layers.units is None
    bench.start()
    assert bench.told[-1][0].startswith("Units: found second (b), micrometer (a), which cannot be converted")
    for layer, click in ((a, CLICK), (b, (72, 20))):
        world = to_world(layer, click, None)
        bench.prompts.data = [to_data(bench.prompts, world, None, bench.viewer.dims.point)]
        bench.wait()
        source = (colours(*SHAPE) if layer is a else colours(75, 61, 1)) / 255
        bench.assert_map(a, colours(*SHAPE) / 255, [click], source)
        bench.assert_map(b, colours(75, 61, 1) / 255, [click], source)


class Breaking:
    """A stack that is computed plane by plane, of which some break."""

    def __init__(self, *broken: int) -> None:
        self.broken = set(broken)
        self.stack = planes(0, 1, 2)

    def plane(self, number: int) -> np.ndarray:
        if number in self.broken:
            raise ValueError(f"planted in the graph at plane {number}")
        return self.stack[number]

    def lazy(self) -> da.Array:
        """Read anew whenever it is asked for."""
        read = dask.delayed(self.plane, pure=False)
        return da.stack([da.from_delayed(read(number), SHAPE, np.float32) for number in range(3)])


def test_a_graph_that_raises_for_one_plane(bench):
    good = bench.add(colours(*SHAPE), name="good", translate=(0, 0, 300)[1:])
    source = Breaking(2)
    layer = bench.add(source.lazy(), name="lazy", contrast_limits=(0, 1))
    bench.viewer.dims.set_point(0, 0)
    bench.wait()
    bench.start()
    assert told(bench, "planted in the graph at plane 2") == 1
    assert_goes_on(bench, good)
    bench.prompts.data = []
    bench.point(layer, (0, *CLICK))
    made = bench.map_of(layer)
    for plane in (0, 1):
        expected = seed_map(as_rgb(source.stack[plane]), 16, [CLICK], as_rgb(source.stack[0]), complement=True)
        np.testing.assert_allclose(made.data[plane], expected, atol=1e-5)
    assert np.isnan(made.data[2]).all()
    source.broken.clear()
    bench.start()
    expected = seed_map(as_rgb(source.stack[2]), 16, [CLICK], as_rgb(source.stack[0]), complement=True)
    np.testing.assert_allclose(made.data[2], expected, atol=1e-5)


def test_files_that_disappear_and_come_back(bench, tmp_path):
    good = bench.add(colours(*SHAPE), name="good", **BESIDE)
    path, image = tmp_path / "a.tif", planes(0)[0]
    tifffile.imwrite(path, image)
    lazy = da.from_delayed(dask.delayed(tifffile.imread, pure=False)(path), SHAPE, np.float32)
    layer = bench.add(lazy, name="a", contrast_limits=(0, 1))
    path.rename(tmp_path / "elsewhere.tif")
    bench.start()
    state = bench.session.state(str(layer.unique_id))
    assert state.stage == "error"
    assert "No such file" in state.reason
    assert told(bench, "No such file") == 1
    assert_goes_on(bench, good)
    (tmp_path / "elsewhere.tif").rename(path)
    bench.prompts.data = []
    bench.start()
    bench.point(layer, CLICK)
    bench.assert_map(layer, as_rgb(image), [CLICK])


def test_a_zarr_with_a_broken_chunk(bench, tmp_path):
    good = bench.add(colours(*SHAPE), name="good", **BESIDE)
    image = planes(0)[0]
    array = zarr.create_array(tmp_path / "a.zarr", data=image, chunks=(64, 64))
    layer = bench.add(array, name="a", contrast_limits=(0, 1))
    chunk = tmp_path / "a.zarr" / "c" / "1" / "1"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:20])
    bench.start()
    state = bench.session.state(str(layer.unique_id))
    assert state.stage == "error"
    assert told(bench, state.reason) == 1
    assert_goes_on(bench, good)
    chunk.write_bytes(whole)
    bench.prompts.data = []
    bench.start()
    bench.point(layer, CLICK)
    bench.assert_map(layer, as_rgb(image), [CLICK])


def test_a_memory_map_whose_file_is_deleted(bench, tmp_path):
    """The system keeps the pixels as long as the map is open (on Windows it refuses to delete)."""
    path, image = tmp_path / "a.npy", planes(0)[0]
    np.save(path, image)
    layer = bench.add(np.load(path, mmap_mode="r"), name="a", contrast_limits=(0, 1))
    try:
        path.unlink()
    except PermissionError:
        return
    bench.start()
    bench.point(layer, CLICK)
    bench.assert_map(layer, as_rgb(image), [CLICK])


def test_in_3d_points_are_refused_and_maps_stay(bench):
    stack = planes(0, 1, 2)
    layer = bench.add(stack, name="a", contrast_limits=(0, 1))
    bench.start()
    bench.point(layer, (1, *CLICK))
    made = bench.map_of(layer)
    before = np.asarray(made.data).copy()
    assert np.isfinite(before).all()
    bench.viewer.dims.ndisplay = 3
    bench.wait()
    bench.point(layer, (2, 5, 70))
    assert "in 3-D or in the grid, a place says nothing" in bench.told[-1][0]
    assert [(prompt.plane, prompt.y, prompt.x) for prompt in bench.session.prompts] == [((1,), *CLICK)]
    assert bench.map_of(layer) is made
    np.testing.assert_array_equal(np.asarray(made.data), before)
    bench.viewer.dims.ndisplay = 2
    bench.wait()
    np.testing.assert_array_equal(np.asarray(made.data), before)


@pytest.mark.parametrize("limits", [(0.5, 0.5), (0.9, 0.1)])
def test_contrast_limits_the_wrong_way_round(bench, limits):
    """napari refuses them; what was set before stands."""
    layer = bench.add(planes(0)[0], name="a", contrast_limits=(0, 1))
    bench.start()
    with pytest.raises(ValueError, match="monotonically increasing"):
        layer.contrast_limits = limits
    bench.start()
    bench.point(layer, CLICK)
    bench.assert_map(layer, as_rgb(planes(0)[0]), [CLICK])


def test_the_mean_of_several_planes_on_screen_is_told(bench):
    bench.add(np.stack([colours(48, 80, seed) for seed in range(5)]), name="a", projection_mode="mean")
    bench.start()
    assert not any("several planes" in text for text, _ in bench.told)
    bench.viewer.dims.thickness = (3, 0, 0)
    bench.start()
    told = [text for text, _ in bench.told if "several planes" in text]
    assert told[0].startswith("a: on screen is the mean of several planes; each plane is searched by itself")
