"""Several single-channel arrays composed into one RGB image, as the additive view on screen shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dinosim.errors import ImageError
from napari_dinosim.grid import PatchGrid
from napari_dinosim.image import image_plane
from napari_dinosim.intensity import checked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    from napari_dinosim.image import ImagePlane
    from napari_dinosim.intensity import Limits

STEPS = 1024
"""Intensities that are told apart: half a step is an eighth of what a screen of 8 bits shows."""


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """One channel of a composition, and how it looks.

    Parameters
    ----------
    data : array_like of shape (H, W)
        Bool, integer or float; read window by window, never changed.
    colours : array_like of shape (N, 3) or (N, 4)
        Lookup table of RGB or RGBA in [0, 1] for intensities evenly spaced from low to high; two or more rows, between
        which colours are interpolated.
    limits : (low, high), optional
        Intensities of the first and the last colour; by default the finite minimum and maximum, for ``bool`` and
        ``uint8`` the full range.
    gamma : float
        Exponent, above 0, put to the intensities in [0, 1].
    opacity : float
        From 0 to 1, by which the colours are weighted, beside their alpha.
    visible : bool
        Whether it counts.
    name : str
        Shown to people.

    Raises
    ------
    ImageError
        If one of these is something else.
    """

    data: Any
    colours: ArrayLike
    limits: Limits | None = None
    gamma: float = 1.0
    opacity: float = 1.0
    visible: bool = True
    name: str = "channel"

    def __post_init__(self) -> None:
        table = np.asarray(self.colours, dtype=np.float64)
        if table.ndim != 2 or table.shape[0] < 2 or table.shape[1] not in (3, 4) or not _within(table, 0, 1):
            raise ImageError(
                f"colours of {self.name!r}: found an array of shape {table.shape}, expected (N, 3) or (N, 4), N at "
                "least 2, values in [0, 1]. Give a lookup table."
            )
        if not (0 < self.gamma < np.inf and 0 <= self.opacity <= 1):
            raise ImageError(
                f"looks of {self.name!r}: found gamma {self.gamma:g} and opacity {self.opacity:g}, expected gamma "
                "above 0 and opacity from 0 to 1. Change them."
            )
        if self.limits is not None:
            object.__setattr__(self, "limits", checked(self.limits, "contrast limits"))

    @property
    def weights(self) -> NDArray[np.float32]:
        """What intensities evenly spaced from 0 to 1 add, of shape (:data:`STEPS` or more, 3)."""
        table = np.asarray(self.colours, dtype=np.float64)
        rows = np.linspace(0, len(table) - 1, max(STEPS, len(table)))
        fine = np.stack([np.interp(rows, np.arange(len(table)), column) for column in table.T], axis=1)
        alpha = fine[:, 3:] if fine.shape[1] == 4 else 1.0
        return (fine[:, :3] * alpha * self.opacity).astype(np.float32)


def _within(values: NDArray[np.float64], low: float, high: float) -> bool:
    return bool(((values >= low) & (values <= high)).all())


class Composition:
    """A plane whose RGB is the sum of its visible channels' colours, clipped at 1.

    It can be embedded like an image: :func:`napari_dinosim.embed` takes it.

    Parameters
    ----------
    channels : iterable of Channel
        All of one shape.

    Raises
    ------
    ImageError
        If there is none, or none is visible, if shapes differ, or if an array is no single-channel image.

    Examples
    --------
    >>> import numpy as np
    >>> black, magenta, green = (0, 0, 0), (1, 0, 1), (0, 1, 0)
    >>> first, second = np.eye(2), np.ones((2, 2))
    >>> both = Composition([Channel(first, [black, magenta], (0, 1)), Channel(second, [black, green], (0, 2))])
    >>> both.window(0, 0, 1, 2)[0].round(2).tolist()
    [[[1.0, 0.5, 1.0], [0.0, 0.5, 0.0]]]
    """

    def __init__(self, channels: Iterable[Channel]) -> None:
        found = tuple(channels)
        _same_shape(found)
        shown = [channel for channel in found if channel.visible]
        if not shown:
            raise ImageError(
                f"channels: found {len(found)}, none of them visible, expected at least one that is. Show one."
            )
        self._shown = [(_plane(channel), channel.weights, channel.gamma) for channel in shown]

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self._shown[0][0].shape

    def grid(self, patch_size: int) -> PatchGrid:
        """Where the patches lie."""
        return PatchGrid(*self.shape, patch_size)

    def window(self, top: int, left: int, height: int, width: int) -> tuple[NDArray[np.float32], bool]:
        """RGB of a part, as :meth:`napari_dinosim.image.ImagePlane.window` gives it.

        Where a channel is NaN or ±inf, it adds nothing.
        """
        rgb = np.zeros((height, width, 3), dtype=np.float32)
        part = rgb[: max(0, self.shape[0] - top), : max(0, self.shape[1] - left)]
        nonfinite = False
        for plane, weights, gamma in self._shown:
            values, finite = plane.intensities(top, left, *part.shape[:2])
            steps = _steps(values[..., 0] ** gamma, len(weights) - 1)
            part += np.where(finite, weights[steps], 0)
            nonfinite |= not finite.all()
        return np.minimum(rgb, 1, out=rgb), nonfinite


def _steps(values: NDArray[Any], last: int) -> NDArray[np.intp]:
    """Rows of a table for values in [0, 1]; the ends, which may have colours of their own, for 0 and 1 alone."""
    steps: NDArray[np.intp] = np.clip(np.rint(values * last).astype(np.intp), values > 0, last - (values < 1))
    return steps


def _plane(channel: Channel) -> ImagePlane:
    return image_plane(channel.data, rgb=False, contrast_limits=channel.limits)


def _same_shape(channels: tuple[Channel, ...]) -> None:
    """Refuse arrays that are no planes of one shape."""
    shapes = [tuple(np.shape(channel.data)) for channel in channels]
    for channel, shape in zip(channels, shapes, strict=True):
        if len(shape) != 2:
            raise ImageError(
                f"channel {channel.name!r}: found shape {shape}, expected (height, width). "
                "Compose single-channel images, plane by plane."
            )
        if shape != shapes[0]:
            raise ImageError(
                f"channels: found shape {shapes[0]} of {channels[0].name!r} and {shape} of {channel.name!r}, "
                "expected one shape. Compose channels of one image."
            )
