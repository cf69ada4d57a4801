"""Texture and colour measures of 16-pixel patches, as plain tensor operations.

Every plane is a float32 Tensor of shape (B, C, H, W). Borders are mirrored about the outermost pixels' edges, which
works for planes smaller than the filter, so that a window's border does not imprint. Smoothing is done by shifted sums,
not by convolutions, because accelerators round the inputs of convolutions, and binary patterns notice.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

PATCH = 16
"""Side of a patch in pixels."""

LEVELS = 3
ORIENTATIONS = 8
WAVELENGTH = 4.0
"""Of the Gabor filters, in pixels of their pyramid level: 4, 8 and 16 pixels of the window."""
GABOR_SIGMA = 1.7
GABOR_RADIUS = 4
ENERGY_FLOOR = 0.01
"""Added to energies, in lightness, before the logarithm: about the amplitude of one or two grey levels of 255."""

RADII = (1, 2, 4)
"""Of the local binary patterns, in pixels."""
LBP_BINS = 10
LBP_SMOOTHING = 0.35
"""Standard deviation of the low-pass before the wider patterns, in radii (Mäenpää and Pietikäinen 2003)."""
LBP_TOLERANCE = 1e-4
"""Lightness below which two pixels count as equal; far below one grey level of 255, far above rounding."""


def mirrored(plane: Tensor, radius: int) -> Tensor:
    """Widen a plane on all four sides by its mirror image, ``c b a | a b c``.

    Parameters
    ----------
    plane : Tensor of shape (..., H, W)
    radius : int
        Width of the margin, in pixels; it may exceed H and W.
    """
    for axis in (-2, -1):
        size = plane.shape[axis]
        phase = torch.arange(-radius, size + radius, device=plane.device) % (2 * size)
        plane = plane.index_select(axis, torch.minimum(phase, 2 * size - 1 - phase))
    return plane


def gaussian(sigma: float, radius: int) -> list[float]:
    """Return the 2 · radius + 1 taps of a Gaussian, with sum 1."""
    taps = [math.exp(-0.5 * (offset / sigma) ** 2) for offset in range(-radius, radius + 1)]
    return [tap / sum(taps) for tap in taps]


def smoothed(plane: Tensor, taps: Sequence[float]) -> Tensor:
    """Filter a plane of shape (..., H, W) along both axes with 2 · radius + 1 taps."""
    return _filtered(mirrored(plane, len(taps) // 2), taps, step=1)


def halved(plane: Tensor) -> Tensor:
    """Every other pixel of a plane of even sides, after the low-pass (1, 3, 3, 1) / 8 along both axes."""
    return _filtered(mirrored(plane, 1), (0.125, 0.375, 0.375, 0.125), step=2)


def _filtered(plane: Tensor, taps: Sequence[float], step: int) -> Tensor:
    """Every ``step``-th weighted sum of neighbours along both axes, where all taps fit into the plane."""
    for axis in (-2, -1):
        length = plane.shape[axis] - len(taps) + 1
        total = taps[0] * plane.narrow(axis, 0, length)
        for start, tap in enumerate(taps[1:], 1):
            total += tap * plane.narrow(axis, start, length)
        plane = total[..., ::step] if axis == -1 else total[..., ::step, :]
    return plane


def patch_means(plane: Tensor, patch: int = PATCH) -> Tensor:
    """Mean over each patch, of shape (..., H / patch, W / patch)."""
    *front, height, width = plane.shape
    return plane.reshape(*front, height // patch, patch, width // patch, patch).mean(dim=(-3, -1))


def lab(rgb: Tensor) -> Tensor:
    """CIELAB of sRGB under D65, divided by 100 (CIE 15:2004; IEC 61966-2-1).

    Parameters
    ----------
    rgb : Tensor of shape (B, 3, H, W), float32
        In [0, 1].

    Returns
    -------
    Tensor of shape (B, 3, H, W), float32
        Lightness in [0, 1], a and b about in [-1.1, 1]; a and b of a grey pixel are 0 within rounding.
    """
    linear = torch.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    red, green, blue = linear.unbind(dim=1)
    tristimulus = [  # the rows are divided by the white point: each sums to 1
        0.433953 * red + 0.376219 * green + 0.189828 * blue,
        0.212671 * red + 0.715160 * green + 0.072169 * blue,
        0.017758 * red + 0.109477 * green + 0.872765 * blue,
    ]
    x, y, z = (torch.where(t > 0.008856, t.clamp(min=1e-6) ** (1 / 3), 7.787 * t + 16 / 116) for t in tristimulus)
    return torch.stack([1.16 * y - 0.16, 5 * (x - y), 2 * (y - z)], dim=1)


@cache
def gabor_filters() -> Tensor:
    """Even and odd Gabor filters, of shape (2 · orientations, 1, side, side); the even ones have mean 0."""
    steps = torch.arange(-GABOR_RADIUS, GABOR_RADIUS + 1.0)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    envelope = torch.exp(-(x**2 + y**2) / (2 * GABOR_SIGMA**2))
    envelope = envelope / envelope.sum()
    filters = []
    for orientation in range(ORIENTATIONS):
        angle = math.pi * orientation / ORIENTATIONS
        phase = 2 * math.pi / WAVELENGTH * (x * math.cos(angle) + y * math.sin(angle))
        even = envelope * phase.cos()
        filters += [even - envelope * even.sum(), envelope * phase.sin()]
    return torch.stack(filters)[:, None]


def gabor_energies(lightness: Tensor) -> Tensor:
    """Mean amplitude of a pyramid of Gabor filters in each patch (Manjunath and Ma 1996).

    Parameters
    ----------
    lightness : Tensor of shape (B, 1, H, W), float32

    Returns
    -------
    Tensor of shape (B, levels, orientations, H / 16, W / 16)
        At least 0, in lightness; orientation k is the wave along the angle k · 180° / 8, from x towards y.
    """
    filters = gabor_filters().to(lightness.device)
    energies = []
    for level in range(LEVELS):
        stride = 2 if level < 2 else 1  # amplitudes are smooth: half of them will do
        waves = functional.conv2d(mirrored(lightness, GABOR_RADIUS), filters, stride=stride)
        amplitude = (waves[:, 0::2] ** 2 + waves[:, 1::2] ** 2).sqrt()
        energies.append(patch_means(amplitude, PATCH // 2**level // stride))
        if level < LEVELS - 1:
            lightness = halved(lightness)
    return torch.stack(energies, dim=1)


@cache
def uniform_bins() -> Tensor:
    """Bin of each of the 256 codes: how many neighbours are set, or 9 where the ring changes more than twice."""
    bins = []
    for code in range(256):
        ring = [code >> place & 1 for place in range(8)]
        changes = sum(ring[place] != ring[place - 1] for place in range(8))
        bins.append(sum(ring) if changes <= 2 else LBP_BINS - 1)
    return torch.tensor(bins, dtype=torch.uint8)


def pattern_histograms(lightness: Tensor) -> Tensor:
    """Share of each uniform local binary pattern in each patch (Ojala, Pietikäinen and Mäenpää 2002).

    Eight neighbours on a ring, rounded to whole pixels; codes are invariant to rotation, and at radius 1 to every
    increasing change of grey levels (at the wider radii nearly so, because of the low-pass before them).

    Parameters
    ----------
    lightness : Tensor of shape (B, 1, H, W), float32

    Returns
    -------
    Tensor of shape (B, radii, bins, H / 16, W / 16)
        In [0, 1]; the bins of one radius sum to 1.
    """
    bins = uniform_bins().to(lightness.device)
    height, width = lightness.shape[-2:]
    histograms = []
    for radius in RADII:
        sigma = LBP_SMOOTHING * radius
        plane = lightness if radius == 1 else smoothed(lightness, gaussian(sigma, math.ceil(2.5 * sigma)))
        around, threshold = mirrored(plane, radius), plane - LBP_TOLERANCE
        code = torch.zeros(plane.shape, dtype=torch.uint8, device=plane.device)
        for place in range(8):
            top = radius - round(radius * math.sin(math.pi * place / 4))
            left = radius + round(radius * math.cos(math.pi * place / 4))
            code |= (around[..., top : top + height, left : left + width] >= threshold).to(torch.uint8) << place
        found = bins[code.long()]
        histograms.append(torch.cat([patch_means((found == value).float()) for value in range(LBP_BINS)], dim=1))
    return torch.stack(histograms, dim=1)
