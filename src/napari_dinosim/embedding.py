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


def embed(
    image: ArrayLike | Plane,
    encoder: Encoder,
    contrast_limits: Limits | None = None,
    *,
    rgb: bool | None = None,
    intensity: Intensity | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> PatchEmbeddings:
    """Compute the patch embeddings of one image, here and now.

    Parameters
    ----------
    image : array_like of shape (H, W) or (H, W, C), or Plane
        See :func:`napari_dinosim.image.image_plane` for how intensities are read. A plane, such as a
        :class:`~napari_dinosim.composition.Composition` of several channels, is embedded as it is.
    encoder : Encoder
        From :func:`napari_dinosim.load_encoder`.
    contrast_limits : (low, high), optional
        Intensities that become 0 and 1; by default the finite minimum and maximum, except for ``uint8``,
        ``bool`` and RGB, whose full range is used.
    rgb : bool, optional
        Whether the last axis is RGB(A); by default it is where it has 3 or 4 entries.
    intensity : Intensity, optional
        How the limits are found instead, from a sample of the image: by percentiles, the full range of the type, ….
    on_progress : callable(done, total), optional
        Called after each batch of windows.
    cancelled : callable() -> bool, optional
        Asked before each batch of windows.

    Returns
    -------
    PatchEmbeddings

    Raises
    ------
    ImageError
        If the array cannot be read as an image, or a plane is given together with a choice of intensities.
    EncodingError
        If the encoder failed.
    Cancelled
        If ``cancelled()`` became true.

    Warns
    -----
    UserWarning
        If the image holds NaN or ±inf, which are treated as black; if less had to be asked of the device because it
        has too little memory.
    """
    from napari_dinosim.tiling import encode_plane

    plane = _as_plane(image, rgb, contrast_limits, intensity)
    steps: list[str] = []
    embeddings = encode_plane(plane, encoder, on_progress=on_progress, cancelled=cancelled, told=steps.append)
    for step in steps:
        warnings.warn(step, UserWarning, stacklevel=2)
    if embeddings.nonfinite:
        warnings.warn("The image holds NaN or ±inf; they are treated as black.", UserWarning, stacklevel=2)
    return embeddings


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
