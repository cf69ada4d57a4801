"""The embedding of one image, here and now: the first step of a script."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from napari_dinosim.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.encoders.base import Encoder
    from napari_dinosim.image import Plane
    from napari_dinosim.intensity import Intensity, Limits
    from napari_dinosim.sampling import Sampling


def embed(
    image: ArrayLike | Plane,
    encoder: Encoder,
    contrast_limits: Limits | None = None,
    *,
    rgb: bool | None = None,
    intensity: Intensity | None = None,
    sampling: Sampling | None = None,
    finer: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> PatchEmbeddings:
    """Compute the patch embeddings of one image, here and now.

    Parameters
    ----------
    image : array_like of shape (H, W) or (H, W, C), or Plane
        A plane, such as a :class:`~napari_dinosim.composition.Composition`, is embedded as it is.
    encoder : Encoder
        From :func:`napari_dinosim.load_encoder`.
    contrast_limits : (low, high), optional
        Intensities that become 0 and 1; by default the full range of ``uint8``, ``bool`` and RGB, else the finite ends.
    rgb : bool, optional
        Whether the last axis is RGB(A); by default it is where it has 3 or 4 entries.
    intensity : Intensity, optional
        How to find them instead.
    sampling : Sampling, optional
        How much of the image one patch covers; by default as many pixels as a patch has.
    finer : {1, 2, 4}
        Cells along each side of a patch, by averaging over shifted windows; takes ``finer ** 2`` times as long.
    on_progress, cancelled : callable, optional
        ``on_progress(done, total)`` is called after each batch of windows, ``cancelled()`` asked before each.

    Returns
    -------
    PatchEmbeddings

    Raises
    ------
    ImageError
        If the array cannot be read as an image, or a plane is given together with a choice of intensities.
    ResolutionError
        If it cannot be sampled so, or ``finer`` is another number.
    EncodingError, Cancelled
        If the encoder failed, or ``cancelled()`` became true.

    Warns
    -----
    UserWarning
        If NaN or ±inf were treated as black; if less had to be asked of a device with too little memory.
    """
    from napari_dinosim.encoders.finer import finer_encoder
    from napari_dinosim.sampling import sampled_plane
    from napari_dinosim.tiling import encode_plane

    encoder = finer_encoder(encoder, finer)
    plane = sampled_plane(_as_plane(image, rgb, contrast_limits, intensity), sampling, encoder.spec.patch_size)
    steps: list[str] = []
    found = encode_plane(plane, encoder, on_progress=on_progress, cancelled=cancelled, told=steps.append)
    return _warned(found, steps)


def _warned(found: PatchEmbeddings, steps: list[str]) -> PatchEmbeddings:
    """Warn in the name of who called :func:`embed`."""
    for text in [*steps, *(["The image holds NaN or ±inf; they are treated as black."] if found.nonfinite else [])]:
        warnings.warn(text, UserWarning, stacklevel=3)
    return found


def _as_plane(
    image: ArrayLike | Plane, rgb: bool | None, contrast_limits: Limits | None, intensity: Intensity | None
) -> Plane:
    from napari_dinosim.image import Plane, image_plane

    if not isinstance(image, Plane):
        return image_plane(image, rgb=rgb, contrast_limits=contrast_limits, intensity=intensity)
    if (rgb, contrast_limits, intensity) != (None, None, None):
        raise ImageError(
            f"intensities: found a choice of them for a {type(image).__name__}, expected none: it has its own. "
            "Leave rgb, contrast_limits and intensity out."
        )
    return image
