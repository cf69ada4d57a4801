"""Patch embeddings of one image plane, and what can be asked of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_dinosim.errors import EncoderMismatchError
from napari_dinosim.similarity import Query, min_max, project_out, unit_vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray
    from torch import Tensor

    from napari_dinosim.grid import PatchGrid
    from napari_dinosim.mosaic import Mosaic
    from napari_dinosim.prompts import Combine
    from napari_dinosim.regions import Region

    Directions = Callable[[int], Tensor]
    """The first k directions of position, of shape (at most k, D); see :mod:`napari_dinosim.positional`."""


DEFAULT_SHARE = 0.05
"""Share of the D dimensions that is projected out by default."""

LARGEST_SHARE = 0.25
"""Share of the D dimensions that is never exceeded."""


def default_count(dimension: int) -> int:
    """Return the number of directions of position that is projected out by default: 5 % of D."""
    return max(1, round(DEFAULT_SHARE * dimension))


def largest_count(dimension: int) -> int:
    """Return the largest number of directions that may be projected out: a quarter of D, but at least 1."""
    return max(1, int(LARGEST_SHARE * dimension))


NEGLIGIBLE = 1e-3
"""A unit vector this near to the mean equals it: float16 alone moves it by up to half as much."""


@dataclass(frozen=True, slots=True, eq=False)
class PatchEmbeddings:
    """One unit vector per patch of an image plane.

    Parameters
    ----------
    mosaic : Mosaic
        The vectors: float32 on the CPU, float16 on an accelerator and where there are very many.
    grid : PatchGrid
        Where the patches lie.
    encoder : str
        Identity of the encoder (name and weights): only embeddings of one encoder can be compared.
    nonfinite : bool
        Whether the image held NaN or ±inf, which were treated as black.
    bias : callable(k) -> Tensor of shape (at most k, D), optional
        Where the encoder's directions of position come from, for :meth:`debiased`.
    """

    mosaic: Mosaic
    grid: PatchGrid
    encoder: str
    nonfinite: bool = False
    bias: Directions | None = None

    def __post_init__(self) -> None:
        if self.mosaic.shape != self.grid.shape:
            raise ValueError(
                f"patch embeddings: found {self.mosaic.shape} vectors, expected {self.grid.shape} for {self.grid}."
            )

    def __repr__(self) -> str:
        rows, cols = self.mosaic.shape
        return f"<PatchEmbeddings {rows} × {cols} patches × {self.dimension} by {self.encoder}>"

    @property
    def vectors(self) -> Tensor:
        """Unit vectors, of shape (rows, cols, D), zero for patches that are not embedded.

        Grids of more than 512 × 512 patches are kept in parts, which this puts together.
        """
        return self.mosaic.dense()

    @property
    def dimension(self) -> int:
        """D, the length of a vector in numbers."""
        return int(self.mosaic.blocks[0].vectors.shape[-1])

    @property
    def count(self) -> int:
        """How many numbers there are, D for each embedded patch."""
        return sum(block.vectors.numel() for block in self.mosaic.blocks)

    def query(
        self,
        points: Iterable[tuple[float, float]],
        combine: Combine = "max",
        *,
        negatives: Iterable[tuple[float, float]] = (),
    ) -> Query:
        """Make a query from clicked places.

        Parameters
        ----------
        points : iterable of (row, col)
            Pixel coordinates, pixel centres at integers.
        combine : {"max", "mean", "top"}
            How the cosines of several points become one; see :func:`napari_dinosim.similarity.combined`.
        negatives : iterable of (row, col)
            Places that are not meant: their combined cosine is subtracted. Those in other images are given with
            :meth:`Query.against`.

        Returns
        -------
        Query
            The unit vectors of the patches under the points.

        Raises
        ------
        OutsideImageError
            If a point lies outside the image.
        NotEmbeddedError
            If a point lies in a part of the image that is not embedded.
        ValueError
            If there is no point.
        """
        patches = [self.grid.patch_at(y, x) for y, x in points]
        if not patches:
            raise ValueError("no query: found no point, expected at least one (row, col). Add a prompt first.")
        against = [self.grid.patch_at(y, x) for y, x in negatives]
        return Query(self.mosaic.at(patches), self.encoder, combine, self.mosaic.at(against) if against else None)

    def query_region(self, region: Region | ArrayLike, representatives: int = 1, combine: Combine = "max") -> Query:
        """Make a query from a region: the patches that it covers, each weighted by how many of its pixels it holds.

        Parameters
        ----------
        region : Region or array_like
            Vertices of a polygon, of shape (n, 2), as (y, x) in pixels; or a mask of shape (height, width), bool.
        representatives : int, default: 1
            1 for the mean of the patches, up to 16 for the centres of as many clusters (k-means): a region of several
            materials is then looked for as each of them.
        combine : {"max", "mean", "top"}
            How the cosines of several representatives become one score.

        Raises
        ------
        OutsideImageError
            If a polygon lies outside the image.
        RegionError
            If it is neither, is of another size than the image, or has fewer patches than there are representatives.
        NotEmbeddedError
            If no patch of it is embedded.

        Examples
        --------
        >>> import napari_dinosim as dinosim
        >>> embeddings = dinosim.embed(np.eye(96)[:64], dinosim.load_encoder("builtin"))
        >>> embeddings.query_region([(0, 0), (0, 95), (63, 95)], representatives=2).vectors.shape[0]
        2
        """
        from napari_dinosim.regions import Region
        from napari_dinosim.representatives import represent

        if not isinstance(region, Region):
            given = np.asarray(region)
            region = Region.mask(given) if given.dtype == np.bool_ else Region.polygon(given, self.grid.image_shape)
        return Query(represent(self.mosaic, region.patches(self.grid), representatives), self.encoder, combine)

    def cosine(self, query: Query) -> Tensor:
        """Cosine similarity of every patch with a query, less that with what is not meant.

        Parameters
        ----------
        query : Query
            Made with the same encoder, from this image or another one.

        Returns
        -------
        Tensor of shape (rows, cols), float32
            Values in [-1, 1], 1 at a queried patch itself, and in [-2, 2] for a query with negatives; NaN for patches
            that are not embedded.

        Raises
        ------
        EncoderMismatchError
            If the query was made with another encoder.
        """
        return self.cosines([query])[0]

    def cosines(self, queries: Sequence[Query]) -> Tensor:
        """Scores of every patch under several queries, in one pass over the vectors.

        Parameters
        ----------
        queries : sequence of Query
            Made with the same encoder: one for each class, say.

        Returns
        -------
        Tensor of shape (c, rows, cols), float32
            As :meth:`cosine` gives them.

        Raises
        ------
        EncoderMismatchError
            If one was made with another encoder.
        """
        for query in queries:
            if query.encoder != self.encoder:
                raise EncoderMismatchError(
                    f"encoder mismatch: the query was made with {query.encoder!r} but the image was embedded with "
                    f"{self.encoder!r}. Embed both with one encoder."
                )
        return self.mosaic.class_scores(queries)

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

    def debiased(self, k: int | None = None) -> PatchEmbeddings:
        """Take out what tells the place of a patch rather than what is there.

        Source: INSID3 (arXiv 2603.28480); see :mod:`napari_dinosim.positional`.

        Parameters
        ----------
        k : int, optional
            How many directions of position are projected out, from 1 to D / 4; by default 5 % of D.

        Returns
        -------
        PatchEmbeddings
            New ones, comparable with others that were debiased with the same k, not with these.

        Raises
        ------
        ValueError
            If k is out of range, or these embeddings do not know their encoder.
        LookupError
            If the encoder has been freed.
        """
        dimension = self.dimension
        k = default_count(dimension) if k is None else k
        if not 1 <= k <= largest_count(dimension):
            raise ValueError(
                f"positional bias: found k = {k}, expected 1 to {largest_count(dimension)}, a quarter of the "
                f"{dimension} dimensions. Leave k out for {default_count(dimension)}."
            )
        if self.bias is None:
            raise ValueError("positional bias: these embeddings do not know their encoder. Embed the image again.")
        directions = self.bias(k)
        mosaic = self.mosaic.mapped(lambda vectors: project_out(vectors, directions))
        return replace(self, mosaic=mosaic, encoder=f"{self.encoder}-debiased{k}", bias=None)

    def centred(self) -> PatchEmbeddings:
        """Subtract the image's mean vector, which all its patches share, and scale back to unit length.

        The cosines of raw tokens have a high floor; this lowers it. What is typical of an image then counts as
        nothing, so that queries mean less from one kind of image to another.

        Returns
        -------
        PatchEmbeddings
            New ones, comparable with other centred ones only. A patch that equals the mean, as every one of a constant
            image does, becomes a zero vector.
        """
        mean = self.mosaic.mean()
        mosaic = self.mosaic.mapped(lambda vectors: _less(vectors, mean.to(vectors.device)))
        return replace(self, mosaic=mosaic, encoder=f"{self.encoder}-centred", bias=None)


def _less(vectors: Tensor, mean: Tensor) -> Tensor:
    """Subtract a vector from each, and scale back to unit length; what equals it becomes zero."""
    rests = (row.float() - mean for row in vectors)
    kept = (rest * (torch.linalg.vector_norm(rest, dim=-1, keepdim=True) > NEGLIGIBLE) for rest in rests)
    return torch.stack([unit_vectors(rest).to(vectors.dtype) for rest in kept])
