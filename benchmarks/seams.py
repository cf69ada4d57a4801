"""Do windows show? Embeddings made window by window beside those made in one pass, for windows of three sizes.

``python benchmarks/seams.py`` prints, for each encoder and side of the windows:

- the median and the lowest 1 % of the cosines between a patch's two embeddings;
- the step ratio. A step is 1 - cosine of two neighbouring patches. The mean step along each line between two rows or
  columns of patches is divided by that of the same line in one pass, so that what is in the picture cancels. Told are
  the mean and the worst of the lines where windows overlap, relative to the mean of all other lines;
- the same for a hard cut in the middle of each overlap, without blending: what would be seen otherwise;
- the seconds.

The transformer has random weights: it has learnt nothing, and tells what windows do to an architecture, not how well it
sees. As built, its layer scale (1e-5) would leave every patch to itself, so that no window could show. It is set to 1,
and queries and keys are made :data:`SHARPER` times as large, so that patches attend to some others, by place and
content, much more than to the rest.
"""

from __future__ import annotations

import argparse
import itertools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np
import torch

from measuring import RANDOM_ARCHITECTURE, RANDOM_VIT, random_model
from mosaics import make_mosaic
from napari_dinosim import load_encoder, tiling
from napari_dinosim.encoders.transformer import TimmEncoder
from napari_dinosim.image import image_plane
from napari_dinosim.similarity import unit_vectors
from napari_dinosim.tiling import encode_plane, plan_windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_dinosim.encoders.base import Encoder
    from napari_dinosim.grid import PatchGrid
    from napari_dinosim.image import ImagePlane
    from napari_dinosim.partial import Window

SIDES = (512, 768, 1024)
"""Sides of the windows, in pixels."""

HEIGHT, WIDTH = 1536, 1400
"""Of the picture: several windows of each side, and little enough for one pass on a CPU."""

SHARPER = 4.0
"""How many times larger the random weights of queries and keys are made."""

GOAL = 1.1
"""Wanted at most, as the mean step ratio."""


@dataclass(frozen=True, slots=True)
class Seams:
    """How much windows show.

    Parameters
    ----------
    median, low : float
        Cosines of the patches with those of one pass: the median, and what 1 % fall below.
    mean, worst : float
        Step ratio of the lines where windows overlap, see above; 1 where nothing shows.
    """

    median: float
    low: float
    mean: float
    worst: float


@torch.no_grad()
def mixing_vit(name: str = RANDOM_ARCHITECTURE) -> Encoder:
    """Return a transformer with random weights whose patches do attend to each other."""
    model, spec, digest = random_model(name)
    for weight_name, weight in model.named_parameters():
        if "gamma" in weight_name:
            weight.fill_(1)
        elif "qkv.weight" in weight_name:
            weight[: 2 * len(weight) // 3] *= SHARPER  # queries and keys, then values
    return TimmEncoder(model, spec, digest, torch.device("cpu"), "float32")


def compare(vectors: Tensor, whole: Tensor, windows: Sequence[Window]) -> Seams:
    """Compare embeddings made in windows with those of one pass.

    Parameters
    ----------
    vectors, whole : Tensor of shape (rows, cols, D)
        Unit vectors, made in windows and in one pass.
    windows : sequence of Window
        At least two.
    """
    cosines = (vectors * whole).sum(dim=-1).flatten()
    at_borders: list[NDArray[np.float64]] = []
    elsewhere: list[NDArray[np.float64]] = []
    for axis, spans in enumerate(zip(*((_span(w.row, w.rows), _span(w.col, w.cols)) for w in windows), strict=True)):
        ratios = _line_steps(vectors, axis) / _line_steps(whole, axis)
        overlap = _overlap_lines(sorted(set(spans)), len(ratios))
        at_borders.append(ratios[overlap])
        elsewhere.append(ratios[~overlap])
    usual = np.concatenate(elsewhere).mean()
    ratios = np.concatenate(at_borders) / usual
    low = float(torch.quantile(cosines, 0.01))
    return Seams(float(cosines.median()), low, float(ratios.mean()), float(ratios.max()))


def _span(first: int, count: int) -> tuple[int, int]:
    return first, first + count


def _line_steps(vectors: Tensor, axis: int) -> NDArray[np.float64]:
    """Mean step across each line between two rows (axis 0) or columns (axis 1)."""
    lines = vectors.double() if axis == 0 else vectors.double().transpose(0, 1)
    return (1 - (lines[:-1] * lines[1:]).sum(dim=-1)).mean(dim=1).numpy()


def _overlap_lines(spans: list[tuple[int, int]], count: int) -> NDArray[np.bool_]:
    """Which lines lie where windows overlap, rims included; line k is between patches k and k + 1."""
    found = np.zeros(count, dtype=bool)
    for (_, end), (start, _) in itertools.pairwise(spans):
        found[start - 1 : end] = True
    return found


def hard_cut(plane: ImagePlane, encoder: Encoder, grid: PatchGrid, windows: Sequence[Window]) -> Tensor:
    """Embed window by window without blending: each patch comes from the window in which it lies deepest."""
    size, best, found = grid.patch_size, torch.full(grid.shape, -1), None
    for window in windows:
        box = (window.row * size, window.col * size, window.rows * size, window.cols * size)
        units = unit_vectors(encoder.encode(torch.from_numpy(plane.window(*box)[0])[None]))[0].cpu()
        found = torch.zeros(*grid.shape, units.shape[-1]) if found is None else found
        depth = torch.minimum(
            _depth(window.row, window.rows, grid.rows)[:, None], _depth(window.col, window.cols, grid.cols)[None]
        )
        part = (slice(window.row, window.row + window.rows), slice(window.col, window.col + window.cols))
        deeper = depth > best[part]
        best[part][deeper] = depth[deeper]
        found[part][deeper] = units[deeper]
    assert found is not None
    return found


def _depth(start: int, side: int, length: int) -> Tensor:
    """Patches to the rim of the window along one axis; the image's own edge is no rim."""
    places = torch.arange(side)
    before = places if start else torch.full((side,), length)
    after = side - 1 - places if start + side < length else torch.full((side,), length)
    return torch.minimum(before, after)


def embedded(plane: ImagePlane, encoder: Encoder, side: int) -> tuple[Tensor, PatchGrid, float]:
    """Embed in windows of a side at most: the vectors, where they lie, and the seconds."""
    with mock.patch.multiple(tiling, ONE_PASS=side, WINDOW=side):
        begun = time.perf_counter()
        found = encode_plane(plane, encoder)
        return found.vectors.float().cpu(), found.grid, time.perf_counter() - begun


def measure(encoder: Encoder, plane: ImagePlane, sides: Sequence[int]) -> None:
    """Print a table for one encoder."""
    whole, grid, seconds = embedded(plane, encoder, max(plane.shape))
    print(f"\n{encoder.spec.name}, {plane.shape[0]} × {plane.shape[1]} pixels in one pass: {seconds:.1f} s\n")
    print(
        "| side | windows | median cosine | lowest 1 % | step ratio, mean | worst line | hard cut, mean | worst | s |"
    )
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for side in sides:
        vectors, grid, seconds = embedded(plane, encoder, side)
        windows = plan_windows(grid, side)
        found, cut = compare(vectors, whole, windows), compare(hard_cut(plane, encoder, grid, windows), whole, windows)
        print(
            f"| {side} | {len(windows)} | {found.median:.5f} | {found.low:.4f} | {found.mean:.3f} | {found.worst:.2f} "
            f"| {cut.mean:.3f} | {cut.worst:.2f} | {seconds:.1f} |",
            flush=True,
        )


def main() -> None:
    """Measure the built-in encoder and a transformer with random weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--encoder",
        action="append",
        help=f"a name as load_encoder takes it, or {RANDOM_VIT}; may be given repeatedly (default: builtin and that)",
    )
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    picture = make_mosaic("report", 0, HEIGHT).image[:, :WIDTH]
    plane = image_plane(picture, contrast_limits=(0, 1))
    print(f"Goal: a mean step ratio of at most {GOAL}.")
    for name in chosen.encoder or ["builtin", RANDOM_VIT]:
        measure(mixing_vit() if name == RANDOM_VIT else load_encoder(name, device="cpu"), plane, SIDES)


if __name__ == "__main__":
    main()
