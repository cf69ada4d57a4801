"""The built-in encoder: measured textures and colours, no weights, no download. It is not DINO."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from napari_dinosim.encoders import _texture
from napari_dinosim.encoders._constants import CENTRES, LENGTHS, SPREADS, WEIGHTS
from napari_dinosim.encoders.base import EncoderSpec
from napari_dinosim.errors import EncodingError

if TYPE_CHECKING:
    from torch import Tensor

SPEC = EncoderSpec(
    name="builtin",
    title="Built-in textures (not DINO)",
    patch_size=_texture.PATCH,
    dimension=sum(map(len, CENTRES.values())),
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    source="",
    licence="BSD-3-Clause",
    licence_url="https://opensource.org/license/bsd-3-clause",
    download_bytes=0,
)

CONTEXT = _texture.gaussian(1.0, 1)
"""Every measure is averaged over 3 × 3 patches with these weights."""
GATHER_RADIUS = 3
GATHER_SIGMA = 2.0
"""In patches: how far like neighbours are gathered."""
GATHER_SHARPNESS = 3.0
"""How much faster the influence of unlike neighbours fades; 0 would be a plain Gaussian."""


class BuiltinEncoder:
    """Describe patches by texture and colour, measured, not learned.

    For each patch of 16 × 16 pixels, each over 3 × 3 patches with Gaussian weights:

    - ``fine``, ``wide``: square roots of the histograms of uniform local binary patterns at a radius of 1 pixel, and of
      2 and 4 pixels [1]_;
    - logarithms of the amplitudes of Gabor filters of 4 wavelengths (4 to 32 pixels) and 8
      orientations [2]_, as their mean (``contrast``), how each wavelength departs from it (``energies``), the strength
      of the second and fourth angular harmonic (``anisotropy``) and, lightly weighted, the second harmonic itself
      (``orientation``): mostly invariant to rotation;
    - ``colours``: means of a and b in CIELAB and standard deviations of a and b, all 0 in a grey image;
    - ``lightness``: mean and standard deviation of L.

    Every number is centred, divided by a spread and weighted with the constants of
    `napari_dinosim.encoders._constants`, the same for every image. At last each patch gathers its like neighbours:
    a Gaussian of 2 patches, within 3, times ``exp(3 (cosine - 1))`` [3]_. All that a token depends on lies within about
    5 patches.

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
    .. [3] Tomasi, Manduchi: Bilateral filtering for gray and color images. ICCV 1998.
       https://doi.org/10.1109/ICCV.1998.710815

    Examples
    --------
    >>> tuple(BuiltinEncoder().encode(torch.rand(1, 32, 48, 3)).shape)
    (1, 2, 3, 57)
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self._device = torch.device(device)

    @property
    def spec(self) -> EncoderSpec:
        """The facts about the encoder."""
        return SPEC

    @property
    def identity(self) -> str:
        """Name and version; the version changes whenever the tokens do."""
        return "builtin@1"

    @property
    def device(self) -> torch.device:
        """Where the encoder computes and where its embeddings live."""
        return self._device

    @property
    def windows_per_batch(self) -> int:
        """How many windows of the default size :meth:`encode` is best given at once."""
        return 1 if self._device.type == "cpu" else 4

    @torch.inference_mode()
    def encode(self, batch: Tensor) -> Tensor:
        """Patch tokens of a batch of windows.

        Parameters
        ----------
        batch : Tensor of shape (B, H, W, 3), float32
            RGB in [0, 1]; H and W are multiples of 16, at least 16.

        Returns
        -------
        Tensor of shape (B, H / 16, W / 16, D), float32, on :attr:`device`
            Not yet of unit length. The same input gives the same tokens.

        Raises
        ------
        ValueError
            If the batch has another shape.
        EncodingError
            If the device fails or runs out of memory.
        """
        size = SPEC.patch_size
        if batch.ndim != 4 or batch.shape[3] != 3 or any(side < size or side % size for side in batch.shape[1:3]):
            raise ValueError(
                f"batch shape: found {tuple(batch.shape)}, expected (B, H, W, 3) with H and W multiples of {size}. "
                "Pad the windows to whole patches."
            )
        try:
            rgb = batch.to(self._device, torch.float32).permute(0, 3, 1, 2)
            return gather_alike(standardise(measure(rgb))).permute(0, 2, 3, 1).contiguous()
        except RuntimeError as error:
            raise EncodingError(
                f"the built-in encoder failed on {self._device} with a batch of shape {tuple(batch.shape)}: {error}. "
                "Choose the CPU or smaller windows."
            ) from error


def measure(rgb: Tensor) -> dict[str, Tensor]:
    """All measures of each patch, by block, before they are standardised.

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
    patterns = _context(_texture.pattern_histograms(lightness).flatten(1, 2)).clamp(min=0).sqrt()
    energies = _context(_texture.gabor_energies(lightness))
    means = _context(_texture.patch_means(lab))
    middle = lab.new_tensor([0.5, 0.0, 0.0])[:, None, None]  # keeps the difference of squares exact near it
    squares = _context(_texture.patch_means((lab - middle) ** 2))
    deviations = (squares - (means - middle) ** 2).clamp(min=0).sqrt()
    strength = (energies + _texture.ENERGY_FLOOR).log()
    levels = strength.mean(dim=2)
    contrast = levels.mean(dim=1, keepdim=True)
    second, fourth = (_harmonic(strength, order) for order in (1, 2))
    return {
        "fine": patterns[:, : _texture.LBP_BINS],
        "wide": patterns[:, _texture.LBP_BINS :],
        "contrast": contrast,
        "energies": levels - contrast,
        "anisotropy": torch.cat([torch.linalg.vector_norm(part, dim=1) for part in (second, fourth)], dim=1),
        "orientation": second.flatten(1, 2),
        "colours": torch.cat([means[:, 1:], deviations[:, 1:]], dim=1),
        "lightness": torch.cat([means[:, :1], deviations[:, :1]], dim=1),
    }


def standardise(blocks: dict[str, Tensor]) -> Tensor:
    """Centre, scale and weight the blocks with fixed constants, and join them: (B, D, rows, cols)."""
    joined = []
    for name, values in blocks.items():
        centre, spread = (values.new_tensor(numbers)[:, None, None] for numbers in (CENTRES[name], SPREADS[name]))
        joined.append((values - centre) / spread * (WEIGHTS[name] / LENGTHS[name]))
    return torch.cat(joined, dim=1)


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


def _context(values: Tensor) -> Tensor:
    """Average over 3 × 3 patches with Gaussian weights."""
    return _texture.smoothed(values, CONTEXT)


def _harmonic(strength: Tensor, order: int) -> Tensor:
    """Angular harmonic 2 · order of (B, levels, orientations, ...): cosine and sine parts, (B, 2, levels, ...)."""
    angles = torch.arange(_texture.ORIENTATIONS, device=strength.device) * (2 * math.pi * order / _texture.ORIENTATIONS)
    waves = torch.stack([angles.cos(), angles.sin()])
    return torch.einsum("blkrc,pk->bplrc", strength, waves) / _texture.ORIENTATIONS
