"""Weights from the Hugging Face hub: where they are kept, and how they are fetched when somebody asks."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from huggingface_hub import constants, try_to_load_from_cache
from huggingface_hub.errors import HFValidationError

from napari_dinosim.encoders import encoder_spec, licences
from napari_dinosim.encoders._background import Background
from napari_dinosim.encoders._hub_cache import WEIGHTS_FILES, announced_size, bring
from napari_dinosim.encoders._hub_errors import WAYS_ON, Request
from napari_dinosim.encoders._hub_settings import chosen_folders, read_settings, write_settings
from napari_dinosim.encoders._index import files_of
from napari_dinosim.encoders._progress import DownloadProgress
from napari_dinosim.encoders.catalogue import HUB_PREFIX
from napari_dinosim.encoders.licences import accept_licence, licence_needs_acceptance, licence_to_accept
from napari_dinosim.errors import DownloadError, LicenceNotAcceptedError, WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dinosim.encoders.base import EncoderSpec

__all__ = [
    "DownloadProgress",
    "accept_licence",
    "cache_folder",
    "cached_weights",
    "download_size",
    "download_weights",
    "licence_needs_acceptance",
    "remove_weights",
    "set_cache_folder",
]

CONFIG_FILE = "config.json"
"""Where a repository of timm's tells how its model is built."""


def cache_folder() -> Path:
    """Where weights are kept.

    Returns
    -------
    Path
        The folder set in napari's Preferences, else the one chosen with :func:`set_cache_folder`, else
        huggingface_hub's own (``HF_HUB_CACHE``, ``HF_HOME``).
    """
    return _current_folder()


def set_cache_folder(folder: Path | None) -> None:
    """Choose where weights are kept from now on, and remember it. What is there already stays and is still found.

    Parameters
    ----------
    folder : Path or None
        The folder, made if need be; None for huggingface_hub's own.

    Raises
    ------
    DownloadError
        If the folder cannot be made or written.
    """
    if folder is not None:
        folder = folder.expanduser().absolute()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            writable = os.access(folder, os.W_OK)
        except OSError as error:
            raise DownloadError(
                f"the cache folder {folder} cannot be made ({error}). Choose another one.", "folder"
            ) from error
        if not writable:
            raise DownloadError(f"the cache folder {folder} cannot be written. Choose another one.", "folder")
    write_settings(replace(read_settings(), cache_folder=folder))


def cached_weights(spec_or_name: EncoderSpec | str, *, cache_folder: Path | None = None) -> Path | None:
    """Find the weights of an encoder on this computer; the network is never touched.

    Parameters
    ----------
    spec_or_name : EncoderSpec or str
        The encoder, or its name as :func:`napari_dinosim.encoders.load_encoder` takes it.
    cache_folder : Path, optional
        Where to look; by default the chosen folders, then huggingface_hub's own.

    Returns
    -------
    Path or None
        The file, or the index beside all of its shards, from the open repository or from the authors' own; None where
        they are not in the cache.
    """
    spec = _spec(spec_or_name)
    folders = [cache_folder] if cache_folder else [*chosen_folders(), Path(constants.HF_HUB_CACHE)]
    for repo in filter(None, (spec.hub_repo, spec.gated_repo)):
        for folder in folders:
            for name in WEIGHTS_FILES:
                # No repository can bear that name, or shards are missing: a download will say so, or fetch them.
                with suppress(HFValidationError, WeightsError, OSError):
                    found = try_to_load_from_cache(repo, name, cache_dir=folder)
                    if isinstance(found, str) and files_of(Path(found)):
                        return Path(found)
    return None


def remove_weights(spec_or_name: EncoderSpec | str, *, cache_folder: Path | None = None) -> bool:
    """Delete the weights of an encoder from the cache: to make room, or to fetch a damaged file again.

    Parameters
    ----------
    spec_or_name : EncoderSpec or str
        The encoder, or its name as :func:`napari_dinosim.encoders.load_encoder` takes it.
    cache_folder : Path, optional
        Where to look; by default as :func:`cached_weights` does.

    Returns
    -------
    bool
        Whether there was something to delete.

    Raises
    ------
    DownloadError
        If the file cannot be deleted, for instance because it is in use.
    """
    spec = _spec(spec_or_name)
    path = cached_weights(spec, cache_folder=cache_folder)
    if path is None:
        return False
    try:
        for file in {**dict.fromkeys(files_of(path)), path: None}:  # an index after its shards
            if file.is_symlink():  # into the folder of contents beside the snapshots
                (file.parent / file.readlink()).unlink(missing_ok=True)
            file.unlink()
    except OSError as error:
        raise DownloadError(
            f"the weights of {spec.title} cannot be deleted from {path} ({error}). Close what uses them and try again.",
            "folder",
        ) from error
    return True


def download_size(
    spec_or_name: EncoderSpec | str,
    *,
    cancelled: Callable[[], bool] | None = None,
    cache_folder: Path | None = None,
) -> int | None:
    """Ask the hub how much :func:`download_weights` would fetch, because somebody asked for it; fetches no weights.

    Parameters
    ----------
    spec_or_name : EncoderSpec or str
        The encoder, or its name as :func:`napari_dinosim.encoders.load_encoder` takes it.
    cancelled : callable, optional
        Asked many times a second, from the calling thread, whether to stop.
    cache_folder : Path, optional
        Where the weights would go; by default :func:`cache_folder`.

    Returns
    -------
    int or None
        Bytes of all files, those included that are here already; None where the hub does not tell.

    Raises
    ------
    DownloadError
        If the hub cannot be asked.
    Cancelled
        If the person cancels.
    UnknownEncoderError
        If there is no encoder of that name.
    """
    spec = _spec(spec_or_name)
    _check_that_there_are_any(spec)
    with Background(cancelled) as background:
        return announced_size(_request(spec, cache_folder), background, _beside(spec))


def download_weights(
    spec_or_name: EncoderSpec | str,
    *,
    accept_licence: bool = False,
    on_progress: Callable[[DownloadProgress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    cache_folder: Path | None = None,
) -> Path:
    """Fetch the weights of an encoder from the hub, because somebody asked for it.

    Respects what huggingface_hub does: ``HF_ENDPOINT``, ``HF_HUB_OFFLINE``, ``HF_TOKEN`` or a saved login,
    ``HF_HUB_DOWNLOAD_TIMEOUT``, the usual proxy variables. For the authors' own gated repository, ask with
    ``dataclasses.replace(spec, hub_repo=spec.gated_repo)``.

    Parameters
    ----------
    spec_or_name : EncoderSpec or str
        The encoder, or its name as :func:`napari_dinosim.encoders.load_encoder` takes it.
    accept_licence : bool, default: False
        The person acknowledges the licence of the weights; this is remembered.
    on_progress : callable, optional
        Called about ten times a second, from the calling thread, with a :class:`DownloadProgress`.
    cancelled : callable, optional
        Asked many times a second, from the calling thread, whether to stop; answered even while the network stalls.
    cache_folder : Path, optional
        Where to put the file; by default :func:`cache_folder`.

    Returns
    -------
    Path
        The file, or the index beside its shards, whole and checked. What was in the cache already is not fetched.

    Raises
    ------
    LicenceNotAcceptedError
        If the licence has to be acknowledged and is not; nothing has been fetched then.
    DownloadError
        If it fails; its ``reason`` tells programs why, its message tells people the ways on. After a broken
        connection the bytes that came are kept, and the next call goes on from there.
    Cancelled
        If the person cancels; nothing is kept.
    UnknownEncoderError
        If there is no encoder of that name.
    """
    spec = _spec(spec_or_name)
    if accept_licence:
        licences.accept_licence(spec)
    beside = _beside(spec)
    found = cached_weights(spec, cache_folder=cache_folder)
    if found is not None and all((found.parent / name).exists() for name in beside):
        return found
    _check_that_there_are_any(spec)
    _check_the_licence(spec)
    with Background(cancelled) as background:
        return bring(_request(spec, cache_folder), background, on_progress, beside)


def _spec(spec_or_name: EncoderSpec | str) -> EncoderSpec:
    return encoder_spec(spec_or_name) if isinstance(spec_or_name, str) else spec_or_name


def _current_folder() -> Path:
    return next(iter(chosen_folders()), Path(constants.HF_HUB_CACHE))


def _beside(spec: EncoderSpec) -> list[str]:
    """Files needed beside the weights: a model known by its repository only is built after the config.json there."""
    return [CONFIG_FILE] if spec.name.startswith(HUB_PREFIX) else []


def _request(spec: EncoderSpec, folder: Path | None) -> Request:
    endpoint = (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")
    return Request(spec, endpoint, folder or _current_folder())


def _check_that_there_are_any(spec: EncoderSpec) -> None:
    if not spec.hub_repo:
        raise DownloadError(
            f"{spec.title} has no weights on the hub. If it needs any, {WAYS_ON}.",
            "missing",
        )


def _check_the_licence(spec: EncoderSpec) -> None:
    if licence_needs_acceptance(spec):
        raise LicenceNotAcceptedError(
            f"the weights of {spec.title} are under the {licence_to_accept(spec)}, not acknowledged yet. "
            f"Read {spec.licence_url} and acknowledge it (Download… in the widget, accept_licence=True in Python), "
            "or choose another encoder."
        )
