"""A session done again from its record, without a screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dinosim.composition import Channel, Composition
from napari_dinosim.engine import Engine
from napari_dinosim.errors import DifferenceError, RecordError
from napari_dinosim.image import image_plane
from napari_dinosim.loading import EncoderSlot
from napari_dinosim.planes import LAST, PlaneView, at_position, is_plane, split_shape
from napari_dinosim.records.making import prompt_set
from napari_dinosim.records.signature import compare, sign
from napari_dinosim.records.values import Difference, listed
from napari_dinosim.session import SimilaritySession
from napari_dinosim.states import ImageInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from napari_dinosim.encoders.base import Encoder
    from napari_dinosim.image import Plane
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.records.images import ImageRecord
    from napari_dinosim.records.values import SessionRecord
    from napari_dinosim.states import Overall, SimilarityMap


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """What came of a session that was done again.

    Parameters
    ----------
    record : SessionRecord
    maps : mapping of (key, plane index, label or None) to SimilarityMap
        Of every image that was searched, each plane that was embedded; None is the one map, or the highest score of all
        classes.
    classes : tuple of str
        Those that have maps.
    differences : tuple of Difference
        What is other than the record says, and was accepted.
    notes : tuple of str
        What there is to tell: prompts outside their image, values that were treated as black.
    """

    record: SessionRecord
    maps: Mapping[tuple[str, PlaneIndex, str | None], SimilarityMap]
    classes: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()

    def map(self, key: str, plane: PlaneIndex | None = None, label: str | None = None) -> SimilarityMap:
        """Similarity map of a plane of an image, by default of the one that was on screen; of a class, or of all.

        Raises
        ------
        KeyError
            If there is none.
        """
        if plane is None:
            plane = next(image.plane for image in self.record.images if image.key == key)
        return self.maps[key, plane, label]

    def heat(self, key: str, plane: PlaneIndex | None = None, label: str | None = None) -> NDArray[np.float32]:
        """Return the same at the image's resolution: an array of shape (height, width), in [0, 1]."""
        found = self.map(key, plane, label)
        return found.grid.upsample(found.values)


def replay(
    record: SessionRecord,
    images: Mapping[str, ArrayLike | Sequence[ArrayLike]],
    *,
    encoder: Encoder | None = None,
    accept_differences: bool = False,
    on_progress: Callable[[Overall | None], None] | None = None,
) -> Replayed:
    """Do a session again: embed and search as its record says.

    The same images, weights and device give the same maps. Where only what was in view was embedded, its plane is.

    Parameters
    ----------
    record : SessionRecord
        From :func:`napari_dinosim.load_session`.
    images : mapping of str to array_like, or to a sequence of them
        By the keys of the record's images; a composition has an array for each channel.
    encoder : Encoder, optional
        By default the one that the record names is loaded.
    accept_differences : bool
        Whether to go on where images or weights are others. An image that is missing is left out then.
    on_progress : callable(Overall or None), optional
        Told how far it is.

    Returns
    -------
    Replayed

    Raises
    ------
    DifferenceError
        If something differs and is not accepted; its ``differences`` say what.
    RecordError
        If a key is none of the record's, a composition lacks the array of a channel, or an image its plane.
    DinosimError
        If the encoder cannot be loaded, or an image cannot be embedded.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_dinosim.loading import EncoderChoice
    >>> from napari_dinosim.records.making import record_image
    >>> from napari_dinosim.records.values import EncoderRecord, Place, PromptRecord, SessionRecord
    >>> image = np.random.default_rng(0).random((48, 80, 3))
    >>> prompts = (PromptRecord(Place("a", 20, 40)),)
    >>> builtin = EncoderRecord(EncoderChoice("builtin"))
    >>> record = SessionRecord(encoder=builtin, images=(record_image("a", image),), prompts=prompts)
    >>> float(replay(record, {"a": image}).heat("a")[20, 40].round(5))
    1.0
    """
    slot = EncoderSlot() if encoder is None else EncoderSlot(lambda _choice: encoder)
    wanted = _wanted(record, images)
    arrays = {image.key: _arrays(image, images[image.key]) for image in wanted if image.key in images}
    differences = [*_image_differences(wanted, arrays), *_encoder_differences(record, slot)]
    if not accept_differences:
        _refuse(differences)
    notes: list[str] = []
    maps, classes = _search(record, _inputs(record, arrays), slot, notes, on_progress)
    return Replayed(record, maps, classes, tuple(differences), tuple(dict.fromkeys(notes)))


def _wanted(record: SessionRecord, images: Mapping[str, Any]) -> list[ImageRecord]:
    """Return what was searched; refuse images of other keys than the record's."""
    known = [image.key for image in record.images]
    unknown = [key for key in images if key not in known]
    if unknown:
        raise RecordError(
            f"images: found {', '.join(map(repr, unknown))}, expected keys of the session: "
            f"{', '.join(map(repr, known)) or 'it has none'}. Give each image by its key."
        )
    return [image for image in record.images if image.searched]


def _refuse(differences: Sequence[Difference]) -> None:
    if differences:
        raise DifferenceError(
            f"session: found {len(differences)} thing{'s' * (len(differences) > 1)} other than when it was saved:\n"
            f"{listed(differences)}\nGive the same images and weights, or accept_differences=True.",
            tuple(differences),
        )


def _inputs(record: SessionRecord, arrays: Mapping[str, list[Any]]) -> dict[str, ImageInput]:
    """Describe the images to the session; refuse a plane that an image does not have."""
    made = {image.key: _input(image, arrays[image.key]) for image in record.images if image.key in arrays}
    for image in record.images:
        found = made.get(image.key)
        if found is not None and not is_plane(image.plane, shape := (*found.planes, *found.shape)):
            raise RecordError(
                f"image {image.key!r}: found the plane {image.plane}, expected one of an image of shape {shape}: an "
                "index below the size for each axis but two. Correct it in the file, or save the session anew."
            )
    return made


def _arrays(image: ImageRecord, given: ArrayLike | Sequence[ArrayLike]) -> list[Any]:
    """Return an array for each channel."""
    several = list(given) if len(image.layers) > 1 and isinstance(given, list | tuple) else [given]
    if len(several) != len(image.layers):
        raise RecordError(
            f"image {image.key!r}: found {len(several)} array, expected {len(image.layers)}, one for each of "
            f"{', '.join(layer.name for layer in image.layers)}. Give a list of them."
        )
    return [one if hasattr(one, "shape") and hasattr(one, "dtype") else np.asarray(one) for one in several]


def _image_differences(wanted: Sequence[ImageRecord], arrays: Mapping[str, list[Any]]) -> list[Difference]:
    found = []
    for image in wanted:
        if image.key not in arrays:
            found.append(
                Difference(f"image {image.key!r}", "no array", f"one of shape {image.layers[0].signature.shape}")
            )
            continue
        for layer, array in zip(image.layers, arrays[image.key], strict=True):
            found += compare(layer.name, sign(array, rgb=layer.rgb), layer.signature)
    return found


def _encoder_differences(record: SessionRecord, slot: EncoderSlot) -> list[Difference]:
    """Compare name and weights, where they are told."""
    choice, expected = record.encoder.choice, record.encoder.identity
    found = choice.identity(slot.get(choice))
    return [] if expected in (None, found) else [Difference("encoder", found, expected)]


def _search(
    record: SessionRecord,
    inputs: Mapping[str, ImageInput],
    slot: EncoderSlot,
    notes: list[str],
    on_progress: Callable[[Overall | None], None] | None,
) -> tuple[dict[tuple[str, PlaneIndex, str | None], SimilarityMap], tuple[str, ...]]:
    """Embed and search: the maps, and the classes that have any."""
    engine = Engine()
    session = SimilaritySession(engine, record.encoder.choice, slot)
    failures: list[Exception] = []
    session.failed.connect(failures.append)
    session.message.connect(notes.append)
    if on_progress is not None:
        session.progress_changed.connect(on_progress)
    try:
        for image in record.images:
            if image.key in inputs:
                session.set_input(image.key, inputs[image.key], image.plane)
        session.set_scope("all" if record.settings.scope == "all" else "plane")
        session.set_normalisation(record.settings.normalisation)
        prompts, left_out = prompt_set(record, session.inputs)
        notes += left_out
        session.set_prompts(prompts)
        session.start()
        for _ in range(2):  # large maps, and ranges of several planes, are made by a worker when they are asked for
            engine.wait()
            found = _maps(session)
        failed = [state for key in session.inputs if (state := session.state(key)).stage == "error"]
    finally:
        engine.shutdown()
    if failures:
        raise failures[0]
    notes += [state.reason for state in failed]
    return found, session.classes


def _maps(session: SimilaritySession) -> dict[tuple[str, PlaneIndex, str | None], SimilarityMap]:
    places = [(key, plane) for key in session.inputs for plane in session.embedded_planes(key)]
    asked = [(*place, label) for place in places for label in (None, *session.classes)]
    return {one: found for one in asked if (found := session.map(*one)) is not None}


def _input(image: ImageRecord, arrays: Sequence[Any]) -> ImageInput:
    """Describe an image to the session as it was read then."""
    rgb = image.layers[0].rgb
    spatial = list(arrays[0].shape[:-1] if rgb else arrays[0].shape)
    ndim, axis = len(spatial), image.channel_axis
    if axis is not None:
        spatial[axis] = 1  # all channels are one plane
    leading, size = split_shape(spatial, LAST)

    def channel(index: int, plane: PlaneIndex) -> PlaneView:
        if axis is None:
            return PlaneView(arrays[index], plane)
        return PlaneView(arrays[0], at_position(plane, ndim, axis, index))

    def read(plane: PlaneIndex) -> Plane:
        if not image.channels:
            return image_plane(PlaneView(arrays[0], plane, rgb), rgb=rgb, contrast_limits=image.limits)
        return Composition(
            Channel(
                channel(index, plane), one.colours.array(), one.limits, one.gamma, one.opacity, one.visible, one.name
            )
            for index, one in enumerate(image.channels)
        )

    return ImageInput(image.name, size, read, planes=leading, covered=image.covered)
