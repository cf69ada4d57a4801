"""All pixel and patch arithmetic: padding, patch under a pixel, nearest upsampling.

Nothing else in the package knows the patch size. Coordinates are (y, x) = (row, col), in pixels,
with pixel centres at integers, as in napari: pixel ``i`` covers ``[i - 0.5, i + 0.5)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_dinosim.errors import ImageError, OutsideImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class PatchGrid:
    """The patches of one image plane.

    The image is padded at the bottom and right to whole patches (seed section "Image Padding"), so the
    last row and column may reach beyond the image.

    Parameters
    ----------
    height, width : int
        Size of the image in pixels, at least 1.
    patch_size : int
        Side P of a patch in pixels, at least 1.

    Raises
    ------
    ImageError
        If the image is empty.
    ValueError
        If the patch size is not positive.
    """

    height: int
    width: int
    patch_size: int

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ImageError(
                f"empty image: found {self.height} × {self.width} pixels, expected at least 1 × 1. "
                "Choose another image."
            )
        if self.patch_size < 1:
            raise ValueError(f"patch size: found {self.patch_size}, expected a whole number of pixels ≥ 1.")

    @property
    def rows(self) -> int:
        """Number of patch rows, ``ceil(height / P)``."""
        return math.ceil(self.height / self.patch_size)

    @property
    def cols(self) -> int:
        """Number of patch columns, ``ceil(width / P)``."""
        return math.ceil(self.width / self.patch_size)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, cols)."""
        return self.rows, self.cols

    @property
    def image_shape(self) -> tuple[int, int]:
        """(height, width) of the image, in pixels."""
        return self.height, self.width

    @property
    def padded_shape(self) -> tuple[int, int]:
        """(height, width) after padding to whole patches, in pixels."""
        return self.rows * self.patch_size, self.cols * self.patch_size

    def contains(self, y: float, x: float) -> bool:
        """Whether (y, x) lies in a pixel of the image; NaN lies nowhere."""
        return -0.5 <= y < self.height - 0.5 and -0.5 <= x < self.width - 0.5

    def patch_at(self, y: float, x: float) -> tuple[int, int]:
        """Patch that holds the pixel under (y, x).

        Source: seed section "Pixel to Patch Index Mapping", with the half pixel of napari's convention.

        Parameters
        ----------
        y, x : float
            Data coordinates in pixels, pixel centres at integers.

        Returns
        -------
        tuple of int
            (row, col).

        Raises
        ------
        OutsideImageError
            If the coordinate lies in no pixel of the image, or is NaN.

        Examples
        --------
        >>> PatchGrid(100, 150, 16).patch_at(15.4, 15.6)
        (0, 1)
        """
        if not self.contains(y, x):
            raise OutsideImageError(
                f"({y:g}, {x:g}) lies outside the image of {self.height} × {self.width} pixels. "
                "Place the prompt on the image."
            )
        return _pixel(y) // self.patch_size, _pixel(x) // self.patch_size

    def patch_bounds(self, row: int, col: int) -> tuple[float, float, float, float]:
        """Edges of a patch, cut at the image's edge.

        Returns
        -------
        tuple of float
            (top, left, bottom, right) in data coordinates: the edges of the outermost pixels.
        """
        size = self.patch_size
        bottom, right = min((row + 1) * size, self.height), min((col + 1) * size, self.width)
        return row * size - 0.5, col * size - 0.5, bottom - 0.5, right - 0.5

    def upsample(self, values: NDArray[np.float32], out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
        """Nearest-neighbour upsampling of one value per patch to the image's own pixels.

        Parameters
        ----------
        values : ndarray of shape (rows, cols), float32
            One value per patch.
        out : ndarray of shape (height, width), float32, optional
            Array to write into; a new one is made where none is given.

        Returns
        -------
        ndarray of shape (height, width), float32
            The padding is cropped away.
        """
        import torch  # here, so that the arithmetic above costs no import; copies on all cores, twice as fast as numpy

        if out is None:
            out = np.empty(self.image_shape, dtype=np.float32)
        size, whole = self.patch_size, self.height // self.patch_size
        target = torch.from_numpy(out)
        wide = torch.from_numpy(values)[:, :, None].expand(-1, -1, size).reshape(self.rows, -1)[:, : self.width]
        target[: whole * size].view(whole, size, self.width).copy_(wide[:whole, None])
        target[whole * size :] = wide[whole:]
        return out

    def upsample_at(
        self, values: NDArray[np.float32], ys: NDArray[np.intp], xs: NDArray[np.intp]
    ) -> NDArray[np.float32]:
        """Upsampled values at chosen pixel rows and columns, without making the whole map.

        Parameters
        ----------
        values : ndarray of shape (rows, cols)
            One value per patch.
        ys, xs : ndarray of int
            Pixel rows (n) and columns (m), inside the image.

        Returns
        -------
        ndarray of shape (n, m)
        """
        return values[np.ix_(ys // self.patch_size, xs // self.patch_size)]


def _pixel(coordinate: float) -> int:
    """Pixel under a coordinate, ``floor(c + 0.5)``; the sum itself would round the last float below 0.5 up to 1."""
    whole = math.floor(coordinate)
    return whole + 1 if coordinate - whole >= 0.5 else whole
