"""Patches that look alike, grouped: k-means and agglomerative clusters, numbered alike in all images.

k-means divides into groups around means, of similar size; of more than 20 000 patches it looks at one batch after the
other (scikit-learn's MiniBatchKMeans). Agglomeration merges what is most alike, by average linkage of Euclidean
distances, which grow as cosines fall; something small but different keeps a cluster of its own. More than 2048 patches
are first divided into 512 pieces by k-means. Means are found from a sample, drawn at random, where there are very many
patches (87 000 at D = 384); every patch gets the cluster of the nearest mean or piece.
"""

from __future__ import annotations

import colorsys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from napari_dinosim.analysis.patches import Patches, pixels_of
from napari_dinosim.errors import FeaturesError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_dinosim.embeddings import PatchEmbeddings

Method = Literal["k-means", "agglomerative"]

MOST = 255
"""Clusters at most: more are no longer told apart."""

WHOLE = 20_000
"""Patches up to which k-means looks at all of them at each step; above, at one batch after the other."""

ATTEMPTS = 3
"""Times that k-means begins anew, up to :data:`WHOLE` patches; the best result counts."""

BATCH, EPOCHS = 4096, 3
"""Patches of a batch, and how often each is looked at."""

PIECES = 2048
"""Patches up to which agglomeration begins with each of them: 34 MB of distances."""

MERGED = 512
"""Pieces that more patches are divided into first, by k-means; these are then agglomerated."""

PALETTE = "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#999999"
"""Colours that people tell apart who see colours differently. Source: Okabe and Ito, Color Universal Design, 2008."""

GOLDEN = 0.618034
"""Steps in hue by the golden ratio come near no earlier hue."""


@dataclass(frozen=True, slots=True, eq=False)
class PatchClusters:
    """A cluster for each patch.

    Parameters
    ----------
    labels : tuple of ndarray of shape (rows, cols), uint8
        Numbers from 1, the same in all images, the largest cluster first; 0 where a patch is not embedded.
    pixels : tuple of int
        How many pixels of all images each cluster covers, from the first on.
    method : str

    Examples
    --------
    >>> found = PatchClusters((np.array([[1, 1, 2]], dtype=np.uint8),), (512, 256), "k-means")
    >>> found.count, [round(share, 2) for share in found.shares]
    (2, [0.67, 0.33])
    """

    labels: tuple[NDArray[np.uint8], ...]
    pixels: tuple[int, ...]
    method: Method

    @property
    def count(self) -> int:
        """How many clusters there are: fewer than asked for, where fewer kinds of patches are there."""
        return len(self.pixels)

    @property
    def shares(self) -> tuple[float, ...]:
        """Share of each cluster in the embedded area of all images, in pixels; their sum is 1."""
        return tuple(number / sum(self.pixels) for number in self.pixels)


def palette(count: int) -> list[tuple[float, float, float]]:
    """Colours for clusters, each of red, green and blue in [0, 1].

    Parameters
    ----------
    count : int

    Examples
    --------
    >>> len(set(palette(40)))
    40
    """
    known = [tuple(int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)) for text in PALETTE]
    more = [
        colorsys.hsv_to_rgb(i * GOLDEN % 1, (0.45, 0.8)[i % 2], (0.95, 0.95, 0.6)[i % 3])
        for i in range(count - len(known))
    ]
    return [(r, g, b) for r, g, b in (*known, *more)][:count]


def cluster_patches(
    embeddings: Sequence[PatchEmbeddings],
    count: int,
    method: Method = "k-means",
    *,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> PatchClusters:
    """Group the patches of all images by their embeddings.

    Parameters
    ----------
    embeddings : sequence of PatchEmbeddings
        Of images and planes, by one encoder, on any device.
    count : int
        How many clusters, from 2 to 255 and at most as many as there are patches.
    method : {"k-means", "agglomerative"}
        Groups around means, or what is most alike merged; see :mod:`napari_dinosim.analysis.clusters`.
    seed : int
        Of the sample and of k-means.
    on_progress, cancelled : callable(done, total), callable() -> bool, optional
        Called as the work goes on; asked whether to stop.

    Returns
    -------
    PatchClusters
        The same for the same embeddings and seed.

    Raises
    ------
    FeaturesError
        If the number of clusters makes no sense, or there are fewer patches.
    NotEmbeddedError, EncoderMismatchError, Cancelled
        As :func:`napari_dinosim.analysis.colours.pca_colours`.

    Examples
    --------
    >>> import numpy as np, napari_dinosim as dinosim
    >>> image = np.zeros((64, 96, 3), dtype=np.uint8)
    >>> image[:, 48:] = np.random.default_rng(0).integers(0, 255, (64, 48, 3))
    >>> found = dinosim.cluster_patches([dinosim.embed(image, dinosim.load_encoder("builtin"))], 2)
    >>> found.count
    2
    """
    _refuse(count, method)
    patches = Patches(embeddings, on_progress, cancelled)
    patches.expect(count, f"{count} clusters")
    sample = patches.sample(seed)
    if method == "k-means":
        means, numbers = k_means(sample, count, seed, patches.check), np.arange(count)
    else:
        means = sample if patches.count <= PIECES else k_means_by_batches(sample, MERGED, seed, patches.check)
        numbers = _agglomerated(means, count)
    patches.check()
    nearest = patches.results(lambda vectors: _nearest(vectors, means), np.array(-1, dtype=np.int32))
    return _numbered([np.where(one < 0, -1, numbers[one]) for one in nearest], embeddings, count, method)


def _refuse(count: int, method: str) -> None:
    if not 2 <= count <= MOST:
        raise FeaturesError(
            f"clusters: found {count}, expected a whole number from 2 to {MOST}. Choose another number."
        )
    if method not in ("k-means", "agglomerative"):
        raise FeaturesError(f"method: found {method!r}, expected 'k-means' or 'agglomerative'.")


def _numbered(
    found: Sequence[NDArray[np.intp]], embeddings: Sequence[PatchEmbeddings], count: int, method: Method
) -> PatchClusters:
    """Give clusters numbers by the area that they cover; -1 becomes 0, and clusters without a patch get no number."""
    areas = np.zeros(count)
    for one, each in zip(found, embeddings, strict=True):
        areas += np.bincount(one[one >= 0], pixels_of(each.grid)[one >= 0], minlength=count)
    order = np.argsort(-areas, kind="stable")[: np.count_nonzero(areas)]
    rank = np.zeros(count + 1, dtype=np.uint8)  # the last, at -1, is for patches that are not embedded
    rank[order] = np.arange(1, len(order) + 1)
    return PatchClusters(tuple(rank[one] for one in found), tuple(int(area) for area in areas[order]), method)


def k_means(vectors: NDArray[np.float32], count: int, seed: int, check: Callable[[], None]) -> NDArray[np.float32]:
    """Means of ``count`` groups, (count, D), of vectors, (n, D); ``check()`` is called between steps.

    Of up to :data:`WHOLE` vectors by Lloyd's steps over all, the best of a few beginnings; of more by batches.
    """
    if len(vectors) > WHOLE:
        return k_means_by_batches(vectors, count, seed, check)
    from sklearn.cluster import KMeans

    made = []
    for attempt in range(ATTEMPTS):
        check()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # fewer kinds of vectors than means: the surplus attracts none
            made.append(KMeans(count, n_init=1, random_state=seed + attempt).fit(vectors))
    return np.asarray(min(made, key=lambda one: one.inertia_).cluster_centers_, dtype=np.float32)


def k_means_by_batches(
    vectors: NDArray[np.float32], count: int, seed: int, check: Callable[[], None]
) -> NDArray[np.float32]:
    """Means of ``count`` groups, as :func:`k_means`, from one batch after the other."""
    from sklearn.cluster import MiniBatchKMeans

    found, random = MiniBatchKMeans(count, n_init=1, random_state=seed), np.random.default_rng(seed)
    for _ in range(EPOCHS):
        order = random.permutation(len(vectors))
        for batch in np.array_split(order, -(-len(order) // BATCH)):
            check()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found.partial_fit(vectors[batch])
    return np.asarray(found.cluster_centers_, dtype=np.float32)


def _agglomerated(pieces: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Merge pieces, and return the number of the cluster of each."""
    from sklearn.cluster import AgglomerativeClustering

    return np.asarray(AgglomerativeClustering(count, linkage="average").fit_predict(pieces), dtype=np.intp)


def _nearest(vectors: Tensor, means: NDArray[np.float32]) -> Tensor:
    """Index of the mean that is nearest to each vector, (n,); the first of equal ones."""
    import torch

    there = torch.from_numpy(means).to(vectors.device)
    parts = [(part @ there.T - (there**2).sum(dim=1) / 2).argmax(dim=1) for part in torch.split(vectors, 1 << 16)]
    return torch.cat(parts)
