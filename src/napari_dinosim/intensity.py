"""Which intensities of an image become 0 and 1: found once per image, from a sample, and the same for every window."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dinosim.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

SAMPLE = 1 << 22
"""Values that are looked at, at most: 4 million."""

BLOCK, BLOCKS = 256, 64
"""A larger image in memory is looked at in so many blocks of this side, in pixels."""

LAZY_BLOCK, LAZY_BLOCKS = 512, 16
"""One that is read when asked for in fewer and larger ones: each may cost a chunk or more."""

STEPS = (0.41421356, 0.61803399)
"""Fractions of √2 and of the golden ratio: adding them up from 0 spreads places evenly over y and x."""

Limits = tuple[float, float]
"""Intensities that become 0 and 1."""


class Mode(StrEnum):
    """Where the limits come from, in the words that people read."""

    AUTOMATIC = "automatic"
    CONTRAST = "contrast limits"
    PERCENTILES = "percentiles"
    FULL = "full range of the type"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class Intensity:
    """How the limits of an image are found.

    Images of type ``bool``, and RGB of 8 bits, pass through unchanged whatever is chosen. Of other RGB one pair is
    found over its colours.

    Parameters
    ----------
    mode : Mode or str
        - ``"automatic"``: contrast limits that a person or a file set; where none did, percentiles, and for 8 bits and
          RGB the full range;
        - ``"contrast limits"``: those of the layer, whoever set them; where there are none, and for RGB, as ``"full
          range of the type"``;
        - ``"percentiles"``: of the sample;
        - ``"full range of the type"``: from an integer type's minimum (RGB: from 0) to its maximum; floats from 0 to
          1, and from their lowest to their highest value where they go beyond;
        - ``"fixed"``: two numbers.
    percentiles : (low, high)
        From 0 to 100.
    fixed : (low, high)

    Raises
    ------
    ImageError
        If the mode is none of these, or a pair is not two such numbers, low < high.

    Examples
    --------
    >>> import numpy as np
    >>> Intensity("percentiles").limits(np.arange(101, dtype=np.uint16).reshape(1, 101))
    (1.0, 99.0)
    """

    mode: Mode = Mode.AUTOMATIC
    percentiles: Limits = (1.0, 99.0)
    fixed: Limits = (0.0, 1.0)

    def __post_init__(self) -> None:
        if self.mode not in tuple(Mode):
            raise ImageError(
                f"intensity: found mode {str(self.mode)!r}, expected one of {', '.join(repr(str(m)) for m in Mode)}. "
                "Choose one of them."
            )
        object.__setattr__(self, "mode", Mode(self.mode))
        object.__setattr__(self, "percentiles", checked(self.percentiles, "percentiles", 0.0, 100.0))
        object.__setattr__(self, "fixed", checked(self.fixed, "fixed intensities"))

    def limits(self, data: Any, *, rgb: bool = False, contrast_limits: Limits | None = None) -> Limits | None:
        """Find the intensities of an image or a stack that become 0 and 1.

        Parameters
        ----------
        data : array of shape (…, H, W), or (…, H, W, C) where ``rgb``
            Bool, integer or float; at most :data:`SAMPLE` values of it are read.
        rgb : bool
            Whether the last axis is RGB or RGBA; alpha is not looked at.
        contrast_limits : (low, high), optional
            Those of its layer.

        Returns
        -------
        (low, high), or None where it passes through unchanged.

        Raises
        ------
        ImageError
            If contrast limits are to be used that are not two finite numbers, low < high; if the array is complex, of
            objects or text, or empty.
        """
        dtype = readable_type(data)
        if dtype.kind == "b" or (rgb and dtype == np.uint8):
            return None
        mode = self.mode
        if mode is Mode.AUTOMATIC:
            small = dtype.itemsize == 1 or rgb
            unset = Mode.FULL if small else Mode.PERCENTILES
            mode = unset if contrast_limits is None or rgb else Mode.CONTRAST
        if mode is Mode.CONTRAST and contrast_limits is not None and not rgb:
            return checked(contrast_limits, "contrast limits")
        if mode is Mode.FIXED:
            return self.fixed
        if mode is Mode.PERCENTILES:
            return _between(sample(data, rgb=rgb), self.percentiles)
        return _full_range(data, dtype, rgb)


def readable_type(data: Any) -> np.dtype[Any]:
    """Type of an array's values.

    Raises
    ------
    ImageError
        If they are no numbers on one line, or there are none.
    """
    dtype: np.dtype[Any] = np.dtype(data.dtype)
    if dtype.kind not in "buif":
        raise ImageError(
            f"data type: found {dtype.name!r}, expected bool, integer or real numbers. "
            "Convert the image first, for example to its magnitude."
        )
    if 0 in data.shape:
        raise ImageError(
            f"empty image: found shape {tuple(data.shape)}, expected at least one pixel. Choose another image."
        )
    return dtype


def checked(pair: Limits, what: str, least: float = -np.inf, most: float = np.inf) -> Limits:
    """Two finite numbers, low < high.

    Raises
    ------
    ImageError
        If they are not.
    """
    low, high = (float(limit) for limit in pair)
    if not (np.isfinite([low, high]).all() and least <= low < high <= most):
        between = "" if np.isinf(most) else f" from {least:g} to {most:g}"
        raise ImageError(
            f"{what}: found ({low:g}, {high:g}), expected two finite numbers{between}, low < high. "
            + ("Set the contrast limits of the layer." if what == "contrast limits" else "Change one of them.")
        )
    return low, high


def envelope(pairs: Iterable[Limits | None]) -> Limits | None:
    """Limits that hold all of these: the lowest and the highest; None where there is none."""
    found = [pair for pair in pairs if pair is not None]
    return (min(low for low, _ in found), max(high for _, high in found)) if found else None


def sample(data: Any, *, rgb: bool = False) -> NDArray[Any]:
    """Values of an image or a stack: all, or of blocks that are evenly spread over it.

    Parameters
    ----------
    data : array of shape (…, H, W), or (…, H, W, C) where ``rgb``
    rgb : bool
        Whether the last axis is RGB or RGBA; alpha is left out.

    Returns
    -------
    ndarray of shape (n,)
        At most :data:`SAMPLE` finite values; none where nothing is finite. Blocks that cannot be read are left out,
        unless none can be.
    """
    whole = int(np.prod(data.shape, dtype=np.int64)) <= SAMPLE
    parts = _read(data, _planes(data, rgb) if whole else _blocks(data, rgb))
    flat: NDArray[Any] = np.concatenate([(part[..., :3] if rgb else part).reshape(-1) for part in parts])
    if flat.dtype.kind != "f":
        return flat
    finite: NDArray[Any] = flat[np.isfinite(flat)]
    return finite.astype(np.result_type(finite.dtype.newbyteorder("="), np.float32), copy=False)


def _read(data: Any, places: Iterable[tuple[int | slice, ...]]) -> list[NDArray[Any]]:
    """Read what can be read: one broken plane of a lazy stack must not take the others with it."""
    parts: list[NDArray[Any]] = []
    failed: Exception | None = None
    for place in places:
        try:
            parts.append(np.asarray(data[place]))
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a file, a graph or a network throws; embedding tells it
            failed = error
    if not parts and failed is not None:
        raise failed
    return parts


def _planes(data: Any, rgb: bool) -> Iterator[tuple[int | slice, ...]]:
    """Places of the planes of a lazy stack; an array in memory is one."""
    yield from np.ndindex(() if isinstance(data, np.ndarray) else data.shape[: -3 if rgb else -2])


def _blocks(data: Any, rgb: bool) -> Iterator[tuple[int | slice, ...]]:
    """Places of the blocks that a large array is looked at in."""
    side, most = (BLOCK, BLOCKS) if isinstance(data, np.ndarray) else (LAZY_BLOCK, LAZY_BLOCKS)
    *leading, height, width = data.shape[:-1] if rgb else data.shape
    tall, wide = min(side, height), min(side, width)
    values = tall * wide * (data.shape[-1] if rgb else 1)
    count = max(1, min(most, SAMPLE // values))
    planes = int(np.prod(leading, dtype=np.int64))
    even, (down, right) = (np.arange(count) + 0.5) / count, np.outer(STEPS, np.arange(count) + 0.5) % 1
    for plane, y, x in zip(even, down if planes > 1 else even, right, strict=True):
        index = np.unravel_index(int(plane * planes), leading) if leading else ()
        top, left = round(y * (height - tall)), round(x * (width - wide))
        yield (*(int(i) for i in index), slice(top, top + tall), slice(left, left + wide))


def _between(values: NDArray[Any], percentiles: Limits) -> Limits:
    """Percentiles of values; where they meet, as in a dark field with few lights, the lowest and the highest value."""
    if not values.size:
        return 0.0, 1.0
    low, high = (float(found) for found in np.percentile(values, percentiles))
    return (low, high) if low < high else _ends(values)


def _ends(values: NDArray[Any]) -> Limits:
    """Return the lowest and the highest value; where they meet, 0 and 1 widened to hold it, as napari shows it."""
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    return (low, high) if low < high else (min(low, 0.0), max(high, 1.0))


def _full_range(data: Any, dtype: np.dtype[Any], rgb: bool) -> Limits:
    """Return the ends of an integer type; of floats 0 and 1, or of what they hold where they go beyond."""
    if dtype.kind != "f":
        ends = np.iinfo(dtype)
        return 0.0 if rgb else float(ends.min), float(ends.max)
    if rgb:
        return 0.0, 1.0
    low, high = _ends(sample(data))
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)
