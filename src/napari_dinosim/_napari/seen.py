"""Layers and images as they are at one moment, for a worker to describe: what sessions are saved and compared by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import AVAILABLE_COLORMAPS, CMYBGR, MAGENTA_GREEN, Colormap

from napari_dinosim._napari.channel_axis import colours_of
from napari_dinosim._napari.channels import looks_of
from napari_dinosim._napari.coordinates import full_resolution, spatial_shape
from napari_dinosim._napari.layer_looks import dress, look_of, looks_in
from napari_dinosim._napari.limits import set_limits
from napari_dinosim._napari.roles import key_of
from napari_dinosim.errors import Cancelled
from napari_dinosim.records.images import (
    ChannelRecord,
    ImageRecord,
    LabelsLook,
    LayerRecord,
    LookRecord,
    Numbers,
    Placement,
    Signature,
)
from napari_dinosim.records.making import absolute, relative_to
from napari_dinosim.records.matching import OpenLayer
from napari_dinosim.records.signature import sign

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari.layers import Image
    from numpy.typing import ArrayLike

    from napari_dinosim._napari.limits import Finder
    from napari_dinosim._napari.offering import Offering
    from napari_dinosim._napari.searched import Searched
    from napari_dinosim.engine import Job
    from napari_dinosim.intensity import Intensity, Limits
    from napari_dinosim.planes import PlaneIndex


COLOUR = 1e-4
"""Difference of colours, from 0 to 1, that is none: a colormap made of a table gives it back a little rounded."""


@dataclass(frozen=True, slots=True, eq=False)
class SeenLayer:
    """An image layer; what :func:`see` notes of it.

    Parameters
    ----------
    key, name : str
    data : array
        At full resolution.
    rgb : bool
    path, reader : str, optional
        The file that it came from, and the plugin that read it.
    sample : (str, str), optional
    contrast_limits : (low, high), optional
    placement : Placement
    look : LookRecord, optional
    """

    key: str
    name: str
    data: Any
    rgb: bool
    path: str | None
    reader: str | None
    sample: tuple[str, str] | None
    contrast_limits: Limits | None
    placement: Placement
    look: LookRecord | None

    def opened(self, signature: Signature) -> OpenLayer:
        """Describe it for comparison."""
        return OpenLayer(self.key, self.name, signature, self.path, self.sample)

    def record(self, signature: Signature, folder: Path) -> LayerRecord:
        """Describe it for a file in a folder."""
        return LayerRecord(
            self.name,
            signature,
            self.rgb,
            self.path,
            None if self.path is None else relative_to(self.path, folder),
            self.reader,
            self.sample,
            self.contrast_limits,
            self.placement,
            self.look,
        )


@dataclass(frozen=True, slots=True, eq=False)
class SeenImage:
    """An image that is searched or left out; what :func:`see_image` notes of it.

    Parameters
    ----------
    key : str
        In the record.
    layers : tuple of SeenLayer
    channels : tuple of ChannelRecord
        Without the limits of channels along an axis, which the finders find.
    channel_axis : int, optional
    searched : bool
    plane : tuple of int
    intensity : Intensity, optional
        Its own.
    finders : list of callable() -> (low, high) or None
    covered : tuple of float, optional
    maps : dict of str to LookRecord
    classes : LabelsLook, optional
    """

    key: str
    layers: tuple[SeenLayer, ...]
    channels: tuple[ChannelRecord, ...]
    channel_axis: int | None
    searched: bool
    plane: PlaneIndex
    intensity: Intensity | None
    finders: list[Finder]
    covered: tuple[float, ...] | None
    maps: dict[str, LookRecord]
    classes: LabelsLook | None

    def record(self, signatures: dict[str, Signature], folder: Path) -> ImageRecord:
        """Describe it for a file in a folder; called in a worker, reads a sample."""
        layers = tuple(layer.record(signatures[layer.key], folder) for layer in self.layers)
        found = [find() for find in self.finders]
        channels = self.channels if self.channel_axis is None else with_limits(self.channels, found)
        limits = None if self.channel_axis is not None or not found else found[0]
        return ImageRecord(
            self.key,
            layers,
            channels,
            self.channel_axis,
            self.searched,
            self.plane,
            self.intensity,
            limits,
            self.covered,
            self.maps,
            self.classes,
        )


def see(layer: Image) -> SeenLayer:
    """Note what an image layer is now."""
    source = layer.source
    path = None if source.path is None or source.sample is not None else absolute(source.path)
    return SeenLayer(
        key_of(layer),
        layer.name,
        full_resolution(layer),
        bool(layer.rgb),
        path,
        source.reader_plugin if path else None,
        source.sample,
        None if layer.rgb else set_limits(layer),
        placement_of(layer),
        look_of(layer),
    )


def see_image(
    found: Searched, offering: Offering, maps: dict[str, LookRecord], classes: LabelsLook | None
) -> SeenImage:
    """Note what an image, or a composition, is now; how its maps and classes look is noted already."""
    layers = tuple(see(layer) for layer in found.layers)
    return SeenImage(
        found.image.name,
        layers if len(layers) == 1 else tuple(replace(layer, look=None) for layer in layers),
        channels_of(found),
        found.channel_axis,
        offering.is_checked(found.key),
        offering.plane(found.image),
        None if offering.intensities.shared else offering.intensities.own.get(found.key),
        offering.finders(found),
        offering.input(found).covered,
        maps,
        classes,
    )


def sign_layers(layers: Sequence[SeenLayer], job: Job[Any], done: int = 0, total: int = 0) -> dict[str, Signature]:
    """Sign layers, in a worker, with progress.

    Parameters
    ----------
    layers : sequence of SeenLayer
    job : Job
    done, total : int
        How much else was done, and is to do in all.
    """
    signatures = {}
    for count, layer in enumerate(layers):

        def told(tile: int, tiles: int, count: int = count) -> None:
            if job.cancelled:
                raise Cancelled("cancelled")
            job.advance(100 * (done + count) + 100 * tile // tiles, 100 * (total or len(layers)))

        signatures[layer.key] = sign(layer.data, rgb=layer.rgb, told=told)
    return signatures


def channels_of(found: Searched) -> tuple[ChannelRecord, ...]:
    """Describe the channels of a composition as they look; none of another image."""
    if found.channel_axis is not None:
        count = spatial_shape(found.image)[found.channel_axis]
        names = MAGENTA_GREEN if count == 2 else CMYBGR
        tables = enumerate(colours_of(count))
        return tuple(ChannelRecord(f"channel {i}", names[i % len(names)], Numbers.of(table)) for i, table in tables)
    if not found.composed:
        return ()
    return tuple(_channel(layer) for layer in found.layers)


def with_limits(channels: Sequence[ChannelRecord], limits: Sequence[Limits | None]) -> tuple[ChannelRecord, ...]:
    """Give each channel its limits."""
    return tuple(replace(channel, limits=pair) for channel, pair in zip(channels, limits, strict=True))


def placement_of(layer: Image) -> Placement:
    """Describe where a layer lies."""
    return Placement(
        _floats(layer.scale),
        _floats(layer.translate),
        tuple(_floats(row) for row in layer.rotate),
        _floats(layer.shear),
        tuple(_floats(row) for row in np.asarray(layer.affine.affine_matrix)),
        tuple(str(unit) for unit in layer.units),
        tuple(str(label) for label in layer.axis_labels),
    )


def lay_back(layer: Image, place: Placement | None) -> None:
    """Put a layer that we have just opened where it lay."""
    if place is not None and len(place.scale) == layer.ndim:
        layer.scale, layer.translate = place.scale, place.translate
        layer.rotate, layer.shear = np.asarray(place.rotate), place.shear
        layer.affine = np.asarray(place.affine)
        layer.units, layer.axis_labels = place.units, place.axis_labels


def look_as_before(layer: Image, record: LayerRecord, channel: ChannelRecord | None = None) -> None:
    """Make a layer that we have just opened look as it did.

    Parameters
    ----------
    layer : Image
    record : LayerRecord
    channel : ChannelRecord, optional
        How it looked, where it is a channel of a composition, which is searched as it looks.
    """
    if record.contrast_limits is not None and not layer.rgb:
        layer.contrast_limits = record.contrast_limits
    if record.look is not None:
        dress(layer, looks_in(record.look))
    if channel is not None and not layer.rgb:
        layer.gamma, layer.opacity, layer.visible = channel.gamma, channel.opacity, channel.visible
        known = channel.colormap if channel.colormap in AVAILABLE_COLORMAPS else None
        layer.colormap = known or Colormap(channel.colours.array(), name=channel.colormap)
        if not same_colours(looks_of(layer)["colours"], channel.colours.array()):  # another one of that name
            layer.colormap = Colormap(channel.colours.array(), name=f"{channel.colormap} (session)")


def same_colours(table: ArrayLike, other: ArrayLike) -> bool:
    """Whether two tables of colours are the same, as far as a file keeps them."""
    return np.shape(table) == np.shape(other) and np.allclose(table, other, atol=COLOUR)


def _channel(layer: Image) -> ChannelRecord:
    looks = looks_of(layer)
    return ChannelRecord(
        looks["name"],
        layer.colormap.name,
        Numbers.of(looks["colours"]),
        looks["limits"],
        looks["gamma"],
        looks["opacity"],
        looks["visible"],
    )


def _floats(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
