"""Which open layer is which one of a session: by where it came from, by its pixels, by its name."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from napari_dinosim.records.images import LayerRecord, Signature
    from napari_dinosim.records.values import SessionRecord


@dataclass(frozen=True, slots=True)
class OpenLayer:
    """What is known of a layer that is open.

    Parameters
    ----------
    key : str
    name : str
    signature : Signature
    path : str, optional
        The file that it came from.
    sample : (str, str), optional
        The sample data that it is.
    """

    key: str
    name: str
    signature: Signature
    path: str | None = None
    sample: tuple[str, str] | None = None


def match(records: Sequence[LayerRecord], layers: Iterable[OpenLayer], folder: Path) -> dict[int, OpenLayer]:
    """Find the layers of a session among those that are open.

    Parameters
    ----------
    records : sequence of LayerRecord
    layers : iterable of OpenLayer
    folder : Path
        The folder of the session file.

    Returns
    -------
    dict of int to OpenLayer
        By the place of the record in ``records``; no layer is taken twice. Those of the same source and pixels come
        first, then those of the same pixels, then those of the same source; of the same name only where neither has a
        source.
    """
    left = list(layers)
    found: dict[int, OpenLayer] = {}
    for rule in _rules(folder):
        for index, record in enumerate(records):
            if index in found:
                continue
            layer = next((layer for layer in left if rule(record, layer)), None)
            if layer is not None:
                found[index] = layer
                left.remove(layer)
    return found


def is_address(path: str) -> bool:
    """Whether a path is one in a network, such as ``"https://…"``: no folder holds it."""
    return "://" in path


def file_of(record: LayerRecord, folder: Path) -> Path | str | None:
    """Return where the file of a layer is now: where it was, or where it was as seen from the session file; or None.

    An address in a network is returned as it is: whether something is there shows when it is opened.
    """
    if record.path is not None and is_address(record.path):
        return record.path
    return next((place for place in _places(record, folder) if place.exists()), None)


def gone(record: SessionRecord, found: Iterable[LayerRecord], folder: Path) -> list[LayerRecord]:
    """List the layers that are neither open, nor to be opened from a file or as sample data."""
    here = list(found)
    every = [layer for image in record.images for layer in image.layers]
    return [layer for layer in every if layer not in here and layer.sample is None and file_of(layer, folder) is None]


def moved(record: SessionRecord, layer: LayerRecord, path: str) -> SessionRecord:
    """Return a session of which a layer is in another file, that whichever plugin reads."""
    other = replace(layer, path=path, relative=None, reader=None)
    images = [
        replace(image, layers=tuple(other if one == layer else one for one in image.layers)) for image in record.images
    ]
    return replace(record, images=tuple(images))


def _places(record: LayerRecord, folder: Path) -> list[Path]:
    places = [Path(record.path)] if record.path else []
    return places + ([folder / record.relative] if record.relative else [])


def _rules(folder: Path) -> list[Callable[[LayerRecord, OpenLayer], bool]]:
    """Return what makes a layer that of a record, the surest first."""

    def source(record: LayerRecord, layer: OpenLayer) -> bool:
        if record.sample is not None and record.sample == layer.sample:
            return True
        return layer.path is not None and any(_same(place, layer.path) for place in _places(record, folder))

    def pixels(record: LayerRecord, layer: OpenLayer) -> bool:
        return record.signature == layer.signature

    def name(record: LayerRecord, layer: OpenLayer) -> bool:
        return record.name == layer.name

    def nowhere(record: LayerRecord, layer: OpenLayer) -> bool:
        return not (record.path or record.sample or layer.path or layer.sample)

    combined = [(source, pixels, name), (source, pixels), (pixels, name), (pixels,), (source, name), (nowhere, name)]

    def all_of(rules: Sequence[Callable[[LayerRecord, OpenLayer], bool]]) -> Callable[[LayerRecord, OpenLayer], bool]:
        return lambda record, layer: all(rule(record, layer) for rule in rules)

    return [all_of(rules) for rules in combined] + [source]


def _same(place: Path, path: str) -> bool:
    return os.path.normcase(os.path.abspath(place)) == os.path.normcase(os.path.abspath(path))
