"""Weights files read safely: safetensors, and torch's zip format without running any code.

A file is told by its first bytes, never by its name. Before anything is allocated, the sizes that it declares are held
against the size that it has, so that neither a zip bomb nor an absurd shape costs memory.
"""

from __future__ import annotations

import hashlib
import pickle
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from safetensors import SafetensorError, safe_open

from napari_dinosim.encoders._index import INDEX_ENDS, files_of
from napari_dinosim.encoders._pickles import check_pickle
from napari_dinosim.errors import WeightsError, WeightsNotFoundError

if TYPE_CHECKING:
    from torch import Tensor

ZIP_START: Final = b"PK\x03\x04"
MOST_HEADER_BYTES: Final = 25_000_000
"""A safetensors header takes about 100 bytes a tensor; the largest models have a few thousand."""

MOST_PICKLE_BYTES: Final = 4_000_000
"""The pickle inside a torch file holds names and shapes only, 200 bytes a tensor; reading takes up to 64 times this."""

MOST_REUSE: Final = 2
"""Tensors may share storage, but together they take at most this many times the size of their file."""

SAFE_TORCH: Final = (2, 10)
"""Below, ``weights_only=True`` can be got around (CVE-2025-32434, CVE-2026-24747)."""

HASH_IN_NAME: Final = re.compile(r"dinov[23].*-(?!(?:19|20)\d{6}\.)([0-9a-f]{8})\.(?:pth|pt|bin|safetensors)")
"""Meta's files, ``dinov3_NAME-08c60483.pth``: the first 8 digits of the sha256. A date is none."""

FOLDER_PATTERNS: Final = (
    f"*{INDEX_ENDS[0]}", "model.safetensors", "*.safetensors", f"*{INDEX_ENDS[1]}", "*.pth", "*.pt", "*.bin",
)  # fmt: skip
"""What is looked for in a folder, the first that is there counts; an index before the shards that it names."""

GIVE_ANOTHER: Final = "Give Meta's .pth, or timm's or transformers' .safetensors (a file or its folder)."


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """The tensors of a weights file, by name.

    Parameters
    ----------
    path : Path
        The file or folder that was given.
    tensors : dict of str to Tensor
        On the CPU, as in the file; they may be views of the file itself, copy before keeping.
    """

    path: Path
    tensors: dict[str, Tensor]


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read the weights in a file or folder, whatever its format, without running code from it.

    Parameters
    ----------
    path : str or Path
        A ``.safetensors`` or torch file, a folder that holds one, or a sharded one's ``.index.json``.

    Returns
    -------
    Checkpoint

    Raises
    ------
    WeightsNotFoundError
        If nothing is there.
    WeightsError
        If it is no checkpoint, is damaged or cut off, would run code, declares more than it holds, names files outside
        its folder, or has not the sha256 that its name tells.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise WeightsNotFoundError(
            f"weights: found nothing at {str(path)!r}, expected a file or folder. {GIVE_ANOTHER}"
        )
    try:
        files = _weight_files(path)
        tensors: dict[str, Tensor] = {}
        for file in files:
            tensors.update(_read_file(file))
    except OSError as error:
        raise WeightsError(
            f"weights: {str(path)!r} cannot be read ({error.strerror or error}). {GIVE_ANOTHER}"
        ) from error
    return Checkpoint(path, tensors)


def _weight_files(path: Path) -> list[Path]:
    """Files that hold the weights of a file, a folder or an index of shards."""
    if path.is_file():
        return files_of(path)
    for pattern in FOLDER_PATTERNS:
        found = sorted(file for file in path.glob(pattern) if file.is_file())
        if len(found) > 1:
            names = ", ".join(file.name for file in found[:3])
            raise WeightsError(
                f"weights: found {len(found)} files in {str(path)!r} ({names}{', …' if len(found) > 3 else ''}), "
                "expected one. Give the file itself."
            )
        if found:
            return _weight_files(found[0])
    raise WeightsError(f"weights: found no weights file in the folder {str(path)!r}. {GIVE_ANOTHER}")


def _read_file(file: Path) -> dict[str, Tensor]:
    """Read the tensors of one file."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        start = stream.read(9)
    header_bytes = int.from_bytes(start[:8], "little")
    if start.startswith(ZIP_START):
        _check_hash(file)
        return _read_torch(file, size)
    if start[8:] == b"{" and header_bytes <= MOST_HEADER_BYTES:
        _check_hash(file)
        return _read_safetensors(file, size)
    raise WeightsError(
        f"weights: {file.name!r} ({size} bytes) is no checkpoint: found neither safetensors nor torch's zip format "
        f"(torch ≥ 1.6). {GIVE_ANOTHER}"
    )


def hash_in_name(name: str) -> str | None:
    """Sha256 prefix in the name of a file of Meta's, 8 hexadecimal digits; None where there is none."""
    told = HASH_IN_NAME.fullmatch(name)
    return told[1] if told else None


def sha256_of(file: Path) -> str:
    """First 8 hexadecimal digits of a file's sha256."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:8]


def _check_hash(file: Path) -> None:
    """Hold the file against the sha256 prefix in its name, where there is one."""
    told = hash_in_name(file.name)
    if told is None:
        return
    found = sha256_of(file)
    if found != told:
        raise WeightsError(
            f"weights: {file.name!r} is damaged, cut off or changed: found sha256 {found}…, expected {told}… as its "
            "name tells. Get it again; if you changed it on purpose, rename it."
        )


def _read_safetensors(file: Path, size: int) -> dict[str, Tensor]:
    """Read a safetensors file; its library checks shapes and offsets before it hands out anything."""
    try:
        with safe_open(file, framework="pt", device="cpu") as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  (no mapping)
    except SafetensorError as error:
        raise WeightsError(
            f"weights: {file.name!r} ({size} bytes) is damaged or cut off: {error}. Get it again."
        ) from error


def _read_torch(file: Path, size: int) -> dict[str, Tensor]:
    """Read a file of ``torch.save``, weights only."""
    if tuple(int(part) for part in re.findall(r"\d+", torch.__version__)[:2]) < SAFE_TORCH:
        raise WeightsError(
            f"weights: {file.name!r} is a pickle; found torch {torch.__version__}, expected at least "
            f"{'.'.join(map(str, SAFE_TORCH))} to read it safely. Update torch, or use a .safetensors file."
        )
    _check_zip(file, size)
    try:
        _check_pickle(file)
        if file.suffix == ".safetensors":  # which torch.load would believe
            with file.open("rb") as stream:
                content = torch.load(stream, map_location="cpu", weights_only=True)
        else:
            content = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"weights: {file.name!r} asks for more than tensors ({error}), which could run code or take any amount of "
            "memory; nothing of it was run. Use a .safetensors file, or a .pth that holds only the state dict."
        ) from error
    except Exception as error:  # a damaged pickle can break its reader in any way
        reason = str(error).partition("\n")[0][:200]
        raise WeightsError(f"weights: {file.name!r} ({size} bytes) is damaged: {reason}. Get it again.") from error
    tensors = _state_dict(content, file)
    declared = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    if declared > MOST_REUSE * size:
        raise WeightsError(
            f"weights: {file.name!r} declares {declared} bytes of tensors in {size} bytes. "
            "Do not use this file; get the model again from a source you trust."
        )
    return tensors


def _check_pickle(file: Path) -> None:
    """Refuse a pickle that asks for more than the tensors in its file."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        records = {entry.filename.rpartition("/data/")[2]: entry.file_size for entry in entries}
        check_pickle(archive.read(next(filter(_is_pickle, entries))), records)


def _is_pickle(entry: zipfile.ZipInfo) -> bool:
    return entry.filename.lower().endswith("data.pkl")  # torch does not tell upper from lower case


def _check_zip(file: Path, size: int) -> None:
    """Refuse archives that would grow when they are read."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise WeightsError(f"weights: {file.name!r} ({size} bytes) is damaged or cut off. Get it again.") from error
    pickled = [entry.file_size for entry in entries if _is_pickle(entry)]
    if len(pickled) != 1:
        raise WeightsError(f"weights: {file.name!r} is an archive but no checkpoint of torch. {GIVE_ANOTHER}")
    packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
    declared = sum(entry.file_size for entry in entries)
    if packed or declared > size or pickled[0] > MOST_PICKLE_BYTES:
        raise WeightsError(
            f"weights: {file.name!r} would unpack to {declared} bytes from {size}; torch's own files are not packed. "
            "Do not use this file; get the model again from a source you trust."
        )


def _state_dict(content: Any, file: Path) -> dict[str, Tensor]:
    """Find the state dict in what was saved: itself, or under one of the usual names."""
    for _ in range(3):
        if not isinstance(content, dict):
            break
        tensors = {name: value for name, value in content.items() if isinstance(value, torch.Tensor)}
        if tensors:
            return {str(name): tensor.detach() for name, tensor in tensors.items()}
        content = next(
            (content[name] for name in ("teacher", "model_ema", "model", "state_dict") if name in content), None
        )
    raise WeightsError(f"weights: {file.name!r} holds no tensors by name. {GIVE_ANOTHER}")
