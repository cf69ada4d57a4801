"""Planted answers: encoders whose right map is known without weights, and the seeds' formulas in plain numpy."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import torch

from napari_dinosim.encoders.base import EncoderSpec


def planted_spec(patch_size: int = 16, name: str = "mean-colour", dimension: int = 3) -> EncoderSpec:
    return EncoderSpec(
        name=name,
        title=name,
        patch_size=patch_size,
        dimension=dimension,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        source="planted",
        licence="none",
        licence_url="",
        download_bytes=0,
    )


@dataclass(eq=False)
class MeanColourEncoder:
    """The embedding of a patch is its mean colour; with ``complement`` the mean of its complement follows.

    Without it all greys point the same way, and black points nowhere.
    """

    spec: EncoderSpec = field(default_factory=planted_spec)
    identity: str = "mean-colour@1"
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    windows_per_batch: int = 1
    delay: float = 0.0
    calls: int = 0
    complement: bool = False

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        time.sleep(self.delay)
        size = self.spec.patch_size
        if self.complement:
            batch = torch.cat([batch, 1 - batch], dim=-1)
        pooled = torch.nn.functional.avg_pool2d(batch.double().permute(0, 3, 1, 2), size)
        return pooled.permute(0, 2, 3, 1).float()


def seed_map(
    image01: np.ndarray,
    patch_size: int,
    clicks: list[tuple[int, int]],
    source01: np.ndarray | None = None,
    *,
    complement: bool = False,
    mean: bool = False,
) -> np.ndarray:
    """The seeds' formulas with mean-colour tokens, written from their text in float64 numpy.

    Parameters
    ----------
    image01 : (H, W, 3) in [0, 1], the image whose map is wanted
    clicks : (row, col) pixels in ``source01`` (or in the image itself)
    complement : as in the encoder
    mean : the mean of the clicks' cosines in place of their maximum
    """

    def embed(image):
        height, width = image.shape[:2]
        n_row, n_col = -(-height // patch_size), -(-width // patch_size)
        padded = np.zeros((n_row * patch_size, n_col * patch_size, 3))
        padded[:height, :width] = image
        if complement:
            padded = np.concatenate([padded, 1 - padded], axis=2)
        tokens = np.zeros((n_row * n_col, padded.shape[2]))
        for row in range(n_row):
            for col in range(n_col):
                block = padded[row * patch_size : (row + 1) * patch_size, col * patch_size : (col + 1) * patch_size]
                tokens[row * n_col + col] = block.mean(axis=(0, 1))
        return tokens / (np.linalg.norm(tokens, axis=1, keepdims=True) + 1e-8), n_row, n_col

    source, _, source_cols = embed(image01 if source01 is None else source01)
    patches, n_row, n_col = embed(image01)
    cosines = np.stack([patches @ source[(y // patch_size) * source_cols + x // patch_size] for y, x in clicks])
    scores = cosines.mean(axis=0) if mean else cosines.max(axis=0)
    stretched = ((scores - scores.min()) / (scores.max() - scores.min() + 1e-8)).reshape(n_row, n_col)
    height, width = image01.shape[:2]
    y, x = np.mgrid[:height, :width]
    return stretched[y // patch_size, x // patch_size]
