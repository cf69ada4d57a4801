"""All embedded patches of several images, taken together: a bounded sample of them, and a result for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_dinosim.errors import Cancelled, EncoderMismatchError, FeaturesError, NotEmbeddedError
from napari_dinosim.similarity import CHUNK_ELEMENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.grid import PatchGrid

SAMPLE_NUMBERS = 1 << 25
"""Numbers of the largest sample, D for each patch: 87 000 patches at D = 384, 134 MB in float32."""

PASSES = 2
"""Times that all patches are gone through: once for the sample, once for the results."""


class Patches:
    """All embedded patches of several images.

    Parameters
    ----------
    embeddings : sequence of PatchEmbeddings
        Of images and planes, by one encoder. Patches that are not embedded are left out.
    on_progress, cancelled : callable(done, total), callable() -> bool, optional
        Called with a number of patches, and asked, part by part.

    Raises
    ------
    NotEmbeddedError
        If there is no embedded patch.
    EncoderMismatchError
        If they come from different encoders.
    """

    def __init__(
        self,
        embeddings: Sequence[PatchEmbeddings],
        on_progress: Callable[[int, int], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> None:
        self._embeddings = list(embeddings)
        self._on_progress, self._cancelled, self._done = on_progress, cancelled, 0
        encoders = sorted({found.encoder for found in self._embeddings})
        if len(encoders) > 1:
            raise EncoderMismatchError(
                f"encoder mismatch: the images were embedded with {' and '.join(map(repr, encoders))}. "
                "Embed all images with one encoder."
            )
        self.known = [found.mosaic.known().numpy() for found in self._embeddings]
        """Which patches are taken, (rows, cols) of each image; what is embedded meanwhile is left out."""
        self.count = sum(int(known.sum()) for known in self.known)
        if not self.count:
            raise NotEmbeddedError("features: found no embedded patch, expected some. Embed an image first.")

    @property
    def dimension(self) -> int:
        """D, the length of a vector in numbers."""
        return next(found.dimension for found in self._embeddings if found.mosaic.blocks)

    @property
    def largest_sample(self) -> int:
        """Patches that a sample has at most."""
        return max(1, SAMPLE_NUMBERS // self.dimension)

    def expect(self, least: int, what_for: str) -> None:
        """Raise a FeaturesError where there are fewer patches than something needs."""
        if self.count < least:
            patches = "patch" if self.count == 1 else "patches"
            raise FeaturesError(
                f"{what_for}: found {self.count} embedded {patches}, expected at least {least}. "
                "Check more images, embed more of them, or ask for less."
            )

    def sample(self, seed: int = 0) -> NDArray[np.float32]:
        """Vectors of all patches, or of so many of them, drawn without replacement, that memory is bounded.

        Parameters
        ----------
        seed : int
            The same sample for the same patches and the same seed.

        Returns
        -------
        ndarray of shape (n, D), float32
            Every patch of every image has the same chance; their order is kept.
        """
        size = min(self.count, self.largest_sample)
        chosen = np.arange(self.count)
        if size < self.count:
            chosen = np.sort(np.random.default_rng(seed).choice(self.count, size, replace=False))
        vectors, begin, filled = np.empty((size, self.dimension), dtype=np.float32), 0, 0
        for found, known in zip(self._embeddings, self.known, strict=True):
            for place, part in found.mosaic.parts():
                places = np.flatnonzero(known[place])
                first, last = np.searchsorted(chosen, (begin, begin + len(places)))
                picked = torch.from_numpy(places[chosen[first:last] - begin]).to(part.device)
                flat = part.reshape(-1, part.shape[-1])
                vectors[filled : filled + len(picked)] = flat[picked].float().cpu().numpy()
                begin, filled = begin + len(places), filled + len(picked)
                self._advance(len(places))
        return vectors

    def results(self, find: Callable[[Tensor], Tensor], blank: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        """Find something for each patch.

        Parameters
        ----------
        find : callable(Tensor of shape (n, D), float32) -> Tensor of shape (n, …)
            Works where the vectors are.
        blank : ndarray of shape (…)
            Result of a patch that is not embedded; its type is that of the results.

        Returns
        -------
        tuple of ndarray of shape (rows, cols, …)
            One for each of the images, in their order.
        """
        return tuple(
            self._result(found, known, find, blank) for found, known in zip(self._embeddings, self.known, strict=True)
        )

    def _result(
        self, found: PatchEmbeddings, known: NDArray[np.bool_], find: Callable[[Tensor], Tensor], blank: NDArray[Any]
    ) -> NDArray[Any]:
        made = np.broadcast_to(blank, (*known.shape, *blank.shape)).copy()
        for place, part in found.mosaic.parts():
            flat, values = part.reshape(-1, part.shape[-1]), []
            for chunk in torch.split(flat, max(1, CHUNK_ELEMENTS // flat.shape[1])):
                values.append(find(chunk.float()).cpu())
                self.check()
            target, here = made[place], known[place]
            target[here] = torch.cat(values).numpy().reshape(target.shape)[here].astype(blank.dtype)
            self._advance(int(here.sum()))
        return made

    def check(self) -> None:
        """Go on, if the person wants to.

        Raises
        ------
        Cancelled
            If not.
        """
        if self._cancelled is not None and self._cancelled():
            raise Cancelled("Cancelled: nothing was made of the features.")

    def _advance(self, count: int) -> None:
        """Note that so many patches more were gone through."""
        self.check()
        self._done += count
        if self._on_progress is not None:
            self._on_progress(self._done, PASSES * self.count)


def pixels_of(grid: PatchGrid) -> NDArray[np.int64]:
    """How many pixels of the image each patch covers, exactly.

    Returns
    -------
    ndarray of shape (rows, cols), int64
        Their sum is the number of pixels of the image.

    Examples
    --------
    >>> from napari_dinosim.grid import PatchGrid
    >>> pixels_of(PatchGrid(20, 40, 16))
    array([[256, 256, 128],
           [ 64,  64,  32]])
    """
    height, width = grid.image_shape
    rows = np.broadcast_to(np.arange(grid.rows, dtype=np.float32)[:, None], grid.shape)
    cols = np.broadcast_to(np.arange(grid.cols, dtype=np.float32), grid.shape)
    zero = np.zeros(1, dtype=np.intp)
    down = grid.upsample_at(rows, np.arange(height), zero).ravel().astype(np.intp)
    across = grid.upsample_at(cols, zero, np.arange(width)).ravel().astype(np.intp)
    return np.outer(np.bincount(down, minlength=grid.rows), np.bincount(across, minlength=grid.cols)).astype(np.int64)
