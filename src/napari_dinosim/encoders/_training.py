"""Which pictures weights were trained on, where two encoders differ in nothing else.

DINOv3 ViT-L and 7B were trained on photographs (LVD-1689M) and on satellite images (SAT-493M). Their tensors have the
same names and shapes, but images are normalised otherwise, so taking one for the other gives wrong tokens.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from napari_dinosim.encoders.catalogue import CATALOGUE, IMAGENET_MEAN, PHOTO_DATA, SATELLITE_DATA, SATELLITE_MEAN
from napari_dinosim.encoders.checkpoints import ZIP_START, hash_in_name, sha256_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

CONFIGS: Final = ("config.json", "preprocessor_config.json")
"""Where repositories of timm and of transformers tell the normalisation."""

FOLDERS: Final = 3
"""Folders above a file that may tell: in huggingface_hub's cache, the third one bears the repository's name."""


def is_satellite(path: Path, tensors: Mapping[str, Tensor]) -> bool | None:
    """Tell whether weights of a DINOv3 that has both were trained on satellite images.

    Parameters
    ----------
    path : Path
        Their file or folder.
    tensors : mapping of str to Tensor
        In Meta's or timm's layout.

    Returns
    -------
    bool or None
        By the first of these that tells: the sha256 in the file's name, a norm that only satellite weights have, the
        file's name, the normalisation in a configuration beside it, the folders' names, the sha256 of Meta's own file;
        None where nothing does.
    """
    path = path.absolute()
    known = _by_sha256(hash_in_name(path.name))
    stem = tensors.get("patch_embed.proj.weight")
    if known is None and "local_cls_norm.weight" in tensors and stem is not None and stem.shape[0] == 1024:
        known = True  # photographs' ViT-L ties it to the class token's norm; both 7B have it
    if known is None:
        known = _by_name(path.name)
    if known is None:
        known = _by_configuration(path if path.is_dir() else path.parent)
    for folder in path.parents[:FOLDERS]:
        known = _by_name(folder.name) if known is None else known
    if known is None and path.is_file():
        with path.open("rb") as file:
            authors = file.read(len(ZIP_START)) == ZIP_START  # theirs are torch's; the hashes of copies are not known
        known = _by_sha256(sha256_of(path)) if authors else None
    return known


def _by_sha256(prefix: str | None) -> bool | None:
    found = [spec for spec in CATALOGUE if prefix and prefix == spec.sha256_prefix]
    return SATELLITE_DATA in found[0].name if found else None


def _by_name(name: str) -> bool | None:
    told = {data: data in name.lower() for data in (SATELLITE_DATA, PHOTO_DATA)}
    return told[SATELLITE_DATA] if any(told.values()) and not all(told.values()) else None


def _by_configuration(folder: Path) -> bool | None:
    for name in CONFIGS:
        with suppress(OSError, ValueError, RecursionError):
            mean = _mean_in(json.loads((folder / name).read_text(encoding="utf-8")))
            if mean in (SATELLITE_MEAN, IMAGENET_MEAN):
                return mean == SATELLITE_MEAN
    return None


def _mean_in(config: Any) -> tuple[float, ...]:
    """Mean that images are normalised by, in timm's or transformers' words; empty where it is not told."""
    config = config if isinstance(config, dict) else {}
    inner = config.get("pretrained_cfg")
    mean = {**config, **(inner if isinstance(inner, dict) else {})}
    values = mean.get("mean", mean.get("image_mean"))
    if not isinstance(values, list) or not all(isinstance(value, int | float) for value in values):
        return ()
    return tuple(round(value, 3) for value in values)
