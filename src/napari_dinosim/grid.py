"""All pixel and patch arithmetic: padding, patch under a pixel, nearest upsampling.

Nothing else in the package knows the patch size. Coordinates are (y, x) = (row, col), in pixels of the image,
with pixel centres at integers, as in napari: pixel ``i`` covers ``[i - 0.5, i + 0.5)``.

Along an axis of n pixels that was resized to n' before it was cut into patches of P, each into c cells, one cell covers
``n P / (n' c)`` pixels, and pixel ``i`` lies in cell ``floor((i + 1/2) n' c / (n P))``. Both are exact, in integers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from napari_dinosim.errors import ImageError, OutsideImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

Number = TypeVar("Number", bound=np.generic)
"""Any type of numbers."""


@dataclass(frozen=True, slots=True)
class PatchGrid:
    """The patches of one image plane.

    The image, resized where ``sampled`` says so, is padded at the bottom and right to whole patches (seed section
    "Image Padding"), so the last row and column may reach beyond the image.

    Parameters
    ----------
    height, width : int
        Size of the image in pixels, at least 1.
    patch_size : int
        Side P of a patch in pixels of the resized image, at least 1.
    sampled : tuple of int, optional
        (height, width) that the image was resized to; None for its own.
    finer : int, default: 1
        Cells along each side of a patch, each with a value of its own; ``row`` and ``col`` then count cells.

    Raises
    ------
    ImageError
        If the image is empty, or was resized to nothing.
    ValueError
        If the patch size or the number of cells is not positive.
    """

    height: int
    width: int
    patch_size: int
    sampled: tuple[int, int] | None = None
    finer: int = 1

    def __post_init__(self) -> None:
        if self.sampled == self.image_shape:
            object.__setattr__(self, "sampled", None)  # one value for one grid
        for height, width in {self.image_shape, self.sampled_shape}:
            if height < 1 or width < 1:
                raise ImageError(
                    f"empty image: found {height} × {width} pixels, expected at least 1 × 1. Choose another image."
                )
        if self.patch_size < 1:
            raise ValueError(f"patch size: found {self.patch_size}, expected a whole number of pixels ≥ 1.")
        if self.finer < 1:
            raise ValueError(f"finer: found {self.finer} cells along a patch, expected a whole number ≥ 1.")

    @property
    def rows(self) -> int:
        """Number of rows: ``ceil(height / P)``, of the resized image; with cells, ``ceil(height * finer / P)``."""
        return _ceil(self.sampled_shape[0] * self.finer, self.patch_size)

    @property
    def cols(self) -> int:
        """Number of columns, likewise."""
        return _ceil(self.sampled_shape[1] * self.finer, self.patch_size)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, cols)."""
        return self.rows, self.cols

    @property
    def patches(self) -> tuple[int, int]:
        """(rows, cols) of whole patches, which may have several cells each."""
        height, width = self.sampled_shape
        return _ceil(height, self.patch_size), _ceil(width, self.patch_size)

    @property
    def image_shape(self) -> tuple[int, int]:
        """(height, width) of the image, in pixels."""
        return self.height, self.width

    @property
    def sampled_shape(self) -> tuple[int, int]:
        """(height, width) of the resized image, in its pixels; the image's own where it was not resized."""
        return self.sampled or self.image_shape

    @property
    def padded_shape(self) -> tuple[int, int]:
        """(height, width) of the resized image after padding to whole patches, in its pixels."""
        rows, cols = self.patches
        return rows * self.patch_size, cols * self.patch_size

    @property
    def footprint(self) -> tuple[float, float]:
        """(height, width) of the part of the image that one patch (or cell) covers, in pixels of the image.

        Examples
        --------
        >>> PatchGrid(600, 900, 16, sampled=(200, 300)).footprint
        (48.0, 48.0)
        """
        (top, bottom), (left, right) = self._ratios
        return top / bottom, left / right

    @property
    def _ratios(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """The footprint as two fractions, (numerator, denominator) along y and x."""
        along_y, along_x = zip(self.image_shape, self.sampled_shape, strict=True)
        return (
            (self.patch_size * along_y[0], along_y[1] * self.finer),
            (self.patch_size * along_x[0], along_x[1] * self.finer),
        )

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
        down, across = self._ratios
        return _cell(_pixel(y), *down), _cell(_pixel(x), *across)

    def patch_bounds(self, row: int, col: int) -> tuple[float, float, float, float]:
        """Edges of a patch, cut at the image's edge.

        Returns
        -------
        tuple of float
            (top, left, bottom, right) in data coordinates: the edges of the outermost pixels; of a resized image they
            may lie inside pixels, which belong to the patch that holds their centre.
        """
        (along_y, per_row), (along_x, per_col) = self._ratios
        bottom = min((row + 1) * along_y / per_row, self.height)
        right = min((col + 1) * along_x / per_col, self.width)
        return row * along_y / per_row - 0.5, col * along_x / per_col - 0.5, bottom - 0.5, right - 0.5

    def centres(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Middles of the rows and of the columns of patches, each cut at the image's edge, in data coordinates.

        Returns
        -------
        tuple of ndarray
            Of shape (rows,) and (cols,), ascending.

        Examples
        --------
        >>> PatchGrid(40, 32, 16).centres()[0]
        array([ 7.5, 23.5, 35.5])
        """
        (along_y, per_row), (along_x, per_col) = self._ratios
        return _middles(self.rows, along_y, per_row, self.height), _middles(self.cols, along_x, per_col, self.width)

    def patches_under(self, ys: NDArray[np.intp], xs: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Patch row of each pixel row, and patch column of each pixel column.

        Parameters
        ----------
        ys, xs : ndarray of int
            Pixel rows (n) and columns (m), inside the image.

        Returns
        -------
        tuple of ndarray
            Of shape (n,) and (m,).
        """
        down, across = self._ratios
        return _cells(ys, *down), _cells(xs, *across)

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
        import torch  # here, so that the arithmetic above costs no import; copies on all cores, far faster than numpy

        if out is None:
            out = np.empty(self.image_shape, dtype=np.float32)
        (along_y, per_row), (along_x, per_col) = self._ratios
        if along_y % per_row or along_x % per_col:
            ys, xs = _cells(np.arange(self.height), along_y, per_row), _cells(np.arange(self.width), along_x, per_col)
            wide = torch.from_numpy(np.take(values, xs, axis=1))
            torch.index_select(wide, 0, torch.from_numpy(ys), out=torch.from_numpy(out))
        else:
            _repeat(torch.from_numpy(values), along_y // per_row, along_x // per_col, torch.from_numpy(out))
        return out

    def upsample_at(self, values: NDArray[Number], ys: NDArray[np.intp], xs: NDArray[np.intp]) -> NDArray[Number]:
        """Upsampled values at chosen pixel rows and columns, without making the whole map.

        Parameters
        ----------
        values : ndarray of shape (rows, cols, …)
            One value, or several, per patch, of any type.
        ys, xs : ndarray of int
            Pixel rows (n) and columns (m), inside the image.

        Returns
        -------
        ndarray of shape (n, m, …)
        """
        rows, cols = self.patches_under(ys, xs)
        return values.take(cols, axis=1).take(rows, axis=0)  # whole rows at a time: far faster than one index array


def _pixel(coordinate: float) -> int:
    """Pixel under a coordinate, ``floor(c + 0.5)``; the sum itself would round the last float below 0.5 up to 1."""
    whole = math.floor(coordinate)
    return whole + 1 if coordinate - whole >= 0.5 else whole


def _ceil(length: int, size: int) -> int:
    """``ceil(length / size)``, exactly."""
    return -(-length // size)


def _cell(pixel: int, numerator: int, denominator: int) -> int:
    """Cell that holds the centre of a pixel, where cells cover ``numerator / denominator`` pixels."""
    return (2 * pixel + 1) * denominator // (2 * numerator)


def _cells(pixels: NDArray[np.intp], numerator: int, denominator: int) -> NDArray[np.intp]:
    """:func:`_cell` of many pixels."""
    return (2 * pixels + 1) * denominator // (2 * numerator)


def _middles(count: int, numerator: int, denominator: int, length: int) -> NDArray[np.float64]:
    """Middles of cells that cover ``numerator / denominator`` pixels, the last one cut at the image's edge."""
    edges = np.minimum(np.arange(count + 1) * numerator / denominator, length)
    return (edges[:-1] + edges[1:]) / 2 - 0.5


def _repeat(values: Tensor, down: int, across: int, target: Tensor) -> None:
    """Repeat each value over a whole number of pixels, ``down`` × ``across``, and crop."""
    height, width = target.shape
    whole = height // down
    wide = values[:, :, None].expand(-1, -1, across).reshape(len(values), -1)[:, :width]
    target[: whole * down].view(whole, down, width).copy_(wide[:whole, None])
    target[whole * down :] = wide[whole:]
