"""How well the built-in encoder tells textures and stains apart, and how fast.

``python benchmarks/builtin_quality.py`` prints a small table; ``--seeds 1`` makes it short;
``python benchmarks/builtin_quality.py --measure`` prints the constants of the encoder anew.

Only images inside scikit-image are used, none is downloaded. Kept apart: the weights of the blocks and the context were
chosen on the ``"tune"`` crops (see `mosaics`) with layouts of seeds 0 to 3, on the left half of the stained tissue and
on the upper half of the coins; the figures are of the ``"report"`` crops with layouts from seed 100 on and of the other
halves. No weight was changed after the first look at those. The centres and spreads are measured without labels over
whole images, reported ones among them.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import ndimage
from skimage import color, data, feature, filters

from mosaics import Split, blur_and_noise, make_mosaic, patch_majority, rank_match
from napari_dinosim.encoders import builtin
from napari_dinosim.grid import PatchGrid
from napari_dinosim.image import image_plane
from napari_dinosim.similarity import unit_vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

MEASURED = (
    "astronaut", "brick", "camera", "cell", "chelsea", "coffee", "coins", "grass", "gravel", "hubble_deep_field",
    "immunohistochemistry", "moon", "page", "retina", "rocket", "text",
)  # fmt: skip
"""Shipped images over which the encoder's constants are measured."""

QUERIES = 1024
"""Patches that are queried in one picture; all others are ranked."""


def rgb_batch(image: NDArray[np.generic]) -> Tensor:
    """One image as the encoder takes it: (1, H, W, 3), black beyond its bottom and right."""
    plane = image_plane(image)
    return torch.from_numpy(plane.window(0, 0, *PatchGrid(*plane.shape, builtin.SPEC.patch_size).padded_shape)[0])[None]


def embed(image: NDArray[np.generic]) -> Tensor:
    """Return unit vectors of shape (rows, cols, D), from one window as large as the image."""
    return unit_vectors(builtin.BuiltinEncoder().encode(rgb_batch(image))[0])


def auroc(scores: Tensor, positive: Tensor) -> float:
    """Area under the ROC curve: how often a positive pair scores above a negative one; ties count half.

    Parameters
    ----------
    scores, positive : Tensor of one shape
        One score and one bool per pair.
    """
    levels, places = torch.unique(scores, return_inverse=True)
    counts = torch.stack([torch.bincount(places[positive == truth], minlength=len(levels)) for truth in (True, False)])
    positives, negatives = counts.double()
    below = negatives.cumsum(0) - negatives / 2
    return float((positives * below).sum() / (positives.sum() * negatives.sum()))


def average_precision(scores: Tensor, positive: Tensor) -> float:
    """Average precision of each query's ranking, averaged over the queries that have a positive.

    Parameters
    ----------
    scores, positive : Tensor of shape (queries, patches)
    """
    hits = positive.gather(1, scores.argsort(dim=1, descending=True)).double()
    precision = hits.cumsum(1) / torch.arange(1, hits.shape[1] + 1)
    found = hits.sum(1) > 0
    return float(((precision * hits).sum(1)[found] / hits.sum(1)[found]).mean())


def retrieval(vectors: Tensor, labels: NDArray[np.intp]) -> tuple[float, float]:
    """AUROC over pairs of patches and mean average precision over queries, by cosine.

    Parameters
    ----------
    vectors : Tensor of shape (n, D)
        Unit vectors.
    labels : ndarray of shape (n,)
        Pairs of equal labels are positive; a patch is never paired with itself.
    """
    kinds = torch.from_numpy(labels)
    chosen = torch.randperm(len(kinds), generator=torch.Generator().manual_seed(0))[:QUERIES]
    others = torch.ones(len(chosen), len(kinds), dtype=torch.bool)
    others[torch.arange(len(chosen)), chosen] = False
    scores = (vectors[chosen] @ vectors.T)[others].view(len(chosen), -1)
    positive = (kinds[chosen, None] == kinds)[others].view(len(chosen), -1)
    return auroc(scores.flatten(), positive.flatten()), average_precision(scores, positive)


def mosaic_quality(split: Split, seeds: range) -> dict[str, tuple[float, float]]:
    """Mean AUROC and average precision over mosaics, clean and degraded; even seeds have bent borders."""
    found: dict[str, list[tuple[float, float]]] = {"seven textures": [], "… blurred, noisy": []}
    for seed in seeds:
        mosaic = make_mosaic(split, seed, irregular=seed % 2 == 0)
        for name, image in zip(found, (mosaic.image, blur_and_noise(mosaic.image, seed)), strict=True):
            found[name].append(retrieval(embed(image).flatten(0, 1), mosaic.labels.ravel()))
    return {name: (float(np.mean(pairs, axis=0)[0]), float(np.mean(pairs, axis=0)[1])) for name, pairs in found.items()}


def stain_quality(split: Split) -> tuple[float, float]:
    """Tell DAB, haematoxylin and neither apart in stained tissue.

    A pixel is DAB where that channel of ``rgb2hed`` exceeds its Otsu threshold, else haematoxylin where that one does,
    else neither; a patch is what most of its pixels are. The left half tunes, the right half reports.
    """
    image = data.immunohistochemistry()
    stains = color.rgb2hed(image)
    haematoxylin, dab = (stains[..., channel] > filters.threshold_otsu(stains[..., channel]) for channel in (0, 2))
    labels = patch_majority(np.where(dab, 2, np.where(haematoxylin, 1, 0)), 3)
    middle = labels.shape[1] // 2
    half = slice(middle) if split == "tune" else slice(middle, None)
    return retrieval(embed(image)[:, half].flatten(0, 1), labels[:, half].ravel())


def coin_quality(split: Split) -> tuple[float, float]:
    """Tell coins from their background; a small, unstained guard against too much context.

    Coins are the filled outlines of the Canny detector. The upper half tunes, the lower half reports.
    """
    image = data.coins()[:288]
    filled = ndimage.binary_fill_holes(feature.canny(image / 255))
    labels = patch_majority(ndimage.binary_opening(filled, iterations=2).astype(int), 2)
    middle = labels.shape[0] // 2
    half = slice(middle) if split == "tune" else slice(middle, None)
    return retrieval(embed(image)[half].flatten(0, 1), labels[half].ravel())


def seconds_per_image(threads: int = 2, repeats: int = 5) -> tuple[float, float]:
    """Fastest and median time to encode 1024 × 1024 pixels on the CPU, after one run to warm up."""
    torch.set_num_threads(threads)
    encoder = builtin.BuiltinEncoder()
    batch = torch.rand(1, 1024, 1024, 3, generator=torch.Generator().manual_seed(0))
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        encoder.encode(batch)
        times.append(time.perf_counter() - start)
    return min(times[1:]), float(np.median(times[1:]))


def measure_constants() -> dict[str, dict[str, list[float] | float]]:
    """Centres, spreads and lengths of each block of measures, over the images of `MEASURED`; no labels.

    Every image counts alike, whatever its size. The centre is the mean; the spread is the root mean square difference
    of patches two apart, across and down, divided by √2: what varies within a texture; the length is the root mean
    square of the block's Euclidean length once centred and spread. Measures of chroma are centred on 0, so that they
    vanish in a grey image, and are measured over the colour images alone.
    """
    images = [(image, builtin.measure(rgb_batch(image).permute(0, 3, 1, 2))) for image in _measured_images()]
    constants: dict[str, dict[str, list[float] | float]] = {"CENTRES": {}, "SPREADS": {}, "LENGTHS": {}}
    for name in images[0][1]:
        of_colour = name == "colours"
        planes = [blocks[name][0] for image, blocks in images if image.ndim == 3 or not of_colour]
        centre = torch.stack([plane.mean(dim=(1, 2)) for plane in planes]).mean(dim=0)
        if of_colour:
            centre = torch.zeros_like(centre)
        steps = [
            (plane[:, 2:] - plane[:, :-2]).square().mean(dim=(1, 2)) / 4
            + (plane[..., 2:] - plane[..., :-2]).square().mean(dim=(1, 2)) / 4
            for plane in planes
        ]
        spread = torch.stack(steps).mean(dim=0).sqrt()
        scaled = [(plane - centre[:, None, None]) / spread[:, None, None] for plane in planes]
        length = torch.stack([plane.square().sum(dim=0).mean() for plane in scaled]).mean().sqrt()
        constants["CENTRES"][name], constants["SPREADS"][name] = centre.tolist(), spread.tolist()
        constants["LENGTHS"][name] = float(length)
    return constants


def _measured_images() -> list[NDArray[np.generic]]:
    """Return the images of `MEASURED`, each also with its grey levels equalised; cut to whole patches."""
    shipped = [getattr(data, name)() for name in MEASURED]
    images = [image[: image.shape[0] // 16 * 16, : image.shape[1] // 16 * 16] for image in shipped]
    random = np.random.default_rng(0)
    greys = [color.rgb2gray(image) if image.ndim == 3 else image for image in images]
    return images + [rank_match(grey, random) for grey in greys]


def main() -> None:
    """Print the table, or the constants."""
    parser = argparse.ArgumentParser(description="Quality and speed of the built-in encoder.")
    parser.add_argument("--measure", action="store_true", help="print the constants of the encoder anew")
    parser.add_argument("--seeds", type=int, default=6, help="mosaics per row")
    parser.add_argument("--tune", action="store_true", help="use the crops and halves that the weights are tuned on")
    chosen = parser.parse_args()
    if chosen.measure:
        for title, blocks in measure_constants().items():
            print(title, "=", {name: np.round(numbers, 5).tolist() for name, numbers in blocks.items()})
        return
    split: Split = "tune" if chosen.tune else "report"
    first = 0 if chosen.tune else 100
    rows = mosaic_quality(split, range(first, first + chosen.seeds))
    rows |= {"stains of tissue": stain_quality(split), "coins": coin_quality(split)}
    print(f"{builtin.BuiltinEncoder().identity}, {split}  |  AUROC |  average precision")
    for name, (area, precision) in rows.items():
        print(f"{name:24}|  {area:.3f} |  {precision:.3f}")
    fastest, median = seconds_per_image()
    print(f"1024 × 1024 on 2 CPU threads: fastest {fastest:.2f} s, median {median:.2f} s")


if __name__ == "__main__":
    main()
