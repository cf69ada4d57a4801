"""Patch embeddings of one image plane, and what can be asked of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from napari_dinosim.errors import EncoderMismatchError
from napari_dinosim.similarity import Query, cosine_scores, min_max

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_dinosim.grid import PatchGrid
    from napari_dinosim.prompts import Combine


@dataclass(frozen=True, slots=True, eq=False)
class PatchEmbeddings:
    """One unit vector per patch of an image plane.

    Parameters
    ----------
    vectors : Tensor of shape (rows, cols, D)
        Unit vectors: float32 on the CPU, float16 on an accelerator.
    grid : PatchGrid
        Where the patches lie.
    encoder : str
        Identity of the encoder (name and weights): only embeddings of one encoder can be compared.
    nonfinite : bool
        Whether the image held NaN or ±inf, which were treated as black.
    """

    vectors: Tensor
    grid: PatchGrid
    encoder: str
    nonfinite: bool = False

    def __post_init__(self) -> None:
        if tuple(self.vectors.shape[:2]) != self.grid.shape or self.vectors.ndim != 3:
            raise ValueError(
                f"patch embeddings: found vectors of shape {tuple(self.vectors.shape)}, "
                f"expected {(*self.grid.shape, 'D')} for {self.grid}."
            )

    def __repr__(self) -> str:
        rows, cols, dimension = self.vectors.shape
        return f"<PatchEmbeddings {rows} × {cols} patches × {dimension} by {self.encoder}>"

    def query(self, points: Iterable[tuple[float, float]], combine: Combine = "max") -> Query:
        """Make a query from clicked places.

        Parameters
        ----------
        points : iterable of (row, col)
            Pixel coordinates, pixel centres at integers.
        combine : {"max", "mean"}
            How the cosines of several points become one score.

        Returns
        -------
        Query
            The unit vectors of the patches under the points.

        Raises
        ------
        OutsideImageError
            If a point lies outside the image.
        ValueError
            If there is no point.
        """
        patches = [self.grid.patch_at(y, x) for y, x in points]
        if not patches:
            raise ValueError("no query: found no point, expected at least one (row, col). Add a prompt first.")
        rows, cols = (list(axis) for axis in zip(*patches, strict=True))
        return Query(self.vectors[rows, cols].to("cpu", torch.float32), self.encoder, combine)

    def cosine(self, query: Query) -> Tensor:
        """Cosine similarity of every patch with a query.

        Parameters
        ----------
        query : Query
            Made with the same encoder, from this image or another one.

        Returns
        -------
        Tensor of shape (rows, cols), float32
            Values in [-1, 1]; 1 at a queried patch itself.

        Raises
        ------
        EncoderMismatchError
            If the query was made with another encoder.
        """
        if query.encoder != self.encoder:
            raise EncoderMismatchError(
                f"encoder mismatch: the query was made with {query.encoder!r} but the image was embedded with "
                f"{self.encoder!r}. Embed both with one encoder."
            )
        return cosine_scores(self.vectors, query.vectors, query.combine)

    def similarity_map(self, query: Query) -> NDArray[np.float32]:
        """Similarity map at the image's own resolution.

        Parameters
        ----------
        query : Query
            Made with the same encoder.

        Returns
        -------
        ndarray of shape (height, width), float32
            Min–max normalised to [0, 1], nearest-upsampled.
        """
        return self.grid.upsample(min_max(self.cosine(query)).numpy())
