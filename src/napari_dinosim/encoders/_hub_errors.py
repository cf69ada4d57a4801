"""Each way a download can fail, in one sentence with the ways on."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING

from huggingface_hub.errors import (
    EntryNotFoundError,
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from napari_dinosim.encoders._download import CutOffError, DamagedFileError, HTTPError, class_names, megabytes
from napari_dinosim.errors import DownloadError

if TYPE_CHECKING:
    from pathlib import Path

    from napari_dinosim.encoders.base import EncoderSpec
    from napari_dinosim.errors import DownloadFailure

WAYS_ON = "use a weights file that you have (“From file…”) or choose another encoder"
"""What is always possible."""

SENTENCES: dict[DownloadFailure, str] = {
    "gated": "{host} does not give out {repo}, which holds the weights of {title}: it is gated, private or not there "
    "({detail}). Ask for access at {page}, sign in with `hf auth login` and try again, {or_else}.",
    "missing": "{host} has no {file} in {repo}, where the weights of {title} were expected ({detail}). "
    "Check HF_ENDPOINT if you have set it, {or_else}.",
    "offline": "the weights of {title} are not on this computer and HF_HUB_OFFLINE forbids fetching them. "
    "Unset it and start again, {or_else}.",
    "no network": "{host} cannot be reached for the weights of {title} ({detail}). "
    "Check the network, the proxy and HF_ENDPOINT and try again, {or_else}.",
    "timed out": "{host} stopped answering while the weights of {title} were fetched ({detail}). Try again, {or_else}.",
    "interrupted": "the connection to {host} broke while the weights of {title} were fetched ({detail}). "
    "Try again, {or_else}.",
    "disk full": "there is no room for the weights of {title} in {folder} ({detail}). "
    "Make room or choose another cache folder and try again, {or_else}.",
    "corrupted": "the weights of {title} arrived damaged from {host} ({detail}) and were removed. "
    "Try again, {or_else}.",
    "server": "{host} answered the request for the weights of {title} with an error ({detail}). "
    "Try again later, {or_else}.",
    "folder": "the weights of {title} cannot be written to {folder} ({detail}). "
    "Choose another cache folder and try again, {or_else}.",
}
"""What a person is told, by reason."""

LEAST_TOLD = 50_000
"""Bytes; fewer that are kept would read as 0.0 MB."""

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC})
"""Numbers of the errors of a full disk and of a spent quota."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for, for telling.

    Parameters
    ----------
    spec : EncoderSpec
        The encoder whose weights were wanted.
    endpoint : str
        Web address of the hub.
    folder : Path
        The cache folder.
    file : str, default: ""
        The file in the repository.
    """

    spec: EncoderSpec
    endpoint: str
    folder: Path
    file: str = ""


def explain(error: Exception, request: Request, kept_bytes: int = 0) -> DownloadError:
    """Turn whatever a download raised into one sentence with the ways on.

    Parameters
    ----------
    error : Exception
        What was raised.
    request : Request
        What was asked for.
    kept_bytes : int, default: 0
        What is kept of the broken download.

    Returns
    -------
    DownloadError
    """
    reason = reason_of(error)
    message = SENTENCES[reason].format(
        host=request.endpoint,
        repo=request.spec.hub_repo,
        file=request.file,
        title=request.spec.title,
        page=f"{request.endpoint}/{request.spec.hub_repo}",
        folder=request.folder,
        detail=_detail(error),
        or_else=f"or {WAYS_ON}",
    )
    if kept_bytes >= LEAST_TOLD:
        message += f" {megabytes(kept_bytes)} are kept: trying again goes on from there."
    return DownloadError(message, reason)


def reason_of(error: BaseException) -> DownloadFailure:
    """Why a download failed.

    Parameters
    ----------
    error : BaseException
        What it raised.

    Returns
    -------
    str
        One of :data:`napari_dinosim.errors.DownloadFailure`.
    """
    if isinstance(error, LocalEntryNotFoundError) and error.__cause__ is not None:
        return reason_of(error.__cause__)  # huggingface_hub's wrapping of a failed look-up
    if isinstance(error, HfHubHTTPError):
        return _reason_of_answer(error)
    if isinstance(error, OfflineModeIsEnabled):
        return "offline"
    if isinstance(error, HFValidationError | EntryNotFoundError):
        return "missing"
    if isinstance(error, DamagedFileError):
        return "corrupted"
    if isinstance(error, FileMetadataError):
        return "server"
    if isinstance(error, HTTPError | CutOffError):
        return _reason_of_connection(error)
    return "disk full" if getattr(error, "errno", None) in DISK_FULL else "folder"


def is_no_such_file(error: BaseException) -> bool:
    """Whether the hub answered that a repository, which it knows, has no file of that name; some mirrors say just 404.

    Parameters
    ----------
    error : BaseException

    Returns
    -------
    bool
    """
    if isinstance(error, RepositoryNotFoundError | RevisionNotFoundError | LocalEntryNotFoundError):
        return False
    return isinstance(error, HfHubHTTPError) and error.response.status_code == 404


def _reason_of_answer(error: HfHubHTTPError) -> DownloadFailure:
    """Why, from what the server answered; it answers 401 for a repository that it hides, too."""
    status = error.response.status_code
    if isinstance(error, GatedRepoError) or status in (401, 403):
        return "gated"
    if isinstance(error, EntryNotFoundError | RepositoryNotFoundError | RevisionNotFoundError) or status == 404:
        return "missing"
    return "server"


def _reason_of_connection(error: BaseException) -> DownloadFailure:
    """Why, from how the connection failed."""
    names = class_names(error)
    if "TimeoutException" in names:
        return "timed out"
    return "no network" if names & {"ConnectError", "ProxyError", "UnsupportedProtocol"} else "interrupted"


def _detail(error: BaseException) -> str:
    """Quote the machine in one line."""
    if isinstance(error, LocalEntryNotFoundError) and error.__cause__ is not None:
        return _detail(error.__cause__)
    if isinstance(error, HfHubHTTPError):
        return f"HTTP {error.response.status_code}"
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
