"""Which place of one image is which place of another: the nearest patch of each point, and whether it is mutual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_dinosim.analysis.nearest import nearest_patches
from napari_dinosim.errors import NotEmbeddedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari_dinosim.embeddings import PatchEmbeddings


@dataclass(frozen=True, slots=True)
class Correspondence:
    """A place of one image and what is most like it in another.

    Parameters
    ----------
    y, x : float
        Middle of the patch under the given point, in pixels of the first image.
    found_y, found_x : float
        Middle of the most similar patch, in pixels of the second image.
    score : float
        Their cosine, in [-1, 1].
    mutual : bool
        Whether the patch most similar to that one, in the first image, is the point's own, or beside it.
    """

    y: float
    x: float
    found_y: float
    found_x: float
    score: float
    mutual: bool


def correspond(
    first: PatchEmbeddings,
    second: PatchEmbeddings,
    points: Iterable[tuple[float, float]],
    *,
    beside: int = 1,
    on_share: Callable[[float], None] = lambda _share: None,
) -> list[Correspondence]:
    """Find the patch of a second image that is most like the patch under each point of a first one.

    Parameters
    ----------
    first, second : PatchEmbeddings
        By one encoder.
    points : iterable of (y, x)
        In pixels of the first image.
    beside : int
        How many rows and columns the way back may be off for the pair to be mutual: an object is seldom cut into
        patches the same way twice.
    on_share : callable(share), optional
        Told now and then which share is done, from 0 to 1.

    Returns
    -------
    list of Correspondence
        One per point, in their order.

    Raises
    ------
    OutsideImageError, NotEmbeddedError
        If a point lies outside the first image or in a part of it that is not embedded, or if nothing of the second is.
    EncoderMismatchError, ValueError
        If the two were embedded by different encoders; if there is no point.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_dinosim as dinosim
    >>> image = np.random.default_rng(0).random((96, 144)).repeat(2, axis=0)
    >>> encoder = dinosim.load_encoder("builtin")
    >>> first, second = dinosim.embed(image, encoder), dinosim.embed(np.roll(image, 32, axis=1), encoder)
    >>> [found] = dinosim.correspond(first, second, [(72, 40)])
    >>> (found.y, found.x), (found.found_y, found.found_x), round(found.score, 2), found.mutual
    ((71.5, 39.5), (71.5, 71.5), 1.0, True)
    """
    points = list(points)
    query = first.query(points)
    there = nearest_patches(second, query.vectors, query.encoder, lambda share: on_share(share / 2))
    if (there.rows < 0).any():
        raise NotEmbeddedError("correspondence: found nothing embedded of the second image. Embed it first.")
    patches = list(zip(there.rows.tolist(), there.cols.tolist(), strict=True))
    back = nearest_patches(first, second.mosaic.at(patches), second.encoder, lambda share: on_share(0.5 + share / 2))
    made = []
    for i, (y, x) in enumerate(points):
        row, col = first.grid.patch_at(y, x)
        mutual = abs(int(back.rows[i]) - row) <= beside and abs(int(back.cols[i]) - col) <= beside
        ends = _middle(first, row, col), _middle(second, *patches[i])
        made.append(Correspondence(*ends[0], *ends[1], float(there.scores[i]), mutual))
    return made


def _middle(embeddings: PatchEmbeddings, row: int, col: int) -> tuple[float, float]:
    """Middle of a patch, in pixels."""
    ys, xs = embeddings.grid.centres()
    return float(ys[row]), float(xs[col])
