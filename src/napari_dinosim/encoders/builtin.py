"""The built-in encoder: measured textures and colours, no weights, no download. It is not DINO."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from napari_dinosim.encoders import _texture
from napari_dinosim.encoders._constants import WEIGHTS, Block, blocks
from napari_dinosim.encoders._encoding import check_windows, described, told_as_encoding_error
from napari_dinosim.encoders.catalogue import BUILTIN

if TYPE_CHECKING:
    from torch import Tensor

    from napari_dinosim.encoders.base import EncoderSpec

CONTEXT = _texture.gaussian(1.0, 1)
"""Texture is averaged over 3 × 3 patches with these weights."""
COLOUR_CONTEXT = _texture.gaussian(0.6, 1)
"""Colours less so: small stained things matter. Lightness is the patch's own."""
GATHER_RADIUS = 2
GATHER_SIGMA = 1.5
"""In patches: how far like neighbours are gathered."""
GATHER_SHARPNESS = 4.0
"""How much faster the influence of unlike neighbours fades; 0 would be a plain Gaussian."""
TEXTURE_LIMIT = 3.0
"""Where the numbers of texture level off, in standard deviations within a texture."""


class BuiltinEncoder:
    """Describe patches by texture and colour, measured, not learned.

    For each patch of 16 × 16 pixels:

    - ``texture``, over 3 × 3 patches with Gaussian weights: square roots of the histograms of uniform local binary
      patterns at radii of 1, 2 and 4 pixels [1]_, and the strength of the second and fourth angular harmonic of the
      logarithms of the amplitudes of Gabor filters of 3 wavelengths (4 to 16 pixels) and 8 orientations [2]_: all
      invariant to brightness and rotation, nearly so to contrast;
    - ``colours``, over little more than the patch: means and standard deviations of a and b in CIELAB, all 0 in a grey
      image;
    - ``lightness``, of the patch alone: mean and standard deviation of L.

    Each block is centred and multiplied by a matrix of constants, the same for every image: the discriminant directions
    between patches anywhere and patches two apart, which are mostly of one kind [3]_. They were measured, without
    labels, over the images inside scikit-image 0.26, each as shipped, with equalised grey levels, and these blurred and
    noisy (``python benchmarks/builtin_quality.py --measure``). The numbers are then limited, so that no extreme patch
    outweighs the others. At last each patch gathers its like neighbours: a Gaussian of 1.5 patches, within 2, times
    ``exp(4 (cosine - 1))`` [4]_. All that a token depends on lies within about 4 patches.

    An image is padded with black to whole patches. So fewer than 16 rows or columns of exact zeros at the bottom or
    right of a window that is not black are taken for padding and filled with the mirror image of what is beside them.

    Parameters
    ----------
    device : torch.device or str
        Where to compute.

    References
    ----------
    .. [1] Ojala, Pietikäinen, Mäenpää: Multiresolution gray-scale and rotation invariant texture classification with
       local binary patterns. IEEE TPAMI 24 (2002). https://doi.org/10.1109/TPAMI.2002.1017623
    .. [2] Manjunath, Ma: Texture features for browsing and retrieval of image data. IEEE TPAMI 18 (1996).
       https://doi.org/10.1109/34.531803
    .. [3] Shental, Hertz, Weinshall, Pavel: Adjustment learning and relevant component analysis. ECCV 2002.
       https://doi.org/10.1007/3-540-47979-1_52
    .. [4] Tomasi, Manduchi: Bilateral filtering for gray and color images. ICCV 1998.
       https://doi.org/10.1109/ICCV.1998.710815

    Examples
    --------
    >>> tuple(BuiltinEncoder().encode(torch.rand(1, 32, 48, 3)).shape)
    (1, 2, 3, 37)
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self._device = torch.device(device)

    def __repr__(self) -> str:
        return f"<{self.identity}, {described(BUILTIN)}, on {self._device}>"

    @property
    def spec(self) -> EncoderSpec:
        """The facts about the encoder."""
        return BUILTIN

    @property
    def identity(self) -> str:
        """Name and version; the version changes whenever the tokens do."""
        return "builtin@2"

    @property
    def device(self) -> torch.device:
        """Where the encoder computes and where its embeddings live."""
        return self._device

    @property
    def windows_per_batch(self) -> int:
        """How many windows of the default size :meth:`encode` is best given at once."""
        return 1 if self._device.type == "cpu" else 4

    def to_cpu(self) -> None:
        """Compute on the CPU from now on."""
        self._device = torch.device("cpu")

    @torch.no_grad()
    def encode(self, batch: Tensor) -> Tensor:
        """Patch tokens of a batch of windows; shapes and values as in :class:`~napari_dinosim.encoders.base.Encoder`.

        The same input gives the same tokens.

        Raises
        ------
        EncodingError
            If the batch has another shape, or the device fails.
        OutOfMemoryError
            If the device has too little memory for the batch.
        """
        check_windows(batch, BUILTIN)
        with told_as_encoding_error(BUILTIN, self._device):
            rgb = unpadded(batch.to(self._device, torch.float32).permute(0, 3, 1, 2))
            return gather_alike(standardise(measure(rgb))).permute(0, 2, 3, 1).contiguous()


def unpadded(rgb: Tensor) -> Tensor:
    """Fill the black padding of each window with the mirror image of what is beside it.

    Parameters
    ----------
    rgb : Tensor of shape (B, 3, H, W)

    Returns
    -------
    Tensor of shape (B, 3, H, W)
        Equal to ``rgb`` but for fewer than 16 rows and columns of exact zeros at the bottom and right.
    """
    lit = (rgb != 0).any(dim=1)
    if bool(lit[:, -1].any(dim=1).all() & lit[:, :, -1].any(dim=1).all()):
        return rgb
    rows, cols = _mirror_of_padding(lit.any(dim=2)), _mirror_of_padding(lit.any(dim=1))
    window = torch.arange(len(rgb), device=rgb.device)[:, None, None]
    return rgb.permute(0, 2, 3, 1)[window, rows[:, :, None], cols[:, None, :]].permute(0, 3, 1, 2)


def _mirror_of_padding(lit: Tensor) -> Tensor:
    """Where each place along an axis takes its pixels from, by which places are not black, (B, length)."""
    length = lit.shape[1]
    places = torch.arange(length, device=lit.device)
    end = (lit * (places + 1)).amax(dim=1, keepdim=True)  # behind the last place that is not black; 0 if all are
    end = torch.where((end == 0) | (length - end >= BUILTIN.patch_size), length, end)
    phase = places % (2 * end)
    return torch.minimum(phase, 2 * end - 1 - phase)


def measure(rgb: Tensor) -> dict[str, Tensor]:
    """All measures of each patch, by block, as they come.

    Parameters
    ----------
    rgb : Tensor of shape (B, 3, H, W), float32
        In [0, 1].

    Returns
    -------
    dict of Tensor of shape (B, n, rows, cols)
        Keyed and sized as the constants.
    """
    lab = _texture.lab(rgb)
    lightness = lab[:, :1]
    patterns = _texture.smoothed(_texture.pattern_histograms(lightness).flatten(1, 2), CONTEXT).clamp(min=0).sqrt()
    energies = _texture.smoothed(_texture.gabor_energies(lightness), CONTEXT)
    strength = (energies + _texture.ENERGY_FLOOR).log()
    anisotropy = [torch.linalg.vector_norm(_harmonic(strength, order), dim=1) for order in (1, 2)]
    middle = lab.new_tensor([0.5, 0.0, 0.0])[:, None, None]  # keeps the difference of squares exact near it
    means, squares = _texture.patch_means(lab), _texture.patch_means((lab - middle) ** 2)
    around, squares_around = (_texture.smoothed(plane[:, 1:], COLOUR_CONTEXT) for plane in (means, squares))
    return {
        "texture": torch.cat([patterns, *anisotropy], dim=1),
        "colours": torch.cat([around, (squares_around - around**2).clamp(min=0).sqrt()], dim=1),
        "lightness": torch.cat([means[:, :1], (squares - (means - middle) ** 2)[:, :1].clamp(min=0).sqrt()], dim=1),
    }


def standardise(measured: dict[str, Tensor]) -> Tensor:
    """Centre, transform, limit and weight the blocks with fixed constants, and join them: (B, D, rows, cols)."""
    joined = []
    for name, block in blocks().items():
        numbers = limited(name, transformed(measured[name], block), block.limit)
        joined.append(numbers * (WEIGHTS[name] / block.length))
    return torch.cat(joined, dim=1)


def transformed(values: Tensor, block: Block) -> Tensor:
    """Centre (B, n, rows, cols) and multiply it by the block's matrix: (B, d, rows, cols)."""
    centred = values - block.centre.to(values.device)[:, None, None]
    return torch.einsum("dn,bnrc->bdrc", block.matrix.to(values.device), centred)


def limited(name: str, numbers: Tensor, limit: float) -> Tensor:
    """Limit the numbers of one block, (B, d, rows, cols).

    Each number of texture levels off on its own. Colours keep their direction; their length levels off. So does that of
    lightness, which also hardly counts where it is far below the limit: most patches are neither bright nor dark.
    """
    if name == "texture":
        return numbers / (1 + (numbers / TEXTURE_LIMIT) ** 2).sqrt()
    square = numbers.square().sum(dim=1, keepdim=True) / limit**2
    levelled = numbers / (1 + square).sqrt()
    return levelled * (square / (1 + square)) if name == "lightness" else levelled


def gather_alike(tokens: Tensor) -> Tensor:
    """Average each patch with its neighbours, the more the nearer and the more alike they are.

    Parameters
    ----------
    tokens : Tensor of shape (B, D, rows, cols)

    Returns
    -------
    Tensor of shape (B, D, rows, cols)
    """
    rows, cols = tokens.shape[-2:]
    weights = _texture.gaussian(GATHER_SIGMA, GATHER_RADIUS)
    units = functional.normalize(tokens, dim=1)
    around, units_around = (_texture.mirrored(plane, GATHER_RADIUS) for plane in (tokens, units))
    total, mass = torch.zeros_like(tokens), torch.zeros_like(tokens[:, :1])
    for down, weight_down in enumerate(weights):
        for across, weight_across in enumerate(weights):
            part = (..., slice(down, down + rows), slice(across, across + cols))
            cosine = (units_around[part] * units).sum(dim=1, keepdim=True)
            weight = weight_down * weight_across * (GATHER_SHARPNESS * (cosine - 1)).exp()
            total += weight * around[part]
            mass += weight
    return total / mass


def _harmonic(strength: Tensor, order: int) -> Tensor:
    """Angular harmonic 2 · order of (B, levels, orientations, ...): cosine and sine parts, (B, 2, levels, ...)."""
    angles = torch.arange(_texture.ORIENTATIONS, device=strength.device) * (2 * math.pi * order / _texture.ORIENTATIONS)
    waves = torch.stack([angles.cos(), angles.sin()])
    return torch.einsum("blkrc,pk->bplrc", strength, waves) / _texture.ORIENTATIONS
