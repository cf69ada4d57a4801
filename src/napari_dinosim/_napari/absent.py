"""What points and regions keep of an image of a session that is not here, so that a session saved again knows it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_dinosim._napari.reading import ABSENT, Owner
from napari_dinosim.records.making import relative_to

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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
    before, after : frozenset of str
        Keys here of the other images of its session, that come before it and after it.
    place : int
        How many come before it, those among them that are not here.
    """

    image: ImageRecord | str
    places: tuple[tuple[float, float], ...]
    before: frozenset[str] = frozenset()
    after: frozenset[str] = frozenset()
    place: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class AbsentImage:
    """An image that is not here, for a record that is about to be written.

    Parameters
    ----------
    image : ImageRecord
    before, others : frozenset of str
        Keys in the record of images that it is not, whatever their pixels are: those that come before it, and all.
    place : int
        Where it was among all images of its session.
    """

    image: ImageRecord
    before: frozenset[str]
    others: frozenset[str]
    place: int


def absent_owner(
    record: SessionRecord,
    key: str,
    images: Mapping[str, Searched],
    plane: PlaneIndex,
    places: Iterable[tuple[float, float]],
) -> Owner:
    """Return the owner of what lies in an image of a record that is not here, or that lacks the plane.

    Parameters
    ----------
    record : SessionRecord
    key : str
        Of the image, in the record.
    images : mapping of str to Searched
        What the record's images are here, by the record's keys.
    plane : tuple of int
    places : iterable of (y, x)
    """
    place, image = next((place, image) for place, image in enumerate(record.images) if image.key == key)
    before, after = (
        frozenset(images[one.key].key for one in some if one.key in images)
        for some in (record.images[:place], record.images[place + 1 :])
    )
    here = images[key].key if key in images else image
    return Owner(ABSENT, plane, Origin(here, tuple(places), before, after, place))


def handed_over(keys: Collection[str], key: str) -> Callable[[Owner], Owner]:
    """Return what gives that which belongs to some images, by their keys, to another one at the same place."""

    def change(owner: Owner) -> Owner:
        if owner.origin is not None and owner.origin.image in keys:
            return owner._replace(origin=replace(owner.origin, image=key))
        return owner._replace(key=key) if owner.key in keys else owner

    return change


class RecordKeys:
    """What images are called in a record that is about to be written, those that are not here among them.

    Parameters
    ----------
    here : mapping of str to str
        Keys in the record, by their keys here.
    """

    def __init__(self, here: Mapping[str, str]) -> None:
        self.here = here
        self._absent: dict[tuple[str, Pixels], AbsentImage] = {}

    @property
    def absent(self) -> tuple[AbsentImage, ...]:
        """The images that are not here, and that were asked for."""
        return tuple(self._absent.values())

    def of(self, origin: Origin) -> str | None:
        """Return the key of the image of what lies in one that is not here; None where it is gone meanwhile."""
        if isinstance(origin.image, str):
            return self.here.get(origin.image)
        known = origin.image.key, pixels_of(origin.image)
        if known not in self._absent:
            taken = {*self.here.values(), *(one.image.key for one in self.absent)}
            before, after = (
                frozenset(self.here[other] for other in some if other in self.here)
                for some in (origin.before, origin.after)
            )
            image = replace(origin.image, key=_free(origin.image.key, taken))
            self._absent[known] = AbsentImage(image, before, before | after, origin.place)
        return self._absent[known].image.key


def pixels_of(image: ImageRecord) -> Pixels:
    """Return what an image is known by, whatever it is called."""
    return tuple(layer.signature for layer in image.layers), image.channel_axis


def joined(
    images: Sequence[ImageRecord],
    absent: Sequence[AbsentImage],
    points: Sequence[PromptRecord],
    regions: Sequence[RegionRecord],
    folder: Path,
) -> dict[str, Any]:
    """Return the images, points and regions of a record, those that are not here among them.

    Parameters
    ----------
    images : sequence of ImageRecord
        Those that are here.
    absent : sequence of AbsentImage
        Those that are not. What lies in one that was opened meanwhile lies in that one.
    points : sequence of PromptRecord
    regions : sequence of RegionRecord
    folder : Path
        Where the file will be.
    """
    called: dict[str, str] = {}
    for gone in absent:
        alike = [one.key for one in images if pixels_of(one) == pixels_of(gone.image) and one.key not in gone.others]
        if alike:
            called[gone.image.key] = alike[0]
    left = [gone for gone in absent if gone.image.key not in called]
    marked = {*(point.place.image for point in points if point.place), *(region.image for region in regions)}
    channels = [layer.signature for gone in left if len(gone.image.layers) > 1 for layer in gone.image.layers]
    spare = {  # what is left of a composition is opened with it, once that is here
        image.key
        for image in images
        if not image.searched and image.key not in marked and all(one.signature in channels for one in image.layers)
    }

    def settled(place: Place | None) -> Place | None:
        return replace(place, image=called.get(place.image, place.image)) if place is not None else None

    return {
        "images": tuple(_in_order([image for image in images if image.key not in spare], left, folder)),
        "prompts": tuple(replace(point, place=settled(point.place)) for point in points),
        "regions": tuple(replace(region, image=called.get(region.image or "", region.image)) for region in regions),
    }


def _in_order(images: list[ImageRecord], absent: Iterable[AbsentImage], folder: Path) -> list[ImageRecord]:
    """Put images that are not here after those that they came after."""
    for gone in sorted(absent, key=lambda one: one.place, reverse=True):
        at = max((index for index, image in enumerate(images, 1) if image.key in gone.before), default=0)
        images.insert(at, _seen_from(folder, gone.image))
    return images


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
