"""The shapes of the regions layer ↔ the regions of a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dinosim._napari.absent import absent_owner
from napari_dinosim._napari.coordinates import apply, world_matrix
from napari_dinosim._napari.point_records import in_image, kept_places, scalar
from napari_dinosim._napari.reading import ABSENT, Owner
from napari_dinosim._napari.regions_layer import DrawnShape
from napari_dinosim.records.drawn import RegionRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_dinosim._napari.absent import RecordKeys
    from napari_dinosim._napari.controller import Controller
    from napari_dinosim._napari.searched import Searched
    from napari_dinosim.records.values import SessionRecord


def describe_regions(controller: Controller, keys: RecordKeys) -> tuple[RegionRecord, ...]:
    """Describe the regions, those that are no prompts at the moment among them."""
    layer = controller.regions.layer
    if layer is None:
        return ()
    matrix = world_matrix(layer, controller.viewer.layers.units)
    reading = controller.regions.read(controller.offering.checked())
    prompts = dict(zip(reading.indices, reading.prompts, strict=True))
    noted = layer.features.to_dict("records")
    records = []
    shapes = controller.regions.shapes()
    for index, (shape, owner) in enumerate(zip(shapes, controller.regions.owners(), strict=True)):
        world = apply(matrix, shape.vertices)
        facts: dict[str, Any] = {"kind": shape.kind, "label": shape.label}
        facts["features"] = {str(name): scalar(value) for name, value in noted[index].items()}
        facts["representatives"] = controller.regions.representatives
        if np.isfinite(world).all():
            facts["world"] = tuple(tuple(map(float, vertex)) for vertex in world)
        elif index not in prompts:
            continue  # nothing is known of where it lies
        if index in prompts:
            prompt = prompts[index]
            vertices = np.asarray(prompt.region.vertices)
            facts["vertices"] = tuple((float(y), float(x)) for y, x in vertices)
            facts |= {"image": keys.here[prompt.source], "plane": tuple(int(i) for i in prompt.plane)}
        elif owner is not None:
            kept = kept_places(controller, owner, world, keys)
            if kept is None:
                facts["kept_out"] = True
            else:
                facts |= {"image": kept[0], "vertices": kept[1], "plane": tuple(int(i) for i in owner.plane)}
        records.append(RegionRecord(**facts))
    return tuple(records)


def put_regions(
    controller: Controller, record: SessionRecord, images: Mapping[str, Searched], reference: Image, *, append: bool
) -> tuple[int, int, int]:
    """Put the regions of a record into the regions layer.

    Parameters
    ----------
    controller : Controller
    record : SessionRecord
    images : mapping of str to Searched
        What the record's images are here, by the record's keys.
    reference : Image
        What the layer is placed like where there is none yet.
    append : bool
        Whether the regions that are there stay.

    Returns
    -------
    placed, absent, lost : int
        How many; of those placed how many are of an image that is not here, or lacks the plane, and how many more are,
        of which nothing else is known.
    """
    units = controller.viewer.layers.units
    shapes: list[DrawnShape] = []
    owners: list[Owner | None] = []
    notes: list[Mapping[str, Any]] = []
    for region in record.regions:
        world: NDArray[np.float64] | None = None
        owner = Owner(ABSENT, ()) if region.kept_out else None
        if region.image is not None:
            found = images.get(region.image)
            placed = None if found is None else in_image(found, region.plane, np.array(region.vertices), units)
            if placed is None:
                owner = absent_owner(record, region.image, images, region.plane, region.vertices)
            else:
                world, owner = placed
        if world is None and region.world:
            world = np.array(region.world)
        if world is not None:
            shapes.append(DrawnShape(region.kind, world, region.label))
            owners.append(owner)
            notes.append(region.features)
    if shapes or (controller.regions.layer is not None and not append):
        controller.regions.put(shapes, owners, notes, reference, append=append)
    if record.regions:
        controller.regions.represent_by(record.regions[0].representatives)
    absent = sum(owner is not None and owner.key == ABSENT for owner in owners)
    return len(shapes), absent, len(record.regions) - len(shapes)
