"""The layers of classes: a map of each over every input, and one of labels that says which wins where."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.colormaps import Colormap, DirectLabelColormap
from superqt.utils import qdebounced

from napari_dinosim._napari.coordinates import leading_shape, place_like, placement, plane_shape, shown_axes
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.layer_looks import dress
from napari_dinosim._napari.lazy_map import LazyMap, PatchValues, pyramid_steps, refuse_drawing
from napari_dinosim._napari.map_looks import kept_looks, looks_of, redress
from napari_dinosim._napari.maps import REAL_PIXELS
from napari_dinosim._napari.personal import NAMED
from napari_dinosim._napari.results import put, take_away
from napari_dinosim._napari.roles import CLASS_MAP, MARK, WINNER, is_ours, key_of, mark
from napari_dinosim._napari.sentences import brief
from napari_dinosim.records.images import LabelsLook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from napari.components import ViewerModel

    from napari_dinosim._napari.label_book import LabelBook
    from napari_dinosim._napari.maps import MapLayers
    from napari_dinosim._napari.offering import Offering
    from napari_dinosim._napari.searched import Searched
    from napari_dinosim.planes import Axes, PlaneIndex
    from napari_dinosim.scoring import Normalisation
    from napari_dinosim.session import SimilaritySession
    from napari_dinosim.states import SimilarityMap

NO_CLASS = np.array(0, dtype=np.uint16)
"""Label of what is not embedded; napari draws it transparent."""

WINNER_OPACITY = 0.5

WINNER_LOOKS = ("opacity", "blending", "visible", "contour")
"""What a person may have set on the labels; kept while they are away."""


class ClassLayers:
    """Shows the classes of a session; there are no such layers while points are positive and negative only.

    All of them are lazy: they cost nothing while they are hidden.

    Parameters
    ----------
    viewer : Viewer
    session : SimilaritySession
    offering : Offering
    maps : MapLayers
        Above whose maps these are put.
    book : LabelBook
        Colours and values of classes.
    """

    def __init__(
        self, viewer: ViewerModel, session: SimilaritySession, offering: Offering, maps: MapLayers, book: LabelBook
    ) -> None:
        self._viewer, self._session, self._offering, self._maps, self._book = viewer, session, offering, maps, book
        self._written: dict[int, Any] = {}
        self._bound: set[str] = set()
        self._looks: dict[tuple[str, str | None], dict[str, Any]] = {}
        self._aside: list[Any] = []
        self._any = any(is_ours(layer, CLASS_MAP) or is_ours(layer, WINNER) for layer in viewer.layers)
        self._draw = qdebounced(guarded(self._draw_written), timeout=0)
        self._rename_class = guarded(self._class_renamed)
        book.renamed.connect(self._rename_class)

    def layers(self, key: str) -> dict[str | None, Any]:
        """Layers over an input, by class; that of the winner is None's."""
        ours = [layer for layer in self._viewer.layers if is_ours(layer, CLASS_MAP) or is_ours(layer, WINNER)]
        return {layer.metadata[MARK].get("label"): layer for layer in ours if layer.metadata[MARK]["source"] == key}

    def update(self, key: str) -> None:
        """Bring the layers over an input up to date: make, redraw or remove them."""
        classes, named = self._session.classes, self._session.prompts.classes
        if not named and not self._any:  # as mostly; called for each image at each click
            return
        held = self.layers(key)
        found = self._offering.find(key)
        wanted = (None, *classes) if classes and found is not None and self._session.shown_map(key) else ()
        shape = () if found is None else leading_shape(found.image) + plane_shape(found.image)
        for label, layer in held.items():
            known = bool(named) and (label is None or label in named)  # blank until it is embedded
            waits = key_of(layer) not in self._bound and not self._session.prompts  # for the points to be read anew
            gone = found is None or key not in self._session.inputs
            if (not known and not waits) or gone or tuple(layer.data.shape) != shape:
                self._keep_looks(key, label, layer)
                take_away(self._viewer, layer)
        if found is None or key not in self._session.inputs:
            return
        held = self.layers(key)
        for label in dict.fromkeys((*wanted, *held)) if named else ():
            layer = held.get(label) or self._add(found, label)
            if key_of(layer) not in self._bound:  # one that an earlier widget left shows the maps of its session
                layer.data = self._data(found, label)
                self._bound.add(key_of(layer))
                if label is None:
                    refuse_drawing(layer)
            if label is None:
                self._dress(layer)
            self._written[id(layer)] = layer
        self._draw()

    def follow(self, image: Image) -> None:
        """Move the layers to where their image lies."""
        for layer in self.layers(key_of(image)).values():
            if layer.ndim == image.ndim:
                place_like(layer, image)

    def rename(self, image: Image) -> None:
        """Name the layers after their renamed image, where they still have the names that we gave them."""
        found = self._offering.of(image)
        for label, layer in self.layers(found.key).items():
            self._entitle(layer, _name(label, found.name))

    def redress(self, before: Normalisation, after: Normalisation) -> None:
        """Give the maps of classes the limits of another scale, unless a person chose others."""
        for layer in [layer for layer in self._viewer.layers if is_ours(layer, CLASS_MAP)]:
            redress(layer, before, after)

    def step_aside(self, aside: bool) -> None:
        """Hide the layers, which lie above the maps, while something is previewed in these; show them afterwards."""
        if aside == bool(self._aside):
            return
        if aside:
            ours = [layer for layer in self._viewer.layers if is_ours(layer, CLASS_MAP) or is_ours(layer, WINNER)]
            self._aside = [layer for layer in ours if layer.visible]
        for layer in self._aside:
            layer.visible = not aside
        if not aside:
            self._aside = []

    def looks(self, key: str) -> dict[str, dict[str, Any]]:
        """How the maps of classes over an input look, or did before they went: what a person chose."""
        gone = {label: looks for (source, label), looks in self._looks.items() if source == key and label is not None}
        held = {label: layer for label, layer in self.layers(key).items() if label is not None}
        return gone | {label: kept_looks(layer, self._own_looks(label)) for label, layer in held.items()}

    def winner_look(self, key: str) -> LabelsLook | None:
        """How the layer of the winner looks, or did before it went; None where there was none."""
        layer = self.layers(key).get(None)
        looks = self._looks.get((key, None)) if layer is None else {name: getattr(layer, name) for name in WINNER_LOOKS}
        return LabelsLook(float(looks["opacity"]), looks["visible"], int(looks["contour"])) if looks else None

    def dress(self, key: str, label: str | None, looks: Mapping[str, Any]) -> None:
        """Have the map of a class, or the layer of the winner, look so, now or when there is one."""
        self._looks[key, label] = self._looks.get((key, label), {}) | dict(looks)
        layer = self.layers(key).get(label)
        if layer is not None:
            dress(layer, looks)

    def shutdown(self) -> None:
        """Draw no more; the layers stay."""
        self.step_aside(False)
        self._draw.cancel()
        self._book.renamed.disconnect(self._rename_class)

    def _draw_written(self) -> None:
        written, self._written = self._written, {}
        for layer in written.values():
            if layer.visible and layer in self._viewer.layers:
                layer.refresh(extent=False, highlight=False, thumbnail=False)

    def _class_renamed(self, old: str, new: str) -> None:
        """Let the layers of a class go on under its new name."""
        for found in self._offering.all():
            held = self.layers(found.key)
            if old in held:
                layer = held[old]
                layer.metadata[MARK]["label"] = new
                self._bound.discard(key_of(layer))  # its data look the old name up
                if layer.colormap.name == _colormap_name(old):
                    layer.colormap = self._colormap(new)
                self._entitle(layer, _name(new, found.name))
            if None in held:
                winner = held[None]
                winner.features = winner.features.replace({"name": {old: new}})

    def _entitle(self, layer: Any, name: str) -> None:
        if layer.name == layer.metadata[MARK].get(NAMED):
            layer.name = name
            layer.metadata[MARK][NAMED] = layer.name

    def _keep_looks(self, key: str, label: str | None, layer: Any) -> None:
        if label is None:
            looks = {name: getattr(layer, name) for name in WINNER_LOOKS}
        else:
            looks = kept_looks(layer, self._own_looks(label))
        self._looks[key, label] = looks

    def _own_looks(self, label: str) -> dict[str, Any]:
        """Say how the map of a class looks by itself."""
        colour = (
            {"colormap": self._colormap(label)} if label in self._book.labels else {"colormap": _colormap_name(label)}
        )
        return looks_of(self._session.normalisation) | colour | {"visible": False}

    def _add(self, found: Searched, label: str | None) -> Any:
        data, kept = self._data(found, label), dict(self._looks.get((found.key, label), {}))
        contour = kept.pop("contour", 0)  # of labels alone, and not for their making
        if label is None:
            layer: Any = Labels(
                data,
                name=_name(label, found.name),
                metadata=mark(WINNER, source=found.key),
                multiscale=isinstance(data, list),
                **({"opacity": WINNER_OPACITY} | kept),
                **placement(found.image),
            )
            layer.contour = contour
            refuse_drawing(layer)
        else:
            layer = Image(
                data,
                name=_name(label, found.name),
                metadata=mark(CLASS_MAP, source=found.key, label=label),
                multiscale=isinstance(data, list),
                rgb=False,
                **(self._own_looks(label) | kept),
                **placement(found.image),
            )
        self._any = True
        above = [*found.layers, self._maps[found.key], *self.layers(found.key).values()]
        self._bound.add(key_of(layer))
        put(self._viewer, layer, [other for other in above if other is not None])
        layer.metadata[MARK][NAMED] = layer.name
        return layer

    def _data(self, found: Searched, label: str | None) -> Any:
        """Make the lazy data of the map of a class, or of the winner."""
        lookup: Callable[[PlaneIndex], Any]
        lookup, more = partial(self._map, found, label), {}
        if label is None:
            lookup, more = partial(self._winner, found), {"blank": NO_CLASS}
        shape = leading_shape(found.image) + plane_shape(found.image)
        large = shape[-2] * shape[-1] > REAL_PIXELS
        axes = partial(self._axes, found.image)
        steps = pyramid_steps(plane_shape(found.image)) if large else [1]
        levels = [LazyMap(shape, lookup, step, axes, **more) for step in steps]
        return levels if large else levels[0]

    def _axes(self, image: Image) -> Axes:
        return shown_axes(image, self._viewer.dims.order)

    def _map(self, found: Searched, label: str | None, plane: PlaneIndex) -> SimilarityMap | None:
        return self._session.map(found.key, found.plane(plane), label)

    def _winner(self, found: Searched, plane: PlaneIndex) -> PatchValues | None:
        plane = found.plane(plane)
        winners, heat = self._session.winner(found.key, plane), self._session.map(found.key, plane)
        if winners is None or heat is None or winners.shape != heat.grid.shape:
            return None
        values = np.array([*(self._book.value(label) for label in self._session.classes), 0], dtype=np.uint16)
        return PatchValues(heat.grid, values[winners])  # -1, where nothing is embedded, is the last

    def _colormap(self, label: str) -> Colormap:
        colour = self._book.look(label).colour
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        return Colormap([(*channels, 0.0), (*channels, 1.0)], name=_colormap_name(label))

    def _dress(self, layer: Any) -> None:
        """Give the labels the colours and names of their classes; colours that a person chose stay."""
        values = {self._book.value(label): label for label in self._session.classes}
        before = dict(zip(layer.features.get("index", ()), layer.features.get("name", ()), strict=True))
        after = {0: "not embedded"} | values
        if list(before.items()) == list(after.items()):
            return
        layer.features = {"index": list(after), "name": list(after.values())}
        if before and not isinstance(layer.colormap, DirectLabelColormap):
            return  # a person chose napari's own colours
        colours: dict[int | None, Any] = {None: (0, 0, 0, 0), 0: (0, 0, 0, 0)}
        shown = layer.colormap.color_dict if before else {}
        for value, label in values.items():
            stays = before.get(value) == label and value in shown
            colours[value] = shown[value] if stays else self._book.look(label).colour
        layer.colormap = DirectLabelColormap(color_dict=colours)


def _name(label: str | None, image_name: str) -> str:
    return f"{'classes' if label is None else label} · {image_name}"


def _colormap_name(label: str) -> str:
    """Name the colormap of a class: a short one, for napari's box of colormaps is as wide as the longest name."""
    return f"class {brief(label)}"
