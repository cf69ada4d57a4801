"""How well the patches of an image set are ranked by their likeness to one of them."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from labelled import BACKGROUND, UNLABELLED, DataError
from napari_dinosim.encoders.devices import synchronise
from napari_dinosim.image import image_plane
from napari_dinosim.similarity import cosine_scores, min_max
from napari_dinosim.tiling import encode_plane

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from labelled import ImageSet
    from napari_dinosim.encoders.base import Encoder
    from napari_dinosim.grid import PatchGrid

LEAST_SHARE = 0.6
"""A patch has a label where at least this share of its pixels has it."""

LEAST_TIMES = 3
"""So many embeddings are timed at least."""


@dataclass(frozen=True, slots=True, eq=False)
class Patches:
    """The embedded patches of an image set.

    Parameters
    ----------
    vectors : Tensor of shape (n, D)
        Unit vectors of all patches of all images.
    labels : ndarray of shape (n,), int64
        `UNLABELLED` where no label fills enough of a patch.
    lengths : tuple of int
        Number of patches of each image, in order.
    per_second : float
        Patches embedded per second: the median over the images, reading and warming up left out.
    """

    vectors: Tensor
    labels: NDArray[np.int64]
    lengths: tuple[int, ...]
    per_second: float


@dataclass(frozen=True, slots=True)
class Score:
    """A mean over queries and its standard error (NaN for a single query)."""

    mean: float
    error: float


@dataclass(frozen=True, slots=True)
class Quality:
    """How well patches were ranked, by three measures.

    Parameters
    ----------
    auroc : Score
        How often a patch of the query's label scores above one of another label; 0.5 by guessing.
    ap : Score
        Average precision; `share` by guessing.
    iou : Score
        Best intersection over union of the thresholded maps with the patches of the query's label; `share` by
        taking all patches.
    share : float
        Mean share of patches that have the query's label.
    queries, patches : int
        Patches queried, and patches ranked (the labelled ones; the query itself is left out).
    """

    auroc: Score
    ap: Score
    iou: Score
    share: float
    queries: int
    patches: int


def patch_labels(labels: NDArray[np.int64], grid: PatchGrid) -> NDArray[np.int64]:
    """Label that fills at least 60 % of each patch, the padding counted in.

    Parameters
    ----------
    labels : ndarray of shape (height, width), int64
    grid : PatchGrid

    Returns
    -------
    ndarray of shape (rows, cols), int64
        `UNLABELLED` where no label does.
    """
    size, (rows, cols) = grid.patch_size, grid.shape
    down, across = grid.padded_shape[0] - grid.height, grid.padded_shape[1] - grid.width
    padded = np.pad(labels, ((0, down), (0, across)), constant_values=UNLABELLED)
    blocks = padded.reshape(rows, size, cols, size).swapaxes(1, 2).reshape(rows, cols, size * size)
    middle = size * size // 2
    medians = np.partition(blocks, middle, axis=-1)[..., middle]  # what fills more than half holds the middle place
    return np.where((blocks == medians[..., None]).mean(axis=-1) >= LEAST_SHARE, medians, UNLABELLED)


def embed_set(images: ImageSet, encoder: Encoder, tell: Callable[[str], None]) -> Patches:
    """Embed all images of a set: the first once more to warm up, each again where a set is too small to time.

    Parameters
    ----------
    images : ImageSet
    encoder : Encoder
    tell : callable(str)
        Told before each image.
    """
    vectors, labels, rates = [], [], []
    times = math.ceil(LEAST_TIMES / len(images.images))
    for number, read in enumerate(images.images):
        tell(f"{images.name}: image {number + 1} of {len(images.images)}")
        labelled = read()
        plane = image_plane(labelled.image)
        if number == 0:
            encode_plane(plane, encoder)
        for _ in range(times):
            synchronise(encoder.device)
            begun = time.perf_counter()
            embeddings = encode_plane(plane, encoder)
            synchronise(encoder.device)
            rates.append(math.prod(embeddings.grid.shape) / (time.perf_counter() - begun))
        vectors.append(embeddings.vectors.flatten(0, 1))
        labels.append(patch_labels(labelled.labels, embeddings.grid).ravel())
    return Patches(torch.cat(vectors), np.concatenate(labels), tuple(map(len, labels)), float(np.median(rates)))


def choose_queries(labels: NDArray[np.int64], most: int, seed: int) -> NDArray[np.intp]:
    """Draw patches to query at random, evenly from the labels as far as they reach.

    Parameters
    ----------
    labels : ndarray of shape (n,), int64
    most, seed : int
        How many patches at most, and of the draw.

    Returns
    -------
    ndarray of shape (at most ``most``,), int
        Indices of patches. Background and unlabelled patches are never queried.

    Raises
    ------
    DataError
        If no label has two patches and patches of another label beside it.
    """
    ranked = labels[labels != UNLABELLED]
    kinds, counts = np.unique(ranked, return_counts=True)
    usable = kinds[(counts >= 2) & (counts < len(ranked)) & (kinds != BACKGROUND)]
    if not len(usable):
        told = ", ".join(f"{kind}: {count}" for kind, count in zip(kinds[:10], counts[:10], strict=True)) or "none"
        raise DataError(
            f"labels: found patches of {{{told}}}, expected at least two patches of one label other than "
            f"{BACKGROUND} (background) and one of another. Label more, or larger regions: a label has to fill "
            f"{LEAST_SHARE:.0%} of a patch."
        )
    random = np.random.default_rng(seed)
    drawn = [random.permutation(np.flatnonzero(labels == kind)) for kind in random.permutation(usable)]
    rounds = [places[turn] for turn in range(most) for places in drawn if turn < len(places)]
    return np.array(rounds[:most], dtype=np.intp)


def best_iou(scores: NDArray[np.floating], positive: NDArray[np.bool_]) -> float:
    """Highest intersection over union of ``scores >= threshold`` with the positives, over all thresholds.

    Parameters
    ----------
    scores, positive : ndarray of shape (n,)
        At least one is positive.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    hits = np.cumsum(positive[order])
    union = np.arange(1, len(ranked) + 1) + hits[-1] - hits
    ends = np.append(ranked[1:] != ranked[:-1], True)  # equal scores fall on one side of a threshold
    return float((hits / union)[ends].max())


def rank_patches(patches: Patches, most: int, seed: int) -> Quality:
    """Query one patch after the other and rank all other labelled patches of all images.

    Parameters
    ----------
    patches : Patches
    most, seed : int
        See :func:`choose_queries`.

    Raises
    ------
    DataError
        If there is nothing to query.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score

    queries = choose_queries(patches.labels, most, seed)
    rows = []
    for query in queries:
        ranked = patches.labels != UNLABELLED
        ranked[query] = False
        positive = patches.labels[ranked] == patches.labels[query]
        cosines = cosine_scores(patches.vectors, patches.vectors[query : query + 1])
        maps = torch.cat([min_max(part) for part in cosines.split(patches.lengths)]).numpy()
        scores = cosines.numpy()[ranked]
        rows.append(
            (
                roc_auc_score(positive, scores),
                average_precision_score(positive, scores),
                best_iou(maps[ranked], positive),
                positive.mean(),
            )
        )
    auroc, ap, iou, share = np.array(rows, dtype=float).T
    total = int((patches.labels != UNLABELLED).sum())
    return Quality(_score(auroc), _score(ap), _score(iou), float(share.mean()), len(queries), total)


def _score(values: NDArray[np.float64]) -> Score:
    error = float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
    return Score(float(values.mean()), error)
