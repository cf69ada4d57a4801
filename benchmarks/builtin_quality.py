"""How well the built-in encoder tells textures, stains and things apart, and how fast.

``python benchmarks/builtin_quality.py`` prints a small table; ``--seeds 1`` makes it short;
``python benchmarks/builtin_quality.py --measure`` writes the constants of the encoder anew.

Only images inside scikit-image are used, none is downloaded. Kept apart: what was chosen by hand (which measures, the
contexts, limits and weights of the blocks) was chosen on the ``"tune"`` crops (see `mosaics`) with layouts of seeds 0
to 2, on the left half of the stained tissue and on the upper half of the coins; the figures are of the ``"report"``
crops with layouts from seed 100 on and of the other halves. The constants are measured without labels over whole
images, reported ones among them. Nothing was changed after the first look at the reported figures of builtin@2.

Three figures each. *AUROC per query*: one patch is queried, as by a click, all others are ranked; how often one of its
kind stands above another, averaged over the queries. *AUROC pooled*: the same over the pairs of all queries at once,
which also asks for one threshold that suits them all. *AP*: average precision per query, averaged. The goals of the
table's last column are for AUROC per query and AP.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from scipy import ndimage, stats
from skimage import color, data, filters, segmentation

from mosaics import PATCH, Split, blur_and_noise, make_mosaic, rank_match
from napari_dinosim.encoders import _constants, builtin
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

LEAST_SHARE = 0.6
"""A patch of tissue or coins takes part where at least this share of its pixels is of one kind."""

GOALS = {
    "seven textures": (0.95, 0.82),
    "… blurred, noisy": (0.90, 0.70),
    "stains of tissue": (0.86,),
    "coins": (0.70,),
}
"""AUROC per query, and AP where one is set."""

SHRINKAGE = 0.1
"""Towards independent measures, of the covariance within a texture; keeps its inverse in bounds."""


class Quality(NamedTuple):
    """How well patches are ranked by cosine; see the top of the file."""

    auroc_per_query: float
    auroc_pooled: float
    average_precision: float


def rgb_batch(image: NDArray[np.generic]) -> Tensor:
    """One image as the encoder takes it: (1, H, W, 3), black beyond its bottom and right."""
    plane = image_plane(image)
    return torch.from_numpy(plane.window(0, 0, *PatchGrid(*plane.shape, PATCH).padded_shape)[0])[None]


def embed(image: NDArray[np.generic]) -> Tensor:
    """Return unit vectors of shape (rows, cols, D), from one window as large as the image."""
    return unit_vectors(builtin.BuiltinEncoder().encode(rgb_batch(image))[0])


def auroc(scores: Tensor, positive: Tensor) -> Tensor:
    """Area under the ROC curve of each row: how often a positive scores above a negative; ties count half.

    Parameters
    ----------
    scores, positive : Tensor of shape (queries, patches)

    Returns
    -------
    Tensor of shape (queries,), float64
        NaN where all or none are positive.
    """
    ranks = torch.from_numpy(stats.rankdata(scores.numpy(), axis=1))
    positives = positive.sum(dim=1).double()
    negatives = positive.shape[1] - positives
    return ((ranks * positive).sum(dim=1) - positives * (positives + 1) / 2) / (positives * negatives)


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


def retrieval(vectors: Tensor, labels: NDArray[np.intp]) -> Quality:
    """Rank patches by cosine.

    Parameters
    ----------
    vectors : Tensor of shape (n, D)
        Unit vectors.
    labels : ndarray of shape (n,)
        Pairs of equal labels are positive; a patch is never paired with itself. Negative ones take no part.
    """
    kinds = torch.from_numpy(labels)
    vectors, kinds = vectors[kinds >= 0], kinds[kinds >= 0]
    chosen = torch.randperm(len(kinds), generator=torch.Generator().manual_seed(0))[:QUERIES]
    others = torch.ones(len(chosen), len(kinds), dtype=torch.bool)
    others[torch.arange(len(chosen)), chosen] = False
    scores = (vectors[chosen] @ vectors.T)[others].view(len(chosen), -1)
    positive = (kinds[chosen, None] == kinds)[others].view(len(chosen), -1)
    pooled = auroc(scores.view(1, -1), positive.view(1, -1))
    return Quality(float(auroc(scores, positive).nanmean()), float(pooled), average_precision(scores, positive))


def clear_majority(labels: NDArray[np.integer], kinds: int) -> NDArray[np.intp]:
    """Label of each patch of 16 × 16 pixels of which at least `LEAST_SHARE` have it, else -1."""
    rows, cols = labels.shape[0] // PATCH, labels.shape[1] // PATCH
    tiles = labels[: rows * PATCH, : cols * PATCH].reshape(rows, PATCH, cols, PATCH)
    shares = np.stack([(tiles == kind).mean(axis=(1, 3)) for kind in range(kinds)])
    return np.where(shares.max(axis=0) >= LEAST_SHARE, shares.argmax(axis=0), -1)


def mosaic_quality(split: Split, seeds: range) -> dict[str, Quality]:
    """Mean figures over mosaics, clean and degraded; even seeds have bent borders."""
    found: dict[str, list[Quality]] = {"seven textures": [], "… blurred, noisy": []}
    for seed in seeds:
        mosaic = make_mosaic(split, seed, irregular=seed % 2 == 0)
        for name, image in zip(found, (mosaic.image, blur_and_noise(mosaic.image, seed)), strict=True):
            found[name].append(retrieval(embed(image).flatten(0, 1), mosaic.labels.ravel()))
    return {name: Quality(*map(float, np.mean(figures, axis=0))) for name, figures in found.items()}


def stain_quality(split: Split) -> tuple[Quality, float]:
    """Tell DAB, haematoxylin and neither apart in stained tissue; also the share of patches that have a label.

    A pixel is DAB where that channel of ``rgb2hed`` exceeds its Otsu threshold, else haematoxylin where that one does,
    else neither. The left half tunes, the right half reports.
    """
    image = data.immunohistochemistry()
    stains = color.rgb2hed(image)
    haematoxylin, dab = (stains[..., channel] > filters.threshold_otsu(stains[..., channel]) for channel in (0, 2))
    labels = clear_majority(np.where(dab, 2, np.where(haematoxylin, 1, 0)), 3)
    middle = labels.shape[1] // 2
    half = slice(middle) if split == "tune" else slice(middle, None)
    return retrieval(embed(image)[:, half].flatten(0, 1), labels[:, half].ravel()), float((labels[:, half] >= 0).mean())


def coin_quality(split: Split) -> tuple[Quality, float]:
    """Tell coins from their background: small things; also the share of patches that have a label.

    Coins are found as in scikit-image's example of segmentation: watershed of the edges from bright and dark markers,
    holes filled. The upper half tunes, the lower half reports.
    """
    image = data.coins()
    found = segmentation.watershed(filters.sobel(image), np.where(image > 150, 2, np.where(image < 30, 1, 0))) == 2
    labels = clear_majority(ndimage.binary_fill_holes(found)[:288].astype(int), 2)
    middle = labels.shape[0] // 2
    half = slice(middle) if split == "tune" else slice(middle, None)
    return retrieval(embed(image[:288])[half].flatten(0, 1), labels[half].ravel()), float((labels[half] >= 0).mean())


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


def measure_constants() -> dict[str, dict[str, Any]]:
    """Constants of each block, as the encoder's file holds them, over the images of `MEASURED`; no labels.

    Every image counts alike, whatever its size. Colours are measured over the colour images alone and centred on 0.
    """
    images = [(image, builtin.measure(rgb_batch(image).permute(0, 3, 1, 2))) for image in _measured_images()]
    constants: dict[str, dict[str, Any]] = {}
    for name in images[0][1]:
        planes = [blocks[name] for image, blocks in images if image.ndim == 3 or name != "colours"]
        centre, matrix = discriminants([plane[0] for plane in planes], centred=name != "colours")
        block = _constants.Block(centre, matrix, 1.0, 1.0)
        numbers = [builtin.transformed(plane, block) for plane in planes]
        limit = _usual_length(numbers)
        length = _usual_length([builtin.limited(name, values, limit) for values in numbers])
        constants[name] = {"centre": centre.tolist(), "matrix": matrix.tolist(), "limit": limit, "length": length}
    return constants


def discriminants(planes: list[Tensor], centred: bool) -> tuple[Tensor, Tensor]:
    """Directions in which distant patches differ more than those two apart, which are mostly of one kind.

    Parameters
    ----------
    planes : list of Tensor of shape (n, rows, cols)
        Measures of one block, one plane per image.
    centred : bool
        Whether the centre is the mean; else it is 0.

    Returns
    -------
    centre : Tensor of shape (n,)
    matrix : Tensor of shape (d, n)
        Where the variance within is 1 and that between is b > 0 (others are left out), the weight of the square is
        b / (2 b + 1): that of the product of two patches in the logarithm of how much likelier they are of one kind
        than of two.
    """
    steps = [
        torch.cat([(plane[:, 2:] - plane[:, :-2]).flatten(1), (plane[..., 2:] - plane[..., :-2]).flatten(1)], dim=1)
        for plane in (plane.double() for plane in planes)
    ]
    within = torch.stack([step @ step.T / (2 * step.shape[1]) for step in steps]).mean(dim=0)
    values = [plane.double().flatten(1) for plane in planes]
    total = torch.stack([value @ value.T / value.shape[1] for value in values]).mean(dim=0)
    centre = torch.stack([value.mean(dim=1) for value in values]).mean(dim=0) * centred
    total -= torch.outer(centre, centre)
    spread = within.diagonal().sqrt()
    alike = (1 - SHRINKAGE) * within / torch.outer(spread, spread) + SHRINKAGE * torch.eye(len(spread))
    sizes, axes = torch.linalg.eigh(alike)
    whitening = (axes / sizes.sqrt()) @ axes.T / spread
    ratios, directions = torch.linalg.eigh(whitening @ total @ whitening.T)
    ratios, directions = ratios.flip(0), directions.flip(1)
    between = ratios[ratios > 1] - 1
    weights = (between / (2 * between + 1)).sqrt()
    return centre, (directions[:, ratios > 1] * weights).T @ whitening


def _usual_length(numbers: list[Tensor]) -> float:
    """Root mean square length of (1, d, rows, cols), every image alike."""
    return float(torch.stack([values.square().sum(dim=1).mean() for values in numbers]).mean().sqrt())


def _measured_images() -> list[NDArray[np.generic]]:
    """Return the images of `MEASURED`, each also with its grey levels equalised and degraded; cut to whole patches."""
    shipped = [getattr(data, name)() for name in MEASURED]
    images = [image[: image.shape[0] // PATCH * PATCH, : image.shape[1] // PATCH * PATCH] for image in shipped]
    random = np.random.default_rng(0)
    greys = [rank_match(color.rgb2gray(image) if image.ndim == 3 else image, random) for image in images]
    return [*images, *greys, *(blur_and_noise(grey, seed) for seed, grey in enumerate(greys))]


def write_constants() -> None:
    """Write the encoder's file, numbers to five digits."""
    rounded = json.loads(json.dumps(measure_constants()), parse_float=lambda text: float(f"{float(text):.5g}"))
    lines = json.dumps(rounded, indent=1)
    compact = re.sub(r"\[[^\[\]]*\]", lambda found: re.sub(r"\s+", " ", found[0]), lines)
    _constants.FILE.write_text(compact + "\n", encoding="utf-8")


def print_table(split: Split, seeds: range) -> None:
    """Print the figures beside the goals, and the time."""
    rows = mosaic_quality(split, seeds)
    rows["stains of tissue"], stained = stain_quality(split)
    rows["coins"], of_coins = coin_quality(split)
    print(f"{builtin.BuiltinEncoder().identity}, {split:10}| AUROC per query | AUROC pooled | AP per query | goals")
    for name, quality in rows.items():
        goals = " / ".join(f"{goal:.2f}" for goal in GOALS[name])
        print("{:20} | {:15.3f} | {:12.3f} | {:12.3f} | {}".format(name, *quality, goals))
    print(f"Patches with a label: {stained:.0%} of the tissue, {of_coins:.0%} of the coins, all of the mosaics.")


def main() -> None:
    """Print the table, or write the constants."""
    parser = argparse.ArgumentParser(description="Quality and speed of the built-in encoder.")
    parser.add_argument("--measure", action="store_true", help="write the constants of the encoder anew")
    parser.add_argument("--seeds", type=int, default=6, help="mosaics per row")
    parser.add_argument("--tune", action="store_true", help="use the crops and halves that choices are made on")
    parser.add_argument("--threads", type=int, default=2, help="of the CPU")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    if chosen.measure:
        write_constants()
        return
    first = 0 if chosen.tune else 100
    print_table("tune" if chosen.tune else "report", range(first, first + chosen.seeds))
    fastest, median = seconds_per_image(chosen.threads)
    print(f"1024 × 1024 on {chosen.threads} CPU threads: fastest {fastest:.2f} s, median {median:.2f} s")


if __name__ == "__main__":
    main()
