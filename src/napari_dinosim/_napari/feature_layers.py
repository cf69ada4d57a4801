"""The layers that show features: one of colours and one of clusters per image, made once, updated in place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from psygnal import Signal
from superqt.utils import qthrottled

from napari_dinosim._napari.coordinates import leading_shape, place_like, placement, plane_shape, shown_axes
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.inputs import fingerprint
from napari_dinosim._napari.lazy_map import LazyMap, PatchValues, pyramid_steps
from napari_dinosim._napari.maps import REAL_PIXELS
from napari_dinosim._napari.personal import NAMED, WRITTEN, drawn_in, leave, note_drawing, taken_up
from napari_dinosim._napari.results import find, put, take_away
from napari_dinosim._napari.roles import CLUSTERS, COLOURS, MARK, PREVIEW, SEGMENTS, is_ours, key_of, mark
from napari_dinosim.planes import index_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari.components import ViewerModel
    from numpy.typing import NDArray

    from napari_dinosim._napari.class_layers import ClassLayers
    from napari_dinosim._napari.controller import Controller
    from napari_dinosim._napari.image_watch import ImageWatch
    from napari_dinosim._napari.lazy_map import Gridded
    from napari_dinosim._napari.maps import MapLayers
    from napari_dinosim._napari.offering import Offering
    from napari_dinosim._napari.searched import Searched
    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.planes import Axes, PlaneIndex

TITLES = {
    COLOURS: "PCA · {}",
    CLUSTERS: "clusters · {}",
    SEGMENTS: "labels · {}",
    PREVIEW: "labels (preview) · {}",
}
OPACITY = {COLOURS: 0.8, CLUSTERS: 0.6, SEGMENTS: 0.7, PREVIEW: 0.5}

REAL_STACK = 1 << 27
"""A stack of labels of at most so many pixels is a real array, that can be painted in: half a gigabyte."""

NO_COLOUR = np.zeros(4, dtype=np.uint8)
"""Red, green, blue and alpha of what is not embedded: transparent."""

NO_CLUSTER = np.array(0, dtype=np.uint8)
"""Label of what is not embedded; napari draws it transparent."""


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """One image, and what is embedded of it at one moment.

    Parameters
    ----------
    found : Searched
    shape : tuple of int
        (…, height, width) in pixels.
    embeddings : mapping of plane index to PatchEmbeddings
    axes : callable() -> tuple of int
        Axes that are on screen.
    axes_now : tuple of int
        Those at that moment.
    """

    found: Searched
    shape: tuple[int, ...]
    embeddings: Mapping[PlaneIndex, PatchEmbeddings]
    axes: Callable[[], Axes]
    axes_now: Axes

    def data(self, values: Mapping[PlaneIndex, NDArray[Any]], blank: NDArray[Any]) -> Any:
        """Make the data of a layer: an array for a flat image of up to 4096² pixels, else lazy; for a worker."""
        planes = {plane: PatchValues(self.embeddings[plane].grid, each) for plane, each in values.items()}
        return self.laid(planes, blank)

    def laid(self, planes: Mapping[PlaneIndex, Gridded], blank: NDArray[Any], *, stacks: bool = False) -> Any:
        """Make the data of a layer of what there is for each plane; ``stacks`` of bounded size are arrays too."""
        if self._large or not (len(self.shape) == 2 or (stacks and math.prod(self.shape) <= REAL_STACK)):
            return self.lazy(planes, blank)
        return LazyMap(self.shape, self._lookup(planes), axes=lambda: self.axes_now, blank=blank)[...]

    def lazy(self, planes: Mapping[PlaneIndex, Gridded], blank: NDArray[Any]) -> Any:
        """Make the data of a layer that looks at what there is for each plane when it is drawn."""
        steps = pyramid_steps((self.shape[-2], self.shape[-1])) if self._large else [1]
        levels = [LazyMap(self.shape, self._lookup(planes), step, self.axes, blank) for step in steps]
        return levels if self._large else levels[0]

    @property
    def _large(self) -> bool:
        return self.shape[-2] * self.shape[-1] > REAL_PIXELS

    def _lookup(self, planes: Mapping[PlaneIndex, Gridded]) -> Callable[[PlaneIndex], Gridded | None]:
        return lambda plane: planes.get(self.found.plane(plane))


def take(controller: Controller) -> list[Taken]:
    """Gather what is embedded of the checked images, all planes in order; images of which nothing is are left out."""
    session, taken = controller.session, []
    for found in controller.offering.checked():
        planes = sorted(session.embedded_planes(found.key), key=index_of)
        held = {plane: each for plane in planes if (each := session.embeddings(found.key, plane)) is not None}
        axes = partial(_axes, controller, found.image)
        shape = leading_shape(found.image) + plane_shape(found.image)
        if held:
            taken.append(Taken(found, shape, held, axes, axes()))
    return taken


def _axes(controller: Controller, image: Image) -> Axes:
    return shown_axes(image, controller.viewer.dims.order)


class FeatureLayers:
    """Puts colours, clusters and labels into layers over the images.

    Parameters
    ----------
    viewer : Viewer
    watch : ImageWatch
    offering : Offering
    maps : MapLayers
    classes : ClassLayers
        Above these and the maps, layers are put.
    """

    swept = Signal()
    """Layers were removed, and those of ours that went with their image."""

    def __init__(
        self, viewer: ViewerModel, watch: ImageWatch, offering: Offering, maps: MapLayers, classes: ClassLayers
    ) -> None:
        self._viewer, self._watch, self._offering, self._maps, self._classes = viewer, watch, offering, maps, classes
        self._sweep_soon = qthrottled(guarded(self._sweep), timeout=0, leading=False)  # never within another removal
        watch.removed.connect(self._sweep_soon)
        watch.placed.connect(self._placed)
        watch.renamed.connect(self._renamed)

    def shutdown(self) -> None:
        """Sweep no more; the layers stay."""
        self._sweep_soon.cancel()

    def all(self, kind: str) -> list[Any]:
        """Layers of a kind over images that are open."""
        found = (find(self._viewer, kind, key_of(image)) for image in self._watch.images())
        return [layer for layer in found if layer is not None]

    def show_colours(self, taken: Taken, data: Any, **more: Any) -> Image | None:
        """Show colours over an image, and note ``more`` in the layer; None where the image is gone."""
        return self._show(COLOURS, taken, data, partial(Image, rgb=True, interpolation2d="nearest"), more)

    def show_clusters(self, taken: Taken, data: Any, colours: Any, **more: Any) -> Labels | None:
        """Show labels over an image, and note ``more`` in the layer; None where the image is gone.

        A layer that is made for them has these colours from the start, so that it is not drawn twice.
        """
        return self._show(CLUSTERS, taken, data, partial(Labels, colormap=colours), more)

    def show_segments(self, taken: Taken, data: Any, colours: Any) -> Labels | None:
        """Show labels made of a map over an image, a new layer in these colours; None where the image is gone."""
        return self._show(SEGMENTS, taken, data, partial(Labels, colormap=colours), {})

    def show_preview(self, taken: Taken, data: Any, colours: Any) -> Labels | None:
        """Show what labels would be, a new layer in these colours; None where the image is gone."""
        return self._show(PREVIEW, taken, data, partial(Labels, colormap=colours), {})

    def held(self, kind: str, key: str) -> Any:
        """Layer of a kind over an image, where there is one."""
        return find(self._viewer, kind, key)

    def _show(self, kind: str, taken: Taken, data: Any, make: Callable[..., Any], more: dict[str, Any]) -> Any:
        image, viewer = taken.found.image, self._viewer
        if image not in viewer.layers or leading_shape(image) + plane_shape(image) != taken.shape:
            return None
        noted = mark(kind, source=taken.found.key, **{WRITTEN: fingerprint(data)}, **more)
        layer, multiscale = find(viewer, kind, taken.found.key), isinstance(data, list)
        of_another_kind = layer is not None and (layer.ndim, bool(layer.multiscale)) != (image.ndim, multiscale)
        if layer is not None and (taken_up(layer) if of_another_kind else drawn_in(layer)):
            leave(layer)
            layer = None
        elif of_another_kind:
            viewer.layers.remove(layer)
            layer = None
        if layer is None:
            name, opacity = TITLES[kind].format(taken.found.name), OPACITY[kind]
            place = placement(image)
            layer = make(data, name=name, opacity=opacity, metadata=noted, multiscale=multiscale, **place)
            if isinstance(layer, Labels):
                layer.events.paint.connect(note_drawing)
            above = [*taken.found.layers, self._maps[taken.found.key]]
            above += self._classes.layers(taken.found.key).values()
            if kind != COLOURS:  # a cluster that is shown alone is seen over the colours, whichever came first
                above += [find(viewer, other, taken.found.key) for other in TITLES]
            put(viewer, layer, [other for other in above if other is not None])
            layer.metadata[MARK][NAMED] = layer.name
        else:
            layer.data = data
            layer.metadata[MARK] = layer.metadata[MARK] | noted[MARK]  # a copy of the layer shares the old one
        if isinstance(layer, Labels):  # napari would take any single level for one that can be painted in
            layer.editable = isinstance(data, np.ndarray) and kind != PREVIEW
        return layer

    def _sweep(self, _removed: object) -> None:
        """Take colours and clusters of images that are gone away, unless a person took them up."""
        layers, present = self._viewer.layers, {key_of(image) for image in self._watch.images()}
        for kind in (COLOURS, CLUSTERS):
            left = [one for one in layers if is_ours(one, kind) and one.metadata[MARK]["source"] not in present]
            for layer in left:
                if taken_up(layer):
                    leave(layer)
                else:
                    take_away(self._viewer, layer)
        self.swept.emit()

    def _placed(self, image: Image) -> None:
        for kind in TITLES:
            layer = find(self._viewer, kind, key_of(image))
            if layer is not None and layer.ndim == image.ndim:
                place_like(layer, image)

    def _renamed(self, image: Image) -> None:
        found = self._offering.of(image)
        for kind, title in TITLES.items():
            layer = find(self._viewer, kind, found.key)
            if layer is not None and layer.name == layer.metadata[MARK][NAMED]:
                layer.name = title.format(found.name)
                layer.metadata[MARK][NAMED] = layer.name
