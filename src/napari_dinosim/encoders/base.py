"""What an encoder is: the protocol, and the frozen facts about each one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """The facts about one encoder.

    Parameters
    ----------
    name : str
        The name people use, Meta's own for their models: ``"dinov3_vits16"``.
    title : str
        The name shown to people.
    patch_size : int
        Side P of a patch in pixels (for convolutional encoders, the stride).
    dimension : int
        Length D of a patch embedding.
    mean, std : tuple of float
        Per-channel normalisation of RGB in [0, 1].
    source : str
        Web address of the model's home.
    licence : str
        Name of the licence of the weights.
    licence_url : str
        Web address of that licence.
    download_bytes : int
        Size of the weights file; 0 where there is none.
    hub_repo : str, default: ""
        Repository of the weights on the Hugging Face hub, ``"owner/name"``; empty where there is none.
    gated_repo : str, default: ""
        The authors' own repository on the hub where it is another one, open only to those who were given access.
    family : {"", "dinov3", "dinov3-convnext", "dinov2", "timm", "builtin"}
        How the encoder is built and its weights are read.
    timm_name : str, default: ""
        Name of the architecture in timm.
    parameters : int, default: 0
        Number of weights.
    prefix_tokens : int, default: 0
        Class and register tokens in front of the patch tokens; they are dropped.
    blocks : int, default: 0
        Number of transformer blocks (for convolutional encoders, stages).
    memory_per_1000_patches : int, default: 0
        Bytes that a forward pass takes on top of the weights, in float32; 0 where not known.
    sha256_prefix : str, default: ""
        First 8 hexadecimal digits of the sha256 of the authors' own file.
    finer : int, default: 1
        Cells n along each side of a patch, each with an embedding of its own.
    """

    name: str
    title: str
    patch_size: int
    dimension: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    source: str
    licence: str
    licence_url: str
    download_bytes: int
    hub_repo: str = ""
    gated_repo: str = ""
    family: str = ""
    timm_name: str = ""
    parameters: int = 0
    prefix_tokens: int = 0
    blocks: int = 0
    memory_per_1000_patches: int = 0
    sha256_prefix: str = ""
    finer: int = 1


class Encoder(Protocol):
    """A frozen map from image windows to patch tokens."""

    @property
    def spec(self) -> EncoderSpec:
        """The facts about the encoder."""

    @property
    def identity(self) -> str:
        """Name and weights; embeddings are comparable only where this is equal."""

    @property
    def device(self) -> torch.device:
        """Where the encoder computes and where its embeddings live."""

    @property
    def windows_per_batch(self) -> int:
        """How many windows of the default size :meth:`encode` is best given at once."""

    def encode(self, batch: Tensor) -> Tensor:
        """Patch tokens of a batch of windows.

        Parameters
        ----------
        batch : Tensor of shape (B, H, W, 3), float32
            RGB in [0, 1], *before* the encoder's normalisation; H and W are multiples of the patch size.

        Returns
        -------
        Tensor of shape (B, n H / P, n W / P, D), float32, on :attr:`device`
            Final-norm patch tokens, not yet of unit length; no CLS, no register tokens. n is the specification's
            ``finer``, 1 for all that do not average shifted windows.

        Raises
        ------
        EncodingError
            If the device fails or runs out of memory.
        """
