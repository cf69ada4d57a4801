"""How much of the sample one patch covers, and planes that are resized for it, window by window."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from napari_dinosim.errors import ImageError, ResolutionError
from napari_dinosim.grid import PatchGrid
from napari_dinosim.pyramid import Pyramid
from napari_dinosim.resampling import axis_weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_dinosim.image import Plane
    from napari_dinosim.resampling import AxisWeights

    Pair = float | tuple[float, float]
    """One number, or one along y and one along x."""

MOST_PATCHES = 50_000_000
"""A resized image with more patches is taken for a mistake: their embeddings would fill 77 GB at D = 384."""

STRIP_PIXELS = 1 << 23
"""Source pixels that are held at once where an image is shrunk (100 MB as RGB)."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How finely an image is sampled before it is cut into patches.

    Made by :meth:`native`, :meth:`zoomed` or :meth:`physical`.

    Parameters
    ----------
    zoom : (float, float)
        By what the image is enlarged along y and x; below 1 it is shrunk.
    covered : (float, float), optional
        In place of that, how many pixels of the image a patch covers along y and x, whatever its size P.

    Raises
    ------
    ResolutionError
        If a number is not positive and finite.

    Examples
    --------
    Two objectives, one resolution, 5.2 µm a patch:

    >>> Sampling.physical(5.2, (0.325, 0.325)).shape((2048, 2048), patch_size=16)
    (2048, 2048)
    >>> Sampling.physical(5.2, (0.108, 0.108)).shape((2048, 2048), patch_size=16)
    (681, 681)
    """

    zoom: tuple[float, float] = (1.0, 1.0)
    covered: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        _positive("zoom", self.zoom)
        _positive("pixels that a patch covers", self.covered or (1.0, 1.0))

    @classmethod
    def native(cls) -> Self:
        """Each pixel as it is: a patch covers P × P of them."""
        return cls()

    @classmethod
    def zoomed(cls, zoom: Pair) -> Self:
        """Enlarge (above 1) or shrink (below 1) the image: a patch covers P / zoom of its pixels.

        Parameters
        ----------
        zoom : float or (float, float)
            For both axes, or along y and x.
        """
        return cls(zoom=_pair(zoom))

    @classmethod
    def physical(cls, extent: Pair, pixel_size: Pair) -> Self:
        """Let a patch cover so much of the sample, whatever the size of the pixels.

        Parameters
        ----------
        extent : float or (float, float)
            What a patch is to cover, along both axes, or along y and x, in any unit of length.
        pixel_size : float or (float, float)
            Side of a pixel, or (dy, dx), in the same unit.
        """
        extents, sizes = _pair(extent), _pair(pixel_size)
        _positive("extent of a patch", extents)
        _positive("pixel size", sizes)
        return cls(covered=(extents[0] / sizes[0], extents[1] / sizes[1]))

    def shape(self, image_shape: tuple[int, int], patch_size: int) -> tuple[int, int]:
        """Size that an image is resized to.

        Parameters
        ----------
        image_shape : (height, width)
            In pixels.
        patch_size : int
            Side P of a patch, in pixels of the resized image.

        Returns
        -------
        (int, int)
            Height and width in pixels, rounded, each at least 1.

        Raises
        ------
        ResolutionError
            If a patch would cover less than one pixel or the whole image, or there would be more than
            :data:`MOST_PATCHES`.
        """
        covered = self.covered or (patch_size / self.zoom[0], patch_size / self.zoom[1])
        patches = [length / pixels for length, pixels in zip(image_shape, covered, strict=True)]
        cover = f"resolution: a patch would cover {covered[0]:.3g} × {covered[1]:.3g} pixels of {_size(image_shape)}"
        if min(covered) < 1:
            raise ResolutionError(f"{cover}, expected at least 1 × 1. Choose a smaller zoom, or a larger extent.")
        if max(patches) <= 1 and max(image_shape) > patch_size:
            raise ResolutionError(
                f"{cover}, which is all of it, expected a part. Choose a larger zoom, or a smaller extent, "
                "and look whether extent and pixel size are in one unit."
            )
        if self != Sampling() and patches[0] * patches[1] > MOST_PATCHES:
            raise ResolutionError(
                f"{cover}, so that there would be {patches[0] * patches[1]:.3g} patches, expected at most "
                f"{MOST_PATCHES:.3g}. Choose a smaller zoom, a larger extent, or a part of the image."
            )
        height, width = (max(1, round(count * patch_size)) for count in patches)
        return height, width


@dataclass(frozen=True, slots=True, eq=False)
class SampledPlane:
    """A plane of an image that is resized while it is read.

    Made by :func:`sampled_plane`. Read from the smallest level that is not smaller than what is wanted, and only the
    part that a window needs. It is resized after its intensities were brought to [0, 1], as
    :mod:`napari_dinosim.resampling` says.

    Parameters
    ----------
    levels : sequence of Plane
        One scene at falling resolution, the image itself first; at least that.
    sampled : (int, int)
        Height and width that it is resized to, in pixels.

    Raises
    ------
    ImageError
        If a level is not smaller than the one before.
    """

    levels: Sequence[Plane]
    sampled: tuple[int, int]

    def __post_init__(self) -> None:
        shapes = [level.shape for level in self.levels]
        for number, (before, after) in enumerate(itertools.pairwise(shapes), 1):
            if after == before or after[0] > before[0] or after[1] > before[1]:
                raise ImageError(
                    f"pyramid: found level {number} of {_size(after)} after one of {_size(before)}, expected each "
                    "smaller than the one before. Give the levels from the largest to the smallest."
                )

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the image itself, in pixels."""
        return self.levels[0].shape

    def grid(self, patch_size: int) -> PatchGrid:
        """Where the patches lie that the resized image is cut into."""
        return PatchGrid(*self.shape, patch_size, self.sampled)

    def window(self, top: int, left: int, height: int, width: int) -> tuple[NDArray[np.float32], bool]:
        """RGB of a part of the resized image, black beyond its bottom and right edge.

        Parameters
        ----------
        top, left, height, width : int
            The part, in pixels of the resized image; it begins inside, and may reach beyond the bottom and right edge.

        Returns
        -------
        rgb : ndarray of shape (height, width, 3), float32
            Values in [0, 1].
        nonfinite : bool
            Whether NaN or ±inf were found in what was read; they are black.
        """
        bottom, right = min(top + height, self.sampled[0]), min(left + width, self.sampled[1])
        level = self._level()
        across = axis_weights(level.shape[1], self.sampled[1], left, right)
        rgb, nonfinite = np.zeros((height, width, 3), dtype=np.float32), False
        for first, down in self._strips(level, top, bottom, across.stop - across.first):
            read, found = level.window(down.first, across.first, down.stop - down.first, across.stop - across.first)
            strip = across.apply(down.apply(read).swapaxes(0, 1)).swapaxes(0, 1)
            rgb[first : first + len(strip), : right - left] = np.clip(strip, 0, 1)  # a cubic overshoots
            nonfinite |= found
        return rgb, nonfinite

    def _level(self) -> Plane:
        """Choose the level to read from."""
        enough = [
            level for level in self.levels if level.shape[0] >= self.sampled[0] and level.shape[1] >= self.sampled[1]
        ]
        return enough[-1] if enough else self.levels[0]

    def _strips(self, level: Plane, top: int, bottom: int, width: int) -> Iterator[tuple[int, AxisWeights]]:
        """Cut a window into rows that need few source pixels: the first row of each in the window, and its weights."""
        per_row = max(1, level.shape[0] / self.sampled[0]) * width
        step = max(1, int(STRIP_PIXELS / per_row))
        for first in range(top, bottom, step):
            yield first - top, axis_weights(level.shape[0], self.sampled[0], first, min(first + step, bottom))


def sampled_plane(plane: Plane, sampling: Sampling | None, patch_size: int, coarser: Sequence[Plane] = ()) -> Plane:
    """Resize a plane, while it is read, for patches of a size.

    Parameters
    ----------
    plane : Plane
        The image itself; one that is resized already, or a pyramid, is read from its levels.
    sampling : Sampling or None
        None leaves the plane as it is.
    patch_size : int
        The encoder's P.
    coarser : sequence of Plane, optional
        The other levels of its pyramid, from the largest to the smallest, read with the intensities of ``plane``.

    Returns
    -------
    Plane
        The image itself where nothing is to be resized.

    Raises
    ------
    ResolutionError
        See :meth:`Sampling.shape`.
    ImageError
        If a level is not smaller than the one before.
    """
    if sampling is None:
        return plane
    levels = plane.levels if isinstance(plane, SampledPlane | Pyramid) else [plane, *coarser]
    shape = sampling.shape(plane.shape, patch_size)
    return levels[0] if shape == plane.shape else SampledPlane(levels, shape)


def _pair(value: Pair) -> tuple[float, float]:
    """One number for both axes, or two."""
    try:
        along_y, along_x = value if isinstance(value, tuple | list | np.ndarray) else (value, value)
        return float(along_y), float(along_x)
    except (TypeError, ValueError) as error:
        raise ResolutionError(
            f"resolution: found {value!r}, expected one number, or two (along y and x). Give one or two numbers."
        ) from error


def _positive(what: str, values: tuple[float, float]) -> None:
    if not all(math.isfinite(value) and value > 0 for value in values):
        raise ResolutionError(
            f"{what}: found {values[0]:g} × {values[1]:g}, expected positive numbers. Give positive numbers."
        )


def _size(shape: tuple[int, int]) -> str:
    return f"{shape[0]} × {shape[1]}"
