"""An index of shards: the JSON file that tells over which files beside it the weights are spread."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from napari_dinosim.errors import WeightsError

if TYPE_CHECKING:
    from pathlib import Path

INDEX_ENDS: Final = (".safetensors.index.json", ".bin.index.json")
"""How the names of indices end, of shards in safetensors and in torch's format."""

MOST_INDEX_BYTES: Final = 25_000_000
"""An index takes about 100 bytes a tensor; the largest models have a few thousand."""

SHARD_NAME: Final = re.compile(r"\w[\w.-]*\.(?:safetensors|bin)")


def is_index(name: str) -> bool:
    """Whether a file of that name is an index of shards."""
    return name.endswith(INDEX_ENDS)


def files_of(path: Path) -> list[Path]:
    """Files that hold the weights: the file itself, or the shards that it names.

    Parameters
    ----------
    path : Path
        A weights file or an index of shards.

    Returns
    -------
    list of Path

    Raises
    ------
    WeightsError
        If the index is none, leads out of its folder, or names files that are not there.
    OSError
        If it cannot be read.
    """
    if not is_index(path.name):
        return [path]
    files = [path.parent / name for name in shard_names(path, path.name)]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise WeightsError(
            f"weights: {path.name!r} names {len(files)} files, {len(missing)} of them missing ({missing[0]}, …). "
            "Complete the download."
        )
    return files


def shard_names(file: Path, name: str) -> list[str]:
    """Names of the files that an index names; only plain names, beside the index.

    Parameters
    ----------
    file : Path
        Where the index is.
    name : str
        What to call it in messages.

    Returns
    -------
    list of str
        Each once, sorted.

    Raises
    ------
    WeightsError
        If it is no index, or leads out of its folder.
    OSError
        If it cannot be read.
    """
    try:
        if file.stat().st_size > MOST_INDEX_BYTES:
            raise ValueError(f"larger than {MOST_INDEX_BYTES} bytes")
        names = sorted(set(json.loads(file.read_text(encoding="utf-8"))["weight_map"].values()))
        plain = all(SHARD_NAME.fullmatch(shard) for shard in names)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsError(
            f"weights: {name!r} is no index of shards. Get it again, or give the file that holds the weights."
        ) from error
    if not plain or not names:
        raise WeightsError(
            f"weights: {name!r} names files outside its folder or none; expected plain file names beside it. "
            "Do not use this file; get the model again from a source you trust."
        )
    return names
