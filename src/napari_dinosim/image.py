"""Any array → planes of RGB in [0, 1], read window by window.

Nothing is kept at pixel resolution: a plane holds the caller's array and converts what is asked for.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from napari_dinosim.errors import ImageError
from napari_dinosim.grid import PatchGrid
from napari_dinosim.intensity import checked, readable_type

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_dinosim.intensity import Intensity, Limits

MOST_CHANNELS = 32
"""More entries than this along the last axis are taken for columns of a stack, not for channels."""

FLOAT32_HALF = float(np.finfo(np.float32).max) / 2
"""Numbers below this can be subtracted from each other in float32."""

GREY, RGB, CHANNELS = "grey", "rgb", "channels"


@runtime_checkable
class Plane(Protocol):
    """What can be embedded: one plane of an image, as it is, or resized while it is read."""

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the image, in pixels."""

    def grid(self, patch_size: int) -> PatchGrid:
        """Where the patches lie."""

    def window(self, top: int, left: int, height: int, width: int) -> tuple[NDArray[np.float32], bool]:
        """RGB in [0, 1] of a part of what is cut into patches, black beyond its bottom and right edge.

        And whether NaN or ±inf were found.
        """


@dataclass(frozen=True, slots=True, eq=False)
class ImagePlane:
    """One plane of an image, convertible to RGB in [0, 1].

    Made by :func:`image_plane`.

    Parameters
    ----------
    data : array of shape (H, W) or (H, W, C)
        The caller's array, any array type that slices to numpy; never changed, never copied whole.
    kind : {"grey", "rgb", "channels"}
        How the last axis is read.
    low, high : ndarray of shape (C,), float64
        Intensities that become 0 and 1.
    """

    data: Any
    kind: str
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return int(self.data.shape[0]), int(self.data.shape[1])

    def grid(self, patch_size: int) -> PatchGrid:
        """Where the patches lie that the plane is cut into."""
        return PatchGrid(*self.shape, patch_size)

    def window(self, top: int, left: int, height: int, width: int) -> tuple[NDArray[np.float32], bool]:
        """RGB of a part of the plane, black beyond its bottom and right edge.

        Parameters
        ----------
        top, left, height, width : int
            The part, in pixels; it may reach beyond the bottom and right edge.

        Returns
        -------
        rgb : ndarray of shape (height, width, 3), float32
            Values in [0, 1].
        nonfinite : bool
            Whether NaN or ±inf were found; they are black.
        """
        values, finite = self.intensities(top, left, height, width)
        rgb = np.zeros((height, width, 3), dtype=np.float32)
        part = rgb[: values.shape[0], : values.shape[1]]
        hues = _hues(values.shape[-1]).astype(values.dtype) if self.kind == CHANNELS else None
        part[...] = values if hues is None else np.clip(values @ hues, 0, 1)
        return rgb, not bool(finite.all())

    def intensities(self, top: int, left: int, height: int, width: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Values of a part of the plane between the limits.

        Parameters
        ----------
        top, left, height, width : int
            The part, in pixels; what reaches beyond the bottom and right edge is left out.

        Returns
        -------
        values : ndarray of shape (h, w, C), float32 or float64
            In [0, 1]; alpha is left out.
        finite : ndarray of shape (h, w, C), bool
            Where they are not NaN or ±inf, which are 0.
        """
        found = np.asarray(self.data[top : top + height, left : left + width])
        wide = self._wide_type(found.dtype)
        values = found.astype(wide).reshape(*found.shape[:2], found.shape[2] if found.ndim == 3 else 1)
        if self.kind == RGB:
            values = values[..., :3]
        finite = np.isfinite(values)
        span = np.where(self.high > self.low, self.high - self.low, 1.0)
        with np.errstate(invalid="ignore"):
            values = np.clip((values - self.low.astype(wide)) / span.astype(wide), 0, 1)
        values[~finite] = 0
        return values, finite

    def _wide_type(self, dtype: np.dtype[Any]) -> type[np.float32 | np.float64]:
        """Type to calculate in: float32 where neither the pixels nor the limits and their difference need more."""
        narrow = dtype.itemsize <= 2 or dtype == np.float32
        return np.float32 if narrow and max(-self.low.min(), self.high.max()) < FLOAT32_HALF else np.float64


def image_plane(
    data: ArrayLike,
    *,
    rgb: bool | None = None,
    contrast_limits: Limits | None = None,
    intensity: Intensity | None = None,
) -> ImagePlane:
    """Read an array as one image plane.

    RGB(A) and ``uint8`` are divided by 255, other integer RGB by their type's maximum, float RGB is taken as it is;
    ``bool`` becomes 0 and 1; every other single channel is stretched between its contrast limits. All is clipped to
    [0, 1]; alpha is dropped; a single channel is repeated to three. Two, five or more channels are composed additively
    in evenly spaced hues (two: magenta and green), each stretched between its own extremes.

    Parameters
    ----------
    data : array_like of shape (H, W) or (H, W, C)
        Bool, integer or float.
    rgb : bool, optional
        Whether the last axis is RGB or RGBA; by default it is where it has 3 or 4 entries.
    contrast_limits : (low, high), optional
        Intensities that become 0 and 1; by default see above, and the finite minimum and maximum.
    intensity : Intensity, optional
        Finds the limits from a sample instead, given the contrast limits; for several channels, each its own.

    Returns
    -------
    ImagePlane

    Raises
    ------
    ImageError
        If the array is complex, of objects or text, empty, or neither (H, W) nor (H, W, C), if it is
        called RGB and has other than 3 or 4 channels, or if the contrast limits are not two finite numbers, low < high.
    """
    array: Any = data if hasattr(data, "shape") and hasattr(data, "dtype") else np.asarray(data)
    dtype = readable_type(array)
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] > MOST_CHANNELS):
        raise ImageError(
            f"image shape: found {tuple(array.shape)}, expected (height, width) or (height, width, channels). "
            "Embed a stack plane by plane; move channels to the last axis."
        )
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if rgb and array.ndim == 3 and array.shape[2] not in (3, 4):
        raise ImageError(
            f"RGB image: found {array.shape[2]} channels, expected 3 or 4. Say that it is not RGB, or choose channels."
        )
    kind = GREY if array.ndim == 2 else RGB if (array.shape[2] in (3, 4) if rgb is None else rgb) else CHANNELS
    if intensity is None:
        low, high = _limits(array, dtype, kind, contrast_limits)
    else:
        low, high = _chosen(array, dtype, kind, contrast_limits, intensity)
    return ImagePlane(array, kind, low, high)


def _chosen(
    array: Any, dtype: np.dtype[Any], kind: str, contrast_limits: Limits | None, intensity: Intensity
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Limits as an intensity finds them, one pair or one per channel."""
    parts = [array[..., k] for k in range(array.shape[2])] if kind == CHANNELS else [array]
    pairs = [intensity.limits(part, rgb=kind == RGB, contrast_limits=contrast_limits) for part in parts]
    found = [pair for pair in pairs if pair is not None]  # all or none: they have one type
    if not found:
        return _limits(array, dtype, kind, None)
    return np.array([low for low, _ in found]), np.array([high for _, high in found])


def _limits(
    array: Any, dtype: np.dtype[Any], kind: str, contrast_limits: Limits | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Intensities that become 0 and 1, one pair or one per channel."""
    if contrast_limits is not None:
        low, high = checked(contrast_limits, "contrast limits")
        return np.array([low]), np.array([high])
    if dtype.kind == "b" or (dtype.kind == "f" and kind == RGB):
        return np.zeros(1), np.ones(1)
    if kind == RGB or dtype == np.uint8:
        return np.zeros(1), np.array([float(np.iinfo(dtype).max)])
    return _finite_range(np.asarray(array), kind)


def _finite_range(values: NDArray[Any], kind: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Finite minimum and maximum, one pair or one per channel; (0, 0) where nothing is finite."""
    flat = values.reshape(-1, values.shape[-1] if kind == CHANNELS else 1)
    if flat.dtype.kind != "f":
        return flat.min(axis=0).astype(np.float64), flat.max(axis=0).astype(np.float64)
    finite = np.isfinite(flat)
    low = flat.min(axis=0, where=finite, initial=np.inf).astype(np.float64)
    high = flat.max(axis=0, where=finite, initial=-np.inf).astype(np.float64)
    some = low <= high
    return np.where(some, low, 0.0), np.where(some, high, 0.0)


def _hues(channels: int) -> NDArray[np.float64]:
    """Additive colours of shape (channels, 3): evenly spaced hues that sum to white, from magenta on."""
    magenta = 5 / 6
    colours = np.array([colorsys.hsv_to_rgb((magenta + k / channels) % 1, 1, 1) for k in range(channels)])
    return np.asarray(colours / np.maximum(colours.sum(axis=0), 1))
