"""The similarity layers: one per input, made once, updated in place, never re-added."""

from __future__ import annotations

import math
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from superqt.utils import qdebounced

from napari_dinosim._napari.coordinates import fit, leading_shape, place_like, placement, plane_shape, shown_axes
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.layer_looks import dress
from napari_dinosim._napari.lazy_map import LazyMap, pixels_under, pyramid_steps
from napari_dinosim._napari.map_looks import kept_looks, looks_of
from napari_dinosim._napari.results import find, put, take_away
from napari_dinosim._napari.roles import COLOURS, MAP, key_of, mark
from napari_dinosim._napari.searched import Searched
from napari_dinosim.planes import LAST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari.components import ViewerModel

    from napari_dinosim.planes import Axes, PlaneIndex
    from napari_dinosim.session import SimilaritySession
    from napari_dinosim.states import SimilarityMap

REAL_PIXELS = 4096**2
"""A plane of at most this many pixels is a real array, so that every napari tool can use it; a larger one is lazy."""

QUICK_PIXELS = 1024**2
"""Pixels that are written and drawn many times a second; of a larger image, a preview is shown in fewer."""

PER_PATCH = 3
"""Pixels, at least, along a patch of such a preview."""

THUMBNAIL_MS = 300
"""The thumbnails in the layer list follow when the maps have been quiet for so long."""


def _alone(image: Image) -> Searched:
    return Searched((image,))


class MapLayers:
    """Writes the session's maps into layers over the images.

    Parameters
    ----------
    viewer : Viewer
    session : SimilaritySession
    searched : callable(Image) -> Searched
        What an image layer is searched as; a map lies above all its layers.
    """

    def __init__(
        self, viewer: ViewerModel, session: SimilaritySession, searched: Callable[[Image], Searched] = _alone
    ) -> None:
        self._viewer, self._session, self._searched = viewer, session, searched
        self._layers: dict[str, Image] = {}
        self._looks: dict[str, dict[str, Any]] = {}
        self._written: set[str] = set()
        self._aside: dict[str, np.ndarray[Any, Any]] = {}
        self.awaits_preview = False
        self._draw = qdebounced(guarded(self.draw_written), timeout=0)
        self._draw_thumbnails = qdebounced(guarded(self._refresh_thumbnails), timeout=THUMBNAIL_MS)

    def all(self) -> list[Image]:
        """List the maps that there are."""
        return list(self._layers.values())

    def __getitem__(self, key: str) -> Image | None:
        return self._layers.get(key)

    def update(self, image: Image) -> None:
        """Bring the map over an image up to date: make, rewrite, blank or remove it."""
        key = key_of(image)
        if key not in self._session.inputs or not (self._session.prompts or self._previews()):
            self.remove(key)
            return
        found = self._session.shown_map(key)
        large = self._large(image)
        lazy = bool(leading_shape(image)) or large
        layer = self._layers.get(key) or self._adopt(image, lazy)
        if layer is not None and (layer.ndim, layer.multiscale) != (image.ndim, large):
            self.remove(key)  # data of another kind
            layer = None
        if layer is None:
            if found is None:
                return
            layer = self._add(image, lazy)
        elif tuple(layer.data.shape) != self._shape(image, lazy) or self._turned(layer, image):
            self._replace(layer, image, lazy)
        if not lazy:
            data: np.ndarray[Any, Any] = layer.data
            if found is None:
                data.fill(np.nan)
            else:
                _write(data, found, self._axes(image))
        self._written.add(key)
        self._draw()

    def _replace(self, layer: Image, image: Image, lazy: bool) -> None:
        """Give a map other data. Those of a person's own prompts are put aside for a preview, and the same again."""
        key, held = key_of(image), layer.data
        data = self._aside.pop(key, None)
        if data is None or data.shape != self._shape(image, lazy):
            data = self._data(image, lazy)
        if not lazy and self._session.previewed is not None and held.shape == plane_shape(image):
            self._aside[key] = held
        with layer.events.blocker_all():  # told once, when it is drawn: each of these would lay out all layers anew
            layer.data = data
            fit(layer, image)

    def _previews(self) -> bool:
        """Whether maps are shown without a prompt; between two previews they stay, blank: to add one takes long."""
        return self.awaits_preview or self._session.previewed is not None

    def draw_written(self) -> None:
        """Have napari draw what was written, once all maps are: on the next turn of the event loop."""
        written, self._written = self._written, set()
        quiet = self._viewer.layers.events.blocker() if self._session.previewed else nullcontext()
        with quiet:  # of new pixels the layer list shows nothing, yet it would be painted anew, and the window with it
            for layer in [self._layers[key] for key in written if key in self._layers]:
                layer.refresh(extent=False, highlight=False, thumbnail=False)
        self._draw_thumbnails()

    def _refresh_thumbnails(self) -> None:
        for layer in self._layers.values():
            layer.refresh(extent=False, highlight=False, data_displayed=False)

    def shutdown(self) -> None:
        """Draw no more; the layers stay."""
        self._draw.cancel()
        self._draw_thumbnails.cancel()

    def follow(self, image: Image) -> None:
        """Move the map to where its image lies."""
        layer = self._layers.get(key_of(image))
        if layer is not None and layer.ndim == image.ndim:
            place_like(layer, image)
            fit(layer, image)

    def rename(self, key: str, old: str, new: str) -> None:
        """Name the map after its renamed image, where it still has the name that we gave it."""
        layer = self._layers.get(key)
        if layer is not None and layer.name == _name(old):
            layer.name = _name(new)

    def forget(self, layer: Image) -> None:
        """Take note that a map layer is gone: a person removed it."""
        for key, held in list(self._layers.items()):
            if held is layer:
                self._let_go(key)
                del self._layers[key]

    def remove(self, key: str) -> None:
        """Remove the map over an image."""
        layer = self._layers.get(key)
        if layer is not None:
            self._let_go(key)
            del self._layers[key]
            take_away(self._viewer, layer)

    def look(self, key: str) -> dict[str, Any]:
        """How the map over an image looks, or did before it went; empty where there was none."""
        layer = self._layers.get(key)
        if layer is None:
            return dict(self._looks.get(key, {}))
        return kept_looks(layer, looks_of(self._session.normalisation)) | {"colormap": layer.colormap}

    def dress(self, key: str, looks: Mapping[str, Any]) -> None:
        """Have the map over an image look so, now or when there is one."""
        self._looks[key] = self._looks.get(key, {}) | dict(looks)
        if key in self._layers:
            dress(self._layers[key], looks)

    def _let_go(self, key: str) -> None:
        """Keep how a map looks that goes, and nothing else of it."""
        self._aside.pop(key, None)
        self._looks[key] = kept_looks(self._layers[key], looks_of(self._session.normalisation))

    def _data(self, image: Image, lazy: bool) -> Any:
        shape = self._shape(image, lazy)
        if not lazy:
            return np.full(shape, np.nan, dtype=np.float32)
        key = key_of(image)
        steps = pyramid_steps(plane_shape(image, self._axes(image))) if self._large(image) else [1]
        found = self._searched(image)

        def lookup(plane: PlaneIndex) -> SimilarityMap | None:
            return self._session.map(key, found.plane(plane))

        levels = [LazyMap(shape, lookup, step, partial(self._axes, image)) for step in steps]
        return levels if len(levels) > 1 else levels[0]

    def _shape(self, image: Image, lazy: bool) -> tuple[int, ...]:
        """Shape of a map: that of its image; a preview of a large one has fewer pixels, to follow the cursor."""
        shape = leading_shape(image) + plane_shape(image)
        found = None if lazy or self._session.previewed is None else self._session.shown_map(key_of(image))
        if found is None or math.prod(shape) <= QUICK_PIXELS:
            return shape
        step = 2 ** int(math.log2(max(min(found.grid.footprint) / PER_PATCH, 1)))
        return tuple(-(-size // step) for size in shape)

    def _axes(self, image: Image) -> Axes:
        return shown_axes(image, self._viewer.dims.order)

    def _large(self, image: Image) -> bool:
        """Whether the planes on screen are larger than is drawn at once."""
        height, width = plane_shape(image, self._axes(image))
        return height * width > REAL_PIXELS

    def _turned(self, layer: Image, image: Image) -> bool:
        """Whether the levels of a pyramid are those of planes along other axes than are on screen."""
        if not layer.multiscale:
            return False
        full, coarse = layer.data[0].shape, layer.data[-1].shape
        along = {axis % image.ndim for axis in self._axes(image)}
        return any(coarse[axis] != full[axis] for axis in range(image.ndim) if axis not in along)

    def _adopt(self, image: Image, lazy: bool) -> Image | None:
        """Take over the map of an image that an earlier widget left."""
        key = key_of(image)
        layer = find(self._viewer, MAP, key)
        if layer is not None:
            self._layers[key] = layer
            if (layer.ndim, layer.multiscale) == (image.ndim, self._large(image)):
                self._replace(layer, image, lazy)
        return layer

    def _add(self, image: Image, lazy: bool) -> Image:
        key, found = key_of(image), self._searched(image)
        data = self._data(image, lazy)
        looks = looks_of(self._session.normalisation)
        layer = Image(
            data,
            multiscale=isinstance(data, list),
            rgb=False,
            name=_name(found.name),
            metadata=mark(MAP, source=key, sources=[key_of(layer) for layer in found.layers]),
            **(looks | self._looks.get(key, {})),
            **placement(image),
        )
        fit(layer, image)
        colours = find(self._viewer, COLOURS, key)  # which would cover it
        put(self._viewer, layer, found.layers if colours is None else (*found.layers, colours))
        self._layers[key] = layer
        return layer


def _write(data: np.ndarray[Any, Any], found: SimilarityMap, axes: Axes) -> None:
    """Write the map of a flat image, that may be seen with its axes exchanged, and in fewer pixels."""
    seen = data if axes == LAST else data.T
    if seen.shape != found.grid.image_shape:
        picks = [
            pixels_under(np.arange(n), n, full) for n, full in zip(seen.shape, found.grid.image_shape, strict=True)
        ]
        seen[...] = found.upsample_at(*picks)
    elif axes == LAST:
        found.grid.upsample(found.values, out=data)
    else:
        seen[...] = found.grid.upsample(found.values)


def _name(image_name: str) -> str:
    return f"similarity · {image_name}"
