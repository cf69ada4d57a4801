"""Records of what a session holds, and back again."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dinosim.errors import RecordError
from napari_dinosim.planes import is_plane
from napari_dinosim.prompts import LoosePrompt, Prompt, PromptSet
from napari_dinosim.records.drawn import RegionRecord
from napari_dinosim.records.images import ImageRecord, LayerRecord, Numbers
from napari_dinosim.records.matching import is_address
from napari_dinosim.records.settings import Settings
from napari_dinosim.records.signature import sign
from napari_dinosim.records.values import (
    EncoderRecord,
    LooseRecord,
    Place,
    PromptRecord,
    QueryRecord,
    SessionRecord,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import ArrayLike

    from napari_dinosim.intensity import Limits
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.prompts import RegionPrompt
    from napari_dinosim.session import SimilaritySession
    from napari_dinosim.states import ImageInput


def record_image(
    key: str,
    data: ArrayLike,
    *,
    name: str = "",
    rgb: bool | None = None,
    limits: Limits | None = None,
    path: str | Path | None = None,
) -> ImageRecord:
    """Describe an image for :func:`record_session`.

    Parameters
    ----------
    key : str
        Its key in the session.
    data : array_like of shape (…, H, W) or (…, H, W, C)
        At most 64 tiles of 256 × 256 pixels of it are read.
    name : str
        Shown to people; by default the key.
    rgb : bool, optional
        Whether the last axis is RGB(A); by default it is where an image of three axes has 3 or 4 entries there.
    limits : (low, high), optional
        The intensities that became 0 and 1, where they were given.
    path : str or Path, optional
        Its file, or its address in a network.

    Returns
    -------
    ImageRecord
    """
    array: Any = data if hasattr(data, "shape") and hasattr(data, "dtype") else np.asarray(data)
    rgb = array.ndim == 3 and array.shape[-1] in (3, 4) if rgb is None else rgb
    layer = LayerRecord(name or key, sign(array, rgb=rgb), rgb=rgb, path=None if path is None else absolute(path))
    return ImageRecord(key, (layer,), limits=limits)


def record_session(session: SimilaritySession, images: Iterable[ImageRecord]) -> SessionRecord:
    """Describe a session, as it is now.

    Parameters
    ----------
    session : SimilaritySession
    images : iterable of ImageRecord
        Its inputs, from :func:`record_image`.

    Returns
    -------
    SessionRecord

    Raises
    ------
    RecordError
        If one of the session's inputs is not among the images.
    """
    known = {image.key: image for image in images}
    missing = [key for key in session.inputs if key not in known]
    if missing:
        raise RecordError(
            f"images: found none for {', '.join(map(repr, missing))}, expected one for each input of the session. "
            "Describe it with record_image."
        )
    prompts = session.prompts
    return SessionRecord(
        encoder=EncoderRecord(session.encoder, embedded_by(session)),
        images=tuple(
            replace(known[key], plane=session.shown_plane(key), covered=one.covered)
            for key, one in session.inputs.items()
        ),
        prompts=tuple(PromptRecord(place_of(prompt), prompt.label) for prompt in prompts),
        regions=tuple(RegionRecord.of(region) for region in prompts.regions),
        loose=loose_records(prompts),
        settings=Settings(prompts.combine, session.scope, session.normalisation, session.threshold),
    )


def record_query(session: SimilaritySession) -> QueryRecord:
    """Describe the prompts of a session with their vectors, for use on other images.

    Parameters
    ----------
    session : SimilaritySession

    Returns
    -------
    QueryRecord

    Raises
    ------
    RecordError
        If there is none that lies in what is embedded.
    """
    from napari_dinosim.errors import NotEmbeddedError, OutsideImageError

    identity = embedded_by(session)
    vectors: list[Any] = []
    labels: list[str] = []
    for prompt in session.prompts:
        found = session.embeddings(prompt.source, prompt.plane)
        try:
            if found is not None:
                vectors.append(found.query([(prompt.y, prompt.x)]).vectors[0].numpy())
                labels.append(prompt.label)
        except (OutsideImageError, NotEmbeddedError):
            continue
    for loose in (*session.prompts.loose, *region_vectors(session)):
        if loose.encoder == identity or identity is None:
            identity = loose.encoder
            vectors.append(loose.vector)
            labels.append(loose.label)
    if not vectors or identity is None:
        raise RecordError(
            "prompts: found none in what is embedded, expected at least one. Press Start, click, and save then."
        )
    encoder = EncoderRecord(session.encoder, identity)
    return QueryRecord(
        encoder=encoder, vectors=Numbers.of(np.stack(vectors)), labels=tuple(labels), combine=session.prompts.combine
    )


def loose_prompts(record: QueryRecord) -> tuple[LoosePrompt, ...]:
    """Return the prompts of a file, for a session."""
    identity = record.encoder.identity or ""
    rows = record.vectors.array().tolist()
    return tuple(LoosePrompt(tuple(row), identity, label) for row, label in zip(rows, record.labels, strict=True))


def loose_records(prompts: PromptSet) -> tuple[LooseRecord, ...]:
    """Describe the prompts that lie in no image."""
    return tuple(LooseRecord(Numbers.of(one.vector), one.encoder, one.label) for one in prompts.loose)


def region_vectors(session: SimilaritySession) -> list[LoosePrompt]:
    """Return what stands for the embedded regions of a session, for use on other images."""
    from napari_dinosim.errors import NotEmbeddedError, RegionError
    from napari_dinosim.querying import RegionVectors

    vectors = RegionVectors()
    prompts: list[LoosePrompt] = []
    for region in session.prompts.regions:
        found = session.embeddings(region.source, region.plane)
        if found is None:
            continue
        try:
            rows = vectors.of(region, found).tolist()
        except (RegionError, NotEmbeddedError):
            continue
        prompts += [LoosePrompt(tuple(row), found.encoder, region.label) for row in rows]
    return prompts


def prompt_set(record: SessionRecord, inputs: Mapping[str, ImageInput]) -> tuple[PromptSet, list[str]]:
    """Return the prompts of a session that lie in some of its images, and the loose ones.

    Parameters
    ----------
    record : SessionRecord
    inputs : mapping of str to ImageInput
        Those images, by the record's keys.

    Returns
    -------
    prompts : PromptSet
    notes : list of str
        Why points or regions were left out.
    """
    from napari_dinosim.errors import OutsideImageError, RegionError

    notes: list[str] = []
    regions: list[RegionPrompt] = []
    for number, region in enumerate(record.regions, 1):
        if region.image is None or region.image not in inputs:
            continue
        if not _is_plane(region.plane, inputs[region.image]):
            notes.append(f"Region {number} was left out: {region.plane} is no plane of {inputs[region.image].name}.")
        else:
            try:
                regions.append(region.prompt(inputs[region.image].like(region.plane)[1]))
            except (OutsideImageError, RegionError) as error:
                notes.append(f"Region {number} was left out: {error}")
    points: list[Prompt] = []
    for number, point in enumerate(record.prompts, 1):
        at = point.place
        if at is None or at.image not in inputs:
            continue
        if _is_plane(at.plane, inputs[at.image]):
            points.append(Prompt(at.image, at.y, at.x, at.plane, point.label))
        else:
            notes.append(f"Point {number} was left out: {at.plane} is no plane of {inputs[at.image].name}.")
    return PromptSet(tuple(points), record.settings.combine, tuple(regions), loose_of(record)), notes


def _is_plane(plane: PlaneIndex, image: ImageInput) -> bool:
    return is_plane(plane, (*image.planes, *image.shape))


def loose_of(record: SessionRecord) -> tuple[LoosePrompt, ...]:
    """Return the prompts of a session that lie in no image."""
    return tuple(LoosePrompt(tuple(one.vector.array().tolist()), one.encoder, one.label) for one in record.loose)


def place_of(prompt: Prompt) -> Place:
    """Say where a prompt lies."""
    return Place(prompt.source, float(prompt.y), float(prompt.x), tuple(int(i) for i in prompt.plane))


def embedded_by(session: SimilaritySession) -> str | None:
    """Return the identity of a session's embeddings by the chosen encoder; None where there is none yet."""
    places = ((key, plane) for key in session.inputs for plane in session.embedded_planes(key))
    found = (session.embeddings(*place) for place in places)
    return next((embeddings.encoder for embeddings in found if embeddings is not None), None)


def absolute(path: str | Path) -> str:
    """Path of a file from the root of its disk; an address in a network as it is."""
    return str(path) if is_address(str(path)) else str(Path(path).expanduser().absolute())


def relative_to(path: str, folder: Path) -> str | None:
    """Path of a file as seen from a folder, with forward slashes; None where there is no way."""
    if is_address(path):
        return None
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return None
