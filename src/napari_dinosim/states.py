"""What a session says of itself: values, frozen."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from napari_dinosim.errors import ResolutionError
from napari_dinosim.grid import PatchGrid
from napari_dinosim.planes import axes_of, split_shape
from napari_dinosim.sampling import Sampling

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_dinosim.image import Plane
    from napari_dinosim.planes import Axes, PlaneIndex


class Stage(StrEnum):
    """Where an input stands, in the words that people read."""

    ABSENT = "not embedded"
    WAITING = "waiting"
    RUNNING = "embedding"
    PARTIAL = "partly embedded"
    READY = "ready"
    STALE = "stale"
    FAILED = "error"


@dataclass(frozen=True, slots=True)
class InputState:
    """State of the plane of an input that is on screen.

    Parameters
    ----------
    stage : Stage
    fraction : float
        How much of it is embedded, from 0 to 1.
    best : float, optional
        Its highest cosine with the query, less that with negative prompts.
    reason : str
        Why it failed, is stale or is not whole.
    planes : (ready, total), optional
        How many planes of a stack are embedded; None where there is but one.
    unread : int
        Parts of the plane that could not be read.
    threshold : float, optional
        Score under which the best is no match; None where the person set none.
    against : bool
        Whether scores are cosines less those with negative prompts.
    by_class : tuple of (str, float)
        The highest score of each class.
    """

    stage: Stage
    fraction: float = 0.0
    best: float | None = None
    reason: str = ""
    planes: tuple[int, int] | None = None
    unread: int = 0
    threshold: float | None = None
    against: bool = False
    by_class: tuple[tuple[str, float], ...] = ()

    @property
    def no_match(self) -> bool:
        """Whether nothing here is as like as the person wants, to the two digits that are told."""
        return self.best is not None and self.threshold is not None and round(self.best, 2) < round(self.threshold, 2)

    @property
    def text(self) -> str:
        """A few words: ``"45 %"``, ``"ready · best match 0.83"``, ``"ready · no match here, best 0.41"``.

        With negative prompts the number is a score, and none of a cosine: ``"ready · best score 0.62"``.
        """
        words = [f"{self.fraction:.0%}".replace("%", " %") if self.stage is Stage.RUNNING else str(self.stage)]
        if self.unread:
            words.append("a part unread" if self.unread == 1 else f"{self.unread} parts unread")
        if self.planes is not None:
            words.append(f"{self.planes[0]} of {self.planes[1]} planes")
        if self.best is not None:
            best = told_best(self.best, against=self.against)
            words.append(f"no match here, best {self.best:z.2f}" if self.no_match else best)
        return " · ".join(words)


def told_best(best: float, *, against: bool) -> str:
    """Tell the highest score of an image, which is a cosine unless anything counts ``against`` what is looked for.

    Examples
    --------
    >>> told_best(0.834, against=False), told_best(0.62, against=True)
    ('best match 0.83', 'best score 0.62')
    """
    return f"{'best score' if against else 'best match'} {best:z.2f}"


@dataclass(frozen=True, slots=True, eq=False)
class ImageInput:
    """One image that is searched.

    Parameters
    ----------
    name : str
        Shown to people.
    shape : tuple of int
        (height, width) of a plane in pixels.
    read : callable(plane index) -> Plane
        Called in a worker thread.
    version : hashable
        Equal versions have equal pixels: embeddings of another version are never used.
    planes : tuple of int
        How many planes there are along each leading axis (t, z, …); empty for a single plane.
    covered : tuple of float, optional
        How many pixels a patch covers along each axis, the leading ones first, then y and x, as in
        :attr:`Sampling.covered <napari_dinosim.sampling.Sampling>`; None for as many as it has. Embeddings of another
        resolution are kept, for a return to it.

    Raises
    ------
    ResolutionError
        If these are not positive numbers, one for each axis.
    """

    name: str
    shape: tuple[int, int]
    read: Callable[[PlaneIndex], Plane]
    version: Hashable = 0
    planes: tuple[int, ...] = ()
    covered: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        covered, axes = self.covered, len(self.planes) + 2
        if covered is not None and not (len(covered) == axes and all(0 < pixels < math.inf for pixels in covered)):
            raise ResolutionError(
                f"pixels that a patch covers: found {covered}, expected {axes} positive numbers, one for each axis of "
                f"{self.name!r}. Give as many, or None."
            )

    def like(self, plane: PlaneIndex) -> tuple[tuple[int, ...], tuple[int, int]]:
        """How many planes there are along the same axes as one, and their (height, width) in pixels."""
        return split_shape((*self.planes, *self.shape), axes_of(plane))

    def count(self, plane: PlaneIndex) -> int:
        """How many planes there are in all along the same axes as one."""
        return math.prod(self.like(plane)[0])

    def grid(self, plane: PlaneIndex, patch_size: int, finer: int = 1) -> PatchGrid:
        """Where the patches lie that a plane is cut into.

        Parameters
        ----------
        plane : tuple of int
        patch_size : int
            The encoder's P.
        finer : int
            Cells along each side of a patch.

        Raises
        ------
        ResolutionError
            If it cannot be sampled as is chosen.
        """
        shape, sampling = self.like(plane)[1], self.sampling(plane)
        sampled = None if sampling is None else sampling.shape(shape, patch_size)
        return PatchGrid(*shape, patch_size, sampled, finer)

    def sampling(self, plane: PlaneIndex) -> Sampling | None:
        """How a plane is sampled; None for each pixel as it is."""
        return None if self.covered is None else _sampling(self.covered, axes_of(plane))


@functools.lru_cache(maxsize=1024)  # asked for every plane of a stack
def _sampling(covered: tuple[float, ...], axes: Axes) -> Sampling:
    return Sampling(covered=(covered[axes[0]], covered[axes[1]]))


@dataclass(frozen=True, eq=False)
class SimilarityMap:
    """Scores of one plane, and the values between 0 and 1 that are shown of them.

    Parameters
    ----------
    scores : Tensor of shape (rows, cols), float32
        Cosines in [-1, 1]; in [-2, 2] where those of negative prompts were subtracted. NaN where nothing is embedded.
    grid : PatchGrid
    best : float
        The highest score.
    over : (low, high), optional
        What becomes 0 and 1: the extremes of these scores, or those of a whole stack. None leaves them as they are.
    """

    scores: Tensor
    grid: PatchGrid
    best: float
    over: tuple[float, float] | None = None

    @property
    def image_shape(self) -> tuple[int, int]:
        """(height, width) of the image, in pixels."""
        return self.grid.image_shape

    @functools.cached_property
    def values(self) -> NDArray[np.float32]:
        """Stretched scores, of shape (rows, cols): min–max normalised to [0, 1], or the scores themselves."""
        return self._stretched(self.scores)

    def upsample_at(self, ys: NDArray[np.intp], xs: NDArray[np.intp]) -> NDArray[np.float32]:
        """Values at chosen pixel rows and columns, (n, m); of a large map they cost far less than all values do."""
        import torch

        return self._stretched(torch.from_numpy(self.grid.upsample_at(self.scores.numpy(), ys, xs)))

    def _stretched(self, scores: Tensor) -> NDArray[np.float32]:
        from napari_dinosim.similarity import stretch

        return (scores if self.over is None else stretch(scores, *self.over)).numpy()


@dataclass(frozen=True, slots=True)
class Overall:
    """How far all the work is: fraction from 0 to 1, seconds left (None while unknown), what is being done."""

    fraction: float
    seconds_left: float | None
    text: str

    @property
    def sentence(self) -> str:
        """What is done, and how long it will take: ``"Embedding retina · 4 s left"``."""
        if self.seconds_left is None:
            return self.text
        seconds = self.seconds_left
        return f"{self.text} · " + (f"{seconds:.0f} s left" if seconds < 90 else f"{seconds / 60:.0f} min left")
