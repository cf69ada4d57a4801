"""Finer maps: an encoder that sees each window several times, each time shifted by a part of a patch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from napari_dinosim.errors import OutOfMemoryError, ResolutionError
from napari_dinosim.similarity import unit_vectors

if TYPE_CHECKING:
    from torch import Tensor

    from napari_dinosim.encoders.base import Encoder, EncoderSpec

FINER = (2, 4)
"""Cells along a patch that can be had beside 1."""


class FinerEncoder:
    """An encoder with n × n cells for each patch of the one it holds.

    The window is encoded n × n times. Each time it is shifted down and right by ``k P / n`` pixels, rounded, for k
    from 0 to n - 1 along each axis, and black comes in where it came from. So every cell of P / n pixels lies in n × n
    patches, spread evenly around it; its token is the sum of their unit vectors. It still tells of P × P pixels and
    more: it is finer in place, not in what is seen.

    Parameters
    ----------
    encoder : Encoder
    finer : {2, 4}
        Cells n along each side of a patch.

    Raises
    ------
    ResolutionError
        If it is another number, or more than a patch has pixels.
    """

    def __init__(self, encoder: Encoder, finer: int) -> None:
        size = encoder.spec.patch_size
        if finer not in FINER or finer > size:
            raise ResolutionError(
                f"finer: found {finer}, expected 1, 2 or 4, and no more than the {size} pixels of a patch. "
                "Choose one of them, or enlarge the image."
            )
        self.encoder, self.finer = encoder, finer

    @property
    def spec(self) -> EncoderSpec:
        """The facts about the encoder; its patch size is that of the one it holds, with ``finer`` cells along it."""
        return replace(self.encoder.spec, finer=self.finer)

    @property
    def identity(self) -> str:
        """That of the encoder it holds, and how much finer: averaged vectors are no longer comparable with its own."""
        return f"{self.encoder.identity}-finer{self.finer}"

    @property
    def device(self) -> torch.device:
        """Where the encoder computes and where its embeddings live."""
        return self.encoder.device

    @property
    def windows_per_batch(self) -> int:
        """How many windows of the default size :meth:`encode` is best given at once."""
        return self.encoder.windows_per_batch

    def to_cpu(self) -> None:
        """Move the encoder that it holds to the CPU.

        Raises
        ------
        OutOfMemoryError
            If that one cannot be moved.
        """
        move = getattr(self.encoder, "to_cpu", None)
        if move is None:
            raise OutOfMemoryError(
                f"memory of {self.device}: {self.spec.name!r} cannot be moved to the CPU. Choose a smaller encoder."
            )
        move()

    def encode(self, batch: Tensor) -> Tensor:
        """Tokens of the cells of a batch of windows.

        Parameters
        ----------
        batch : Tensor of shape (B, H, W, 3), float32
            RGB in [0, 1]; H and W are multiples of the patch size P.

        Returns
        -------
        Tensor of shape (B, n H / P, n W / P, D), float32, on :attr:`device`
            Sums of unit vectors, not of unit length.

        Raises
        ------
        EncodingError
            If the device fails or runs out of memory.
        """
        size, (height, width) = self.spec.patch_size, batch.shape[1:3]
        total: Tensor | None = None
        for down in shifts(size, self.finer):
            rows = self._patches(height, down)
            for across in shifts(size, self.finer):
                tokens = unit_vectors(self.encoder.encode(_shifted(batch, down, across, size)))
                spread = tokens[:, rows.to(tokens.device)[:, None], self._patches(width, across).to(tokens.device)]
                total = spread if total is None else total.add_(spread)
        assert total is not None  # there is always the shift by nothing
        return total

    def _patches(self, length: int, shift: int) -> Tensor:
        """Which patch of the shifted window holds the centre of each cell along one axis; in integers."""
        size, cells = self.spec.patch_size, torch.arange(length * self.finer // self.spec.patch_size)
        return ((2 * cells + 1) * size + 2 * self.finer * shift) // (2 * self.finer * size)


def finer_encoder(encoder: Encoder, finer: int) -> Encoder:
    """Make an encoder finer.

    Parameters
    ----------
    encoder : Encoder
    finer : {1, 2, 4}
        Cells along each side of a patch; with 1 it is the encoder itself.

    Returns
    -------
    Encoder

    Raises
    ------
    ResolutionError
        If it is another number, or more than a patch has pixels.
    """
    return encoder if finer == 1 else FinerEncoder(encoder, finer)


def shifts(patch_size: int, finer: int) -> list[int]:
    """Pixels that a window is shifted by along one axis, ``k P / n`` rounded (halves up)."""
    return [(2 * k * patch_size + finer) // (2 * finer) for k in range(finer)]


def _shifted(batch: Tensor, down: int, across: int, size: int) -> Tensor:
    """Move windows down and right into a frame of whole patches; what comes in is black."""
    count, height, width, channels = batch.shape
    frame = (count, height + (size if down else 0), width + (size if across else 0), channels)
    moved = batch.new_zeros(frame)
    moved[:, down : down + height, across : across + width] = batch
    return moved
