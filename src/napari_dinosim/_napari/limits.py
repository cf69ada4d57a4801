"""Which intensities of a layer become 0 and 1: found in the worker, once for each layer and choice."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers.utils.layer_utils import calc_data_range

from napari_dinosim._napari.roles import key_of
from napari_dinosim.intensity import Intensity, Limits, Mode, envelope, sample
from napari_dinosim.planes import AxisSlice

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from napari.layers import Image

    Finder = Callable[[], Limits | None]

SMALLEST_SAMPLED = 512
"""Of a pyramid, the smallest level is sampled whose planes have sides of at least so many pixels."""

MOST_COMPARED = 1 << 26
"""Values of a plane in memory, at most, whose lowest and highest are found as napari does: a tenth of a second."""


@dataclass(frozen=True, slots=True)
class Intensities:
    """The person's choice: how each image is read.

    Parameters
    ----------
    default : Intensity
        For every image that has none of its own.
    own : mapping of str to Intensity
        By the image's key.
    shared : bool
        Whether all images are read by the default, and by one pair of limits that holds those of each.
    """

    default: Intensity = field(default_factory=Intensity)
    own: Mapping[str, Intensity] = field(default_factory=dict)
    shared: bool = False

    def of(self, key: str) -> Intensity:
        """Choice for one image."""
        return self.default if self.shared else self.own.get(key, self.default)

    def of_all(self, keys: Sequence[str]) -> Intensity:
        """Choice for the first of these images; the default where there is none."""
        return self.of(keys[0]) if keys else self.default

    def chosen(self, intensity: Intensity, keys: Iterable[str]) -> Intensities:
        """With another choice for these images; for all where there is none."""
        keys = () if self.shared else tuple(keys)
        if not keys:
            return replace(self, default=intensity, own=self.own if self.shared else {})
        return replace(self, own={**self.own, **dict.fromkeys(keys, intensity)})


class LimitFinders:
    """Hands out functions that find limits when they are called, and remember them."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Hashable, Finder]] = {}
        self._known_channels: dict[str, tuple[Hashable, list[Finder]]] = {}

    def forget(self, key: str) -> None:
        """Let go of a layer that is gone."""
        self._known.pop(key, None)
        self._known_channels.pop(key, None)

    def own(self, layer: Image, revision: int, intensity: Intensity) -> tuple[Hashable, Finder]:
        """Version and finder of a layer's limits.

        Parameters
        ----------
        layer : Image
        revision : int
            Another number after each change of its pixels.
        intensity : Intensity

        Returns
        -------
        version : hashable
            Equal versions have equal limits; None for a layer that is read the same whatever is chosen, or is empty.
        find : callable() -> (low, high) or None
            Reads a sample of the layer at its first call.
        """
        if np.dtype(layer.dtype) == bool or (layer.rgb and np.dtype(layer.dtype) == np.uint8) or 0 in layer.data.shape:
            return None, _unchanged
        chosen = _seen(layer, intensity)
        version = (revision, *chosen)
        known = self._known.get(key_of(layer))
        if known is None or known[0] != version:
            levels = tuple(layer.data) if layer.multiscale else (layer.data,)
            known = version, functools.cache(functools.partial(_find, levels, bool(layer.rgb), *chosen))
            self._known[key_of(layer)] = known
        return known

    def channels(
        self, layer: Image, revision: int, intensity: Intensity, axis: int
    ) -> tuple[Hashable, Sequence[Finder]]:
        """Version and finders of the limits of each channel along an axis, counted from the end.

        As :meth:`own`, channel by channel: contrast limits that somebody set hold for all of them.
        """
        count = layer.data.shape[axis]
        if np.dtype(layer.dtype) == bool or 0 in layer.data.shape:
            return None, [_unchanged] * count
        chosen = _seen(layer, intensity)
        version = (revision, axis, *chosen)
        known = self._known_channels.get(key_of(layer))
        if known is None or known[0] != version:
            levels = tuple(layer.data) if layer.multiscale else (layer.data,)
            finders = [functools.partial(_find_channel, levels, axis, place, *chosen) for place in range(count)]
            known = version, [functools.cache(find) for find in finders]
            self._known_channels[key_of(layer)] = known
        return known

    @staticmethod
    def shared(found: Iterable[tuple[Hashable, Finder]]) -> tuple[Hashable, Finder]:
        """Version and finder of limits that hold those of all these."""
        counted = [(version, find) for version, find in found if version is not None]
        version = ("shared", frozenset(version for version, _ in counted))
        return version, functools.cache(lambda: envelope(find() for _, find in counted))


def set_limits(layer: Image) -> Limits:
    """Contrast limits of a layer."""
    low, high = (float(limit) for limit in layer.contrast_limits)
    return low, high


def _seen(layer: Image, intensity: Intensity) -> tuple[Intensity, Limits | None]:
    """Keep what counts of a choice and of a layer's contrast limits; the rest is left at its default."""
    mode = intensity.mode
    used = Intensity(
        mode,
        intensity.percentiles if mode is Mode.PERCENTILES else Intensity().percentiles,
        intensity.fixed if mode is Mode.FIXED else Intensity().fixed,
    )
    looked_at = mode is Mode.CONTRAST or (mode is Mode.AUTOMATIC and not layer.auto_contrast)
    return used, set_limits(layer) if looked_at and not layer.rgb else None


def _find(levels: tuple[Any, ...], rgb: bool, intensity: Intensity, contrast_limits: Limits | None) -> Limits | None:
    """Find the limits, in the worker; contrast limits that napari set by itself are nobody's choice."""
    if intensity.mode is Mode.AUTOMATIC and contrast_limits is not None and _set_by_napari(levels[-1], contrast_limits):
        contrast_limits = None
    axes = slice(-3, -1) if rgb else slice(-2, None)
    large = [level for level in levels if min(level.shape[axes]) >= SMALLEST_SAMPLED]
    return intensity.limits(large[-1] if large else levels[0], rgb=rgb, contrast_limits=contrast_limits)


def _find_channel(
    levels: tuple[Any, ...], axis: int, position: int, intensity: Intensity, contrast_limits: Limits | None
) -> Limits | None:
    """Find the limits of one channel of a layer; contrast limits are the layer's."""
    if contrast_limits is not None:
        if intensity.mode is not Mode.AUTOMATIC or not _set_by_napari(levels[-1], contrast_limits):
            return Intensity(Mode.CONTRAST).limits(levels[-1], contrast_limits=contrast_limits)
        contrast_limits = None
    return _find(tuple(AxisSlice(level, axis, position) for level in levels), False, intensity, contrast_limits)


def _set_by_napari(data: Any, contrast_limits: Limits) -> bool:
    """Whether contrast limits are those that napari finds in the data where it is given none, as far as one can tell.

    napari notes nowhere who set them, so they are found once more, by napari. Of a plane so large that this would take
    long, and of a large stack that is read when it is asked for, limits are taken for napari's that leave out nothing
    of a sample, unless they are the type's ends.
    """
    if data.size > MOST_COMPARED and (data.ndim < 3 or not isinstance(data, np.ndarray)):  # napari reads whole planes
        low, high = contrast_limits
        values = sample(data)
        within = bool(values.size) and low <= values.min() and values.max() <= high
        return within and contrast_limits != Intensity(Mode.FULL).limits(data)
    try:
        found = calc_data_range(data)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - a part cannot be read, which embedding tells; napari could not find them either
        return False
    return bool(np.allclose(contrast_limits, found, rtol=1e-6, atol=0))


def _unchanged() -> None:
    return None
