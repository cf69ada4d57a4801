"""A large file over plain HTTP: progress, cancel, resume, check.

huggingface_hub's own downloader reports every 10 MB, cannot be cancelled while the network stalls, and throws a
broken download away; so the bytes are read here, with its session (proxies, certificates, offline mode, tokens).
"""

from __future__ import annotations

import errno
import hashlib
import re
import shutil
from typing import TYPE_CHECKING

from huggingface_hub import constants, get_session, hf_raise_for_status
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # public, but loaded lazily

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from napari_dinosim.encoders._background import Background
    from napari_dinosim.encoders._progress import Meter

HTTPError: type[Exception] = next(cls for cls in HfHubHTTPError.__mro__ if cls.__name__ == "HTTPError")
"""Base of what the HTTP client raises: httpx's for huggingface_hub 1, httpx2's for 2; told apart by class names."""

BROKEN_CONNECTION = frozenset({"TimeoutException", "NetworkError", "RemoteProtocolError"})
"""Names of the client's errors after which going on from the last byte is worth a try."""

RETRIES = 3
"""Times a broken connection is taken up again without a new byte before giving up."""

RETRY_WAIT = 1.0
"""Seconds before a broken connection is taken up again."""

CHECK_BLOCK = 1 << 20
"""Bytes read at once while a file is checked."""


class DamagedFileError(Exception):
    """The bytes on the disk are not those the hub promised."""


class CutOffError(OSError):
    """The server ended the file too early without an error."""


def class_names(error: BaseException) -> frozenset[str]:
    """Names of an error's class and of its bases.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    frozenset of str
    """
    return frozenset(cls.__name__ for cls in type(error).__mro__)


def size_of(path: Path) -> int:
    """Size of a file, 0 where there is none.

    Parameters
    ----------
    path : Path

    Returns
    -------
    int
        Bytes.
    """
    return path.stat().st_size if path.exists() else 0


def check_room(needed: int, folder: Path) -> None:
    """See that there is room for what will come.

    Parameters
    ----------
    needed : int
        Bytes.
    folder : Path
        Where they will go.

    Raises
    ------
    OSError
        If there is not.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(errno.ENOSPC, f"{megabytes(needed)} are needed and {megabytes(free)} are free")


def fetch(
    url: str,
    partial: Path,
    *,
    size: int | None,
    background: Background,
    meter: Meter,
) -> None:
    """Bring a file to `partial`, going on from what is already there.

    A broken connection is taken up again by itself, up to :data:`RETRIES` times without a new byte.

    Parameters
    ----------
    url : str
        Where it is.
    partial : Path
        Where the bytes go; its bytes must be the beginning of the same file.
    size : int or None
        Size of the whole file in bytes, if known.
    background : Background
        Runs the network calls.
    meter : Meter
        Told of the bytes done.

    Raises
    ------
    Cancelled
        If the person cancels.
    OSError
        If the disk is full or cannot be written, or the server refuses (:class:`HfHubHTTPError`).
    HTTPError
        If the connection stays broken.
    """
    if size is not None and size_of(partial) > size:
        partial.unlink()  # no beginning of this file
    failures, furthest = 0, size_of(partial)
    while True:
        try:
            _fetch_once(url, partial, size, background, meter)
        except (HTTPError, CutOffError) as error:
            failures = failures + 1 if size_of(partial) <= furthest else 1
            furthest = max(furthest, size_of(partial))
            if failures > RETRIES or not (isinstance(error, CutOffError) or class_names(error) & BROKEN_CONNECTION):
                raise
            background.sleep(RETRY_WAIT)
        else:
            meter.update(size_of(partial), force=True)
            return


def _fetch_once(url: str, partial: Path, size: int | None, background: Background, meter: Meter) -> None:
    """Append to `partial` until the file is whole or the connection breaks."""
    with partial.open("ab") as file:
        done = file.tell()
        meter.update(done, force=True)
        if done == size:
            return
        pieces = _pieces(url, done)
        try:
            while (piece := background.call(lambda: next(pieces, None))) is not None:
                position, content = piece
                if position != done:  # the server does not go on from the middle: it started over
                    file.truncate(position)
                file.write(content)
                done = position + len(content)
                meter.update(done)
                if size is not None and done > size:
                    return  # no more of what cannot be the file; the check will tell
        finally:
            background.later(pieces.close)  # where next() still waits, the response is closed after it
    if size is not None and done < size:
        raise CutOffError(f"the server ended the file after {done} of {size} bytes")


def _pieces(url: str, start: int) -> Generator[tuple[int, bytes]]:
    """Yield (position, bytes) of a file from `start` on, or from 0 where the server knows no ranges."""
    headers = build_hf_headers(library_name="napari-dinosim") | {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    # The client drops the token by itself where it is redirected to another host.
    with get_session().stream(
        "GET", url, headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT, follow_redirects=True
    ) as response:
        if start and response.status_code == 416:
            raise DamagedFileError("what is kept of an earlier download is longer than the file")
        hf_raise_for_status(response)
        position = _start_of_body(response.headers.get("Content-Range")) if response.status_code == 206 else 0
        for content in response.iter_bytes():
            yield position, content
            position += len(content)


def _start_of_body(content_range: str | None) -> int:
    found = re.match(r"bytes (\d+)-", content_range or "")
    if found is None:
        raise CutOffError(f"the server sent a part of the file without saying which: Content-Range {content_range!r}")
    return int(found[1])


def check(path: Path, etag: str, size: int | None, background: Background) -> None:
    """Compare a file with the size and the hash that the hub promised.

    Parameters
    ----------
    path : Path
        The file.
    etag : str
        The hub's name of the content: its sha256 (64 hexadecimal digits) for large files, its git hash (40) for
        small ones; of another kind, on mirrors, it is not compared.
    size : int or None
        The promised size in bytes, if any.
    background : Background
        Asked for a cancel.

    Raises
    ------
    DamagedFileError
        If they differ.
    Cancelled
        If the person cancels.
    """
    found = size_of(path)
    if size is not None and found != size:
        raise DamagedFileError(f"{found} bytes instead of {size}")
    if re.fullmatch(r"[0-9a-f]{64}", etag):
        digest = hashlib.sha256()
    elif re.fullmatch(r"[0-9a-f]{40}", etag):
        digest = hashlib.sha1(f"blob {found}\0".encode(), usedforsecurity=False)
    else:
        return
    with path.open("rb") as file:
        while block := file.read(CHECK_BLOCK):
            background.check()
            digest.update(block)
    if digest.hexdigest() != etag:
        raise DamagedFileError(f"hash {digest.hexdigest()[:12]}… instead of {etag[:12]}…")


def megabytes(count: int) -> str:
    """Say a number of bytes to people.

    Parameters
    ----------
    count : int
        Bytes.

    Returns
    -------
    str
        In megabytes, or in gigabytes from 1000 of them on.

    Examples
    --------
    >>> megabytes(86_400_000)
    '86.4 MB'
    >>> megabytes(3_360_000_000)
    '3.36 GB'
    """
    return f"{count / 1e9:.2f} GB" if count >= 1_000_000_000 else f"{count / 1e6:.1f} MB"
