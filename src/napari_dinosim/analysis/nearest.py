"""Nearest patches: of some vectors, in the embeddings of another plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from napari_dinosim.errors import EncoderMismatchError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from napari_dinosim.embeddings import PatchEmbeddings

ROWS_AT_ONCE = 64
"""Rows of patches that are compared at once: of 512 patches each, with 64 vectors, 8 MB of cosines."""


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """The patch most similar to each of n vectors.

    Parameters
    ----------
    rows, cols : Tensor of shape (n,), int64
        -1 where nothing is embedded.
    scores : Tensor of shape (n,), float32
        Cosines in [-1, 1]; -inf where nothing is embedded.

    Examples
    --------
    >>> from napari_dinosim.embeddings import PatchEmbeddings
    >>> from napari_dinosim.grid import PatchGrid
    >>> from napari_dinosim.mosaic import Mosaic
    >>> vectors = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]])  # one row of three patches
    >>> image = PatchEmbeddings(Mosaic.of(vectors), PatchGrid(16, 48, 16), "planted")
    >>> found = nearest_patches(image, torch.tensor([[0.8, 0.6]]), "planted")
    >>> found.rows.tolist(), found.cols.tolist()
    ([0], [2])
    """

    rows: Tensor
    cols: Tensor
    scores: Tensor


def nearest_patches(
    embeddings: PatchEmbeddings,
    vectors: Tensor,
    encoder: str,
    on_share: Callable[[float], None] = lambda _share: None,
) -> Nearest:
    """Find the patch whose vector has the highest cosine with each of some vectors.

    Parameters
    ----------
    embeddings : PatchEmbeddings
        What is searched; patches that are not embedded do not count.
    vectors : Tensor of shape (n, D)
        Unit vectors.
    encoder : str
        Identity of the encoder that made them.
    on_share : callable(share), optional
        Told now and then which share is done, from 0 to 1.

    Returns
    -------
    Nearest
        Of equal cosines in one part of the grid, the first in reading order.

    Raises
    ------
    EncoderMismatchError
        If the vectors were made by another encoder.
    """
    if encoder != embeddings.encoder:
        raise EncoderMismatchError(
            f"encoder mismatch: the vectors were made with {encoder!r} but the image was embedded with "
            f"{embeddings.encoder!r}. Embed both with one encoder."
        )
    scores = torch.full((len(vectors),), -torch.inf)
    rows = torch.full((len(vectors),), -1)
    cols = rows.clone()
    blocks = embeddings.mosaic.placed()
    for number, (top, left, block) in enumerate(blocks):
        wanted = vectors.to(block.vectors.device, torch.float32).T
        across = block.vectors.shape[1]
        for first in range(0, len(block.vectors), ROWS_AT_ONCE):
            part = block.vectors[first : first + ROWS_AT_ONCE].float()
            cosines = (part.reshape(-1, part.shape[-1]) @ wanted).clamp_(-1, 1)
            if not block.whole:
                unknown = block.lengths[first : first + ROWS_AT_ONCE].reshape(-1) == 0
                cosines[unknown.to(cosines.device)] = -torch.inf
            best, at = (found.cpu() for found in cosines.max(dim=0))
            better = best > scores
            scores = torch.where(better, best, scores)
            rows = torch.where(better, top + first + at // across, rows)
            cols = torch.where(better, left + at % across, cols)
            on_share((number + min(1.0, (first + ROWS_AT_ONCE) / len(block.vectors))) / len(blocks))
    return Nearest(rows, cols, scores)
