"""Colours of very many objects by a number, whatever their labels are; made in a few milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap, ensure_colormap
from pydantic import PrivateAttr
from skimage.util import map_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLORMAP = "viridis"
STEPS = 256
"""Colours that are told apart: napari draws few colours of many labels much quicker than many."""

BY_NUMBER = "napari-dinosim: by a number"
"""Name of the colormap: it was not chosen label by label."""


class NumberColormap(DirectLabelColormap):  # type: ignore[misc]
    """napari's colormap of labels, for labels of any size.

    napari looks the pixels of a slice up in a table as long as the highest label, and refuses to draw where that
    exceeds 65 536, unless numba is there. Here scikit-image's ``map_array`` looks them up; all else is napari's.
    """

    _labels: Any = PrivateAttr(default=np.zeros(1, dtype=np.int64))
    _colours: Any = PrivateAttr(default=np.zeros(1, dtype=np.intp))
    """All labels that have a colour, and a number for each colour; labels of one number have one colour."""

    def give(self, labels: NDArray[Any], steps: NDArray[np.intp], scale: list[NDArray[np.float32]]) -> None:
        """Give each label, none of which is the background, one colour of a scale."""
        # not through the constructor, which parses each colour by itself: 6 µs each, and 6 more to draw them
        self.color_dict.update(zip(labels.tolist(), map(scale.__getitem__, steps.tolist()), strict=True))
        background = np.array([self.background_value], dtype=labels.dtype)
        self._labels, self._colours = np.concatenate([background, labels]), np.concatenate([[len(scale)], steps])

    def map(self, values: Any) -> Any:
        """Colours of labels, (…, 4)."""
        if not self._looks_up(values):
            return super().map(values)
        labels, firsts, places = self._fitting(values.dtype)
        colours = [self.default_color, *(self.color_dict[int(label)] for label in labels[firsts])]
        return np.array(colours, dtype=np.float32)[map_array(values, labels, places + 1)]

    def _data_to_texture(self, values: Any) -> Any:
        """Numbers that labels are sent to the graphics card by; 0 for those without a colour, as in napari."""
        numbers = super()._data_to_texture
        if not self._looks_up(values):
            return numbers(values)
        labels, firsts, places = self._fitting(values.dtype)
        return map_array(values, labels, np.array([numbers(label) for label in labels[firsts]])[places])

    def _looks_up(self, values: Any) -> bool:
        """Whether napari would need that table."""
        return isinstance(values, np.ndarray) and values.dtype.itemsize > 2 and not self.use_selection

    def _fitting(self, dtype: np.dtype[Any]) -> tuple[NDArray[Any], NDArray[np.intp], NDArray[np.intp]]:
        """Labels that a type can hold, which of them is the first of each colour, and the colour of each."""
        limits = np.iinfo(dtype)
        fits = (self._labels >= limits.min) & (self._labels <= limits.max)
        _, firsts, places = np.unique(self._colours[fits], return_index=True, return_inverse=True)
        return self._labels[fits].astype(dtype), firsts, places


def by_number(labels: NDArray[Any], places: NDArray[Any], others: Any) -> NumberColormap:
    """Colour labels by a number.

    Parameters
    ----------
    labels : ndarray of int of shape (n,)
        Without the background, which is transparent.
    places : ndarray of float of shape (n,)
        Where their colours lie on the scale, in [0, 1].
    others : colour
        Of all other labels.
    """
    made = NumberColormap(name=BY_NUMBER, color_dict={None: others, 0: (0, 0, 0, 0)})
    scale = list(ensure_colormap(COLORMAP).map(np.linspace(0, 1, STEPS)).astype(np.float32))
    made.give(labels, np.round(places * (STEPS - 1)).astype(int), scale)
    return made
