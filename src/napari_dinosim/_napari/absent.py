"""What points and regions keep of an image of a session that is not here, so that a session saved again knows it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_dinosim._napari.reading import ABSENT, Owner
from napari_dinosim.records.making import relative_to

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from napari_dinosim._napari.searched import Searched
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.records.drawn import RegionRecord
    from napari_dinosim.records.images import ImageRecord, Signature
    from napari_dinosim.records.values import Place, PromptRecord, SessionRecord

    Pixels = tuple[tuple[Signature, ...], int | None]


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where a point or region lay in an image that is not here, or that lacks the plane.

    Parameters
    ----------
    image : ImageRecord or str
        The image; of one that is here, its key.
    places : tuple of (y, x)
        In pixels of the plane.
    """

    image: ImageRecord | str
    places: tuple[tuple[float, float], ...]


def absent_owner(
    record: SessionRecord,
    key: str,
    found: Searched | None,
    plane: PlaneIndex,
    places: Iterable[tuple[float, float]],
) -> Owner:
    """Return the owner of what lies in an image of a record that is not here, or that lacks the plane.

    Parameters
    ----------
    record : SessionRecord
    key : str
        Of the image, in the record.
    found : Searched, optional
        What it is here.
    plane : tuple of int
    places : iterable of (y, x)
    """
    image = next(image for image in record.images if image.key == key)
    return Owner(ABSENT, plane, Origin(image if found is None else found.key, tuple(places)))


class RecordKeys:
    """What images are called in a record that is about to be written, those that are not here among them.

    Parameters
    ----------
    here : mapping of str to str
        Keys in the record, by their keys here.
    """

    def __init__(self, here: Mapping[str, str]) -> None:
        self.here = here
        self._absent: dict[Pixels, ImageRecord] = {}

    @property
    def absent(self) -> tuple[ImageRecord, ...]:
        """The images that are not here, and that were asked for."""
        return tuple(self._absent.values())

    def of(self, origin: Origin) -> str | None:
        """Return the key of the image of what lies in one that is not here; None where it is gone meanwhile."""
        if isinstance(origin.image, str):
            return self.here.get(origin.image)
        pixels = pixels_of(origin.image)
        if pixels not in self._absent:
            taken = {*self.here.values(), *(image.key for image in self.absent)}
            self._absent[pixels] = replace(origin.image, key=_free(origin.image.key, taken))
        return self._absent[pixels].key


def pixels_of(image: ImageRecord) -> Pixels:
    """Return what an image is known by, whatever it is called."""
    return tuple(layer.signature for layer in image.layers), image.channel_axis


def joined(
    images: Sequence[ImageRecord],
    absent: Sequence[ImageRecord],
    points: Sequence[PromptRecord],
    regions: Sequence[RegionRecord],
    folder: Path,
) -> dict[str, Any]:
    """Return the images, points and regions of a record, those that are not here among them.

    Parameters
    ----------
    images, absent : sequence of ImageRecord
        Those that are here, and those that are not; what lies in one that was opened meanwhile lies in that one.
    points : sequence of PromptRecord
    regions : sequence of RegionRecord
    folder : Path
        Where the file will be.
    """
    here = {pixels_of(image): image.key for image in images}
    called = {image.key: here[pixels_of(image)] for image in absent if pixels_of(image) in here}
    left = [_seen_from(folder, image) for image in absent if image.key not in called]

    def settled(place: Place | None) -> Place | None:
        return replace(place, image=called.get(place.image, place.image)) if place is not None else None

    return {
        "images": (*images, *left),
        "prompts": tuple(replace(point, place=settled(point.place)) for point in points),
        "regions": tuple(replace(region, image=called.get(region.image or "", region.image)) for region in regions),
    }


def _seen_from(folder: Path, image: ImageRecord) -> ImageRecord:
    layers = (
        layer if layer.path is None else replace(layer, relative=relative_to(layer.path, folder))
        for layer in image.layers
    )
    return replace(image, layers=tuple(layers))


def _free(name: str, taken: set[str]) -> str:
    """Return a name that is not taken, called as napari calls layers of one name."""
    numbers = range(1, len(taken) + 1)
    return next(one for one in (name, *(f"{name} [{number}]" for number in numbers)) if one not in taken)
