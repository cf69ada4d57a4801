"""OME-TIFF: tiled, deflate-compressed, pyramids as SubIFDs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_dinosim.export.blocks import MapBlocks, Steps
    from napari_dinosim.export.calibration import Axis

TILE = 512
"""Side of a tile in pixels: 1 MB before compression."""

BIG = 2**32 - 2**25
"""Bytes before compression from which a TIFF needs 64-bit offsets; tifffile's own limit."""


def write_tiff(path: Path, blocks: MapBlocks, axes: tuple[Axis, ...], name: str, steps: Steps) -> None:
    """Write a map as OME-TIFF.

    Parameters
    ----------
    path : Path
        Made anew.
    blocks : MapBlocks
    axes : tuple of Axis
        One per axis of the map; their origins are not kept.
    name : str
        Name of the image in the file.
    steps : Steps

    Raises
    ------
    OSError
        If the file cannot be written.
    Cancelled
        If the person does not want the rest.
    """
    steps.total = blocks.count(TILE)
    leading, levels = blocks.shape[:-2], blocks.levels
    size = 4 * int(np.prod(leading)) * sum(height * width for height, width in levels)
    with tifffile.TiffWriter(path, ome=True, bigtiff=size > BIG) as file:
        for level in levels:
            top: dict[str, Any] = {"subifds": len(levels) - 1, "metadata": _metadata(axes, name)}
            file.write(
                _tiles(blocks, level, steps),
                shape=(*leading, *level),
                dtype=np.float32,
                tile=(TILE, TILE),
                photometric="minisblack",
                compression="zlib",
                **(top | _resolution(axes) if level == levels[0] else {"subfiletype": 1}),
            )


def _tiles(blocks: MapBlocks, level: tuple[int, int], steps: Steps) -> Iterator[NDArray[np.float32]]:
    for plane in blocks.planes:
        for (ys, xs), values in blocks.read(plane, level, TILE):
            steps.step()
            shape = ys.stop - ys.start, xs.stop - xs.start
            yield np.full(shape, np.nan, dtype=np.float32) if values is None else values


def _metadata(axes: tuple[Axis, ...], name: str) -> dict[str, Any]:
    """Say what tifffile shall write as OME-XML."""
    found: dict[str, Any] = {"axes": "".join(axis.letter for axis in axes).upper(), "Name": name}
    for axis in axes:
        if axis.kind == "space":
            key = f"PhysicalSize{axis.letter.upper()}"
        elif axis.unit is not None:
            key = "TimeIncrement"
        else:  # a channel, or a time without a unit, which OME-XML would take for seconds
            continue
        found |= {key: axis.step, f"{key}Unit": axis.symbol}
    return found


def _resolution(axes: tuple[Axis, ...]) -> dict[str, Any]:
    """Pixels per centimetre, for programs that do not read OME-XML; nothing where the unit is no metric length."""
    metric = {"nanometer": 1e7, "micrometer": 1e4, "millimeter": 10.0, "centimeter": 1.0, "meter": 1e-2}
    y, x = axes[-2:]
    if y.unit not in metric or x.unit not in metric:
        return {}
    return {"resolution": (metric[x.unit] / x.step, metric[y.unit] / y.step), "resolutionunit": "CENTIMETER"}
