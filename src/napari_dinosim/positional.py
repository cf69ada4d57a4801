"""Where an encoder's tokens tell the place of a patch rather than what is there, and how that is taken out.

Source: INSID3 (arXiv 2603.28480): the tokens of an image with nothing in it span the directions of position;
projecting them out of every embedding removes the bias.
"""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from napari_dinosim.embeddings import largest_count
from napari_dinosim.encoders.finer import FinerEncoder, finer_encoder
from napari_dinosim.similarity import unit_vectors

if TYPE_CHECKING:
    from torch import Tensor

    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.encoders.base import Encoder

NEGLIGIBLE = 1e-3
"""A direction along which the black image's unit vectors spread less than this (rms) is noise, not position."""

_directions: weakref.WeakKeyDictionary[Encoder, dict[tuple[int, int, int], Tensor]] = weakref.WeakKeyDictionary()


class PositionalBias:
    """The directions of position of one encoder for one window shape; found when first asked for, then kept.

    Parameters
    ----------
    encoder : Encoder
        Held weakly: it can be freed while embeddings live.
    rows, cols : int
        Shape of the windows, in patches.
    """

    def __init__(self, encoder: Encoder, rows: int, cols: int) -> None:
        # what makes an encoder finer may be gone long before the encoder itself
        self._encoder = weakref.ref(encoder.encoder if isinstance(encoder, FinerEncoder) else encoder)
        self.shape, self._finer = (rows, cols), encoder.spec.finer

    def __call__(self, k: int) -> Tensor:
        """Return the first k directions of position.

        Parameters
        ----------
        k : int

        Returns
        -------
        Tensor of shape (at most k, D), float32
            Orthonormal; fewer than k, even none, where the encoder has no more that matter.

        Raises
        ------
        LookupError
            If the encoder has been freed before it was asked.
        """
        encoder = self._encoder()
        if encoder is None:
            raise LookupError(
                "positional bias: the encoder that made these embeddings has been freed. Load it and embed again."
            )
        held, key = _directions.setdefault(encoder, {}), (*self.shape, self._finer)
        if key not in held:
            held[key] = find_directions(finer_encoder(encoder, self._finer), *self.shape)
        return held[key][:k]


def find_directions(encoder: Encoder, rows: int, cols: int) -> Tensor:
    """Directions in which the embeddings of a black window spread.

    The unit vectors of a black image are centred; their right singular vectors, the strongest first, are the
    directions.

    Parameters
    ----------
    encoder : Encoder
    rows, cols : int
        Shape of the window, in patches.

    Returns
    -------
    Tensor of shape (n, D), float32
        Orthonormal, n at most D / 4; n is 0 for an encoder that does not know where a patch lies.
    """
    size = encoder.spec.patch_size
    black = torch.zeros(1, rows * size, cols * size, 3)
    vectors = unit_vectors(encoder.encode(black))[0].flatten(0, 1).cpu()
    centred = vectors - vectors.mean(dim=0)
    _, strengths, directions = torch.linalg.svd(centred, full_matrices=False)
    matter = int((strengths / len(vectors) ** 0.5 > NEGLIGIBLE).sum())
    found: Tensor = directions[: min(matter, largest_count(vectors.shape[1]))]
    return found.clone()


def rebound(embeddings: PatchEmbeddings, encoder: Encoder) -> PatchEmbeddings:
    """Let embeddings ask this encoder for their directions: the one that made them, loaded anew."""
    bias = embeddings.bias
    if not isinstance(bias, PositionalBias):
        return embeddings
    return replace(embeddings, bias=PositionalBias(encoder, *bias.shape))
