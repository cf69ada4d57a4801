"""Maps as files: read back by other hands, number for number; and a target that is whole at every moment."""

from __future__ import annotations

import errno
import tracemalloc
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
import zarr
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader

import napari_dinosim as dinosim
from napari_dinosim.errors import Cancelled, EncoderMismatchError, ExportError
from napari_dinosim.export import export_map
from napari_dinosim.grid import PatchGrid
from napari_dinosim.states import SimilarityMap
from pictures import colours
from planted import MeanColourEncoder, seed_map

SMALL, LARGE = PatchGrid(75, 61, 14), PatchGrid(2500, 1301, 14)
UM = {"pixel_size": (0.5, 0.25), "unit": "um"}
NAMES = {"tiff": "map.ome.tif", "0.5": "map.ome.zarr", "0.4": "map.ome.zarr"}


def a_map(grid: PatchGrid, seed: int = 0) -> SimilarityMap:
    values = np.random.default_rng(seed).random(grid.shape, dtype=np.float32)
    return SimilarityMap(torch.from_numpy(values), grid, 1.0)


def full(found: SimilarityMap) -> np.ndarray:
    return found.grid.upsample(found.values)


def write(folder: Path, kind: str, found, **more) -> Path:
    version = {} if kind == "tiff" else {"version": kind}
    return export_map(folder / NAMES[kind], found, **version, **more)


def levels_of(path: Path) -> list[np.ndarray]:
    """What another reader finds, the finest level first."""
    if path.suffix == ".zarr":
        (node,) = Reader(parse_url(path))()
        return [np.asarray(level) for level in node.data]
    with tifffile.TiffFile(path) as file:
        return [level.asarray() for level in file.series[0].levels]


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def files_of_at_most(size: int):
    """No file of this process may grow longer; Windows has no such limit."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# ---- what is written ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", NAMES)
def test_small_map_comes_back(tmp_path, kind):
    found = a_map(SMALL)
    path = write(tmp_path, kind, found, **UM)
    assert path == tmp_path / NAMES[kind]
    (level,) = levels_of(path)
    assert level.dtype == np.float32
    np.testing.assert_array_equal(level, full(found))
    assert left_over(tmp_path) == [NAMES[kind]]


@pytest.mark.parametrize("kind", NAMES)
def test_large_map_is_a_pyramid(tmp_path, kind):
    """Each level has the pixel under the centre of its own."""
    found = a_map(LARGE)
    levels = levels_of(write(tmp_path, kind, found))
    assert [level.shape for level in levels] == [(2500, 1301), (1250, 651), (625, 326)]
    for height, width in (level.shape for level in levels):
        ys = np.floor((np.arange(height) + 0.5) * 2500 / height).astype(int)
        xs = np.floor((np.arange(width) + 0.5) * 1301 / width).astype(int)
        level = next(level for level in levels if level.shape == (height, width))
        np.testing.assert_array_equal(level, full(found)[np.ix_(ys, xs)])


@pytest.mark.parametrize("kind", NAMES)
def test_planes_without_a_map_are_nan(tmp_path, kind):
    maps = {(0, 1): a_map(SMALL), (1, 2): a_map(SMALL, 1)}
    (level,) = levels_of(write(tmp_path, kind, maps.get, shape=(2, 3, 75, 61), axes="tzyx"))
    assert level.shape == (2, 3, 75, 61)
    for plane in np.ndindex(2, 3):
        expected = full(maps[plane]) if plane in maps else np.full((75, 61), np.nan)
        np.testing.assert_array_equal(level[plane], expected)


def test_embeddings_with_a_query(tmp_path):
    image = colours(100, 150)
    embeddings = dinosim.embed(image, MeanColourEncoder())
    path = dinosim.export_map(tmp_path / "map.tif", embeddings, embeddings.query([(37, 120)]))
    (level,) = levels_of(path)
    np.testing.assert_array_equal(level, embeddings.similarity_map(embeddings.query([(37, 120)])))
    np.testing.assert_allclose(level, seed_map(image / 255, 16, [(37, 120)]), atol=1e-5)


def test_tiff_is_tiled_compressed_and_calibrated(tmp_path):
    path = export_map(tmp_path / "map.ome.tif", a_map(LARGE), name="similarity · a", **UM)
    assert path.stat().st_size < full(a_map(LARGE)).nbytes / 10
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        assert (page.tile, page.compression.name, len(page.subifds)) == ((512, 512), "ADOBE_DEFLATE", 2)
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
        assert file.ome_metadata.count('Name="similarity · a"') == 1
        numerator, denominator = page.tags["YResolution"].value
    assert (pixels["PhysicalSizeY"], pixels["PhysicalSizeX"]) == (0.5, 0.25)
    assert (pixels["PhysicalSizeYUnit"], pixels["PhysicalSizeXUnit"]) == ("µm", "µm")
    assert numerator / denominator == pytest.approx(20_000)


def test_tiff_of_a_time_series_in_any_order(tmp_path):
    units = (None, "ms", "nm", "µm")
    path = export_map(
        tmp_path / "map.ome.tif",
        lambda _plane: a_map(SMALL),
        shape=(2, 3, 75, 61),
        axes="ctyx",
        pixel_size=(1, 40, 500, 0.25),
        unit=units,
    )
    with tifffile.TiffFile(path) as file:
        assert (file.series[0].axes, file.series[0].shape) == ("CTYX", (2, 3, 75, 61))
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    assert (pixels["TimeIncrement"], pixels["TimeIncrementUnit"]) == (40, "ms")
    assert (pixels["PhysicalSizeY"], pixels["PhysicalSizeYUnit"]) == (500, "nm")
    assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeXUnit"]) == (0.25, "µm")


def test_tiff_without_a_unit_says_so(tmp_path):
    """OME-XML would take a missing unit for µm."""
    path = export_map(tmp_path / "map.ome.tif", a_map(SMALL))
    with tifffile.TiffFile(path) as file:
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeXUnit"]) == (1, "pixel")


@pytest.mark.parametrize(("version", "zarr_format"), [("0.5", 3), ("0.4", 2)])
def test_zarr_is_chunked_compressed_and_calibrated(tmp_path, version, zarr_format):
    path = export_map(
        tmp_path / "map.ome.zarr",
        lambda _plane: a_map(LARGE),
        shape=(2, 2500, 1301),
        pixel_size=(2, 0.5, 0.25),
        unit="micron",
        origin=(10, -3, 4),
        version=version,
    )
    group = zarr.open_group(path, mode="r")
    assert group.metadata.zarr_format == zarr_format
    assert group["0"].chunks == (1, 1024, 1024)
    assert group["0"].nbytes_stored() < group["0"].nbytes / 10
    (found,) = (group.attrs["ome"] if version == "0.5" else group.attrs)["multiscales"]
    assert [(axis["name"], axis["type"], axis["unit"]) for axis in found["axes"]] == [
        (letter, "space", "micrometer") for letter in "zyx"
    ]
    for number, dataset in enumerate(found["datasets"]):
        height, width = group[dataset["path"]].shape[1:]
        scale, translation = dataset["coordinateTransformations"]
        np.testing.assert_allclose(scale["scale"], (2, 0.5 * 2500 / height, 0.25 * 1301 / width))
        edge = np.subtract(translation["translation"][1:], np.multiply(scale["scale"][1:], 0.5))
        np.testing.assert_allclose(edge, (-3 - 0.25, 4 - 0.125), err_msg=f"level {number} begins elsewhere")
    assert translation["translation"][0] == 10
    assert found["name"] == "similarity map"


@pytest.mark.parametrize(
    ("unit", "written", "size"),
    [
        ("um", "micrometer", 0.5),
        ("µm", "micrometer", 0.5),
        ("micron", "micrometer", 0.5),
        ("hectometer", "micrometer", 0.5e8),
        ("angstrom", "angstrom", 0.5),
        ("pixel", None, 0.5),
        (None, None, 0.5),
    ],
)
def test_units(tmp_path, unit, written, size):
    export_map(tmp_path / "a.zarr", a_map(SMALL), pixel_size=0.5, unit=unit)
    (found,) = zarr.open_group(tmp_path / "a.zarr", mode="r").attrs["ome"]["multiscales"]
    assert [axis.get("unit") for axis in found["axes"]] == [written, written]
    np.testing.assert_allclose(found["datasets"][0]["coordinateTransformations"][0]["scale"], (size, size))


@pytest.mark.parametrize("kind", NAMES)
def test_map_never_exists_whole(tmp_path, kind):
    """A map of 268 MB; numpy tells tracemalloc of every array."""
    found = a_map(PatchGrid(8200, 8175, 16))
    tracemalloc.start()
    write(tmp_path, kind, found)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64e6


# ---- progress, cancel, a target that stays whole -----------------------------------------------------------------


@pytest.mark.parametrize("kind", NAMES)
def test_progress_counts_to_the_end(tmp_path, kind):
    told = []
    write(tmp_path, kind, a_map(LARGE), on_progress=lambda *counts: told.append(counts))
    done, total = zip(*told, strict=True)
    assert len(set(total)) == 1
    assert list(done) == sorted(set(done))
    assert done[-1] == total[0] > 5


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("there", [False, True])
def test_cancelled_leaves_what_was_there(tmp_path, kind, there):
    if there:
        write(tmp_path, kind, a_map(SMALL))
    done = []
    with pytest.raises(Cancelled, match="nothing of it was kept"):
        write(
            tmp_path,
            kind,
            a_map(LARGE),
            on_progress=lambda count, _total: done.append(count),
            cancelled=lambda: len(done) == 3,
        )
    assert left_over(tmp_path) == [NAMES[kind]] * there
    if there:
        np.testing.assert_array_equal(levels_of(tmp_path / NAMES[kind])[0], full(a_map(SMALL)))


@pytest.mark.parametrize("kind", NAMES)
def test_no_room_leaves_what_was_there(tmp_path, kind):
    """A true refusal by the system, in the middle of writing."""
    write(tmp_path, kind, a_map(SMALL))
    noise = PatchGrid(600, 700, 1)
    with files_of_at_most(100_000), pytest.raises(ExportError, match=r"no room for .*unchanged. Free some"):
        write(tmp_path, kind, a_map(noise))
    assert left_over(tmp_path) == [NAMES[kind]]
    np.testing.assert_array_equal(levels_of(tmp_path / NAMES[kind])[0], full(a_map(SMALL)))
    write(tmp_path, kind, a_map(noise))
    np.testing.assert_array_equal(levels_of(tmp_path / NAMES[kind])[0], full(a_map(noise)))
    assert left_over(tmp_path) == [NAMES[kind]]


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.EACCES, r"may not be written .*Choose another folder"),
        (errno.EIO, r"could not be written: .*another place"),
    ],
)
def test_what_the_system_refuses_is_told(tmp_path, number, reason):
    """As root, whom nothing is forbidden, no real refusal of this kind can be had."""

    def lookup(_plane):
        raise OSError(number, "refused")

    with pytest.raises(ExportError, match=reason):
        export_map(tmp_path / "map.tif", lookup, shape=(75, 61))
    assert left_over(tmp_path) == []


def test_a_zarr_that_cannot_take_its_place(tmp_path, monkeypatch):
    """The old one comes back."""
    write(tmp_path, "0.5", a_map(SMALL))
    rename = Path.rename

    def refuse(path, target):
        if path.suffix == ".unfinished":
            raise OSError(errno.EIO, "refused")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(ExportError, match="could not be written"):
        write(tmp_path, "0.5", a_map(LARGE))
    assert left_over(tmp_path) == [NAMES["0.5"]]
    np.testing.assert_array_equal(levels_of(tmp_path / NAMES["0.5"])[0], full(a_map(SMALL)))


# ---- what cannot be ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["missing/map.tif", "file/map.zarr"])
def test_folder_that_is_not_there(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match=r"folder: found no .*choose another one"):
        export_map(tmp_path / name, a_map(SMALL))
    assert left_over(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("mine.zarr", "is a folder, but no Zarr"),
        ("mine.tif", "is a folder: it is not replaced"),
        ("f.zarr", "is a file"),
    ],
)
def test_what_is_not_ours_to_replace(tmp_path, name, reason):
    for folder in ("mine.zarr", "mine.tif"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "notes.txt").write_text("years of work")
    (tmp_path / "f.zarr").write_text("years of work")
    with pytest.raises(ExportError, match=reason):
        export_map(tmp_path / name, a_map(SMALL))
    assert (tmp_path / "mine.zarr" / "notes.txt").read_text() == "years of work"
    assert (tmp_path / "f.zarr").read_text() == "years of work"
    assert left_over(tmp_path) == ["f.zarr", "mine.tif", "mine.zarr"]


STACK = {"found": lambda _plane: None, "shape": (3, 75, 61)}


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"path": "map.png"}, "file name: found 'map.png', expected one that ends in .tif"),
        ({"path": "map.zarr", "version": "0.3"}, "OME-Zarr version: found '0.3', expected one of 0.5, 0.4"),
        ({"found": lambda _plane: None}, "found planes without a shape"),
        ({"found": []}, "found no plane, expected at least one"),
        ({"found": lambda _plane: None, "shape": (7,)}, r"found the shape \(7,\)"),
        ({"found": lambda _plane: None, "shape": (0, 5, 7)}, "each at least 1"),
        ({"found": lambda _plane: a_map(SMALL), "shape": (3, 61, 75)}, r"found one of \(75, 61\) pixels"),
        ({"axes": "xy"}, "axes: found 'xy'"),
        (STACK | {"axes": "qyx"}, "axes: found 'qyx'"),
        (STACK | {"axes": "yyx"}, "axes: found 'yyx'"),
        ({"found": lambda _plane: None, "shape": (1, 2, 3, 1, 75, 61)}, "axes: found 6 for the shape"),
        (STACK | {"shape": (2, 2, 75, 61), "axes": "ztyx", "path": "map.zarr"}, "axes: found 'ztyx', but OME-Zarr"),
        ({"pixel_size": (1, 2, 3)}, "pixel_size: found 3 values for the axes 'yx', expected 2"),
        ({"pixel_size": 0.0}, "pixel_size of y: found 0, expected a positive number"),
        ({"pixel_size": (1, -1)}, "pixel_size of x: found -1"),
        ({"pixel_size": np.nan}, "pixel_size of y: found nan"),
        ({"origin": (0, np.inf)}, "origin of x: found inf"),
        ({"unit": "furlongs per moon"}, "unit of y: found 'furlongs per moon', expected the name of a unit"),
        ({"unit": "kg"}, "unit of y: found 'kg', expected one of space, such as 'µm'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_written_is_refused(tmp_path, facts, reason):
    facts = {"path": "map.tif", "found": a_map(SMALL)} | facts
    with pytest.raises(ExportError, match=reason):
        export_map(tmp_path / facts.pop("path"), facts.pop("found"), **facts)
    assert left_over(tmp_path) == []


def test_stack_of_embeddings(tmp_path):
    images = [colours(100, 150, seed) for seed in range(3)]
    planes = [dinosim.embed(image, MeanColourEncoder()) for image in images]
    query = planes[2].query([(37, 120)])
    (level,) = levels_of(export_map(tmp_path / "stack.zarr", planes, query))
    by_plane = levels_of(export_map(tmp_path / "stack.tif", lambda p: planes[p[0]], query, shape=(3, 100, 150)))
    for found, mine, image in zip(level, by_plane[0], images, strict=True):
        np.testing.assert_allclose(found, seed_map(image / 255, 16, [(37, 120)], images[2] / 255), atol=1e-5)
        np.testing.assert_array_equal(found, mine)


def test_embeddings_need_a_query_of_their_encoder(tmp_path):
    embeddings = dinosim.embed(colours(100, 150), MeanColourEncoder())
    with pytest.raises(ExportError, match="embeddings without a query"):
        export_map(tmp_path / "map.tif", embeddings)
    other = dinosim.embed(colours(100, 150), MeanColourEncoder(identity="other")).query([(3, 4)])
    with pytest.raises(EncoderMismatchError, match="Embed both with one encoder"):
        export_map(tmp_path / "map.tif", embeddings, other)
    assert left_over(tmp_path) == []
