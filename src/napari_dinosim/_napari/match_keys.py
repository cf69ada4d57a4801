"""The keys of matches: what they do, and which layers have another use for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.key_bindings import coerce_keybinding

if TYPE_CHECKING:
    from napari.layers import Layer

KEYS = {"N": "next", "B": "back", "Y": "yes", "X": "no"}
"""Keys of the viewer: to the next match, back, accept, reject. napari's Points layers bind none of them."""


def keeps_keys(layer: Layer) -> bool:
    """Whether a layer, while it is active, takes one of the keys for itself: napari asks it before the viewer.

    Image layers turn a plane by X and Y, Labels layers swap labels by X and keep them by B, Shapes layers remove
    vertices by X and move shapes back by B; a person may have bound others.

    Parameters
    ----------
    layer : Layer
    """
    keymaps = [layer.keymap, *(kind.class_keymap for kind in type(layer).__mro__ if hasattr(kind, "class_keymap"))]
    return any(coerce_keybinding(key) in keymap for keymap in keymaps for key in KEYS)
