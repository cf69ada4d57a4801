"""What is remembered: acknowledged licences, the chosen cache folder, and which precision is faster where."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_config_dir

from napari_dinosim.errors import DownloadError

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_NAME = "downloads.json"


@dataclass(slots=True)
class _Preferred:
    """What holds while this process runs, whatever is remembered."""

    folder: Path | None = None


_preferred = _Preferred()


@dataclass(frozen=True, slots=True)
class HubSettings:
    """What is remembered.

    Parameters
    ----------
    accepted_licences : tuple of str
        Names of the licences that have been acknowledged.
    cache_folder : Path or None
        The folder chosen for downloads; None for huggingface_hub's own.
    precisions : mapping of str to str
        The faster precision by device and version of torch, as it was measured.
    """

    accepted_licences: tuple[str, ...] = ()
    cache_folder: Path | None = None
    precisions: Mapping[str, str] = field(default_factory=dict)


def prefer_folder(folder: Path | None) -> None:
    """Let a folder go before the one that is remembered, while this process runs; nothing is made or written.

    Parameters
    ----------
    folder : Path or None
        None: the one that is remembered counts again.
    """
    _preferred.folder = folder


def chosen_folders() -> list[Path]:
    """List the folders that were chosen for weights: the preferred one, then the one that is remembered."""
    return [folder for folder in (_preferred.folder, read_settings().cache_folder) if folder is not None]


def settings_file() -> Path:
    """Where the settings are kept.

    Returns
    -------
    Path
        A small JSON file in the person's configuration folder.
    """
    return Path(user_config_dir("napari-dinosim", appauthor=False)) / FILE_NAME


def read_settings() -> HubSettings:
    """Read what is remembered.

    A missing or damaged file means that nothing is remembered: people are then asked once more.

    Returns
    -------
    HubSettings
    """
    try:
        content = json.loads(settings_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return HubSettings()
    if not isinstance(content, dict):
        return HubSettings()
    licences, folder = content.get("accepted_licences"), content.get("cache_folder")
    precisions = content.get("precisions")
    return HubSettings(
        tuple(str(name) for name in licences) if isinstance(licences, list) else (),
        Path(folder) if isinstance(folder, str) and folder else None,
        {where: str(name) for where, name in precisions.items()} if isinstance(precisions, dict) else {},
    )


def write_settings(settings: HubSettings) -> None:
    """Remember, atomically: the file holds either the old or the new settings, never half of them.

    Parameters
    ----------
    settings : HubSettings

    Raises
    ------
    DownloadError
        If the configuration folder cannot be written.
    """
    target = settings_file()
    content = {
        "accepted_licences": list(settings.accepted_licences),
        "cache_folder": None if settings.cache_folder is None else str(settings.cache_folder),
        "precisions": dict(settings.precisions),
    }
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{FILE_NAME}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(content, file, indent=2)
            os.replace(name, target)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise DownloadError(
            f"the settings cannot be written to {target} ({error}), so the choice would be forgotten. "
            "Make that folder writable and try again.",
            "folder",
        ) from error
