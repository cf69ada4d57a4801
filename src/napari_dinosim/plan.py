"""What is chosen: inputs and what of them is on screen, the encoder, the prompts; and so, what shall be embedded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from napari_dinosim.cache import CacheKey
from napari_dinosim.planes import axes_of, index_of, plane_index
from napari_dinosim.prompts import PromptSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_dinosim.grid import PatchGrid
    from napari_dinosim.loading import EncoderChoice
    from napari_dinosim.partial import Focus, Window
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.states import ImageInput

Scope = Literal["all", "plane", "field"]
"""How much of each input is embedded: all planes, the plane on screen, or the part of it that is in view."""


class View(NamedTuple):
    """The part of a plane that is on screen, in pixels; it may reach beyond the image."""

    top: float
    left: float
    bottom: float
    right: float


@dataclass(slots=True, eq=False)
class Plan:
    """What is chosen.

    Parameters
    ----------
    encoder : EncoderChoice
    inputs : dict of str to ImageInput
        By key, in order.
    shown : dict of str to tuple of int
        The plane of each input that is on screen.
    views : dict of str to View
        The part of it that is in view, where that is known.
    prompts : PromptSet
    scope : {"all", "plane", "field"}
    """

    encoder: EncoderChoice
    inputs: dict[str, ImageInput] = field(default_factory=dict)
    shown: dict[str, PlaneIndex] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
    prompts: PromptSet = field(default_factory=PromptSet)
    scope: Scope = "all"

    def key(self, source: str, plane: PlaneIndex) -> CacheKey:
        """Key of the embeddings of a plane, by the chosen encoder, at the chosen resolution."""
        image = self.inputs[source]
        return CacheKey(source, plane, image.version, self.encoder, image.sampling(plane))

    def urgent(self) -> dict[CacheKey, ImageInput]:
        """Planes that are embedded first, the most wanted first: on screen, then those that hold prompts."""
        places = [*self.shown.items(), *(place for place in self.prompts.planes() if place[0] in self.inputs)]
        return {self.key(*place): self.inputs[place[0]] for place in places}

    def others(self) -> Iterator[tuple[CacheKey, ImageInput]]:
        """Planes that are embedded when nothing urgent is left, those next to the one on screen first."""
        if self.scope != "all":
            return
        for source, image in self.inputs.items():
            shown = self.shown[source]
            counts = image.like(shown)[0]
            if 0 in counts:
                continue
            planes = np.indices(counts).reshape(len(counts), -1).T if counts else np.zeros((1, 0), dtype=int)
            far = np.abs(planes - np.array(index_of(shown), dtype=int)).sum(axis=1)
            for plane in planes[far.argsort(kind="stable")]:
                yield self.key(source, plane_index([int(i) for i in plane], axes_of(shown))), image

    def stacks(self) -> Iterator[tuple[CacheKey, ImageInput]]:
        """Give the inputs of which all planes are wanted, by their keys' :attr:`CacheKey.stack`."""
        if self.scope == "all":
            yield from ((self.key(source, self.shown[source]).stack, image) for source, image in self.inputs.items())

    def wants(self, key: CacheKey) -> bool:
        """Whether a plane is still wanted as it was."""
        if key.source not in self.inputs or key != self.key(key.source, key.plane):
            return False
        return self.scope == "all" or key in self.urgent()

    def focus(self, key: CacheKey, grid: PatchGrid) -> Focus | None:
        """Say which part of a plane comes first; None where nothing is known of what is in view.

        Called in the worker thread too.
        """
        from napari_dinosim.partial import Focus

        view = self.views.get(key.source)
        if view is None or self.shown.get(key.source) != key.plane:
            return None
        here = self.prompts.sources().get((key.source, key.plane), [])
        places = [grid.patch_at(y, x) for y, x in here if grid.contains(y, x)]
        for one in self.prompts.regions:
            if (one.source, one.plane) == (key.source, key.plane) and one.region.shape == grid.image_shape:
                places += one.region.spread(grid)
        return Focus(_patches(grid, view), self.scope == "field", tuple(places))


def _patches(grid: PatchGrid, view: View) -> Window:
    """Patches in view; the nearest one where the view lies beside the image."""
    from napari_dinosim.partial import Window

    top, left = np.clip(view[:2], 0, [grid.height - 1, grid.width - 1])
    bottom, right = np.clip(view[2:], [top, left], [grid.height - 1, grid.width - 1])
    (row, col), (last_row, last_col) = grid.patch_at(top, left), grid.patch_at(bottom, right)
    return Window(row, col, last_row - row + 1, last_col - col + 1)
