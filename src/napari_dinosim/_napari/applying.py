"""Makes a viewer search as a session's record says."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_dinosim._napari.coordinates import spatial_shape, to_world
from napari_dinosim._napari.kept import Kept
from napari_dinosim._napari.layer_looks import looks_in
from napari_dinosim._napari.limits import Intensities
from napari_dinosim._napari.point_records import put_points
from napari_dinosim._napari.region_records import put_regions
from napari_dinosim._napari.resolution import Cover, Resolution
from napari_dinosim._napari.roles import key_of
from napari_dinosim._napari.sentences import counted
from napari_dinosim.planes import axes_of, index_of, is_plane, others
from napari_dinosim.records.making import loose_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_dinosim._napari.controller import Controller
    from napari_dinosim._napari.searched import Searched
    from napari_dinosim.loading import EncoderChoice
    from napari_dinosim.records.values import SessionRecord


def apply_session(
    controller: Controller,
    record: SessionRecord,
    choice: EncoderChoice,
    images: Mapping[str, Searched],
    *,
    append: bool,
    fresh: bool,
) -> str:
    """Choose what a session chose, put its points, and start.

    Parameters
    ----------
    controller : Controller
    record : SessionRecord
    choice : EncoderChoice
        The record's, or what comes nearest here.
    images : mapping of str to Searched
        What its images are here, by the record's keys.
    append : bool
        Whether the points that are there stay.
    fresh : bool
        Whether images were opened for it, which the view shall hold.

    Returns
    -------
    str
        What to tell the person.
    """
    settings = record.settings
    controller.session.cancel()
    controller.choose_encoder(choice)
    left = _choose_images(controller, record, images)
    controller.embed_scope(settings.scope)
    controller.stretch_over(settings.normalisation)
    controller.session.set_threshold(settings.threshold)
    controller.combine(settings.combine)
    controller.tools.restore(record.tools)
    _dress_maps(controller, record, images)
    controller.prompts.loose = (*controller.prompts.loose, *loose_of(record)) if append else loose_of(record)
    take_classes = partial(controller.prompts.labels.book.take, record.classes, record.label, append=append)
    every = [found.image for found in controller.offering.all()]
    if not every:
        take_classes()
        controller.read_prompts()
        return "Session opened; it has no images, and none is open."
    _turn_to(controller, record, images)
    if fresh:
        controller.viewer.reset_view()
    reference = max(reversed(controller.checked() or every), key=lambda layer: layer.ndim)
    if controller.checked():
        controller.start()
    else:
        controller.prompts.ensure(reference)
    take_classes()  # after the layer that an earlier widget left has told of its own
    points, absent, lost = put_points(controller, record, images, append=append)
    regions, absent_regions, lost_regions = put_regions(controller, record, images, reference, append=append)
    controller.read_prompts()
    return _said(points, regions, absent + absent_regions, lost + lost_regions, left)


def _said(points: int, regions: int, absent: int, lost: int, left: int) -> str:
    """Say what came of it: how many lie on what is not here, and how many were lost with it."""
    there = [counted(points, "point")] if points or not regions else []
    text = f"Session opened: {' and '.join([*there, *([counted(regions, 'region')] if regions else [])])}."
    if absent:
        text += f" {absent} of them on images, or planes of them, that are not here: nothing is searched for there."
    if lost:
        text += f" {lost} left out, whose image is not here."
    return text + (f" {counted(left, 'other image')} left unchecked." if left else "")


def resolution_of(record: SessionRecord) -> Resolution:
    """Return how much a patch covered, as it was chosen."""
    chosen = record.settings.resolution
    return Resolution(Cover(chosen.cover), chosen.pixels, chosen.length, chosen.unit, record.encoder.choice.finer)


def _dress_maps(controller: Controller, record: SessionRecord, images: Mapping[str, Searched]) -> None:
    """Have the maps look as they did, those that are not there yet as well."""
    for image in record.images:
        for label, look in image.maps.items() if image.key in images else ():
            key, looks = images[image.key].key, looks_in(look)
            if label:
                controller.class_layers.dress(key, label, looks)
            else:
                controller.maps.dress(key, looks)
        if image.classes is not None and image.key in images:
            controller.class_layers.dress(images[image.key].key, None, asdict(image.classes))


def _turn_to(controller: Controller, record: SessionRecord, images: Mapping[str, Searched]) -> None:
    """Show the axes and the plane that were on screen, by the image with the most axes; searched ones come first."""
    seen = [image for image in record.images if image.key in images]
    fitting = [image for image in seen if is_plane(image.plane, spatial_shape(images[image.key].image))]
    if not fitting:
        return
    first = max(fitting, key=lambda image: (images[image.key].image.ndim, image.searched))
    layer, dims, axes = images[first.key].image, controller.viewer.dims, axes_of(first.plane)
    if dims.order[-2:] != tuple(dims.ndim + axis for axis in axes):
        dims.order = tuple(dims.ndim + axis for axis in (*others(dims.ndim, axes), *axes))
    beside = others(layer.ndim, axes)
    if beside:
        data = (np.array(spatial_shape(layer)) - 1) / 2
        data[beside] = index_of(first.plane)
        world = to_world(layer, data, controller.viewer.layers.units)
        dims.set_point([dims.ndim + axis for axis in beside], [float(world[axis]) for axis in beside])


def _choose_images(controller: Controller, record: SessionRecord, images: Mapping[str, Searched]) -> int:
    """Check and compose what the session had; returns how many other images are left out."""
    offering = controller.offering
    for found in offering.all():
        if found.composed:
            controller.separate(found.key)
    for found in offering.all():
        if not offering.is_checked(found.key):
            controller.check(found.key, True)
    wanted = {image.key: image for image in record.images if image.key in images}
    here = {images[key].key: image for key, image in wanted.items()}
    members = {key_of(layer) for key in wanted for layer in images[key].layers}
    left = [found.key for found in offering.all() if key_of(found.image) not in members]
    own = {key: image.intensity for key, image in here.items() if image.intensity is not None}
    composed = [images[key] for key in wanted]
    offering.restore(
        Kept(
            frozenset([*left, *(key for key, image in here.items() if not image.searched)]),
            tuple(tuple(key_of(layer) for layer in one.layers) for one in composed if len(one.layers) > 1),
            tuple((one.key, one.channel_axis) for one in composed if one.channel_axis is not None),
            Intensities(record.settings.intensity, own, record.settings.shared),
            resolution_of(record),
        )
    )
    for found in offering.all():
        controller.maps.remove(found.key) if found.composed else None
    controller.rows_changed.emit()
    controller.choices_changed.emit()
    return len(left)
