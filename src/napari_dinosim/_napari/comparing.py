"""In what open images, and the encoder that would be loaded, differ from a session's record: looked at in a worker."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_dinosim._napari.channel_axis import channel_axes
from napari_dinosim._napari.limits import LimitFinders
from napari_dinosim._napari.searched import Searched
from napari_dinosim._napari.seen import channels_of, same_colours, with_limits
from napari_dinosim.errors import DeviceError, DinosimError, WeightsNotFoundError
from napari_dinosim.records.signature import compare
from napari_dinosim.records.values import Difference

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from napari.layers import Image

    from napari_dinosim._napari.limits import Finder
    from napari_dinosim.intensity import Limits
    from napari_dinosim.loading import EncoderChoice, EncoderSlot
    from napari_dinosim.records.images import ChannelRecord, ImageRecord, Signature
    from napari_dinosim.records.values import EncoderRecord, SessionRecord

WEIGHTS = "weights of the encoder"
"""What differs where there are none."""

NEAR = 1e-6
"""Relative difference of limits that is none: napari keeps them in float32 here and there."""


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """An image of a record, and what it is here.

    Parameters
    ----------
    record : ImageRecord
    layers : tuple of Image
        One for each layer of the record.
    signatures : tuple of Signature
    finders : tuple of callable() -> (low, high) or None
        Of its limits, or of those of its channels along an axis.
    channels : tuple of ChannelRecord
        How its channels look here.
    counts : bool
        Whether it shares its limits where one pair holds for all.
    """

    record: ImageRecord
    layers: tuple[Image, ...]
    signatures: tuple[Signature, ...]
    finders: tuple[Finder, ...]
    channels: tuple[ChannelRecord, ...]
    counts: bool

    @property
    def searched(self) -> Searched:
        """What it is searched as, where its layers still allow that."""
        axis = self.record.channel_axis
        return Searched(self.layers, axis if len(self.layers) == 1 and axis in channel_axes(self.layers[0]) else None)


def look_at(
    record: SessionRecord, image: ImageRecord, layers: Sequence[Image], signatures: Sequence[Signature]
) -> Compared:
    """Note what an image of a record is here, in Qt's thread."""
    intensity = record.settings.intensity if record.settings.shared else image.intensity or record.settings.intensity
    finders, alone, first = LimitFinders(), len(layers) == 1, layers[0]
    version, find = finders.own(first, 0, intensity)
    found: Sequence[Finder] = [find] if alone else []
    axis = image.channel_axis if alone and image.channel_axis in channel_axes(first) else None
    if axis is not None:
        found = finders.channels(first, 0, intensity, axis)[1]
    channels = channels_of(Searched(tuple(layers), axis))
    shares = alone and axis is None and version is not None and image.searched
    return Compared(image, tuple(layers), tuple(signatures), tuple(found), channels, shares)


def image_differences(record: SessionRecord, images: Sequence[Compared]) -> list[Difference]:
    """Say in what images differ; called in a worker, reads samples."""
    limits = [[find() for find in image.finders] for image in images]
    if record.settings.shared:
        sharing = [pairs[0] for image, pairs in zip(images, limits, strict=True) if image.counts]
        over_all = LimitFinders.shared(("", _giver(pair)) for pair in sharing)[1]()
        limits = [[over_all] if image.counts else pairs for image, pairs in zip(images, limits, strict=True)]
    differences: list[Difference] = []
    for image, pairs in zip(images, limits, strict=True):
        pixels = [
            one
            for layer, signature in zip(image.record.layers, image.signatures, strict=True)
            for one in compare(layer.name, signature, layer.signature)
        ]
        differences += pixels or _looks(image, pairs)
    return differences


def encoder_differences(record: EncoderRecord, slot: EncoderSlot) -> tuple[EncoderChoice, list[Difference]]:
    """Say in what the encoder differs, and which one to choose; called in a worker, loads the encoder."""
    choice, expected = record.choice, record.identity
    if expected is None:
        return choice, []
    differences: list[Difference] = []
    try:
        found = choice.identity(slot.get(choice))
    except DeviceError:
        differences.append(Difference("device", "none such on this computer", choice.device))
        choice = replace(choice, device="auto", precision="auto")
        return choice, differences + encoder_differences(replace(record, choice=choice), slot)[1]
    except WeightsNotFoundError:
        found = "none on this computer" if choice.weights is None else f"no file {choice.weights}"
        return choice, [*differences, Difference(WEIGHTS, found, expected)]
    except DinosimError as error:
        return choice, [*differences, Difference("encoder", str(error), expected)]
    return choice, differences + ([] if found == expected else [Difference("encoder", found, expected)])


def missing_differences(record: SessionRecord, images: Container[str]) -> list[Difference]:
    """Say which images are not here."""
    return [
        Difference(f"image {image.name!r}", "nothing", f"an image of shape {image.layers[0].signature.shape}")
        for image in record.images
        if image.key not in images
    ]


def _looks(image: Compared, limits: Sequence[Limits | None]) -> list[Difference]:
    """Compare the intensities that become 0 and 1, and the looks of channels."""
    record = image.record
    if len(image.channels) != len(record.channels):
        return [Difference(f"image {record.name!r}, channels", len(image.channels), len(record.channels))]
    if not record.channels:
        (pair,) = limits
        same = _near(pair, record.limits)
        return [] if same else [Difference(f"image {record.name!r}, intensities", pair, record.limits)]
    channels = image.channels if record.channel_axis is None else with_limits(image.channels, limits)
    return [
        Difference(f"channel {here.name!r}", _looking(here), _looking(there))
        for here, there in zip(channels, record.channels, strict=True)
        if (here.visible or there.visible) and not _alike(here, there)
    ]


def _alike(here: ChannelRecord, there: ChannelRecord) -> bool:
    facts = [(one.gamma, one.opacity, one.visible) for one in (here, there)]
    colours = same_colours(here.colours.array(), there.colours.array())
    return facts[0] == facts[1] and colours and _near(here.limits, there.limits)


def _looking(channel: ChannelRecord) -> str:
    if not channel.visible:
        return "hidden"
    limits = "all" if channel.limits is None else f"{channel.limits[0]:g} to {channel.limits[1]:g}"
    return f"{channel.colormap}, {limits}, gamma {channel.gamma:g}, opacity {channel.opacity:g}"


def _near(pair: Limits | None, other: Limits | None) -> bool:
    if pair is None or other is None:
        return pair is other
    span = max(abs(other[1] - other[0]), 1e-30)
    return all(abs(here - there) <= NEAR * span for here, there in zip(pair, other, strict=True))


def _giver(pair: Limits | None) -> Finder:
    return lambda: pair
