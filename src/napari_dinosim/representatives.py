"""A few vectors that stand for many: their mean, or the centres of their clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dinosim.errors import NotEmbeddedError, RegionError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_dinosim.mosaic import Mosaic
    from napari_dinosim.regions import Covered

MOST_PATCHES = 1 << 13
"""Of more vectors than these, as many drawn at random, always the same, tell the mean as well."""

MOST_CLUSTERED = 1 << 10
"""The same for k-means, which goes through them many times: about 20 ms."""

MOST_REPRESENTATIVES = 16
"""So many vectors of one region are compared with each patch, at most."""

STARTS = 4
"""How often k-means begins anew; the best is kept."""

NEGLIGIBLE = 1e-3
"""Centres this near to each other are one: float16 alone moves a unit vector by up to half as much."""

SEED = 0
"""Where k-means begins is left to chance, the same chance each time."""


def represent(mosaic: Mosaic, covered: Covered, count: int) -> Tensor:
    """Find the unit vectors that stand for patches.

    Parameters
    ----------
    mosaic : Mosaic
        The vectors of all patches; those that are not known yet do not count.
    covered : Covered
        Which patches, and how much each weighs.
    count : int
        How many representatives are wanted.

    Returns
    -------
    Tensor of shape (at most count, D), float32
        Fewer where fewer patches are known, or differ.

    Raises
    ------
    RegionError
        If the number makes no sense, or exceeds that of the patches.
    NotEmbeddedError
        If none of the patches is known.
    """
    import torch

    from napari_dinosim.similarity import unit_vectors

    if not 1 <= count <= MOST_REPRESENTATIVES:
        raise RegionError(
            f"representatives: found {count}, expected 1 (the mean) to {MOST_REPRESENTATIVES}. Choose another number."
        )
    if count > len(covered.rows):
        raise RegionError(
            f"representatives: found {count} of a region of {patches(len(covered.rows))}, expected at most as many as "
            "it has. Choose fewer, or draw a larger region."
        )
    some = covered.some(MOST_PATCHES if count == 1 else MOST_CLUSTERED)
    vectors, known = mosaic.known_at(some.rows, some.cols)
    if not known.any():
        raise NotEmbeddedError(
            f"region of {patches(len(covered.rows))}: found none of them embedded, expected some. Wait until they are, "
            "or embed that part of the image."
        )
    return unit_vectors(torch.from_numpy(representatives(vectors.numpy(), some.pixels[known], count)))


def patches(count: int) -> str:
    """``"1 patch"``, ``"7 patches"``."""
    return f"{count} patch" if count == 1 else f"{count} patches"


def representatives(vectors: NDArray[Any], weights: NDArray[Any], count: int) -> NDArray[np.float32]:
    """Find a few vectors that stand for many.

    One is their weighted mean. More are the means of as many clusters, by k-means (scikit-learn's ``KMeans``; Arthur
    and Vassilvitskii, SODA 2007, for where it begins), which on unit vectors groups by cosine, as the squared distance
    of two is 2 − 2 cos.

    Parameters
    ----------
    vectors : ndarray of shape (n, D), float
        Unit vectors, n ≥ 1.
    weights : ndarray of shape (n,)
        Positive.
    count : int
        How many are wanted; there are fewer where fewer of the vectors differ.

    Returns
    -------
    ndarray of shape (at most count, D), float32
        Not scaled to unit length; those of most weight first.
    """
    weights = np.asarray(weights, dtype=np.float64)
    groups = np.zeros(len(vectors), dtype=np.intp)
    if count > 1 and len(vectors) > 1:
        groups = _clusters(vectors, weights, min(count, len(vectors)))
    total = np.bincount(groups, weights)
    means: list[NDArray[Any]] = []
    for group in np.argsort(-total, kind="stable"):
        here = groups == group
        if here.any():
            mean = (vectors[here] * weights[here, None]).sum(axis=0) / total[group]
            if all(np.linalg.norm(mean - other) > NEGLIGIBLE for other in means):
                means.append(mean)
    return np.asarray(means, dtype=np.float32)


def _clusters(vectors: NDArray[Any], weights: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Group of each vector, by k-means."""
    import warnings

    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different vectors than clusters: fewer are given
        found = KMeans(count, n_init=STARTS, random_state=SEED).fit_predict(vectors, sample_weight=weights)
    return np.asarray(found, dtype=np.intp)
