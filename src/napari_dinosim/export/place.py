"""A target on disk that is whole at every moment: the old one, or the new one."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from napari_dinosim.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)

ZARR_FILES = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
"""A folder that holds one of these is a Zarr."""


@contextmanager
def beside(target: Path, *, folder: bool) -> Iterator[Path]:
    """Give a name beside a target to write to, and put what was written in the target's place.

    Parameters
    ----------
    target : Path
        Replaced when the block ends without an error, else left as it is.
    folder : bool
        Whether a folder is written, or a file.

    Yields
    ------
    Path
        Not there yet; gone afterwards, whatever happens.

    Raises
    ------
    ExportError
        If the target cannot be written, or is nothing that may be replaced.
    """
    target = Path(os.path.abspath(target))
    if not target.parent.is_dir():
        raise ExportError(f"folder: found no {str(target.parent)!r}. Make it, or choose another one.")
    if folder and target.is_dir() and not any((target / name).exists() for name in ZARR_FILES):
        raise ExportError(f"{str(target)!r} is a folder, but no Zarr: it is not replaced. Choose another name.")
    if target.exists() and target.is_dir() != folder:
        raise ExportError(
            f"{str(target)!r} is a {'file' if folder else 'folder'}: it is not replaced. Choose another name."
        )
    unfinished = _name_beside(target, "unfinished")
    try:
        yield unfinished
        _put(unfinished, target)
    except OSError as error:
        raise ExportError(_why(target, error)) from error
    finally:
        _remove(unfinished)


def _name_beside(target: Path, word: str) -> Path:
    return target.with_name(f".{target.name}.{uuid4().hex[:8]}.{word}")


def _put(new: Path, target: Path) -> None:
    """Rename; a folder has to make way first, since no system replaces one that is not empty."""
    if not target.is_dir():
        new.replace(target)
        return
    old = _name_beside(target, "replaced")
    target.rename(old)
    try:
        new.rename(target)
    except OSError:
        old.rename(target)
        raise
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _why(target: Path, error: OSError) -> str:
    """Say why a target could not be written, and what to do."""
    kept = "What was there is unchanged." if target.exists() else "Nothing was written."
    if error.errno in NO_ROOM:
        return f"no room for {str(target)!r} ({error.strerror}). {kept} Free some, or choose another disk."
    if error.errno in NOT_ALLOWED:
        return f"{str(target)!r} may not be written ({error.strerror}). {kept} Choose another folder."
    return f"{str(target)!r} could not be written: {error}. {kept} Choose another place."
