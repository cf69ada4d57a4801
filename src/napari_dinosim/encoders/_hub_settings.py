"""What is remembered about downloads: acknowledged licences and the chosen cache folder."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_config_dir

from napari_dinosim.errors import DownloadError

FILE_NAME = "downloads.json"


@dataclass(frozen=True, slots=True)
class HubSettings:
    """What is remembered about downloads.

    Parameters
    ----------
    accepted_licences : tuple of str
        Names of the licences that have been acknowledged.
    cache_folder : Path or None
        The folder chosen for downloads; None for huggingface_hub's own.
    """

    accepted_licences: tuple[str, ...] = ()
    cache_folder: Path | None = None


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
    except (OSError, ValueError):
        return HubSettings()
    if not isinstance(content, dict):
        return HubSettings()
    licences, folder = content.get("accepted_licences"), content.get("cache_folder")
    return HubSettings(
        tuple(str(name) for name in licences) if isinstance(licences, list) else (),
        Path(folder) if isinstance(folder, str) and folder else None,
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
