"""What a person set on the plugin's page of napari's Preferences; napari keeps it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.settings import get_plugin_settings
from napari.utils.notifications import show_error

from napari_dinosim._napari.encoder_choices import DEFAULT_ENCODER, check_name, has_blocks
from napari_dinosim.cache import default_budget
from napari_dinosim.errors import DownloadError, UnknownEncoderError
from napari_dinosim.loading import EncoderChoice

if TYPE_CHECKING:
    from collections.abc import Callable

PLUGIN = "napari-dinosim"
LIVE = ("precision", "blocks", "subtract_mean")
"""Preferences of an encoder that have no control in the widget: they take effect at once."""


def first_choice() -> EncoderChoice:
    """Return the encoder that the widget opens with; where the preferred name is none, tell it and take the default."""
    encoding = _settings().encoding
    name = str(encoding.encoder).strip() or DEFAULT_ENCODER
    try:
        check_name(name)
    except UnknownEncoderError as error:
        show_error(f"DINOSim: Preferences, {error} Until then it is {DEFAULT_ENCODER!r}.")
        name = DEFAULT_ENCODER
    choice = EncoderChoice(name, device=str(encoding.device))
    try:
        return with_live(choice)
    except ValueError as error:
        show_error(f"DINOSim: {error}")
        return choice


def with_live(choice: EncoderChoice) -> EncoderChoice:
    """Put what the person set beyond the widget into a choice.

    Raises
    ------
    ValueError
        If the blocks are no numbers.
    """
    encoding = _settings().encoding
    return replace(
        choice,
        precision=str(encoding.precision),
        layers=parse_blocks(encoding.blocks) if has_blocks(choice) else None,
        centre=bool(encoding.subtract_mean),
    )


def map_looks() -> dict[str, Any]:
    """Colormap and opacity of new maps."""
    maps = _settings().maps
    return {"colormap": str(maps.colormap), "opacity": float(maps.opacity)}


def parse_blocks(text: str) -> tuple[int, ...] | None:
    """Read numbers of blocks, separated by commas or spaces; None where there are none.

    Raises
    ------
    ValueError
        If one is no whole number.
    """
    parts = text.replace(",", " ").split()
    try:
        return tuple(int(part) for part in parts) or None
    except ValueError:
        raise ValueError(
            f"blocks: found {text!r}, expected whole numbers such as '-1' or '8, 9, 10', or nothing for the last. "
            "Mend them in napari's Preferences."
        ) from None


def apply_cache_folder() -> None:
    """Keep weights in the preferred folder from now on, where one is set; errors are told."""
    text = str(_settings().weights.cache_folder).strip()
    if not text:
        return
    from napari_dinosim.encoders._hub_settings import read_settings

    folder = Path(text).expanduser()
    if read_settings().cache_folder == folder:
        return
    from napari_dinosim.encoders.hub import set_cache_folder  # takes a while to import: only where it is needed

    try:
        set_cache_folder(folder)
    except DownloadError as error:
        show_error(f"DINOSim: Preferences, {error}")


def memory_budget() -> int:
    """Bytes of the computer's memory that embeddings may take."""
    gigabytes = float(_settings().memory.budget)
    return int(gigabytes * 1e9) or default_budget()


def watch(callback: Callable[[Any], None]) -> Callable[[], None]:
    """Call back when one of :data:`LIVE`, the memory budget or the folder for weights changes.

    Returns
    -------
    callable
        Ends it.
    """
    settings = _settings()
    emitters = [*(getattr(settings.encoding.events, name) for name in LIVE), settings.memory.events.budget]
    emitters.append(settings.weights.events.cache_folder)
    for emitter in emitters:
        emitter.connect(callback)

    def end() -> None:
        for emitter in emitters:
            emitter.disconnect(callback)

    return end


def _settings() -> Any:
    return get_plugin_settings(PLUGIN)
