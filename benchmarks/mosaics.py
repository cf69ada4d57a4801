"""Texture mosaics with planted labels, from the images shipped inside scikit-image.

Seven textures, each cut from one shipped image; no download. Every texture is split into two disjoint crops: weights
and choices are tuned on the ``"tune"`` crops, figures are reported on the ``"report"`` crops. Every crop is
rank-matched to the same uniform grey-level distribution, so that grey level alone tells nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import ndimage
from skimage import color, data

if TYPE_CHECKING:
    from numpy.typing import NDArray

Split = Literal["tune", "report"]

CROPS: dict[str, dict[Split, tuple[int, int, int, int]]] = {
    "brick": {"tune": (0, 0, 512, 256), "report": (0, 256, 512, 512)},
    "grass": {"tune": (0, 0, 512, 256), "report": (0, 256, 512, 512)},
    "gravel": {"tune": (0, 0, 512, 256), "report": (0, 256, 512, 512)},
    "moon": {"tune": (0, 0, 512, 256), "report": (0, 256, 512, 512)},
    "hubble_deep_field": {"tune": (0, 0, 872, 500), "report": (0, 500, 872, 1000)},
    "retina": {"tune": (350, 450, 700, 1150), "report": (700, 450, 1050, 1150)},
    "immunohistochemistry": {"tune": (0, 0, 230, 270), "report": (0, 280, 256, 440)},
}
"""(top, left, bottom, right) in pixels of each texture; the last two: the fundus off its rim, two epithelial glands."""

PATCH = 16
"""Side of a patch in pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class Mosaic:
    """A picture of several textures and what is where.

    Parameters
    ----------
    image : ndarray of shape (size, size), float32
        Grey levels in [0, 1].
    labels : ndarray of shape (size / 16, size / 16), int
        Index of the texture that fills most of each patch.
    """

    image: NDArray[np.float32]
    labels: NDArray[np.intp]


def rank_match(grey: NDArray[np.floating], random: np.random.Generator) -> NDArray[np.float32]:
    """Replace grey levels by their ranks, so that they are spread evenly over [0, 1].

    Parameters
    ----------
    grey : ndarray of shape (H, W)
        Any grey levels; equal ones are put in random order (raster order would plant a gradient).
    random : numpy.random.Generator
        Breaks the ties.
    """
    order = np.lexsort((random.random(grey.size), grey.ravel()))
    ranks = np.empty(grey.size, dtype=np.float32)
    ranks[order] = np.linspace(0, 1, grey.size, dtype=np.float32)
    return ranks.reshape(grey.shape)


def textures(split: Split, random: np.random.Generator) -> list[NDArray[np.float32]]:
    """Rank-matched crops of the seven textures, in the order of `CROPS`."""
    crops = []
    for name, boxes in CROPS.items():
        image = getattr(data, name)()
        top, left, bottom, right = boxes[split]
        grey = color.rgb2gray(image) if image.ndim == 3 else image / 255
        crops.append(rank_match(grey[top:bottom, left:right], random))
    return crops


def make_mosaic(split: Split, seed: int, size: int = 1024, block: int = 256, irregular: bool = True) -> Mosaic:
    """Fill a plane with regions of the seven textures.

    Each region shows its texture from a random place on, mirrored where the crop is too small. Region borders are
    straight, or bent by up to about 40 pixels.

    Parameters
    ----------
    split : {"tune", "report"}
        Which crops to use.
    seed : int
        Layout, places and ties.
    size, block : int
        Side of the mosaic and of a region before bending, in pixels.
    irregular : bool
        Whether the borders are bent.
    """
    random = np.random.default_rng(seed)
    crops = textures(split, random)
    side = size // block
    kinds = random.permutation(np.resize(random.permutation(len(crops)), side * side))
    y, x = np.mgrid[:size, :size].astype(float)
    if irregular:
        bends = ndimage.gaussian_filter(random.standard_normal((2, size, size)), (0, 48, 48), mode="wrap")
        y, x = np.stack([y, x]) + bends * (20 / bends.std())
    regions = np.clip(y // block, 0, side - 1).astype(int) * side + np.clip(x // block, 0, side - 1).astype(int)
    image = np.zeros((size, size), dtype=np.float32)
    for region, kind in enumerate(kinds):
        inside = regions == region
        part = ndimage.find_objects(inside.astype(np.int8))[0]
        shape = zip(image[part].shape, crops[kind].shape, strict=True)
        texture = crops[kind][np.ix_(*(_places(size, length, random) for size, length in shape))]
        image[part][inside[part]] = texture[inside[part]]
    return Mosaic(image, patch_majority(kinds[regions], len(crops)))


def _places(size: int, length: int, random: np.random.Generator) -> NDArray[np.intp]:
    """Return indices of shape (size,) into ``range(length)``, in one run where they fit, else to and fro."""
    start = random.integers(length - size + 1) if size <= length else random.integers(2 * length)
    phase = (np.arange(size) + start) % (2 * length)
    places: NDArray[np.intp] = np.minimum(phase, 2 * length - 1 - phase)
    return places


def patch_majority(labels: NDArray[np.integer], kinds: int) -> NDArray[np.intp]:
    """Most frequent label of each patch.

    Parameters
    ----------
    labels : ndarray of shape (H, W)
        One label in ``range(kinds)`` per pixel; H and W are cut to whole patches.
    kinds : int
        Number of labels.

    Returns
    -------
    ndarray of shape (H // 16, W // 16)
    """
    rows, cols = labels.shape[0] // PATCH, labels.shape[1] // PATCH
    blocks = labels[: rows * PATCH, : cols * PATCH].reshape(rows, PATCH, cols, PATCH)
    counts = np.stack([(blocks == kind).sum(axis=(1, 3)) for kind in range(kinds)])
    majority: NDArray[np.intp] = counts.argmax(axis=0)
    return majority


def blur_and_noise(
    image: NDArray[np.float32], seed: int, blur: float = 1.5, noise: float = 0.03
) -> NDArray[np.float32]:
    """Blur an image, then add noise, as a worse microscope would.

    Parameters
    ----------
    image : ndarray of shape (H, W), float32
        Grey levels in [0, 1].
    seed : int
        Of the noise.
    blur : float
        Standard deviation of the Gaussian blur, in pixels.
    noise : float
        Standard deviation of the Gaussian noise, in grey levels.
    """
    noisy = ndimage.gaussian_filter(image, blur) + noise * np.random.default_rng(seed).standard_normal(image.shape)
    clipped: NDArray[np.float32] = np.clip(noisy, 0, 1).astype(np.float32)
    return clipped
