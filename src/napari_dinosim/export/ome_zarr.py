"""OME-Zarr 0.5 (Zarr 3) and 0.4 (Zarr 2): chunked, compressed, pyramidal.

Source: OME-NGFF, https://ngff.openmicroscopy.org/0.5/ and /0.4/, section "multiscales" metadata.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dinosim.errors import ExportError

if TYPE_CHECKING:
    from pathlib import Path

    from napari_dinosim.export.blocks import MapBlocks, Steps
    from napari_dinosim.export.calibration import Axis

CHUNK = 1024
"""Side of a chunk in pixels: 4 MB before compression, so that a 30 000 × 30 000 map has 900 at its finest level."""

VERSIONS = {"0.5": 3, "0.4": 2}
"""Versions of OME-Zarr, and the Zarr format of each."""

ORDER = "tczyx"


def write_zarr(path: Path, blocks: MapBlocks, axes: tuple[Axis, ...], name: str, version: str, steps: Steps) -> None:
    """Write a map as OME-Zarr.

    Parameters
    ----------
    path : Path
        A folder, made anew.
    blocks : MapBlocks
    axes : tuple of Axis
        One per axis of the map.
    name : str
        Name of the image in the file.
    version : {"0.5", "0.4"}
    steps : Steps

    Raises
    ------
    ExportError
        If OME-Zarr forbids the order of the axes.
    OSError
        If the folder cannot be written.
    Cancelled
        If the person does not want the rest.
    """
    import zarr  # here: it takes a third of a second to import

    letters = "".join(axis.letter for axis in axes)
    if letters != "".join(sorted(letters, key=ORDER.index)):
        raise ExportError(
            f"axes: found {letters!r}, but OME-Zarr wants them in the order of {ORDER!r}. Write an OME-TIFF, or "
            "transpose the image."
        )
    steps.total = blocks.count(CHUNK)
    group = zarr.create_group(store=path, zarr_format=VERSIONS[version])  # type: ignore[arg-type]
    arrays = [_array(group, str(number), blocks, level, letters, version) for number, level in enumerate(blocks.levels)]
    for plane in blocks.planes:
        for array, level in zip(arrays, blocks.levels, strict=True):
            for place, values in blocks.read(plane, level, CHUNK):
                steps.step()
                if values is not None:  # NaN is the fill value: chunks that are not there read as NaN
                    array[(*plane, *place)] = values
    multiscale = _multiscale(blocks, axes, name)
    group.attrs.update(  # last: a group without it is no image yet
        {"ome": {"version": version, "multiscales": [multiscale]}}
        if version == "0.5"
        else {"multiscales": [multiscale | {"version": version}]}
    )


def _array(group: Any, path: str, blocks: MapBlocks, level: tuple[int, int], letters: str, version: str) -> Any:
    """Make an empty array for one level."""
    leading = blocks.shape[:-2]
    more: dict[str, Any] = {"dimension_names": list(letters)}
    if version == "0.4":
        from numcodecs import Blosc  # which programs that read Zarr 2 know

        compressor = Blosc(cname="zstd", clevel=3, shuffle=Blosc.SHUFFLE)
        more = {"chunk_key_encoding": {"name": "v2", "separator": "/"}, "compressors": compressor}
    return group.create_array(
        path,
        shape=(*leading, *level),
        chunks=(*(1 for _ in leading), min(CHUNK, level[0]), min(CHUNK, level[1])),
        dtype=np.float32,
        fill_value=np.nan,
        **more,
    )


def _multiscale(blocks: MapBlocks, axes: tuple[Axis, ...], name: str) -> dict[str, Any]:
    """Metadata of the pyramid: where the pixels of each level lie."""
    datasets = []
    for number, level in enumerate(blocks.levels):
        ratios = [1.0] * (len(axes) - 2) + [full / n for full, n in zip(blocks.shape[-2:], level, strict=True)]
        scale = [axis.step * ratio for axis, ratio in zip(axes, ratios, strict=True)]
        shift = [axis.origin + axis.step * (ratio - 1) / 2 for axis, ratio in zip(axes, ratios, strict=True)]
        transforms = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": shift}]
        datasets.append({"path": str(number), "coordinateTransformations": transforms})
    named = [
        {"name": axis.letter, "type": axis.kind} | ({} if axis.unit is None else {"unit": axis.unit}) for axis in axes
    ]
    return {"name": name, "axes": named, "datasets": datasets, "type": "nearest"}
