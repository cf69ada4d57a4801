"""Patch embeddings as colours: their first three principal components, with one basis over all images.

Source: the figures of DINOv2 (Oquab et al., `arXiv 2304.07193 <https://arxiv.org/abs/2304.07193>`_, figure 1), which
show the principal components of patch tokens, computed over several images at once, as red, green and blue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from napari_dinosim.analysis.patches import Patches
from napari_dinosim.embeddings import NEGLIGIBLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_dinosim.embeddings import PatchEmbeddings

COMPONENTS = 3
"""Red, green, blue."""

LEAST = COMPONENTS + 1
"""Patches that span three directions around their mean."""

PERCENTILES = 1.0, 99.0
"""Of each component over all images together; they become 0 and 1."""

SCALING = 1e-12
"""Least variance that counts as any."""


@dataclass(frozen=True, slots=True, eq=False)
class PcaBasis:
    """Three directions, and what becomes 0 and 1 along each.

    Parameters
    ----------
    mean : ndarray of shape (D,), float32
        Mean of the patches.
    components : ndarray of shape (3, D), float32
        Orthonormal; the largest entry of each, by magnitude, is positive.
    low, high : ndarray of shape (3,), float32
        Coordinates that become 0 and 1. A direction along which nothing varies becomes 0.5 everywhere.
    explained : tuple of float
        Share of the variance that each direction explains, from 0 to 1.
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    explained: tuple[float, ...]

    @classmethod
    def of(cls, vectors: NDArray[np.float32]) -> Self:
        """Find the basis of some vectors, (n, D) with n ≥ 4, exactly, by their covariance matrix.

        Examples
        --------
        >>> basis = PcaBasis.of(np.array([[0, 0], [2, 0], [0, 1], [2, 1]], dtype=np.float32))
        >>> [round(share, 2) for share in basis.explained]
        [0.8, 0.2, 0.0]
        """
        from sklearn.decomposition import PCA

        mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
        centred = vectors - mean  # else the covariance would be a small difference of large numbers
        components = np.zeros((COMPONENTS, vectors.shape[1]), dtype=np.float32)
        explained = np.zeros(COMPONENTS)
        count = min(COMPONENTS, vectors.shape[1])
        if float(centred.var(axis=0).sum()) > SCALING:
            found = PCA(count, svd_solver="covariance_eigh").fit(centred)
            components[:count], explained[:count] = found.components_, found.explained_variance_ratio_
        low, high = np.percentile(centred @ components.T, PERCENTILES, axis=0).astype(np.float32)
        return cls(mean, components, low, high, tuple(explained.clip(0, 1).tolist()))

    def colours(self, vectors: Tensor) -> Tensor:
        """Colours of vectors, (n, D) to (n, 3), in [0, 1]; where the vectors are."""
        import torch

        mean, components, low, high = (
            torch.from_numpy(part).to(vectors.device) for part in (self.mean, self.components, self.low, self.high)
        )
        spread = high - low
        values = ((vectors - mean) @ components.T - low) / spread.clamp_min(NEGLIGIBLE)
        return torch.where(spread > NEGLIGIBLE, values, values.new_tensor(0.5)).clamp(0, 1)


@dataclass(frozen=True, slots=True, eq=False)
class PcaColours:
    """A colour for each patch.

    Parameters
    ----------
    colours : tuple of ndarray of shape (rows, cols, 3), float32
        Red, green and blue in [0, 1], for each of the images in their order; NaN where a patch is not embedded.
    basis : PcaBasis
        The one that all images share.
    """

    colours: tuple[NDArray[np.float32], ...]
    basis: PcaBasis

    @property
    def explained(self) -> tuple[float, ...]:
        """Share of the variance that red, green and blue explain, each from 0 to 1."""
        return self.basis.explained


def pca_colours(
    embeddings: Sequence[PatchEmbeddings],
    *,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> PcaColours:
    """Show patch embeddings as colours: patches of one colour are alike, in all images.

    The first three principal components of all patches of all images become red, green and blue, each stretched from
    its 1st to its 99th percentile over all images together. Of very many patches the basis is found from a sample,
    drawn at random (87 000 at D = 384); every patch is coloured.

    Parameters
    ----------
    embeddings : sequence of PatchEmbeddings
        Of images and planes, by one encoder, on any device.
    seed : int
        Of the sample.
    on_progress, cancelled : callable(done, total), callable() -> bool, optional
        Called as the work goes on; asked whether to stop.

    Returns
    -------
    PcaColours
        The same for the same embeddings, signs included.

    Raises
    ------
    FeaturesError
        If there are fewer than four patches.
    NotEmbeddedError
        If there is none.
    EncoderMismatchError
        If the embeddings come from different encoders.
    Cancelled
        If ``cancelled()`` became true.

    Examples
    --------
    >>> import numpy as np, napari_dinosim as dinosim
    >>> encoder = dinosim.load_encoder("builtin")
    >>> images = [np.random.default_rng(i).random((64, 96, 3)) for i in range(2)]
    >>> found = dinosim.pca_colours([dinosim.embed(image, encoder) for image in images])
    >>> [colours.shape[-1] for colours in found.colours], len(found.explained)
    ([3, 3], 3)
    """
    patches = Patches(embeddings, on_progress, cancelled)
    patches.expect(LEAST, "principal components")
    basis = PcaBasis.of(patches.sample(seed))
    patches.check()
    blank = np.full(COMPONENTS, np.nan, dtype=np.float32)
    return PcaColours(patches.results(basis.colours, blank), basis)
