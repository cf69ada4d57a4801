"""A box to choose the Labels layer that objects are taken from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels
from superqt.utils import qdebounced

from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.names_box import NamesBox
from napari_dinosim._napari.roles import LIKE, PREVIEW, WINNER, key_of, role

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.components import LayerList
    from napari.layers import Layer

NO_LABELS = "There is no Labels layer. Open one, of Cellpose or StarDist say, or make labels in the section Segment."
NONE = "none"


def with_objects(layers: Iterable[Layer]) -> list[Labels]:
    """Labels layers that objects can be in, the topmost first, those of classes last; previews are none."""
    found = [one for one in layers if isinstance(one, Labels) and role(one) not in (PREVIEW, LIKE)]
    found.reverse()
    return sorted(found, key=lambda layer: role(layer) == WINNER)


class LabelsBox(NamesBox):
    """Offers the Labels layers with objects; chosen is the one that a person chose or took up last, else the first.

    Parameters
    ----------
    layers : LayerList
        Of the viewer.
    tip : str
        What the layer is for.
    """

    def __init__(self, layers: LayerList, tip: str) -> None:
        super().__init__("Labels layer", tip)
        self._layers = layers
        self._meant: str | None = None
        self._in_hand: str | None = None
        self.activated.connect(guarded(self._keep))
        self._changed = guarded(self._list_changed)
        self._take_up = guarded(self._active_changed)
        self._soon = qdebounced(self._take_up, timeout=0)  # a layer that we add is the active one only for a moment
        self._active = lambda _event: self._soon()
        events = layers.events
        self._lists = (events.inserted, events.removed, events.reordered, events.renamed)
        for emitter in self._lists:
            emitter.connect(self._changed)
        layers.selection.events.active.connect(self._active)
        self._active_changed()

    @property
    def layer(self) -> Labels | None:
        """The layer that is chosen."""
        chosen = self.currentData()
        return next((layer for layer in with_objects(self._layers) if key_of(layer) == chosen), None)

    @property
    def why_not(self) -> str:
        """Why there is none to choose; empty where there is."""
        return "" if self.layer is not None else NO_LABELS

    def keep(self) -> None:
        """Keep to the layer that is chosen: something was done with it."""
        self._meant = self.currentData()

    def shutdown(self) -> None:
        """Listen no more."""
        self._soon.cancel()
        for emitter in self._lists:
            emitter.disconnect(self._changed)
        self._layers.selection.events.active.disconnect(self._active)

    def _keep(self, _index: int) -> None:
        self.keep()

    def _list_changed(self, _event: object = None) -> None:
        here = with_objects(self._layers)
        names: dict[str | None, str] = {key_of(layer): layer.name for layer in here}
        if not here:
            names[None] = NONE
        self.offer(names, self._meant, "" if here else NO_LABELS)

    def _active_changed(self) -> None:
        active = next((one for one in with_objects(self._layers) if one is self._layers.selection.active), None)
        before, self._in_hand = self._in_hand, None if active is None else key_of(active)
        if self._in_hand not in (None, before):
            self._meant = self._in_hand
        self._list_changed()
