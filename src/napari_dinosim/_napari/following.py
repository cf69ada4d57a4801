"""Keeps the session and the maps in line with the person's image layers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_dinosim._napari.sentences import (
    CHANNEL_REMOVED,
    CHANNELS_CHANGED,
    CHANNELS_MOVED,
    CONTRAST_CHANGED,
    INTENSITY_CHANGED,
    RESOLUTION_CHANGED,
)

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_dinosim._napari.image_watch import ImageWatch
    from napari_dinosim._napari.maps import MapLayers
    from napari_dinosim._napari.offering import Offering
    from napari_dinosim.session import SimilaritySession


class ImageFollowing:
    """Does what a change of an image layer asks for.

    Parameters
    ----------
    watch : ImageWatch
    offering : Offering
    session : SimilaritySession
    maps : MapLayers
    """

    listed = Signal()
    """Rows of the list of images are others."""
    moved = Signal()
    """What lies under the points may be another."""
    told = Signal(str)
    """Something to tell the person."""

    def __init__(self, watch: ImageWatch, offering: Offering, session: SimilaritySession, maps: MapLayers) -> None:
        self._offering, self._session, self._maps = offering, session, maps
        watch.joined.connect(self._joined)
        watch.left.connect(self._left)
        watch.pixels_changed.connect(self._pixels_changed)
        watch.renamed.connect(self._renamed)
        watch.contrast_changed.connect(self._contrast_changed)
        watch.looks_changed.connect(self._looks_changed)
        watch.placed.connect(self._placed)

    def _joined(self, layer: Image) -> None:
        self._offering.offer(self._offering.of(layer))
        self._offering.refresh(INTENSITY_CHANGED)  # of those that are read by one pair of limits for all

    def _left(self, key: str) -> None:
        members = self._offering.leave(key)
        for gone in (key, *members[:1]):
            self._maps.remove(gone)
        self._offering.refresh(INTENSITY_CHANGED)
        self.moved.emit()
        if members:
            self.told.emit(CHANNEL_REMOVED)

    def _pixels_changed(self, layer: Image) -> None:
        self._offering.bump(layer)
        found = self._offering.of(layer)
        if found.key in self._session.inputs:
            self._offering.offer(found)
        self.listed.emit()
        self.moved.emit()

    def _renamed(self, layer: Image) -> None:
        found = self._offering.of(layer)
        known = self._session.inputs.get(found.key)
        if known is not None:
            self._maps.rename(found.key, known.name, found.name)
            self._session.set_input(found.key, replace(known, name=found.name), self._offering.plane(found.image))
        self.listed.emit()

    def _contrast_changed(self, layer: Image) -> None:
        found = self._offering.of(layer)
        self._offering.refresh(CHANNELS_CHANGED if found.composed else CONTRAST_CHANGED, [found])

    def _looks_changed(self, layer: Image) -> None:
        found = self._offering.of(layer)
        if found.composed:
            self._offering.refresh(CHANNELS_CHANGED, [found])

    def _placed(self, layer: Image) -> None:
        found = self._offering.of(layer)
        if layer is found.image:
            self._maps.follow(layer)
        self._offering.refresh(CHANNELS_MOVED if found.composed else RESOLUTION_CHANGED, [found])
        self.moved.emit()
