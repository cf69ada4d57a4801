"""Writes the map over an image to a file: where it lies, which file, and the work itself, off the GUI thread."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_dinosim._napari.coordinates import leading_shape, plane_shape, world_matrix
from napari_dinosim._napari.lazy_map import LazyMap
from napari_dinosim._napari.task import Task
from napari_dinosim.errors import ExportError
from napari_dinosim.export import TIFF_ENDINGS, ZARR_ENDING, export_map
from napari_dinosim.planes import LAST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from napari.layers import Image, Layer
    from numpy.typing import NDArray

    from napari_dinosim._napari.searched import Searched
    from napari_dinosim.engine import Engine, Job
    from napari_dinosim.export.blocks import MapOnPixels
    from napari_dinosim.planes import Axes, PlaneIndex
    from napari_dinosim.session import SimilaritySession

FORMATS = {
    "OME-TIFF (*.ome.tif)": (".ome.tif", "0.5"),
    "OME-Zarr 0.5 (*.ome.zarr)": (".ome.zarr", "0.5"),
    "OME-Zarr 0.4, for older programs (*.ome.zarr)": (".ome.zarr", "0.4"),
}
"""What the file dialog offers: the ending of the file, and the version of OME-Zarr."""

LABELS = {"t": "t", "time": "t", "c": "c", "channel": "c", "z": "z"}
"""Axis labels that say which of OME's axes is meant."""

OTHER_PICTURES = ".png", ".svg", ".pdf", ".tif", ".tiff", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".eps", ".ps"
"""Endings that say what a person wants; another part of a name after a dot may be anything."""

NOT_KEPT = " Its rotation, shear and flips are not: these formats have no place for them."


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image lies, as far as a file can tell.

    Parameters
    ----------
    axes : str
        A letter per axis.
    pixel_size, origin : tuple of float
        Per axis, in its unit.
    unit : tuple of str
        Per axis.
    straight : bool
        Whether this is all: no rotation, shear or flip.
    """

    axes: str
    pixel_size: tuple[float, ...]
    origin: tuple[float, ...]
    unit: tuple[str, ...]
    straight: bool


def place_of(image: Image) -> Place:
    """Say where an image lies, in its own units."""
    matrix = world_matrix(image, None)
    linear, origin = matrix[:-1, :-1], matrix[:-1, -1]
    size = np.linalg.norm(linear, axis=0)
    straight = bool(np.allclose(linear, np.diag(size), atol=1e-9 * size.max()))
    start = origin if straight else np.zeros_like(origin)
    units = tuple(str(unit) for unit in image.units)
    return Place(_letters(image), tuple(size.tolist()), tuple(start.tolist()), units, straight)


def _letters(image: Image) -> str:
    """Letters of the axes: by their labels, then by their units, then z before t before c, in the order t, c, z."""
    count = len(leading_shape(image))
    known: list[str | None] = []
    for label, unit in zip(image.axis_labels[:count], image.units[:count], strict=True):
        letter = LABELS.get(label.lower()) or ("t" if unit.is_compatible_with("second") else None)
        known.append(None if letter in known else letter)
    free = [letter for letter in "ztc" if letter not in known][: known.count(None)]
    others = iter(sorted(free, key="tcz".index))
    return "".join(letter or next(others, "?") for letter in known) + "yx"


def suggested(image: Image, ending: str = ".ome.tif") -> str:
    """Path that the file dialog begins with: beside the image's own file, where it has one."""
    source = image.source.path
    folder = Path(source).parent if source and Path(source).parent.is_dir() else Path.home()
    return str(folder / (re.sub(r"[^\w.-]+", "_", image.name).strip("._") or "image")) + f"-similarity{ending}"


def target_of(path: str, chosen: str, layers: Iterable[Layer]) -> Path:
    """Complete a path from the file dialog of maps; ``chosen`` is one of :data:`FORMATS`, see :func:`completed`."""
    return completed(path, FORMATS[chosen][0], (*TIFF_ENDINGS, ZARR_ENDING), layers)


def completed(path: str, ending: str, endings: Sequence[str], layers: Iterable[Layer]) -> Path:
    """Complete a path from a file dialog.

    Parameters
    ----------
    path : str
        As the dialog gave it; the ending may be missing.
    ending : str
        What it then gets.
    endings : sequence of str
        Those that are good.
    layers : iterable of Layer
        Whose files are not to be replaced.

    Raises
    ------
    ExportError
        If a layer was opened from that file, if the ending is that of another kind of picture, or if the dialog has not
        asked whether to replace it.
    """
    target = Path(path)
    if target.suffix.lower() not in endings:
        if target.suffix.lower() in OTHER_PICTURES:
            raise ExportError(f"file name: found {target.name!r}, expected one that ends in {', '.join(endings)}.")
        target = target.with_name(target.name + ending)
        if target.exists():
            raise ExportError(f"{target.name!r} is there already. Choose it in the dialog to replace it.")
    for layer in layers:
        if layer.source.path and Path(layer.source.path).resolve() == target.resolve():
            raise ExportError(f"{target.name!r} is the file of the layer {layer.name!r}. Choose another name.")
    return target


@dataclass(frozen=True, slots=True, eq=False)
class AcrossMaps:
    """A plane along the last two axes, where maps are of planes along others: a row of pixels from each of them, say.

    Parameters
    ----------
    maps : LazyMap
        Of the whole image.
    plane : tuple of int
    """

    maps: LazyMap
    plane: PlaneIndex

    @property
    def image_shape(self) -> tuple[int, int]:
        """(height, width) of the plane, in pixels."""
        height, width = self.maps.shape[-2:]
        return height, width

    def upsample_at(self, ys: NDArray[np.intp], xs: NDArray[np.intp]) -> NDArray[np.float32]:
        """Values at n pixel rows and m pixel columns, of shape (n, m); NaN where there is no map."""
        return self.maps[(*self.plane, ys, xs)]


def along_last_axes(
    maps: Callable[[PlaneIndex], MapOnPixels | None], shape: tuple[int, ...], axes: Axes
) -> Callable[[PlaneIndex], MapOnPixels | None]:
    """Give maps of planes along the last two axes, as files hold them, from those along the axes on screen.

    Parameters
    ----------
    maps : callable(plane index) -> map or None
        Each is asked for once and kept, as its patch grid: a plane of the file runs through all of them.
    shape : tuple of int
        (…, height, width) of the image, in pixels.
    axes : tuple of int
        Those of the planes that have maps.
    """
    if axes == LAST:
        return maps
    whole = LazyMap(shape, functools.cache(maps), axes=lambda: axes)
    return functools.partial(AcrossMaps, whole)


class MapExport(Task):
    """Writes one map at a time, in a worker of the engine.

    Parameters
    ----------
    engine : Engine
    session : SimilaritySession
    """

    def __init__(self, engine: Engine, session: SimilaritySession) -> None:
        super().__init__(engine, "export")
        self._session = session

    def write(self, found: Searched, target: Path, version: str = "0.5", axes: Axes = LAST) -> None:
        """Write the map over an image as it is now; what happens in the viewer meanwhile does not change it.

        Parameters
        ----------
        found : Searched
        target : Path
        version : str
            Of OME-Zarr.
        axes : tuple of int
            Those on screen, along which the planes lie that have maps; the file has the axes of the image all the same.
        """
        image = found.image
        maps, place, name = self._session.frozen_maps(found.key), place_of(image), found.name
        shape = leading_shape(image) + plane_shape(image)
        planes = along_last_axes(lambda plane: maps(found.plane(plane)), shape, axes)

        def work(job: Job[Path]) -> Path:
            return export_map(
                target,
                planes,
                shape=shape,
                axes=place.axes,
                pixel_size=place.pixel_size,
                unit=place.unit,
                origin=place.origin,
                name=f"similarity · {name}",
                version=version,
                on_progress=job.advance,
                cancelled=lambda: job.cancelled,
            )

        def done(path: Path) -> str:
            return f"The map over {name} is in {path}." + ("" if place.straight else NOT_KEPT)

        self.start(work, done, "Cancelled: no map was written.")
