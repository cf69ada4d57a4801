"""A session on its way into a viewer, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from napari_dinosim._napari.comparing import WEIGHTS
from napari_dinosim._napari.sentences import counted
from napari_dinosim.records.matching import gone
from napari_dinosim.records.values import listed

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from napari.layers import Layer

    from napari_dinosim.records.images import ChannelRecord, LayerRecord, Signature
    from napari_dinosim.records.values import Difference, SessionRecord

MOST_LISTED = 12
"""Images or differences that are listed; of more, how many there are."""


@dataclass(slots=True, eq=False)
class UnderWay:
    """A session on its way."""

    path: Path
    record: SessionRecord
    signatures: dict[str, Signature]
    opened: list[Layer] = field(default_factory=list)
    """Layers that were opened for it."""
    without: frozenset[str] | None = None
    """Keys of the images that the person goes on without, and :data:`WEIGHTS`; None before that was asked."""

    @property
    def layers(self) -> list[LayerRecord]:
        """Layers of all its images."""
        return [layer for image in self.record.images for layer in image.layers]

    @property
    def places(self) -> list[range]:
        """Where in these the layers of each image are."""
        ends = list(accumulate(len(image.layers) for image in self.record.images))
        return [range(end - len(image.layers), end) for image, end in zip(self.record.images, ends, strict=True)]

    @property
    def channels(self) -> list[ChannelRecord | None]:
        """How each of these looked, where that counts."""
        alone: list[tuple[ChannelRecord | None, ...]]
        alone = [image.channels if len(image.layers) > 1 else (None,) for image in self.record.images]
        return [channel for channels in alone for channel in channels]

    def lacking(self, layers: Sequence[LayerRecord]) -> frozenset[str]:
        """Keys of the images that some layers are of."""
        return frozenset(image.key for image in self.record.images if any(one in layers for one in image.layers))

    def prompts_on(self, images: Container[str]) -> int:
        """How many points and regions lie on some images, by their keys."""
        on = [place.image for prompt in self.record.prompts if (place := prompt.place) is not None]
        return sum(image in images for image in [*on, *(region.image for region in self.record.regions)])

    def missing(self, found: Iterable[int]) -> list[LayerRecord]:
        """Layers of which there is nothing to open, beside those that were found, by their places."""
        return gone(self.record, [self.layers[index] for index in found], self.path.parent)

    @property
    def missing_weights(self) -> str:
        """File of the encoder's weights that is not where it was; empty where it is, or there is none."""
        weights = self.record.encoder.choice.weights
        return "" if weights is None or Path(weights).exists() else weights

    def weigh(self, weights: str) -> None:
        """Take the encoder's weights from another file."""
        encoder = self.record.encoder
        encoder = replace(encoder, choice=replace(encoder.choice, weights=weights), relative=None)
        self.record = replace(self.record, encoder=encoder)


def said_of_missing(layers: Sequence[LayerRecord], weights: str, prompts: int) -> str:
    """Name the images and the weights that are not here, and say how many prompts lie on these images."""
    be = "is" if len(layers) == 1 else "are"
    parts = []
    if layers:
        lines = [f"{layer.name}: {layer.path or 'came from no file'}" for layer in layers]
        parts.append(
            "\n".join([f"{counted(len(layers), 'image')} of this session {be} not here:", "", *shortened(lines)])
        )
    if prompts:
        lying = counted(prompts, "point or region lies", "points and regions lie")
        parts.append(f"{lying} there; without it, what was marked is not searched for.")
    if weights:
        parts.append(f"The weights of its encoder are not here; without them there will be no maps:\n\n{weights}")
    return "\n\n".join(parts)


def said_of_differences(differences: Sequence[Difference]) -> str:
    """Name what is other than when it was saved, and what follows."""
    shown = "\n".join(shortened(listed(differences).split("\n")))
    lacking = any(difference.field == WEIGHTS for difference in differences)
    end = "There will be no maps until its weights are here." if lacking else "Its maps will be others."
    return f"Since this session was saved, {counted(len(differences), 'thing')} changed:\n\n{shown}\n\n{end}"


def shortened(lines: Sequence[str]) -> list[str]:
    """Return the first few lines, and how many more there are."""
    more = len(lines) - MOST_LISTED
    return [*lines[:MOST_LISTED], f"… and {more} more"] if more > 0 else list(lines)
