"""The points of the prompts layer ↔ the prompts of a record."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dinosim._napari.absent import absent_owner
from napari_dinosim._napari.coordinates import apply, spatial_shape, to_data, world_matrix
from napari_dinosim._napari.layer_labels import COLUMN
from napari_dinosim._napari.reading import ABSENT, Owner
from napari_dinosim.planes import axes_of, index_of, is_plane, others
from napari_dinosim.prompts import POSITIVE, clean_label
from napari_dinosim.records.making import place_of
from napari_dinosim.records.values import Place, PromptRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_dinosim._napari.absent import RecordKeys
    from napari_dinosim._napari.controller import Controller
    from napari_dinosim._napari.searched import Searched
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.records.drawn import Scalar
    from napari_dinosim.records.values import SessionRecord


def describe_points(controller: Controller, keys: RecordKeys) -> tuple[PromptRecord, ...]:
    """Describe the points, those that are no prompts at the moment among them."""
    layer = controller.prompts.layer
    if layer is None:
        return ()
    units = controller.viewer.layers.units
    points = np.asarray(layer.data, dtype=float)
    world = apply(world_matrix(layer, units), points)
    reading = controller.prompts.read(controller.offering.checked())
    prompts = dict(zip(reading.indices, reading.prompts, strict=True))
    features, owners = layer.features.to_dict("records"), controller.prompts.owners()
    records = []
    for index in range(len(points)):
        noted = {str(name): scalar(value) for name, value in features[index].items()}
        place: Place | None = None
        owner, label = owners[index], _label(noted)
        if index in prompts:
            prompt = prompts[index]
            place, label = replace(place_of(prompt), image=keys.here[prompt.source]), prompt.label
        elif owner is not None and (kept := kept_places(controller, owner, world[index, None], keys)) is not None:
            ((y, x),) = kept[1]
            place = Place(kept[0], y, x, owner.plane)
        finite = tuple(float(c) for c in world[index]) if np.isfinite(world[index]).all() else None
        if place is not None or finite is not None:
            records.append(PromptRecord(place, label, finite, noted, owner is not None and place is None))
    return tuple(records)


def put_points(
    controller: Controller, record: SessionRecord, images: Mapping[str, Searched], *, append: bool
) -> tuple[int, int, int]:
    """Put the points of a record into the prompts layer.

    Parameters
    ----------
    controller : Controller
        With a prompts layer.
    record : SessionRecord
    images : mapping of str to Searched
        What the record's images are here, by the record's keys.
    append : bool
        Whether the points that are there stay.

    Returns
    -------
    placed, absent, lost : int
        How many points; of those placed how many are of an image that is not here, or lacks the plane, and how many
        more are, of which nothing else is known.
    """
    layer = controller.prompts.layer
    assert layer is not None
    units, shown = controller.viewer.layers.units, controller.viewer.dims.point
    points: list[NDArray[np.float64]] = []
    owners: list[Owner | None] = []
    features: list[dict[str, Scalar]] = []
    for prompt in record.prompts:
        world: NDArray[np.float64] | None = None
        owner = Owner(ABSENT, ()) if prompt.kept_out else None
        if (at := prompt.place) is not None:
            found = images.get(at.image)
            placed = None if found is None else in_image(found, at.plane, np.array([[at.y, at.x]]), units)
            if placed is None:
                owner = absent_owner(record, at.image, images, at.plane, [(at.y, at.x)])
            else:
                (world,), owner = placed
        if world is None and prompt.world is not None:
            world = np.asarray(prompt.world)
        if world is None:
            continue
        points.append(to_data(layer, world[-layer.ndim :], units, shown))
        owners.append(owner)
        labelled = {COLUMN: prompt.label} if COLUMN in layer.features or prompt.label != POSITIVE else {}
        features.append({**prompt.features, **labelled})
    made = np.array(points, dtype=float).reshape(len(points), layer.ndim)
    controller.prompts.put(made, owners, features, append=append)
    absent = sum(owner is not None and owner.key == ABSENT for owner in owners)
    return len(points), absent, len(record.prompts) - len(points)


def in_image(
    found: Searched, plane: PlaneIndex, places: NDArray[np.float64], units: Any
) -> tuple[NDArray[np.float64], Owner] | None:
    """World coordinates of places of a plane, and whose they are there; nothing where the image has no such plane now.

    Parameters
    ----------
    found : Searched
    plane : tuple of int
    places : ndarray of shape (n, 2)
        (y, x) in pixels of the plane.
    units : tuple of Unit
        Of the world.

    Returns
    -------
    world : ndarray of shape (n, ndim)
    owner : Owner
    """
    image = found.image
    if not is_plane(plane, spatial_shape(image)):
        return None
    along, index = axes_of(plane), index_of(plane)
    data = np.zeros((len(places), image.ndim))
    data[:, others(image.ndim, along)] = index
    data[:, list(along)] = places
    return apply(world_matrix(image, units), data), Owner(found.key, plane)


def kept_places(
    controller: Controller, owner: Owner, world: NDArray[np.float64], keys: RecordKeys
) -> tuple[str, tuple[tuple[float, float], ...]] | None:
    """Return where something lies in the image that it keeps to, which is not searched at the moment, or not here.

    Parameters
    ----------
    controller : Controller
    owner : Owner
    world : ndarray of shape (n, ndim)
        Its places.
    keys : RecordKeys

    Returns
    -------
    key : str
        Of the image in the record.
    places : tuple of (y, x)
        In pixels of the plane. None instead of both where nothing is known of the image.
    """
    if owner.origin is not None:
        key = keys.of(owner.origin)
        return None if key is None else (key, owner.origin.places)
    found = controller.offering.find(owner.key) if owner.key in keys.here else None
    if found is None or not np.isfinite(world).all():
        return None
    data = to_data(found.image, world, controller.viewer.layers.units, controller.viewer.dims.point)
    return keys.here[owner.key], tuple((float(y), float(x)) for y, x in data[:, list(axes_of(owner.plane))])


def _label(features: Mapping[str, Scalar]) -> str:
    text = features.get(COLUMN)
    return clean_label(text) if isinstance(text, str) and text.strip() else POSITIVE


def scalar(value: Any) -> Scalar:
    """Give what a file can hold of a feature; None for what is missing."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return None
    return value if isinstance(value, str | bool | int | float) else str(value)
