"""Images with a label for every pixel: from a folder, or planted in the images shipped inside scikit-image."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_dinosim.errors import DinosimError
from napari_dinosim.image import image_plane

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from numpy.typing import NDArray

TIFF_ENDINGS = (".tif", ".tiff")
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", *TIFF_ENDINGS)
MASK_ENDINGS = (".png", *TIFF_ENDINGS)
"""Not JPEG: its compression changes labels."""

MASK_SUFFIX = "_mask"
"""What a mask's name has behind its image's name."""

UNLABELLED = -1
"""Label of pixels that take no part."""

BACKGROUND = 0
"""Label of pixels that are ranked but never queried: people click on things."""

MOSAIC_SEED = 100
"""Layouts from this seed on are not those on which the built-in encoder was tuned (see ``builtin_quality.py``)."""

HELD_OUT_COLUMN, HELD_OUT_ROW = 256, 144
"""From this column of the tissue and this row of the coins on nothing was tuned; labels are given there only."""


class DataError(DinosimError, ValueError):
    """Images or masks cannot be used."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImage:
    """One image and what is where.

    Parameters
    ----------
    image : ndarray of shape (H, W) or (H, W, C)
        As :func:`napari_dinosim.image.image_plane` reads it.
    labels : ndarray of shape (H, W), int64
        Kinds from 1 on, :data:`BACKGROUND` or :data:`UNLABELLED`.
    """

    image: NDArray[np.generic]
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ImageSet:
    """Images in which the same label means the same kind.

    Parameters
    ----------
    name : str
        What the table calls it.
    images : tuple of callable() -> LabelledImage
        Each reads or makes one image when it is called, so that only one is in memory at a time.
    """

    name: str
    images: tuple[Callable[[], LabelledImage], ...]


def read_folder(folder: Path, ignored: Collection[int] = (), objects: bool = False) -> ImageSet:
    """Pair the images of a folder with their masks, and read each pair once to see that it fits.

    Parameters
    ----------
    folder : Path
        With ``NAME.png`` and ``NAME_mask.png`` (or ``.tif``) side by side, or with the subfolders ``images`` and
        ``masks``, where the suffix may be left out.
    ignored : collection of int
        Values in masks that become :data:`UNLABELLED`; so do negative ones.
    objects : bool
        Whether masks number objects of one kind: every value above 0 becomes 1.

    Raises
    ------
    DataError
        If there is no folder or no pair in it, or a file cannot be read or does not fit its partner.
    """
    if not folder.is_dir():
        raise DataError(f"folder: found none at {str(folder)!r}, expected one of images and masks. Correct the path.")
    apart = (folder / "images").is_dir() and (folder / "masks").is_dir()
    image_files = _files(folder / "images" if apart else folder, IMAGE_ENDINGS)
    masks = {file.stem: file for file in _files(folder / "masks" if apart else folder, MASK_ENDINGS)}
    if not apart:
        image_files = [file for file in image_files if not file.stem.endswith(MASK_SUFFIX)]
        masks = {stem: file for stem, file in masks.items() if stem.endswith(MASK_SUFFIX)}
    pairs = [
        functools.partial(_read_pair, file, masks.get(file.stem + MASK_SUFFIX) or masks[file.stem], ignored, objects)
        for file in image_files
        if file.stem + MASK_SUFFIX in masks or file.stem in masks
    ]
    if not pairs:
        raise DataError(
            f"folder {str(folder)!r}: found {len(image_files)} images and {len(masks)} masks but no pair, expected "
            f"NAME.png or another of {', '.join(IMAGE_ENDINGS)} with NAME{MASK_SUFFIX}.png or .tif beside it, or the "
            "subfolders images and masks. Put masks there."
        )
    for read in pairs:
        read()
    return ImageSet(folder.resolve().name, tuple(pairs))


def _files(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in endings and file.is_file())


def _read(file: Path, colours: bool) -> NDArray[np.generic]:
    """Pixels of one file; of a palette its colours, or the numbers themselves."""
    import tifffile  # here, so that the speed mode needs neither
    from PIL import Image

    try:
        if file.suffix.lower() in TIFF_ENDINGS:
            return np.asarray(tifffile.imread(file))
        with Image.open(file) as opened:
            odd = colours and opened.mode not in ("1", "L", "RGB", "RGBA", "F") and not opened.mode.startswith("I")
            return np.asarray(opened.convert("RGB") if odd else opened)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{file.name!r}: found no readable image ({error}). Save it again, as PNG or TIFF.") from error


def _read_pair(image_file: Path, mask_file: Path, ignored: Collection[int], objects: bool) -> LabelledImage:
    """Image and labels, seen to fit each other."""
    image, mask = _read(image_file, colours=True), _read(mask_file, colours=False)
    if mask.ndim == 3 and mask.shape[2] in (3, 4) and (mask[..., :3] == mask[..., :1]).all():
        mask = mask[..., 0]  # grey saved as RGB
    if mask.shape != image.shape[:2]:
        raise DataError(
            f"mask {mask_file.name!r}: found shape {mask.shape}, expected {image.shape[:2]}, one label per pixel of "
            f"{image_file.name!r} of shape {image.shape}. Save the mask at the image's size, in one channel."
        )
    with np.errstate(invalid="ignore"):
        labels = mask.astype(np.int64)
    if (labels != mask).any():
        raise DataError(f"mask {mask_file.name!r}: found fractions or NaN, expected whole numbers. Save whole ones.")
    labels[(labels < 0) | np.isin(labels, list(ignored))] = UNLABELLED
    if objects:
        labels = np.minimum(labels, 1)
    try:
        image_plane(image)
    except DinosimError as error:
        raise DataError(f"{image_file.name!r}: {error}") from error
    return LabelledImage(image, labels)


def shipped_sets(mosaics: int) -> list[ImageSet]:
    """Texture mosaics, the same blurred and noisy, stained tissue and coins, all from inside scikit-image.

    Parameters
    ----------
    mosaics : int
        How many mosaics; the odd ones have straight borders, the others bent ones.
    """
    seeds = range(MOSAIC_SEED, MOSAIC_SEED + mosaics)
    return [
        ImageSet("seven textures", tuple(functools.partial(_mosaic, seed, False) for seed in seeds)),
        ImageSet("… blurred, noisy", tuple(functools.partial(_mosaic, seed, True) for seed in seeds)),
        ImageSet("stained tissue", (_tissue,)),
        ImageSet("coins", (_coins,)),
    ]


def _mosaic(seed: int, degraded: bool) -> LabelledImage:
    """One mosaic of the crops for reports; its labels are those of patches of 16 pixels, so as coarse as these."""
    from mosaics import PATCH, blur_and_noise, make_mosaic

    mosaic = make_mosaic("report", seed, irregular=seed % 2 == 0)
    image = blur_and_noise(mosaic.image, seed) if degraded else mosaic.image
    return LabelledImage(image, 1 + mosaic.labels.repeat(PATCH, axis=0).repeat(PATCH, axis=1).astype(np.int64))


def _tissue() -> LabelledImage:
    """Immunohistochemistry: 2 where DAB, else 1 where haematoxylin exceeds its Otsu threshold; the right half."""
    from skimage import color, data, filters

    image = data.immunohistochemistry()
    stains = color.rgb2hed(image)
    haematoxylin, dab = (stains[..., channel] > filters.threshold_otsu(stains[..., channel]) for channel in (0, 2))
    labels = np.where(dab, 2, np.where(haematoxylin, 1, BACKGROUND)).astype(np.int64)
    labels[:, :HELD_OUT_COLUMN] = UNLABELLED
    return LabelledImage(image, labels)


def _coins() -> LabelledImage:
    """Coins by their edges: the watershed of scikit-image's own example of segmentation; the lower half."""
    from skimage import data, filters, segmentation

    image = data.coins()
    markers = np.where(image > 150, 2, np.where(image < 30, 1, 0))
    labels = segmentation.watershed(filters.sobel(image), markers).astype(np.int64) - 1
    labels[:HELD_OUT_ROW] = UNLABELLED
    return LabelledImage(image, labels)
