"""A second planted encoder, and the seeds' formulas for it in numpy float64: nothing here is shared with ``src/``.

The token of a patch is a fixed random projection of its *normalised* pixels, as in the first layer of a transformer:
unlike a mean colour it tells rows from columns, black before normalisation from black after it, and greys from greys.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch

from planted import planted_spec

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
DIMENSION = 8


def projection(patch_size: int) -> np.ndarray:
    """Matrix of shape (P * P * 3, D), the same on every call."""
    return np.random.default_rng(patch_size).normal(size=(patch_size * patch_size * 3, DIMENSION))


@dataclass(eq=False)
class ProjectionEncoder:
    """The encoder."""

    patch_size: int = 16
    identity: str = "projection@1"
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    windows_per_batch: int = 1
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    @property
    def spec(self):
        return replace(planted_spec(self.patch_size, "projection", DIMENSION), mean=MEAN, std=STD)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        self.shapes.append(tuple(batch.shape))
        size, (count, height, width, _) = self.patch_size, batch.shape
        pixels = (batch - torch.tensor(MEAN)) / torch.tensor(STD)
        patches = pixels.reshape(count, height // size, size, width // size, size, 3).permute(0, 1, 3, 2, 4, 5)
        return patches.reshape(*patches.shape[:3], -1) @ torch.from_numpy(projection(size)).float()


def tokens_of(image01: np.ndarray, patch_size: int) -> np.ndarray:
    """Tokens of shape (rows, cols, D), patch by patch: black padding, normalisation, projection."""
    height, width = image01.shape[:2]
    rows, cols = int(np.ceil(height / patch_size)), int(np.ceil(width / patch_size))
    padded = np.zeros((rows * patch_size, cols * patch_size, 3))
    padded[:height, :width] = image01
    normalised = (padded - np.array(MEAN)) / np.array(STD)
    matrix, tokens = projection(patch_size), np.empty((rows, cols, DIMENSION))
    for row in range(rows):
        for col in range(cols):
            top, left = row * patch_size, col * patch_size
            tokens[row, col] = normalised[top : top + patch_size, left : left + patch_size].ravel() @ matrix
    return tokens


def unit(tokens: np.ndarray) -> np.ndarray:
    """Seed section "Embedding Normalization"."""
    return tokens / (np.sqrt((tokens**2).sum(axis=-1, keepdims=True)) + 1e-8)


def seed_scores(image01: np.ndarray, source01: np.ndarray, patch_size: int, clicks: list[tuple[int, int]]):
    """Cosines of shape (n, rows, cols) of an image's patches with the patches under pixels (y, x) of a source."""
    patches, source = unit(tokens_of(image01, patch_size)), unit(tokens_of(source01, patch_size))
    return np.stack([(patches * source[y // patch_size, x // patch_size]).sum(axis=-1) for y, x in clicks])


def seed_display(scores: np.ndarray, shape: tuple[int, int], patch_size: int) -> np.ndarray:
    """Seed section "Similarity Map Visualization": min–max, then nearest neighbour, pixel by pixel."""
    stretched = (scores - scores.min()) / (scores.max() - scores.min() + 1e-8)
    rows, cols = np.arange(shape[0]) // patch_size, np.arange(shape[1]) // patch_size
    return stretched[rows][:, cols]
