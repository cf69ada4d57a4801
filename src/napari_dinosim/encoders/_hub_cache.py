"""From the hub into huggingface_hub's cache.

A download goes so: (1) the hub is asked for the file's size, hash and commit; (2) the bytes are appended to an
``.incomplete`` file beside the contents of huggingface_hub's cache, under its lock; (3) they are checked; (4) the file
gets its final name; (5) huggingface_hub links it into its cache, where timm, transformers and others find it, too.
"""

from __future__ import annotations

import re
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from huggingface_hub import HfFileMetadata, constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import FileMetadataError, HFValidationError
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]  # public, but loaded lazily

from napari_dinosim.encoders._download import DamagedFileError, HTTPError, check, fetch, size_of
from napari_dinosim.encoders._hub_errors import Request, explain, reason_of
from napari_dinosim.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_dinosim.encoders._background import Background
    from napari_dinosim.encoders._progress import DownloadProgress

LOCK_PATIENCE = 1.0
"""Seconds between two looks at the cancel button while another program fetches the same file."""

LIBRARY = "napari-dinosim"
"""Who asks, for the hub's statistics."""


def bring(request: Request, background: Background, on_progress: Callable[[DownloadProgress], None] | None) -> Path:
    """Fetch a file from the hub into the cache.

    Parameters
    ----------
    request : Request
        The encoder, the hub and the cache folder.
    background : Background
        Runs the network calls.
    on_progress : callable or None
        Called about ten times a second.

    Returns
    -------
    Path
        The file, whole and checked.

    Raises
    ------
    DownloadError
        If it fails; after a broken connection what came is kept, else nothing is.
    Cancelled
        If the person cancels; nothing is kept.
    """
    spec, partial = request.spec, None
    try:
        metadata = background.call(lambda: _ask(request))
        blob = _blob(request, metadata)
        partial = blob.with_name(f"{blob.name}.{LIBRARY}.incomplete")
        with _locked(request, blob.name, background):
            if not blob.exists():
                url = hf_hub_url(spec.hub_repo, spec.hub_file, revision=metadata.commit_hash, endpoint=request.endpoint)
                fetch(url, partial, size=metadata.size, background=background, on_progress=on_progress)
                check(partial, blob.name, metadata.size, background)
                partial.replace(blob)
        return Path(background.call(lambda: _link(request)))
    except Cancelled:
        _drop(partial)
        raise
    except (HTTPError, OSError, DamagedFileError, HFValidationError) as error:
        kept = size_of(partial) if partial else 0
        if not kept or reason_of(error) in {"corrupted", "disk full"}:
            _drop(partial)
            kept = 0
        raise explain(error, request, kept) from error


def _ask(request: Request) -> HfFileMetadata:
    """Size, hash and commit of the file."""
    url = hf_hub_url(request.spec.hub_repo, request.spec.hub_file, endpoint=request.endpoint)
    metadata = get_hf_file_metadata(
        url, timeout=constants.HF_HUB_ETAG_TIMEOUT, library_name=LIBRARY, endpoint=request.endpoint
    )
    # The hash becomes a file name, so it must not lead anywhere else.
    if metadata.commit_hash is None or not re.fullmatch(r"\w[\w.-]*", metadata.etag or ""):
        raise FileMetadataError("the answer names no commit and no hash, so it comes from no Hugging Face hub")
    return metadata


def _blob(request: Request, metadata: HfFileMetadata) -> Path:
    """Where huggingface_hub keeps the content, whatever its name in the repository."""
    folder = request.folder / repo_folder_name(repo_id=request.spec.hub_repo, repo_type="model") / "blobs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / str(metadata.etag)


def _link(request: Request) -> str:
    """Let huggingface_hub enter the content into its cache; it is there already, so nothing is fetched."""
    return hf_hub_download(
        request.spec.hub_repo,
        request.spec.hub_file,
        cache_dir=request.folder,
        endpoint=request.endpoint,
        etag_timeout=constants.HF_HUB_ETAG_TIMEOUT,
        library_name=LIBRARY,
    )


@contextmanager
def _locked(request: Request, name: str, background: Background) -> Iterator[None]:
    """Hold huggingface_hub's lock of a content, so that two programs never write to it at once."""
    folder = request.folder / ".locks" / repo_folder_name(repo_id=request.spec.hub_repo, repo_type="model")
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        while True:
            background.check()
            try:
                stack.enter_context(WeakFileLock(folder / f"{name}.lock", timeout=LOCK_PATIENCE))
            except TimeoutError:
                continue
            break
        yield


def _drop(partial: Path | None) -> None:
    if partial is not None:
        partial.unlink(missing_ok=True)
