"""Similarity maps as files, at the image's own resolution: OME-TIFF and OME-Zarr.

A map is written block by block from its patch grid, so that the map of a 30 000 × 30 000 image never exists whole. It
is written beside its target and takes the target's place when it is complete: a file that was there stays whole until
then.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_dinosim.errors import ExportError
from napari_dinosim.export.blocks import MapBlocks, Steps
from napari_dinosim.export.calibration import calibrate
from napari_dinosim.export.ome_tiff import write_tiff
from napari_dinosim.export.ome_zarr import VERSIONS, write_zarr
from napari_dinosim.export.place import beside

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.export.blocks import MapOnPixels
    from napari_dinosim.export.calibration import Axis
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.similarity import Query
    from napari_dinosim.states import SimilarityMap

    Plane = PatchEmbeddings | SimilarityMap
    Lookup = Callable[[PlaneIndex], PatchEmbeddings | MapOnPixels | None]

TIFF_ENDINGS = (".tif", ".tiff")
ZARR_ENDING = ".zarr"


def export_map(
    path: str | PathLike[str],
    found: Plane | Sequence[Plane] | Lookup,
    query: Query | None = None,
    *,
    shape: Sequence[int] | None = None,
    axes: str | None = None,
    pixel_size: float | Sequence[float] = 1.0,
    unit: str | Sequence[str | None] | None = None,
    origin: Sequence[float] | None = None,
    name: str = "similarity map",
    version: str = "0.5",
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Path:
    """Write a similarity map at the image's resolution: float32 in [0, 1], compressed, as a pyramid; NaN without a map.

    Parameters
    ----------
    path : path-like
        Ends in ``.tif`` or ``.tiff`` for OME-TIFF (``.ome.tif`` by custom), in ``.zarr`` for OME-Zarr. What is there
        is replaced when the new one is complete; a folder is replaced only where it is a Zarr.
    found : PatchEmbeddings or SimilarityMap, or a sequence of them, or callable(plane index) -> one of them, or None
        Of one image; of the planes of a stack; or of those of a stack of any shape.
    query : Query, optional
        What is looked for in embeddings.
    shape : sequence of int, optional
        With a callable: shape of the stack in pixels, (…, height, width).
    axes : str, optional
        A letter per axis; by default the last ones of ``tzyx``, or ``tczyx``. OME-Zarr wants them in this order.
    pixel_size : float or sequence of float
        Distance of two pixels: one number for y, x and z, or one per axis, all positive.
    unit : str or sequence of str or None, optional
        Of ``pixel_size``, as in ``"µm"``: one for y, x and z, or one per axis. None and ``"pixel"`` mean no unit.
    origin : sequence of float, optional
        Where the first pixel's centre lies, one number per axis, in these units; kept by OME-Zarr only.
    name, version : str
        Name of the image in the file; version of OME-Zarr, ``"0.5"``, or ``"0.4"`` for older programs.
    on_progress, cancelled : callable(done, total), callable() -> bool, optional
        Called as blocks are written; asked before each block.

    Returns
    -------
    Path

    Raises
    ------
    ExportError
        If the map cannot be written there, or not as is asked.
    EncoderMismatchError
        If the query was made with another encoder than the embeddings.
    Cancelled
        If ``cancelled()`` became true.
    """
    blocks, target = _blocks(found, query, shape), Path(path)
    calibration = calibrate(blocks.shape, axes, pixel_size, unit, origin)
    _write(target, blocks, calibration, name, version, Steps(on_progress, cancelled))
    return target


def _write(
    target: Path, blocks: MapBlocks, calibration: tuple[Axis, ...], name: str, version: str, steps: Steps
) -> None:
    """Write in the format that the ending tells."""
    ending = target.suffix.lower()
    if ending in TIFF_ENDINGS:
        with beside(target, folder=False) as unfinished:
            write_tiff(unfinished, blocks, calibration, name, steps)
    elif ending == ZARR_ENDING:
        if version not in VERSIONS:
            raise ExportError(f"OME-Zarr version: found {version!r}, expected one of {', '.join(VERSIONS)}.")
        with beside(target, folder=True) as unfinished:
            write_zarr(unfinished, blocks, calibration, name, version, steps)
    else:
        raise ExportError(
            f"file name: found {target.name!r}, expected one that ends in {', '.join(TIFF_ENDINGS)} (OME-TIFF) or "
            f"{ZARR_ENDING} (OME-Zarr). Add the ending."
        )


def _blocks(found: Plane | Sequence[Plane] | Lookup, query: Query | None, shape: Sequence[int] | None) -> MapBlocks:
    """Read what is to be written as blocks."""
    if callable(found):
        if shape is None:
            raise ExportError("map: found planes without a shape, expected both. Give shape=(…, height, width).")
        lookup = found
        return MapBlocks(tuple(int(n) for n in shape), lambda plane: _map(lookup(plane), query))
    if isinstance(found, Sequence):
        if not found:
            raise ExportError("map: found no plane, expected at least one. Give the planes of a stack.")
        planes = [_map(plane, query) for plane in found]
        return MapBlocks((len(planes), *found[0].grid.image_shape), lambda plane: planes[plane[0]])
    whole = _map(found, query)
    return MapBlocks(found.grid.image_shape, lambda _plane: whole)


def _map(found: PatchEmbeddings | MapOnPixels | None, query: Query | None) -> MapOnPixels | None:
    """Put the query to what are embeddings."""
    from napari_dinosim.embeddings import PatchEmbeddings

    if not isinstance(found, PatchEmbeddings):
        return found
    if query is None:
        raise ExportError("map: found embeddings without a query, expected both. Give the query too.")
    from napari_dinosim.similarity import extremes
    from napari_dinosim.states import SimilarityMap

    scores = found.cosine(query)
    over = extremes(scores)
    return SimilarityMap(scores, found.grid, over[1], over)
