"""Colours of very many objects by a number: napari's own colormap of labels, made in a few milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap, ensure_colormap

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLORMAP = "viridis"
STEPS = 256
"""Colours that are told apart: napari draws few colours of many labels much quicker than many."""

BY_NUMBER = "napari-dinosim: by a number"
"""Name of the colormap: it was not chosen label by label."""


def by_number(labels: NDArray[Any], places: NDArray[Any], others: Any) -> DirectLabelColormap:
    """Colour labels by a number.

    Parameters
    ----------
    labels : ndarray of int of shape (n,)
    places : ndarray of float of shape (n,)
        Where their colours lie on the scale, in [0, 1].
    others : colour
        Of all other labels; the background is transparent.
    """
    made = DirectLabelColormap(name=BY_NUMBER, color_dict={None: others, 0: (0, 0, 0, 0)})
    scale = list(ensure_colormap(COLORMAP).map(np.linspace(0, 1, STEPS)).astype(np.float32))
    steps = np.round(places * (STEPS - 1)).astype(int)
    # not through the constructor, which parses each colour by itself: 6 µs each, and 6 more to draw them
    made.color_dict.update(zip(labels.tolist(), map(scale.__getitem__, steps.tolist()), strict=True))
    return made
