"""The science, small: unit vectors, cosines, min–max.

Source of the formulas: the sections "Embedding Normalization", "Cosine Similarity" and "Similarity Map
Visualization" of the description this project was asked from; see ``docs/architecture.md``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
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

TOP = 3
"""How many of the highest cosines count in ``"top"``: enough that one stray prompt does not decide alone."""

TEMPERATURE = 0.07
"""Of the weights in ``"top"``, from the k-NN vote of Wu et al., arXiv 1805.01978 (as in DINO, arXiv 2104.14294)."""


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """What is looked for: the unit vectors of the prompted patches, and those of what is not meant.

    Parameters
    ----------
    vectors : Tensor of shape (n, D), float32
        One unit vector per prompted patch, n ≥ 1.
    encoder : str
        Identity of the encoder that made them (name and weights).
    combine : {"max", "mean", "top"}
        How the n cosines of a patch become one; see :func:`combined`.
    negatives : Tensor of shape (m, D), float32, optional
        Unit vectors of what is not meant: their cosines, combined in the same way, are subtracted.
    """

    vectors: Tensor
    encoder: str
    combine: Combine = "max"
    negatives: Tensor | None = None

    @classmethod
    def join(cls, queries: Sequence[Self]) -> Self:
        """One query from prompts in several images; what is not meant in one is not meant in any.

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
        against = [query.negatives.to(device) for query in queries if query.negatives is not None]
        return cls(vectors, queries[0].encoder, queries[0].combine, torch.cat(against) if against else None)

    def against(self, *others: Self) -> Self:
        """Make a query of the same, with what others look for as what is not meant.

        Parameters
        ----------
        *others : Query
            From any image, made with the same encoder; what they have against them does not count.

        Raises
        ------
        EncoderMismatchError
            If they were made with different encoders.

        Examples
        --------
        >>> root, soil = (Query(torch.eye(2)[[i]], "an encoder") for i in (0, 1))
        >>> cosine_scores(torch.eye(2)[None], root.against(soil)).tolist()
        [[1.0, -1.0]]
        """
        if not others:
            return self
        own = self.negatives
        joined = type(self).join([replace(query, negatives=None) for query in (self, *others)])
        negatives = joined.vectors[len(self.vectors) :]
        return replace(self, negatives=negatives if own is None else torch.cat([own, negatives]))


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


def cosine_scores(vectors: Tensor, query: Tensor | Query, combine: Combine = "max") -> Tensor:
    """Score of every patch under a query.

    Parameters
    ----------
    vectors : Tensor of shape (rows, cols, D)
        Unit vectors, in any floating type and on any device.
    query : Tensor of shape (n, D), or Query
        Unit vectors.
    combine : {"max", "mean", "top"}
        How the n cosines become one; a Query has its own.

    Returns
    -------
    Tensor of shape (rows, cols), float32, on the CPU
        Values in [-1, 1]; 1 at a queried patch itself. In [-2, 2] where a query holds what is not meant.
    """
    return class_scores(vectors, [query if isinstance(query, Query) else Query(query, "", combine)])[0]


def class_scores(vectors: Tensor, queries: Sequence[Query]) -> Tensor:
    """Scores of every patch under several queries, in one pass over the vectors.

    A score is the combined cosine with what is looked for, less the combined cosine with what is not meant.

    Parameters
    ----------
    vectors : Tensor of shape (rows, cols, D)
        Unit vectors, in any floating type and on any device.
    queries : sequence of Query
        Those that share the very same negatives have them looked at once.

    Returns
    -------
    Tensor of shape (c, rows, cols), float32, on the CPU
        Values in [-1, 1], and in [-2, 2] for a query with negatives.
    """
    groups: list[tuple[Tensor, Combine]] = [(query.vectors, query.combine) for query in queries]
    against: list[int | None] = []
    seen: dict[tuple[int, Combine], int] = {}
    for query in queries:
        if query.negatives is None:
            against.append(None)
            continue
        name = id(query.negatives), query.combine
        if name not in seen:
            seen[name] = len(groups)
            groups.append((query.negatives, query.combine))
        against.append(seen[name])
    cosines = _group_cosines(vectors.reshape(-1, vectors.shape[-1]), groups)
    scores = cosines[: len(queries)]
    for score, negative in zip(scores, against, strict=True):
        if negative is not None:
            score -= cosines[negative]
    return scores.reshape(len(queries), *vectors.shape[:-1])


def combined(cosines: Tensor, combine: Combine) -> Tensor:
    """Make one of the cosines with several vectors.

    Parameters
    ----------
    cosines : Tensor of shape (..., n)
    combine : {"max", "mean", "top"}
        Their maximum: like any of them. Their mean: like all of them. Or the soft mean of the k highest, with
        k = min(3, n): of c₁ ≥ … ≥ c_k it is Σ wᵢ cᵢ with wᵢ = exp(cᵢ / τ) / Σⱼ exp(cⱼ / τ) and τ = 0.07, the weights of
        the k-nearest-neighbour vote of Wu et al. 2018 (arXiv 1805.01978), by which DINO was judged (arXiv 2104.14294).
        It lies between the mean of these k and their maximum.

    Returns
    -------
    Tensor of shape (...)

    Examples
    --------
    >>> [round(float(combined(torch.tensor([0.9, 0.8, 0.1, 0.0]), name)), 3) for name in ("max", "mean", "top")]
    [0.9, 0.45, 0.881]
    """
    if cosines.shape[-1] == 1:
        return cosines[..., 0]
    if combine == "mean":
        return cosines.mean(dim=-1)
    if combine == "max":
        return cosines.amax(dim=-1)
    highest = _highest(cosines.movedim(-1, 0).contiguous())
    return (torch.softmax(highest / TEMPERATURE, dim=0) * highest).sum(dim=0)


def _highest(cosines: Tensor) -> Tensor:
    """Find the :data:`TOP` highest along the first axis; many times faster than ``torch.topk`` where it is short."""
    found: list[Tensor] = []
    for each in cosines:
        left = each
        for place, held in enumerate(found):
            found[place], left = torch.maximum(held, left), torch.minimum(held, left)
        found += [left] * (len(found) < TOP)
    return torch.stack(found)


def _group_cosines(vectors: Tensor, groups: Sequence[tuple[Tensor, Combine]]) -> Tensor:
    """Combine the cosines of vectors, (N, D), with each group of vectors: (groups, N), on the CPU."""
    held = [(part.to(vectors.device, torch.float32), combine) for part, combine in groups]
    # the mean of products is that with the mean
    columns = [part.mean(dim=0, keepdim=True) if combine == "mean" else part for part, combine in held]
    query, sizes = torch.cat(columns), [len(part) for part in columns]
    if len(query) == 1:  # twice: a product with one vector may be left to one core
        query = query.expand(2, -1).contiguous()
    step = len(vectors) if vectors.dtype == torch.float32 else max(1, CHUNK_ELEMENTS // vectors.shape[1])
    parts = []
    if sizes == [1]:
        rows = [_first_row(query @ chunk.float().T) for chunk in torch.split(vectors, step)]
        return rows[0] if len(rows) == 1 else torch.cat(rows, dim=1)
    for chunk in torch.split(vectors, step):
        cosines = torch.split((chunk.float() @ query.T)[:, : sum(sizes)], sizes, dim=1)
        each = [combined(part, combine) for part, (_, combine) in zip(cosines, groups, strict=True)]
        parts.append(torch.stack(each))
    found = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
    return found.clamp_(-1, 1).cpu()


def _first_row(product: Tensor) -> Tensor:
    """Return the first row of (n, N), cut to [-1, 1], as (1, N), on the CPU.

    By numpy: huge grids come in many blocks, and to wake torch's threads for each small step takes longer than it.
    """
    return torch.from_numpy(product[:1].cpu().numpy().clip(-1, 1))


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
