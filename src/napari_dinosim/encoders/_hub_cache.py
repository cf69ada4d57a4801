"""From the hub into huggingface_hub's cache: all files of an encoder, or none.

A download goes so: (1) the hub is asked for each file's size, hash and commit; of an index of shards, which is fetched
first, for its shards'; (2) the bytes are appended to ``.incomplete`` files beside the contents of huggingface_hub's
cache, under its locks; (3) they are checked; (4) all files get their final names; (5) huggingface_hub links them into
its cache, where timm, transformers and others find them, too.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from huggingface_hub import HfFileMetadata, constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import FileMetadataError, HFValidationError
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]  # public, but loaded lazily

from napari_dinosim.encoders._download import DamagedFileError, HTTPError, check, check_room, fetch, size_of
from napari_dinosim.encoders._hub_errors import Request, explain, is_no_such_file, reason_of
from napari_dinosim.encoders._index import is_index, shard_names
from napari_dinosim.encoders._progress import Meter
from napari_dinosim.errors import Cancelled, WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_dinosim.encoders._background import Background
    from napari_dinosim.encoders._progress import DownloadProgress

WEIGHTS_FILES: Final = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
"""What a repository calls its weights, the first that is there counts: one file or the index of its shards."""

LOCK_PATIENCE = 1.0
"""Seconds between two looks at the cancel button while another program fetches the same file."""

LIBRARY = "napari-dinosim"
"""Who asks, for the hub's statistics."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One file on its way into the cache."""

    name: str
    url: str
    commit: str
    size: int | None
    blob: Path
    """Where huggingface_hub keeps the content, whatever its name in the repository."""

    @property
    def partial(self) -> Path:
        """Where the bytes go until the file is whole and checked."""
        return self.blob.with_name(f"{self.blob.name}.{LIBRARY}.incomplete")

    @property
    def here(self) -> int:
        """Bytes that are on this computer."""
        return size_of(self.blob) or size_of(self.partial)

    def drop(self) -> None:
        """Forget what has come of it."""
        self.partial.unlink(missing_ok=True)


def bring(
    request: Request,
    background: Background,
    on_progress: Callable[[DownloadProgress], None] | None,
    beside: Sequence[str] = (),
) -> Path:
    """Fetch an encoder's weights from the hub into the cache.

    Parameters
    ----------
    request : Request
        The encoder, the hub and the cache folder.
    background : Background
        Runs the network calls.
    on_progress : callable or None
        Called about ten times a second; it is told of all files together.
    beside : sequence of str, default: ()
        Files that are needed beside the weights.

    Returns
    -------
    Path
        The weights file, or the index beside its shards, whole and checked.

    Raises
    ------
    DownloadError
        If it fails; after a broken connection what came is kept, else nothing is.
    Cancelled
        If the person cancels; nothing is kept.
    """
    delivery = _Delivery(request, background)
    try:
        with delivery.locks:
            delivery.plan(beside)
            delivery.fetch(on_progress)
        return delivery.link()
    except Cancelled:
        delivery.drop()
        raise
    except (HTTPError, OSError, DamagedFileError, HFValidationError) as error:
        if reason_of(error) == "disk full":
            delivery.drop()
        raise explain(error, replace(request, file=delivery.asked), delivery.kept()) from error


def announced_size(request: Request, background: Background, beside: Sequence[str] = ()) -> int | None:
    """Ask how large an encoder's files are; parameters and errors as of :func:`bring`.

    Returns
    -------
    int or None
        Bytes of all of them; None where the hub does not tell.
    """
    delivery = _Delivery(request, background)
    try:
        with delivery.locks:
            delivery.plan(beside)
        return delivery.size()
    except (HTTPError, OSError, DamagedFileError, HFValidationError) as error:
        raise explain(error, replace(request, file=delivery.asked)) from error
    finally:
        for part in delivery.parts:
            if is_index(part.name):  # to be read, it was fetched
                part.drop()


class _Delivery:
    """The files of one encoder on their way into the cache."""

    def __init__(self, request: Request, background: Background) -> None:
        self.request, self.background = request, background
        self.locks = ExitStack()
        self.parts: list[_Part] = []
        self.asked = ""
        """The file that was asked for last, for telling."""

    def plan(self, beside: Sequence[str]) -> None:
        """Ask for all files; the weights file or the index is the last of :attr:`parts`."""
        for name in beside:
            self._add(name)
        weights = self._add_first(WEIGHTS_FILES)
        if not is_index(weights.name):
            return
        self._fetch_one(weights, Meter(None, None))
        index = weights.blob if weights.blob.exists() else weights.partial
        try:
            names = shard_names(index, weights.name)
        except WeightsError as error:
            weights.drop()
            raise DamagedFileError(str(error)) from error
        for name in names:
            self._add(name, weights.commit)
        self.parts.remove(weights)
        self.parts.append(weights)

    def fetch(self, on_progress: Callable[[DownloadProgress], None] | None) -> None:
        """Fetch and check what is not there; only when all of it is, give it its names."""
        missing = sum(max((part.size or 0) - part.here, 0) for part in self.parts)
        check_room(missing, self.parts[-1].blob.parent)
        meter = Meter(self.size(), on_progress)
        for part in self.parts:
            self._fetch_one(part, meter)
        for part in self.parts:
            if not part.blob.exists():
                part.partial.replace(part.blob)

    def size(self) -> int | None:
        """Bytes of all files; None where the hub does not tell them all."""
        known = [part.size for part in self.parts if part.size is not None]
        return sum(known) if len(known) == len(self.parts) else None

    def link(self) -> Path:
        """Let huggingface_hub enter the contents into its cache; they are there already, so nothing is fetched."""
        *others, weights = self.parts
        for part in others:
            self._link_one(part, part.commit)
        return self._link_one(weights, constants.DEFAULT_REVISION)  # by which the whole set is found from now on

    def drop(self) -> None:
        """Forget what has come."""
        for part in self.parts:
            part.drop()

    def kept(self) -> int:
        """Bytes that are kept for the next call."""
        for part in self.parts:
            if not size_of(part.partial):
                part.drop()
        return sum(size_of(partial) for partial in {part.partial for part in self.parts})

    def _add_first(self, names: Sequence[str]) -> _Part:
        """Add the first of some files that the hub has."""
        for name in names:
            try:
                return self._add(name)
            except HTTPError as error:
                if not is_no_such_file(error):
                    raise
                missing = error
        self.asked = f"{', '.join(names[:-1])} or {names[-1]}"
        raise missing

    def _add(self, name: str, commit: str | None = None) -> _Part:
        """Ask for one file, lock it and add it."""
        self.asked = name
        metadata = self.background.call(lambda: _ask(self.request, name, commit))
        repo, folder = self.request.spec.hub_repo, self.request.folder
        blob = folder / repo_folder_name(repo_id=repo, repo_type="model") / "blobs" / str(metadata.etag)
        blob.parent.mkdir(parents=True, exist_ok=True)
        if all(blob != part.blob for part in self.parts):  # two names can be of one content
            self._lock(blob.name)
        found = str(metadata.commit_hash)
        url = hf_hub_url(repo, name, revision=found, endpoint=self.request.endpoint)
        self.parts.append(_Part(name, url, found, metadata.size, blob))
        return self.parts[-1]

    def _lock(self, name: str) -> None:
        """Hold huggingface_hub's lock of a content, so that two programs never write to it at once."""
        folder = (
            self.request.folder / ".locks" / repo_folder_name(repo_id=self.request.spec.hub_repo, repo_type="model")
        )
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            self.background.check()
            try:
                self.locks.enter_context(WeakFileLock(folder / f"{name}.lock", timeout=LOCK_PATIENCE))
            except TimeoutError:
                continue
            return

    def _fetch_one(self, part: _Part, meter: Meter) -> None:
        """Fetch what is missing of one file, and check it."""
        self.asked = part.name
        if part.blob.exists():
            return
        meter.elsewhere = sum(other.here for other in self.parts if other is not part)
        try:
            fetch(part.url, part.partial, size=part.size, background=self.background, meter=meter)
            check(part.partial, part.blob.name, part.size, self.background)
        except DamagedFileError:
            part.drop()
            raise

    def _link_one(self, part: _Part, revision: str) -> Path:
        self.asked = part.name
        return Path(
            self.background.call(
                lambda: hf_hub_download(
                    self.request.spec.hub_repo,
                    part.name,
                    revision=revision,
                    cache_dir=self.request.folder,
                    endpoint=self.request.endpoint,
                    etag_timeout=constants.HF_HUB_ETAG_TIMEOUT,
                    library_name=LIBRARY,
                )
            )
        )


def _ask(request: Request, name: str, commit: str | None) -> HfFileMetadata:
    """Size, hash and commit of a file."""
    url = hf_hub_url(request.spec.hub_repo, name, revision=commit, endpoint=request.endpoint)
    metadata = get_hf_file_metadata(
        url, timeout=constants.HF_HUB_ETAG_TIMEOUT, library_name=LIBRARY, endpoint=request.endpoint
    )
    # The hash becomes a file name, so it must not lead anywhere else.
    if metadata.commit_hash is None or not re.fullmatch(r"\w[\w.-]*", metadata.etag or ""):
        raise FileMetadataError("the answer names no commit and no hash, so it comes from no Hugging Face hub")
    return metadata
