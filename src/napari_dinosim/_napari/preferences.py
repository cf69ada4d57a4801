"""What a person set on the plugin's page of napari's Preferences; napari keeps it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.settings import get_plugin_settings
from napari.utils.notifications import show_error
from superqt.utils import qdebounced

from napari_dinosim._napari.encoder_choices import DEFAULT_ENCODER, check_name, has_blocks
from napari_dinosim.cache import default_budget
from napari_dinosim.encoders._hub_settings import prefer_folder
from napari_dinosim.errors import UnknownEncoderError
from napari_dinosim.loading import EncoderChoice

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

PLUGIN = "napari-dinosim"

ENCODING = "precision", "blocks", "subtract_mean"
"""Preferences of an encoder that have no control in the widget."""

AT_ONCE = {**dict.fromkeys(ENCODING, "encoding"), "budget": "memory", "cache_folder": "weights"}
"""Preferences that take effect without a new widget, and on which part of the page each stands."""

PAUSE_MS = 600
"""They do when nothing has changed for so long: napari tells of each letter that is typed."""

_complaints: dict[str, str] = {}
"""What is wrong with a preference and has been told, by its name."""


def first_choice() -> EncoderChoice:
    """Return the encoder that the widget opens with; where the preferred name is none, tell it and take the default."""
    encoding = _settings().encoding
    name = str(encoding.encoder).strip() or DEFAULT_ENCODER
    try:
        check_name(name)
    except UnknownEncoderError as error:
        show_error(f"DINOSim: Preferences, {error} Until then it is {DEFAULT_ENCODER!r}.")
        name = DEFAULT_ENCODER
    return preferred(EncoderChoice(name, device=str(encoding.device)))


def preferred(choice: EncoderChoice, names: Collection[str] = ENCODING) -> EncoderChoice:
    """Put what the person set beyond the widget into a choice; what makes no sense is told, and changes nothing.

    Parameters
    ----------
    choice : EncoderChoice
    names : collection of str
        Which of :data:`ENCODING`; the others stay as they are in the choice.
    """
    encoding, changed = _settings().encoding, dict[str, Any]()
    if "precision" in names:
        changed["precision"] = str(encoding.precision)
    if "subtract_mean" in names:
        changed["centre"] = bool(encoding.subtract_mean)
    if "blocks" in names:
        changed["layers"] = _blocks(choice.layers) if has_blocks(choice) else None
    return replace(choice, **changed)


def with_blocks(choice: EncoderChoice, before: EncoderChoice) -> EncoderChoice:
    """Fit the blocks of an encoder to another one that is chosen instead; where it had none, the preferred ones."""
    if not has_blocks(choice):
        return replace(choice, layers=None)
    return choice if has_blocks(before) else preferred(choice, ["blocks"])


def unlike(choice: EncoderChoice) -> list[str]:
    """Say in which of :data:`ENCODING` a choice is not as preferred, such as that of a session that was opened."""
    other = preferred(choice)
    found = []
    if choice.precision != other.precision:
        found.append(f"precision {choice.precision}")
    if choice.layers != other.layers:
        found.append(f"blocks {', '.join(map(str, choice.layers))}" if choice.layers else "the last block")
    if choice.centre != other.centre:
        found.append("mean subtracted" if choice.centre else "mean not subtracted")
    return found


def map_looks() -> dict[str, Any]:
    """Colormap and opacity of new maps."""
    maps = _settings().maps
    return {"colormap": str(maps.colormap), "opacity": maps.opacity / 100}


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
            "Until they are mended nothing changes."
        ) from None


def apply_cache_folder() -> None:
    """Look for weights in the preferred folder, and fetch them to it, from now on; what makes no sense is told.

    The folder is made by the first download, and written down nowhere else.
    """
    text = os.path.expanduser(str(_settings().weights.cache_folder).strip())
    folder, wrong = Path(text), ""
    if text and not folder.is_absolute():
        wrong = "expected a whole path, from the root of a disk"
    elif text and os.path.exists(folder) and not os.path.isdir(folder):
        wrong = "which is a file, expected a folder"
    prefer_folder(folder if text and not wrong else None)
    ways = "Until it is mended, weights are kept as if it were empty."
    _complain("cache_folder", f"folder for weights: found {text!r}, {wrong}. {ways}" if wrong else "")


def memory_budget() -> int:
    """Bytes of the computer's memory that embeddings may take."""
    gigabytes = float(_settings().memory.budget)
    return int(gigabytes * 1e9) or default_budget()


def watch(callback: Callable[[str], object]) -> Callable[[], None]:
    """Call back with the name of each of :data:`AT_ONCE` that has changed, when typing has paused.

    Returns
    -------
    callable
        Ends it.
    """
    changed: dict[str, None] = {}

    def tell() -> None:
        names = list(changed)
        changed.clear()
        for name in names:
            callback(name)

    settle = qdebounced(tell, timeout=PAUSE_MS)
    links = []
    for name, part in AT_ONCE.items():

        def note(_event: object, name: str = name) -> None:
            changed[name] = None
            settle()

        emitter = getattr(getattr(_settings(), part).events, name)
        emitter.connect(note)
        links.append((emitter, note))

    def end() -> None:
        settle.cancel()
        for emitter, note in links:
            emitter.disconnect(note)

    return end


def _blocks(otherwise: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """Read the preferred blocks; what makes no sense is told, and the others taken."""
    try:
        blocks = parse_blocks(str(_settings().encoding.blocks))
    except ValueError as error:
        _complain("blocks", str(error))
        return otherwise
    _complain("blocks", "")
    return blocks


def _complain(name: str, text: str) -> None:
    """Tell what is wrong with a preference, once, however many viewers ask; an empty text: nothing is."""
    if text and _complaints.get(name) != text:
        show_error(f"DINOSim: Preferences, {text}")
    _complaints[name] = text


def _settings() -> Any:
    return get_plugin_settings(PLUGIN)
