"""A plane that is there at several resolutions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from napari_dinosim.grid import PatchGrid
    from napari_dinosim.image import Plane


@dataclass(frozen=True, slots=True, eq=False)
class Pyramid:
    """A plane, and coarser levels of it: from which it is read where it is shrunk.

    As it is, it is read from the first level; :func:`napari_dinosim.sampling.sampled_plane` chooses another one.

    Parameters
    ----------
    levels : sequence of Plane
        One scene at falling resolution, the image itself first.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_dinosim.image import image_plane
    >>> from napari_dinosim.sampling import Sampling, sampled_plane
    >>> full = np.zeros((4000, 6000), dtype=np.uint8)
    >>> plane = Pyramid([image_plane(full), image_plane(full[::2, ::2]), image_plane(full[::4, ::4])])
    >>> plane.shape
    (4000, 6000)
    >>> sampled_plane(plane, Sampling.zoomed(0.2), 16).window(0, 0, 16, 16)[0].shape
    (16, 16, 3)
    """

    levels: Sequence[Plane]

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the image itself, in pixels."""
        return self.levels[0].shape

    def grid(self, patch_size: int) -> PatchGrid:
        """Where the patches lie, of the image itself."""
        return self.levels[0].grid(patch_size)

    def window(self, top: int, left: int, height: int, width: int) -> tuple[NDArray[np.float32], bool]:
        """RGB of a part of the image itself; see :class:`napari_dinosim.image.Plane`."""
        return self.levels[0].window(top, left, height, width)
