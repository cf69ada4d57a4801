"""The embeddings of one image, here and now: for scripts and consoles."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from napari_dinosim.encoders.finer import finer_encoder
from napari_dinosim.image import image_plane
from napari_dinosim.sampling import sampled_plane
from napari_dinosim.tiling import encode_plane

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike

    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.encoders.base import Encoder
    from napari_dinosim.sampling import Sampling


def embed(
    image: ArrayLike,
    encoder: Encoder,
    contrast_limits: tuple[float, float] | None = None,
    *,
    rgb: bool | None = None,
    sampling: Sampling | None = None,
    finer: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> PatchEmbeddings:
    """Compute the patch embeddings of one image, here and now.

    Parameters
    ----------
    image : array_like of shape (H, W) or (H, W, C)
        See :func:`napari_dinosim.image.image_plane` for how intensities are read.
    encoder : Encoder
        From :func:`napari_dinosim.load_encoder`.
    contrast_limits : (low, high), optional
        Intensities that become 0 and 1; by default the full range of ``uint8``, ``bool`` and RGB, the finite minimum
        and maximum of others.
    rgb : bool, optional
        Whether the last axis is RGB(A); by default it is where it has 3 or 4 entries.
    sampling : Sampling, optional
        How much of the image one patch covers; by default as many pixels as a patch has.
    finer : {1, 2, 4}
        Cells along each side of a patch, by averaging over shifted windows; takes ``finer ** 2`` times as long.
    on_progress, cancelled : callable, optional
        ``on_progress(done, total)`` is called after each batch of windows, ``cancelled()`` is asked before each.

    Returns
    -------
    PatchEmbeddings

    Raises
    ------
    ImageError
        If the array cannot be read as an image.
    ResolutionError
        If it cannot be sampled so, or ``finer`` is another number.
    EncodingError
        If the encoder failed.
    Cancelled
        If ``cancelled()`` became true.

    Warns
    -----
    UserWarning
        If NaN or ±inf were treated as black; if less had to be asked of a device with too little memory.
    """
    encoder = finer_encoder(encoder, finer)
    native = image_plane(image, rgb=rgb, contrast_limits=contrast_limits)
    plane = sampled_plane(native, sampling, encoder.spec.patch_size)
    steps: list[str] = []
    embeddings = encode_plane(plane, encoder, on_progress=on_progress, cancelled=cancelled, told=steps.append)
    _warn(steps, embeddings.nonfinite)
    return embeddings


def _warn(steps: list[str], nonfinite: bool) -> None:
    """Warn in the name of who called :func:`embed`."""
    for text in [*steps, *(["The image holds NaN or ±inf; they are treated as black."] if nonfinite else [])]:
        warnings.warn(text, UserWarning, stacklevel=3)
