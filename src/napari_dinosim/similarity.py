"""The science, small: unit vectors, cosines, min–max.

Source of the formulas: the sections "Embedding Normalization", "Cosine Similarity" and "Similarity Map
Visualization" of the description this project was asked from; see ``docs/architecture.md``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch

from napari_dinosim.errors import EncoderMismatchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

    from napari_dinosim.prompts import Combine

EPSILON = 1e-8
"""Keeps both normalisations defined for zero vectors and constant maps (seed section "Embedding Normalization")."""

CHUNK_ELEMENTS = 1 << 26
"""Half-precision vectors are widened at most this many numbers at a time (256 MB of float32)."""


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """What is looked for: the unit vectors of the prompted patches.

    Parameters
    ----------
    vectors : Tensor of shape (n, D), float32
        One unit vector per prompted patch, n ≥ 1.
    encoder : str
        Identity of the encoder that made them (name and weights).
    combine : {"max", "mean"}
        How the n cosines of a patch become its score.
    """

    vectors: Tensor
    encoder: str
    combine: Combine = "max"

    @classmethod
    def join(cls, queries: Sequence[Self]) -> Self:
        """One query from prompts in several images.

        Raises
        ------
        EncoderMismatchError
            If they were made with different encoders.
        ValueError
            If there is nothing to join.
        """
        if not queries:
            raise ValueError("no query: found none to join, expected at least one. Add a prompt first.")
        encoders = {query.encoder for query in queries}
        if len(encoders) > 1:
            raise EncoderMismatchError(
                f"encoder mismatch: the prompts were embedded with {' and '.join(map(repr, sorted(encoders)))}. "
                "Embed all images with one encoder."
            )
        device = queries[0].vectors.device
        vectors = torch.cat([query.vectors.to(device) for query in queries])
        return cls(vectors, queries[0].encoder, queries[0].combine)


def unit_vectors(tokens: Tensor) -> Tensor:
    """Divide each token by its length, ``h / (‖h‖₂ + ε)``.

    Parameters
    ----------
    tokens : Tensor of shape (..., D)

    Returns
    -------
    Tensor of shape (..., D), float32
        Length 1; a zero token stays zero.
    """
    tokens = tokens.float()
    lengths: Tensor = torch.linalg.vector_norm(tokens, dim=-1, keepdim=True)
    return tokens / (lengths + EPSILON)


def cosine_scores(vectors: Tensor, query: Tensor, combine: Combine = "max") -> Tensor:
    """Cosine similarity of every patch with a query.

    Parameters
    ----------
    vectors : Tensor of shape (rows, cols, D)
        Unit vectors, in any floating type and on any device.
    query : Tensor of shape (n, D)
        Unit vectors.
    combine : {"max", "mean"}
        The score is the maximum or the mean of the n cosines.

    Returns
    -------
    Tensor of shape (rows, cols), float32, on the CPU
        Values in [-1, 1]; 1 at a queried patch itself.
    """
    query = query.to(vectors.device, torch.float32)
    if combine == "mean":  # the mean of dot products is the dot product with the mean
        query = query.mean(dim=0, keepdim=True)
    flat = vectors.reshape(-1, vectors.shape[-1])
    step = len(flat) if flat.dtype == torch.float32 else max(1, CHUNK_ELEMENTS // flat.shape[1])
    parts = [_best(chunk.float(), query) for chunk in torch.split(flat, step)]
    scores = parts[0] if len(parts) == 1 else torch.cat(parts)
    return scores.clamp_(-1, 1).reshape(vectors.shape[:-1]).cpu()


def _best(vectors: Tensor, query: Tensor) -> Tensor:
    """Highest cosine of each vector with the n of a query.

    A single one is put in twice: torch's product with one vector goes through memory on one core, four times slower.
    Its maximum is its first: looking for it would take longer than the product.
    """
    if len(query) == 1:
        return (vectors @ query.expand(2, -1).contiguous().T)[:, 0]
    return (vectors @ query.T).amax(dim=1)


def min_max(scores: Tensor) -> Tensor:
    """Stretch one map to [0, 1], ``(s − min S) / (max S − min S + ε)``.

    A constant map becomes zero everywhere; NaN, for what is not known, stays NaN.
    """
    low, high = extremes(scores)
    return stretch(scores, low, high)


def extremes(scores: Tensor) -> tuple[float, float]:
    """Lowest and highest score, NaN aside; (nan, nan) where there is none."""
    low, high = (float(value) for value in scores.aminmax())
    if math.isnan(low):  # one NaN makes both
        known = scores[~scores.isnan()]
        low, high = (float(value) for value in known.aminmax()) if len(known) else (math.nan, math.nan)
    return low, high


def joint_extremes(pairs: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Lowest and highest of several pairs of extremes; (nan, nan) where nothing is known."""
    known = [pair for pair in pairs if not math.isnan(pair[0])]
    nothing = math.nan
    return min((low for low, _ in known), default=nothing), max((high for _, high in known), default=nothing)


def stretch(scores: Tensor, low: float, high: float) -> Tensor:
    """Stretch scores so that ``low`` becomes 0 and ``high`` 1."""
    return (scores - low).div_(high - low + EPSILON)  # in place: new memory costs more than the sum


def project_out(vectors: Tensor, directions: Tensor) -> Tensor:
    """Remove directions from unit vectors, and make them unit vectors again.

    Parameters
    ----------
    vectors : Tensor of shape (rows, cols, D)
    directions : Tensor of shape (k, D)
        Orthonormal.

    Returns
    -------
    Tensor of shape (rows, cols, D)
        In the type and on the device of ``vectors``.
    """
    directions = directions.to(vectors.device)
    rows = [unit_vectors(row.float() - (row.float() @ directions.T) @ directions) for row in vectors]
    return torch.stack([row.to(vectors.dtype) for row in rows])
