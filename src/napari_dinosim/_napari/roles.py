"""What the layers that we make say they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image

if TYPE_CHECKING:
    from napari.layers import Layer

MARK = "napari_dinosim"
"""Key in ``layer.metadata`` that marks a layer as ours."""

PROMPTS, MAP, PATCHES, REGIONS = "prompts", "similarity map", "patch grid", "regions"
CLASS_MAP, WINNER = "class map", "winning classes"
COLOURS, CLUSTERS = "pca colours", "clusters"
MATCHES, LINES, LIKE = "matches", "correspondence", "objects like one"
SEGMENTS, PREVIEW = "labels", "preview of labels"
LEAVING = "leaving"
"""Of no use any more, and removed in a moment."""


def role(layer: Layer) -> str | None:
    """Role of a layer that we made, or of a copy of it; None for a person's own."""
    mark = layer.metadata.get(MARK)
    return mark.get("role") if isinstance(mark, dict) else None


def mark(kind: str, **more: Any) -> dict[str, Any]:
    """Metadata that mark a layer as ours."""
    return {MARK: {"role": kind, **more}}


def claim(layer: Layer) -> None:
    """Note in a layer of ours which one it is: a copy that a person makes of it carries the note, but is another."""
    layer.metadata[MARK]["layer"] = key_of(layer)


def is_ours(layer: Layer, kind: str) -> bool:
    """Whether we made this very layer, in this role."""
    return role(layer) == kind and layer.metadata[MARK].get("layer") == key_of(layer)


def key_of(layer: Layer) -> str:
    """Key of a layer that outlives renaming and proxies."""
    return str(layer.unique_id)


def is_image(layer: Layer) -> bool:
    """Whether a layer is an image of the person's, one that can be searched."""
    return isinstance(layer, Image) and role(layer) is None
