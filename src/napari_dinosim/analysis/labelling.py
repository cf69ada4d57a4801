"""The steps from scores to labels, on cells: smooth, refine, choose the winner, fill, leave out, part into objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_dinosim.analysis.recipe import Objects
    from napari_dinosim.grid import PatchGrid

DISTANCE_SHARE = 0.01
"""How much the distance to the edge counts beside the score when objects are parted: it decides between equals."""

LEAST_DIP = 0.001
"""Peaks between which the score falls by less than this are one."""


def smoothed(scores: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Smooth by a Gaussian; what is not known neither counts nor becomes known. Beyond the edge, the edge repeats."""
    from scipy.ndimage import gaussian_filter

    if not sigma:
        return scores
    known = np.isfinite(scores)
    if known.all():
        return np.asarray(gaussian_filter(scores, sigma, mode="nearest"))
    weight = gaussian_filter(known.astype(np.float32), sigma, mode="nearest")
    total = gaussian_filter(np.where(known, scores, 0), sigma, mode="nearest")
    return np.where(known, total / np.maximum(weight, np.finfo(np.float32).tiny), np.nan).astype(np.float32)


def refined(scores: NDArray[np.float32], detail: int, cells: PatchGrid) -> NDArray[np.float32]:
    """Interpolate bilinearly between the centres of patches; beyond the outermost ones the score stays as it is."""
    if detail == 1:
        return scores
    known = np.isfinite(scores)
    fine = _interpolated(np.where(known, scores, 0), detail)
    if not known.all():
        weight = _interpolated(known.astype(np.float32), detail)
        nearest = known.repeat(detail, axis=0).repeat(detail, axis=1)
        fine = np.where(nearest, fine / np.maximum(weight, np.finfo(np.float32).tiny), np.nan).astype(np.float32)
    return fine[: cells.rows, : cells.cols]


def _interpolated(values: NDArray[np.float32], detail: int) -> NDArray[np.float32]:
    import torch  # on all cores, and with the half cell in its place

    found = torch.nn.functional.interpolate(
        torch.from_numpy(np.ascontiguousarray(values))[None, None], scale_factor=detail, mode="bilinear"
    )
    return found[0, 0].numpy()


def highest(maps: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Highest score of each cell over all classes; NaN where none is known."""
    score = maps[0]
    for other in maps[1:]:
        score = np.fmax(score, other)
    return score


def winners(maps: list[NDArray[np.float32]], score: NDArray[np.float32], threshold: float) -> NDArray[np.int32]:
    """Find the class with the highest score, from 1 on, where it reaches the threshold; of equal ones the first.

    Examples
    --------
    >>> rose, sky = np.array([[0.9, 0.2, 0.1]]), np.array([[0.3, 0.8, 0.2]])
    >>> winners([rose, sky], highest([rose, sky]), 0.5)
    array([[1, 2, 0]], dtype=int32)
    """
    labels = np.zeros(score.shape, dtype=np.int32)
    for number in range(len(maps), 0, -1):
        labels[maps[number - 1] == score] = number
    labels[~(score >= threshold)] = 0  # NaN is not
    return labels


def filled(
    labels: NDArray[np.int32], known: NDArray[np.bool_], classes: int, step: Callable[[], None] = lambda: None
) -> NDArray[np.int32]:
    """Give cells that one class encloses to it; of classes within each other, to the innermost.

    Before each class ``step`` is called, and may raise.

    Examples
    --------
    >>> ring = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 1, 0]], dtype=np.int32)
    >>> filled(ring, np.ones(ring.shape, dtype=bool), 1)[1]
    array([1, 1, 1, 0], dtype=int32)
    """
    from scipy.ndimage import binary_fill_holes

    insides = []
    for number in range(1, classes + 1):
        step()
        insides.append((binary_fill_holes(labels == number), number))
    filled = labels.copy()
    for inside, number in sorted(insides, key=lambda pair: int(pair[0].sum())):
        filled[inside & known & (filled == 0)] = number
    return filled


def without_small(labels: NDArray[np.int32], weights: NDArray[np.int64] | None, fewest: int) -> NDArray[np.int32]:
    """Leave out connected parts of fewer pixels; without weights, each value is one pixel.

    Examples
    --------
    >>> weights = np.full((1, 5), 256)  # pixels of each cell
    >>> without_small(np.array([[1, 1, 0, 0, 2]], dtype=np.int32), weights, 300)
    array([[1, 1, 0, 0, 0]], dtype=int32)
    """
    if fewest <= 1:
        return labels
    parts, count = connected(labels)
    large = np.concatenate([[True], sums(parts, weights, count) >= fewest])
    return np.where(large[parts], labels, 0).astype(np.int32)


def objects(
    labels: NDArray[np.int32],
    score: NDArray[np.float32],
    kind: Objects,
    distance: int,
    weights: NDArray[np.int64],
    fewest: int,
) -> tuple[NDArray[np.int32], list[int]]:
    """Part the classes into objects.

    Parameters
    ----------
    labels : ndarray of shape (rows, cols), int32
        Number of the class, from 1 on; 0 where nothing is.
    score : ndarray of shape (rows, cols)
    kind : {"components", "watershed"}
    distance : int
        In cells: peaks no farther from each other, along both axes, are one.
    weights : ndarray of shape (rows, cols)
        Pixels of each cell.
    fewest : int
        Smaller objects, in pixels, are left out.

    Returns
    -------
    objects : ndarray of shape (rows, cols), int32
        Number of the object, from 1 on.
    of : list of int
        Class of each object, from 0 on.
    """
    found = np.zeros_like(labels)
    of: list[int] = []
    for number in range(1, int(labels.max(initial=0)) + 1):
        mask = labels == number
        parts, count = connected(mask) if kind == "components" else _drained(mask, score, distance)
        large = sums(parts, weights, count) >= fewest
        numbers = np.concatenate([[0], np.where(large, np.cumsum(large) + len(of), 0)])
        found[mask] = numbers[parts[mask]]
        of += [number - 1] * int(large.sum())
    return found, of


def _drained(mask: NDArray[np.bool_], score: NDArray[np.float32], distance: int) -> tuple[NDArray[np.int32], int]:
    """Part a mask by watershed from the peaks of the score; where scores are equal, from what lies deepest inside."""
    from scipy.ndimage import distance_transform_edt, maximum_position
    from skimage.feature import peak_local_max
    from skimage.morphology import h_maxima
    from skimage.segmentation import watershed

    if not mask.any():
        return np.zeros(mask.shape, dtype=np.int32), 0
    depth = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]  # beyond the image there is nothing
    height = np.where(mask, score - score[mask].min() + DISTANCE_SHARE * (1 + depth / depth.max()), 0).astype(float)
    domes, count = connected(h_maxima(height, LEAST_DIP).astype(bool) & mask)
    tops = np.zeros_like(height)
    places = tuple(np.array(maximum_position(height, domes, np.arange(1, count + 1)), dtype=int).reshape(-1, 2).T)
    tops[places] = height[places]
    peaks = peak_local_max(tops, min_distance=max(distance, 1), exclude_border=False)
    markers = np.zeros(mask.shape, dtype=np.int32)
    markers[tuple(peaks[np.lexsort(peaks.T[::-1])].T)] = np.arange(1, len(peaks) + 1)
    lost, more = connected(mask & ~_reached(mask, markers))  # parts whose peaks were outdone by one of another part
    markers[lost > 0] = lost[lost > 0] + len(peaks)
    return np.asarray(watershed(-height, markers, mask=mask), dtype=np.int32), len(peaks) + more


def _reached(mask: NDArray[np.bool_], markers: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Cells of the connected parts that hold a marker."""
    parts, count = connected(mask)
    held = np.zeros(count + 1, dtype=bool)
    held[parts[markers > 0]] = True
    return held[parts]


def connected(labels: NDArray[Any]) -> tuple[NDArray[np.int32], int]:
    """Find connected parts of equal labels, through edges, numbered from 1 on from top to bottom."""
    from skimage.measure import label

    parts, count = label(labels, connectivity=1, return_num=True)
    return parts.astype(np.int32), int(count)


def sums(labels: NDArray[np.int32], weights: NDArray[Any] | None, count: int) -> NDArray[Any]:
    """Sum of the weights of the cells of each label from 1 on; without weights, how many there are."""
    if weights is None:
        return np.bincount(labels.ravel(), minlength=count + 1)[1:]
    sums = np.bincount(labels.ravel(), weights=weights.ravel(), minlength=count + 1)[1:]
    return sums if weights.dtype.kind == "f" else sums.round().astype(np.int64)
