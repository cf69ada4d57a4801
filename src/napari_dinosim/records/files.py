"""Records in files: read whole or not at all, written whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from napari_dinosim.errors import RecordError
from napari_dinosim.records.making import absolute, relative_to
from napari_dinosim.records.text import from_text, to_text
from napari_dinosim.records.values import QueryRecord, SessionRecord

if TYPE_CHECKING:
    from typing import TypeVar

    Record = TypeVar("Record", SessionRecord, QueryRecord)

LARGEST = 1 << 28
"""Bytes of a file, at most, that is looked into: 256 MB, a hundred thousand vectors."""


def save_session(record: SessionRecord, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a session to a file.

    Parameters
    ----------
    record : SessionRecord
        From :func:`napari_dinosim.record_session`, or loaded.
    path : str or Path
        Best ends with ``.json``, by which the widget lists it.
    overwrite : bool
        Whether a file that is there may be replaced. It stays whole until the new one is.

    Returns
    -------
    Path

    Raises
    ------
    RecordError
        If the file is there and may not be replaced, the folder is not there or cannot be written, or the disk is full;
        nothing is changed then.
    """
    weights, folder = record.encoder.choice.weights, Path(path).expanduser().absolute().parent
    if weights is not None:
        place = absolute(weights)
        choice = replace(record.encoder.choice, weights=place)
        record = replace(record, encoder=replace(record.encoder, choice=choice, relative=relative_to(place, folder)))
    return _write(to_text(record), Path(path), overwrite)


def load_session(path: str | Path) -> SessionRecord:
    """Read a session from a file.

    Where the encoder's weights are not where they were, but lie beside the file as they did, they are those.

    Raises
    ------
    RecordError
        If the file cannot be read, is cut off, no JSON, of another program, or a field is not what it should be.
    NewerRecordError
        If a newer version of this program wrote it.
    """
    record = _read(SessionRecord, Path(path))
    encoder, folder = record.encoder, Path(path).expanduser().absolute().parent
    if encoder.choice.weights is None or encoder.relative is None or Path(encoder.choice.weights).exists():
        return record
    beside = Path(absolute(folder / encoder.relative)).resolve()
    choice = replace(encoder.choice, weights=str(beside)) if beside.exists() else encoder.choice
    return replace(record, encoder=replace(encoder, choice=choice))


def save_query_record(record: QueryRecord, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write prompts with their vectors to a file; parameters and errors as of :func:`save_session`."""
    return _write(to_text(record), Path(path), overwrite)


def load_query_record(path: str | Path) -> QueryRecord:
    """Read prompts with their vectors from a file; errors as of :func:`load_session`."""
    return _read(QueryRecord, Path(path))


def _read(kind: type[Record], path: Path) -> Record:
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise RecordError(
                f"{path.name!r}: found {size / 1e6:.0f} MB, expected at most {LARGEST / 1e6:.0f} MB. "
                "Choose another file."
            )
        text = path.read_text(encoding="utf-8-sig")  # some editors put a mark before it
    except OSError as error:
        raise RecordError(
            f"{path}: cannot be read ({error.strerror or error}), expected a file. Choose another one."
        ) from error
    except UnicodeDecodeError:
        raise RecordError(f"{path.name!r}: found no text in UTF-8, expected JSON. Choose another file.") from None
    return from_text(kind, text, path.name)


def _write(text: str, path: Path, overwrite: bool) -> Path:
    """Write beside it, then put in its place: on a full disk the old file stays whole."""
    target = path.expanduser().absolute()
    if target.exists() and not overwrite:
        raise RecordError(f"{target}: found a file of that name, expected none. Choose another name, or overwrite it.")
    whole = target.resolve()  # of a link, the file that it leads to is replaced
    beside = whole.with_name(f".{whole.name}.{uuid4().hex[:8]}.part")
    try:
        try:
            with beside.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())  # some disks say only now that they are full
            if whole.exists():
                shutil.copymode(whole, beside)
            beside.replace(whole)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        what = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise RecordError(
            f"{target}: cannot be written ({what}); what was there is unchanged. Choose another folder, or make room."
        ) from error
    return target
