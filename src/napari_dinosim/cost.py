"""What embedding will cost, known before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_dinosim.encoders.finer import shifts
from napari_dinosim.grid import PatchGrid
from napari_dinosim.partial import Window
from napari_dinosim.sampling import Sampling
from napari_dinosim.tiling import window_starts

if TYPE_CHECKING:
    from napari_dinosim.encoders.base import EncoderSpec


@dataclass(frozen=True, slots=True)
class Cost:
    """What embedding an image will cost.

    Parameters
    ----------
    patches : int
        Embeddings that are kept.
    encoded : int
        Patches that go through the encoder: more, where windows overlap or are shifted.
    memory : int
        Bytes of the embeddings that are kept.
    seconds : float, optional
        None where it is not known how fast the encoder is.
    """

    patches: int
    encoded: int
    memory: int
    seconds: float | None = None


def expected_cost(
    image_shape: tuple[int, int],
    spec: EncoderSpec,
    sampling: Sampling | None = None,
    finer: int = 1,
    *,
    planes: int = 1,
    per_second: float | None = None,
    number_bytes: int = 4,
) -> Cost:
    """Reckon what embedding an image will cost.

    Parameters
    ----------
    image_shape : (height, width)
        Of one plane, in pixels.
    spec : EncoderSpec
        Of the encoder, not yet made finer.
    sampling : Sampling, optional
        By default the image as it is.
    finer : {1, 2, 4}
        Cells along each side of a patch.
    planes : int
        How many planes of that shape.
    per_second : float, optional
        Patches that the encoder was measured to encode in a second.
    number_bytes : int
        Bytes of one number: 4 in float32 on the CPU, 2 in float16 on an accelerator.

    Returns
    -------
    Cost

    Raises
    ------
    ResolutionError
        If the image cannot be sampled so.

    Examples
    --------
    >>> from napari_dinosim.encoders.catalogue import BUILTIN
    >>> expected_cost((1024, 1024), BUILTIN, Sampling.zoomed(0.5), per_second=1000)
    Cost(patches=1024, encoded=1024, memory=151552, seconds=1.024)
    """
    size = spec.patch_size
    grid = PatchGrid(*image_shape, size, (sampling or Sampling.native()).shape(image_shape, size), finer)
    patches, encoded = planes * grid.rows * grid.cols, planes * encoded_in_all(grid)
    memory = patches * spec.dimension * number_bytes
    return Cost(patches, encoded, memory, encoded / per_second if per_second else None)


def encoded_patches(window: Window, grid: PatchGrid) -> int:
    """How many patches go through the encoder for one window: with n cells along a patch, it is encoded n × n times.

    Parameters
    ----------
    window : Window
    grid : PatchGrid
        That it is a part of.
    """
    moved = [min(shift, 1) for shift in shifts(grid.patch_size, grid.finer)]
    # a shifted window has one more row or column of patches
    return sum(window.rows + more for more in moved) * sum(window.cols + more for more in moved)


def encoded_in_all(grid: PatchGrid) -> int:
    """How many patches go through the encoder for a whole grid."""
    down, across, shape = window_starts(grid)
    return len(down) * len(across) * encoded_patches(Window(0, 0, *shape), grid)
