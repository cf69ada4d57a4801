"""Which objects are like one of them, in one label image or in several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_dinosim.errors import EncoderMismatchError, SelectionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_dinosim.analysis.objects import ObjectMeasures


@dataclass(frozen=True, slots=True)
class RankedObject:
    """One object and how much it is like another one.

    Parameters
    ----------
    source : str
        Key of the label image.
    label : int
        Value of the object there.
    score : float
        Cosine of the two mean embeddings, in [-1, 1].
    rank : int
        1 for the most similar one.
    """

    source: str
    label: int
    score: float
    rank: int


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """How much the objects of several label images are like one of them, in the order of their measures.

    Parameters
    ----------
    scores : mapping of key to ndarray of shape (n,), float32
        Cosine of the mean embeddings, in [-1, 1]; 1 for the object itself.
    ranks : mapping of key to ndarray of shape (n,), int64
        1 for the object itself, then the most similar first among all label images.
    """

    scores: Mapping[str, NDArray[np.float32]]
    ranks: Mapping[str, NDArray[np.int64]]


def likeness(measured: Mapping[str, ObjectMeasures], like: tuple[str, int]) -> Likeness:
    """Compare the objects of several label images with one of them; for very many objects.

    Parameters
    ----------
    measured : mapping of key to ObjectMeasures
    like : (key, label)
        The object that the others are compared with.

    Raises
    ------
    SelectionError
        If there is no such object.
    EncoderMismatchError
        If the label images were measured with different encoders.

    Examples
    --------
    >>> from napari_dinosim.analysis.objects import ObjectMeasures
    >>> one = np.ones(3, dtype=int)
    >>> vectors = np.array([[1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32)
    >>> cells = ObjectMeasures(np.array([3, 5, 8]), one, {}, {}, vectors, "planted")
    >>> found = likeness({"cells": cells}, ("cells", 5))
    >>> found.scores["cells"], found.ranks["cells"]
    (array([0. , 1. , 0.8], dtype=float32), array([3, 1, 2]))
    """
    source, label = like
    if source not in measured:
        raise SelectionError(f"object {label}: its label image {source!r} was not measured. Measure it first.")
    asked, scores = measured[source].vector(label), {}
    for key, found in measured.items():
        if found.encoder != measured[source].encoder:
            raise EncoderMismatchError(
                f"encoder mismatch: {source!r} was measured with {measured[source].encoder!r}, {key!r} with "
                f"{found.encoder!r}. Measure both with one encoder."
            )
        scores[key] = np.clip(found.vectors @ asked, -1, 1)
    own = np.concatenate([(found.labels == label) & (key == source) for key, found in measured.items()])
    scores[source][measured[source].labels == label] = 1  # and not a rounding less
    order = np.lexsort((-np.concatenate(list(scores.values())), ~own))
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(1, len(order) + 1)
    ends = np.cumsum([len(found) for found in measured.values()])[:-1]
    return Likeness(scores, dict(zip(measured, np.split(ranks, ends), strict=True)))


def rank_objects(
    measured: Mapping[str, ObjectMeasures], like: tuple[str, int], threshold: float = -1.0
) -> list[RankedObject]:
    """Rank the objects of several label images by how much they are like one of them.

    Parameters
    ----------
    measured : mapping of key to ObjectMeasures
    like : (key, label)
        The object that the others are compared with; it is the first of the result, with a score of 1.
    threshold : float
        Lowest cosine of the mean embeddings, in [-1, 1].

    Returns
    -------
    list of RankedObject
        The most similar first; of equal scores, in the order of the mapping and of the values.

    Raises
    ------
    SelectionError
        If there is no such object.
    EncoderMismatchError
        If the label images were measured with different encoders.

    Examples
    --------
    >>> from napari_dinosim.analysis.objects import ObjectMeasures
    >>> one = np.ones(2, dtype=int)
    >>> vectors = np.array([[1, 0], [0.6, 0.8]], dtype=np.float32)
    >>> cells = ObjectMeasures(np.array([3, 5]), one, {}, {}, vectors, "planted")
    >>> for found in rank_objects({"left": cells, "right": cells}, ("left", 5)):
    ...     print(found.rank, found.source, found.label, round(found.score, 3))
    1 left 5 1.0
    2 right 5 1.0
    3 left 3 0.6
    4 right 3 0.6
    """
    found = likeness(measured, like)
    rows = [
        RankedObject(key, label, score, rank)
        for key, scores in found.scores.items()
        for label, score, rank in zip(
            measured[key].labels.tolist(), scores.tolist(), found.ranks[key].tolist(), strict=True
        )
        if score >= threshold
    ]
    return sorted(rows, key=lambda row: row.rank)
