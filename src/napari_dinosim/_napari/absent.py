"""What points and regions keep of an image of a session that is not here, so that a session saved again knows it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_dinosim._napari.reading import ABSENT, Owner
from napari_dinosim.records.making import relative_to

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
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
    others : frozenset of str
        Keys here of the other images of its session.
    """

    image: ImageRecord | str
    places: tuple[tuple[float, float], ...]
    others: frozenset[str] = frozenset()


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
    image: ImageRecord | str = next(image for image in record.images if image.key == key)
    image = images[key].key if key in images else image
    return Owner(ABSENT, plane, Origin(image, tuple(places), frozenset(found.key for found in images.values())))


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
        self._absent: dict[tuple[str, Pixels], tuple[ImageRecord, frozenset[str]]] = {}

    @property
    def absent(self) -> tuple[tuple[ImageRecord, frozenset[str]], ...]:
        """The images that are not here, and that were asked for, and the keys of those that they are not."""
        return tuple(self._absent.values())

    def of(self, origin: Origin) -> str | None:
        """Return the key of the image of what lies in one that is not here; None where it is gone meanwhile."""
        if isinstance(origin.image, str):
            return self.here.get(origin.image)
        known = origin.image.key, pixels_of(origin.image)
        if known not in self._absent:
            taken = {*self.here.values(), *(image.key for image, _ in self.absent)}
            others = frozenset(self.here[other] for other in origin.others if other in self.here)
            self._absent[known] = replace(origin.image, key=_free(origin.image.key, taken)), others
        return self._absent[known][0].key


def pixels_of(image: ImageRecord) -> Pixels:
    """Return what an image is known by, whatever it is called."""
    return tuple(layer.signature for layer in image.layers), image.channel_axis


def joined(
    images: Sequence[ImageRecord],
    absent: Sequence[tuple[ImageRecord, Container[str]]],
    points: Sequence[PromptRecord],
    regions: Sequence[RegionRecord],
    folder: Path,
) -> dict[str, Any]:
    """Return the images, points and regions of a record, those that are not here among them.

    Parameters
    ----------
    images : sequence of ImageRecord
        Those that are here.
    absent : sequence of (ImageRecord, container of str)
        Those that are not, each with the keys of images that it is not, whatever their pixels are. What lies in one
        that was opened meanwhile lies in that one.
    points : sequence of PromptRecord
    regions : sequence of RegionRecord
    folder : Path
        Where the file will be.
    """
    called: dict[str, str] = {}
    for image, others in absent:
        alike = [one.key for one in images if pixels_of(one) == pixels_of(image) and one.key not in others]
        if alike:
            called[image.key] = alike[0]
    left = [_seen_from(folder, image) for image, _ in absent if image.key not in called]
    marked = {*(point.place.image for point in points if point.place), *(region.image for region in regions)}
    channels = [layer.signature for image in left if len(image.layers) > 1 for layer in image.layers]
    spare = {  # what is left of a composition is opened with it, once that is here
        image.key
        for image in images
        if not image.searched and image.key not in marked and all(one.signature in channels for one in image.layers)
    }

    def settled(place: Place | None) -> Place | None:
        return replace(place, image=called.get(place.image, place.image)) if place is not None else None

    return {
        "images": (*(image for image in images if image.key not in spare), *left),
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
