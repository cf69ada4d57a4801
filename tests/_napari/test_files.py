"""Files as people have them: opened by napari's readers, embedded, clicked, and the map against the formulas."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
import skimage
import tifffile
import zarr
from npe2 import PluginManager
from ome_zarr.format import FormatV04, FormatV05
from ome_zarr.writer import write_image

from pictures import as_rgb, colours, greys
from planted import seed_map

SCALES = {"t": 2.0, "c": 1.0, "z": 2.5, "y": 0.65, "x": 0.3}
SHAPE = (100, 150)
CLICK = (37, 120)
HIGH, TOP = 40_000, 50_000
"""The largest number in images of 16 bits, and the contrast limit set by hand, which is not what napari would set."""
FORMATS = {"0.4": FormatV04(), "0.5": FormatV05()}
PHOTOGRAPHS = Path(skimage.__file__).parent / "data"


def deep(*seeds: int) -> np.ndarray:
    """Planes of 16 bits, (n, height, width)."""
    return np.stack([(greys(*SHAPE, seed) * HIGH).astype(np.uint16) for seed in seeds])


def open_file(bench, path, plugin: str = "napari", limits: tuple[float, float] | None = (0, TOP)) -> list:
    """Open a file as a person does, and set the contrast limits by hand."""
    layers = bench.viewer.open(path, plugin=plugin)
    for layer in layers:
        if limits is not None:
            layer.contrast_limits = limits
    return layers


def pixels(layer):
    """Array of full resolution."""
    return layer.data[0] if layer.multiscale else layer.data


def assert_found(bench, layer, image01: np.ndarray, click=CLICK, plane: tuple[int, ...] = ()) -> None:
    """Click on a plane, and compare its map with the formulas; ``image01`` is what is seen there, (H, W, 3)."""
    bench.start()
    bench.point(layer, (*plane, *click))
    (prompt,) = bench.session.prompts
    assert (prompt.source, prompt.plane) == (str(layer.unique_id), plane)
    shown = bench.map_of(layer)
    expected = seed_map(image01, 16, [click], complement=True)
    assert np.ptp(expected) > 0.9
    np.testing.assert_allclose(np.asarray(pixels(shown)[plane]), expected, atol=1e-5)
    for corner in [(0, 0), (image01.shape[0] - 1, 0), (0, image01.shape[1] - 1)]:
        np.testing.assert_allclose(shown.data_to_world((*plane, *corner)), layer.data_to_world((*plane, *corner)))
    assert shown.units == layer.units


@pytest.fixture(autouse=True)
def _six_numbers(encoders):
    """Greys must not all point the same way."""
    encoders.complement = True


@pytest.fixture(autouse=True, scope="module")
def _readers():
    """A viewer without a window finds no plugins by itself."""
    PluginManager.instance().discover()


# ---- TIFF --------------------------------------------------------------------------------------------------------


def test_tiff_photograph(bench, tmp_path):
    image = colours(*SHAPE)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb")
    (layer,) = open_file(bench, tmp_path / "a.tif", limits=None)
    assert layer.rgb
    assert_found(bench, layer, image / 255)


@pytest.mark.parametrize("dtype", ["<u2", ">u2", ">i2", "<f4", ">f4", "<f8"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_tiff_of_any_numbers(bench, tmp_path, dtype, compression):
    image = (greys(*SHAPE) * 30_000).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", image, byteorder=dtype[0], compression=compression)
    (layer,) = open_file(bench, tmp_path / "a.tif", limits=(0, 32_000))
    assert_found(bench, layer, as_rgb(image.astype(float) / 32_000))


def test_ome_tiff_stack(bench, tmp_path):
    stack = deep(0, 1, 2)
    facts = {"axes": "ZYX", "PhysicalSizeX": 0.65, "PhysicalSizeXUnit": "µm"}
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata=facts)
    (layer,) = open_file(bench, tmp_path / "a.ome.tif")
    assert layer.data.shape == (3, *SHAPE)
    assert_found(bench, layer, as_rgb(stack[2] / TOP), plane=(2,))


def test_pyramidal_ome_tiff(bench, tmp_path):
    image = deep(0)[0]
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as file:
        file.write(image, subifds=1, tile=(64, 64), metadata={"axes": "YX"})
        file.write(image[::2, ::2], subfiletype=1, tile=(64, 64))
    (layer,) = open_file(bench, tmp_path / "a.ome.tif")
    assert_found(bench, layer, as_rgb(image / TOP))


def test_memory_mapped_tiff(bench, tmp_path):
    image = deep(3)[0]
    tifffile.imwrite(tmp_path / "a.tif", image)
    layer = bench.add(tifffile.memmap(tmp_path / "a.tif", mode="r"), name="a", contrast_limits=(0, TOP))
    assert_found(bench, layer, as_rgb(image / TOP))


@pytest.mark.parametrize(
    ("name", "shape", "plane"), [("multipage.tif", (2, 15, 10), (1,)), ("multipage_rgb.tif", (2, 3, 10, 10), (1, 2))]
)
def test_multipage_files_of_scikit_image(bench, name, shape, plane):
    """Pages smaller than a patch, so that a map is all 0; colours lie along an axis of their own."""
    (layer,) = open_file(bench, PHOTOGRAPHS / name, limits=None)
    assert (layer.data.shape, layer.rgb) == (shape, False)
    bench.start()
    bench.point(layer, (*plane, 7, 6))
    (prompt,) = bench.session.prompts
    assert prompt.plane == plane
    np.testing.assert_array_equal(np.asarray(bench.map_of(layer).data[plane]), np.zeros(shape[-2:]))
    assert np.isfinite(np.asarray(bench.map_of(layer).data)).all()


# ---- photographs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "click"), [("coffee.png", (233, 417)), ("rocket.jpg", (61, 322))])
def test_photograph_of_scikit_image(bench, name, click):
    image = imageio.imread(PHOTOGRAPHS / name)
    (layer,) = open_file(bench, PHOTOGRAPHS / name, limits=None)
    assert_found(bench, layer, image / 255, click)


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_photograph_that_was_written(bench, tmp_path, name):
    imageio.imwrite(tmp_path / name, colours(*SHAPE))
    (layer,) = open_file(bench, tmp_path / name, limits=None)
    assert_found(bench, layer, imageio.imread(tmp_path / name) / 255)


def test_png_with_alpha_or_16_bits(bench, tmp_path):
    alpha = np.dstack([colours(*SHAPE), np.full(SHAPE, 9, np.uint8)])
    imageio.imwrite(tmp_path / "alpha.png", alpha)
    (layer,) = open_file(bench, tmp_path / "alpha.png", limits=None)
    assert layer.data.shape == (*SHAPE, 4)
    assert_found(bench, layer, alpha[..., :3] / 255)
    bench.viewer.layers.remove(layer)
    bench.prompts.data = []
    image = deep(0)[0]
    imageio.imwrite(tmp_path / "deep.png", image)
    (layer,) = open_file(bench, tmp_path / "deep.png")
    assert_found(bench, layer, as_rgb(image / TOP))


# ---- OME-Zarr ----------------------------------------------------------------------------------------------------


def write_ome_zarr(path: Path, data: np.ndarray, axes: str, version: str) -> None:
    fmt = FORMATS[version]
    group = zarr.create_group(path, zarr_format=fmt.zarr_format)
    units = {letter: "micrometer" if letter in "zyx" else "second" for letter in axes if letter != "c"}
    write_image(
        data,
        group,
        scale_factors=(2,),
        fmt=fmt,
        axes=axes,
        scale={letter: SCALES[letter] for letter in axes},
        axes_units=units,
    )


@pytest.mark.parametrize("version", FORMATS)
def test_ome_zarr_plane(bench, tmp_path, version):
    image = deep(0)[0]
    write_ome_zarr(tmp_path / "a.zarr", image, "yx", version)
    (layer,) = open_file(bench, tmp_path / "a.zarr", "napari-ome-zarr")
    assert layer.multiscale
    np.testing.assert_allclose(layer.scale, (0.65, 0.3))
    assert str(layer.units[0]) == "micrometer"
    assert_found(bench, layer, as_rgb(image / TOP))


@pytest.mark.parametrize("version", FORMATS)
def test_ome_zarr_of_five_axes(bench, tmp_path, version):
    """Each channel is a layer, (t, z, y, x)."""
    data = deep(*range(24)).reshape(3, 2, 4, *SHAPE)
    write_ome_zarr(tmp_path / "a.zarr", data, "tczyx", version)
    layers = open_file(bench, tmp_path / "a.zarr", "napari-ome-zarr")
    assert [layer.data[0].shape for layer in layers] == [(3, 4, *SHAPE)] * 2
    lower, upper = layers
    upper.visible = False
    assert_found(bench, lower, as_rgb(data[2, 0, 1] / TOP), plane=(2, 1))
    bench.viewer.dims.set_point((0, 1), lower.data_to_world((2, 3, 0, 0))[:2])
    bench.wait()
    found = pixels(bench.map_of(upper))[2, 3]
    expected = seed_map(as_rgb(data[2, 1, 3] / TOP), 16, [CLICK], as_rgb(data[2, 0, 1] / TOP), complement=True)
    np.testing.assert_allclose(np.asarray(found), expected, atol=1e-5)


# ---- arrays as scripts give them ---------------------------------------------------------------------------------


def test_stack_of_four_axes(bench):
    data = deep(*range(6)).reshape(3, 2, *SHAPE)
    layer = bench.add(data, name="a", contrast_limits=(0, TOP), axis_labels=("t", "c", "y", "x"))
    assert_found(bench, layer, as_rgb(data[2, 1] / TOP), plane=(2, 1))


def test_multiscale_list(bench):
    image = deep(0)[0]
    layer = bench.add([image, image[::2, ::2], image[::4, ::4]], name="a", multiscale=True, contrast_limits=(0, TOP))
    assert_found(bench, layer, as_rgb(image / TOP))
