"""Outlines moved to the edges of the image: in the band where a patch is too coarse to tell, the pixels decide."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_dinosim.analysis.labelling import connected, filled, without_small
from napari_dinosim.analysis.walker import first_reached
from napari_dinosim.errors import Cancelled, SegmentationError
from napari_dinosim.image import Plane, image_plane
from napari_dinosim.sampling import SampledPlane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import ArrayLike, NDArray

    from napari_dinosim.analysis.segment import Segments

MOST_PIXELS = 8192**2
"""Largest plane, in pixels: with outlines everywhere it takes minutes."""

TILE = 384
"""Side, in pixels, of the squares that are worked on one after the other; they overlap by the bands around them."""

CORE = 0.7
"""Of a part that the band swallows whole, what lies at least this deep, of its greatest depth, keeps its label."""


class _Tile(NamedTuple):
    """Bounds of what is worked on, and of what is kept of it, in pixels."""

    outer: tuple[int, int, int, int]
    inner: tuple[int, int, int, int]


def snap_edges(
    segments: Segments,
    image: Plane | ArrayLike,
    *,
    band: float = 1.0,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> NDArray[np.int32]:
    """Move the outlines of labels to the edges of the image.

    Pixels nearer than a patch to an outline are uncertain. A random walker [1]_ gives each of them the label, or the
    background, that it would reach first on a walk that avoids edges of the image. All other pixels keep theirs, and
    of a part that is too thin for that, its core. Then holes are filled and small parts left out once more, as they
    were when the segments were made.

    Parameters
    ----------
    segments : Segments
    image : Plane, or array_like of shape (H, W) or (H, W, C)
        What was embedded; an array is read as :func:`~napari_dinosim.embedding.embed` reads it. Of a plane that was
        resized, the image itself is taken.
    band : float, default: 1
        Half the width of the band, in patches.
    on_progress, cancelled : callable(done, total), callable() -> bool, optional
        Told after each tile; asked between steps of some milliseconds, or of seconds where planes are very large.

    Returns
    -------
    ndarray of shape (height, width), int32
        The label of each pixel, with the numbers of the segments. An object can have become two parts, or be gone.

    Raises
    ------
    SegmentationError
        If the image is larger than :data:`MOST_PIXELS`, or not the one of these segments.
    Cancelled
        If it was cancelled.

    References
    ----------
    .. [1] L. Grady, Random walks for image segmentation. IEEE Transactions on Pattern Analysis and Machine Intelligence
       28(11), 1768–1783, 2006. https://doi.org/10.1109/TPAMI.2006.233

    Examples
    --------
    >>> from napari_dinosim import PatchGrid, segment, snap_edges
    >>> image = np.zeros((48, 64), np.uint8)
    >>> image[10:40, 20:50] = 255
    >>> found = segment([[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]], PatchGrid(48, 64, 16))
    >>> bool((snap_edges(found, image) == (image > 0)).all())
    True
    """
    plane = _plane(image, segments.grid.image_shape)
    step = partial(_go_on, cancelled)
    return _tidied(_snapped(segments, plane, band, on_progress, step), segments, step)


def _go_on(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled("cancelled while outlines were moved")


def _plane(image: Plane | ArrayLike, shape: tuple[int, int]) -> Plane:
    """Plane at the image's own resolution, of this shape, and not too large."""
    plane = image if isinstance(image, Plane) else image_plane(image)
    if isinstance(plane, SampledPlane):
        plane = plane.levels[0]
    (height, width), (found_height, found_width) = shape, plane.shape
    if plane.shape != shape:
        raise SegmentationError(
            f"edges: found an image of {found_height} × {found_width} pixels, expected {height} × {width} as the "
            "segments have. Give the image that was embedded."
        )
    if height * width > MOST_PIXELS:
        raise SegmentationError(
            f"edges: found an image of {height} × {width} pixels, expected at most {MOST_PIXELS:,} in all. Crop it, or "
            "leave outlines on the patches, with more detail."
        )
    return plane


def _snapped(
    segments: Segments,
    plane: Plane,
    band: float,
    on_progress: Callable[[int, int], None],
    step: Callable[[], None],
) -> NDArray[np.int32]:
    """Go from tile to tile."""
    height, width = plane.shape
    before = segments.at(np.arange(height), np.arange(width))
    found = before.copy()  # a tile must not see what its neighbour has moved
    reach = band * float(np.mean(segments.grid.footprint)) * segments.grid.finer  # in pixels
    tiles = list(_tiles(height, width, int(np.ceil(2 * reach)) + 1))
    for done, (outer, inner) in enumerate(tiles, 1):
        step()
        top, left, bottom, right = outer
        labels = before[top:bottom, left:right]
        if labels.min() != labels.max():
            rgb, _ = plane.window(top, left, bottom - top, right - left)
            moved = _walked(labels, rgb, reach, step)
            found[inner[0] : inner[2], inner[1] : inner[3]] = moved[
                inner[0] - top : inner[2] - top, inner[1] - left : inner[3] - left
            ]
        on_progress(done, len(tiles))
    return found


def _tiles(height: int, width: int, margin: int) -> Iterator[_Tile]:
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            bottom, right = min(top + TILE, height), min(left + TILE, width)
            outer = (
                max(top - margin, 0),
                max(left - margin, 0),
                min(bottom + margin, height),
                min(right + margin, width),
            )
            yield _Tile(outer, (top, left, bottom, right))


def _walked(
    labels: NDArray[np.int32], rgb: NDArray[np.float32], reach: float, step: Callable[[], None]
) -> NDArray[np.int32]:
    """Let the walker decide on the pixels near outlines."""
    if rgb.min() == rgb.max():  # nothing to see
        return labels
    certain = _certain(labels, reach)
    values, numbers = np.unique(labels, return_inverse=True)
    markers = np.where(certain, numbers.reshape(labels.shape) + 1, 0).astype(np.int32)
    if certain.all() or len(np.unique(markers[certain])) < 2:
        return labels
    walked = first_reached(rgb, markers, int(np.ceil(4 * reach)), step)  # two bands further than any outline moves
    return np.where(walked, values[walked - 1], labels)


def _certain(labels: NDArray[np.int32], reach: float) -> NDArray[np.bool_]:
    """Pixels that keep their label: those beyond the band, and the cores of parts that it swallows."""
    from scipy.ndimage import distance_transform_edt, maximum
    from skimage.measure import label
    from skimage.segmentation import find_boundaries

    depth = distance_transform_edt(~find_boundaries(labels, connectivity=1, mode="thick"))
    certain = depth >= reach
    parts, count = label(labels, background=-1, connectivity=1, return_num=True)
    every = np.arange(count + 1)
    swallowed = maximum(certain, parts, every) == 0
    deepest = np.asarray(maximum(depth, parts, every))
    return np.asarray(certain | (swallowed[parts] & (depth >= CORE * deepest[parts])))


def _tidied(found: NDArray[np.int32], segments: Segments, step: Callable[[], None]) -> NDArray[np.int32]:
    """Keep what was promised of the segments: holes filled, and no part that is too small."""
    if segments.fill_holes:
        found = _filled(found, segments, step)
    step()
    return without_small(found, None, segments.fewest)


def _filled(found: NDArray[np.int32], segments: Segments, step: Callable[[], None]) -> NDArray[np.int32]:
    """Give what one class encloses to it: to its nearest object. What lies between other classes in it stays."""
    from scipy.ndimage import binary_dilation, distance_transform_edt, find_objects

    numbers = {name: number for number, name in enumerate(dict.fromkeys(segments.names), 1)}
    classes = np.array([0, *(numbers[name] for name in segments.names)], dtype=np.int32)[found]
    rows, columns = (np.arange(length) for length in found.shape)
    scored = segments.grid.upsample_at(segments.scored, rows, columns)
    holes = np.where(classes == 0, filled(classes, scored, len(numbers), step), 0).astype(np.int32)
    step()
    parts, _ = connected(holes)
    found = found.copy()
    for number, (down, across) in enumerate(find_objects(parts), 1):
        step()
        box = slice(max(down.start - 1, 0), down.stop + 1), slice(max(across.start - 1, 0), across.stop + 1)
        hole = parts[box] == number
        others = classes[box] != holes[box][hole][0]
        if others[binary_dilation(hole)].all():
            continue
        nearest = distance_transform_edt(others, return_distances=False, return_indices=True)
        found[box][hole] = found[box][tuple(nearest)][hole]
    return found
