"""The patch grid drawn over an image: one path for all its lines, one rectangle per queried patch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Shapes

from napari_dinosim._napari.coordinates import world_matrix
from napari_dinosim._napari.results import put, take_away
from napari_dinosim._napari.roles import MARK, PATCHES, REGIONS, is_ours, key_of, mark
from napari_dinosim.planes import LAST, axes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.components import ViewerModel
    from napari.layers import Image, Layer
    from numpy.typing import NDArray

    from napari_dinosim.grid import PatchGrid
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.prompts import PromptSet

LINE_COLOR, QUERY_COLOR = "#ffffffaa", "#ff2d78"
LINE_PIXELS, QUERY_PIXELS = 1.4, 3.0
"""Widths on screen, in its pixels, at any zoom: never below one, where lines that meet no pixel's centre vanish."""


def grid_path(grid: PatchGrid) -> NDArray[np.float64]:
    """One path along every line of a patch grid.

    Parameters
    ----------
    grid : PatchGrid

    Returns
    -------
    ndarray of shape (n, 2)
        (y, x) in data coordinates, from edge to edge of the image; it turns at the image's rim only.
    """
    bottom, right = grid.height - 0.5, grid.width - 0.5
    high, wide = grid.footprint
    ys = np.append(np.arange(grid.rows) * high - 0.5, bottom)
    xs = np.append(np.arange(grid.cols) * wide - 0.5, right)
    across = [(y, x) for i, y in enumerate(ys) for x in ((-0.5, right) if i % 2 == 0 else (right, -0.5))]
    if across[-1][1] > 0:
        xs = xs[::-1]  # go on from the corner that was reached
    down = [(y, x) for i, x in enumerate(xs) for y in ((bottom, -0.5) if i % 2 == 0 else (-0.5, bottom))]
    return np.array(across + down)


def patch_corners(grid: PatchGrid, row: int, col: int) -> NDArray[np.float64]:
    """Corners of a patch, (4, 2), in data coordinates."""
    top, left, bottom, right = grid.patch_bounds(row, col)
    return np.array([(top, left), (top, right), (bottom, right), (bottom, left)])


def image_to_draw(images: Sequence[Image], active: Layer | None, prompts: PromptSet) -> Image | None:
    """Choose the image that is worked in: the active one or that of an active result, the last marked, or the first.

    Marked last is the last point; while the regions are in hand, the last region.
    """
    by_key = {key_of(image): image for image in images}
    wanted = [] if active is None else [key_of(active), str(active.metadata.get(MARK, {}).get("source"))]
    points = [point.source for point in reversed(prompts.prompts)]
    regions = [region.source for region in reversed(prompts.regions)]
    wanted += [*regions, *points] if active is not None and is_ours(active, REGIONS) else [*points, *regions]
    return next((by_key[key] for key in wanted if key in by_key), next(iter(images), None))


class PatchOverlay:
    """Draws the patches of one image at a time.

    Parameters
    ----------
    viewer : Viewer
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._shown: tuple[str, PatchGrid] | None = None
        self._drawn = ""
        self.layer: Shapes | None = None

    def draw(
        self,
        images: Sequence[Image],
        prompts: PromptSet,
        grid_of: Callable[[Image], PatchGrid | None],
        plane: Callable[[Image], PlaneIndex],
    ) -> None:
        """Draw the patches of the image that is looked at, or none.

        Parameters
        ----------
        images : sequence of Image
            Those that are searched; none to draw nothing.
        prompts : PromptSet
        grid_of : callable(image) -> PatchGrid or None
            Where its patches lie; None where that is not known.
        plane : callable(image) -> plane index
            Which plane of an image is on screen.
        """
        image = image_to_draw(images, self._viewer.layers.selection.active, prompts)
        grid = None if image is None else grid_of(image)
        if image is None or grid is None or self._viewer.dims.ndisplay != 2:  # napari draws no flat shapes in 3-D
            self.hide()
            return
        shown = plane(image)
        if set(axes_of(shown)) != set(LAST):  # a flat layer cannot lie there
            self.hide()
            return
        here = prompts.sources().get((key_of(image), shown), [])
        if axes_of(shown) != LAST:
            here = [(y, x) for x, y in here]
        self.show(image, grid, here)

    def show(self, image: Image, grid: PatchGrid, queried: Sequence[tuple[float, float]]) -> None:
        """Draw a grid over an image, and mark the patches under the queried places, given as (y, x)."""
        if self.layer is None or self._shown != (key_of(image), grid):
            self.hide()
            self.layer = self._make(image)
            self._shown = key_of(image), grid  # before the layer list tells anyone of it
            put(self._viewer, self.layer)
        place = self._place(image)
        drawn = repr((place, queried))
        if drawn == self._drawn:
            return
        self._drawn = drawn
        for name, value in place.items():
            setattr(self.layer, name, value)
        marks = [patch_corners(grid, *grid.patch_at(y, x)) for y, x in queried]
        shapes = [grid_path(grid), *marks]
        self.layer.data = []
        self.layer.add(
            shapes,
            shape_type=["path"] + ["rectangle"] * len(marks),
            edge_color=[LINE_COLOR] + [QUERY_COLOR] * len(marks),
            face_color="transparent",
        )
        self.layer.selected_data = set()
        self.zoom()

    def hide(self) -> None:
        """Remove the layer, where there is one, or one that an earlier widget left."""
        self.layer, self._shown, self._drawn = None, None, ""
        for layer in [layer for layer in self._viewer.layers if is_ours(layer, PATCHES)]:
            take_away(self._viewer, layer)

    def zoom(self) -> None:
        """Keep the lines as wide on screen as they were."""
        if self.layer is None:
            return
        matrix = world_matrix(self.layer, self._viewer.layers.units)[:2, :2]
        pixel = 1 / (self._viewer.scene.camera.zoom * np.sqrt(abs(np.linalg.det(matrix))))
        widths = [LINE_PIXELS * pixel] + [QUERY_PIXELS * pixel] * (self.layer.nshapes - 1)
        if not np.allclose(widths, self.layer.edge_width, rtol=0.2):
            self.layer.edge_width = widths
            self.layer.refresh(extent=False, thumbnail=False, highlight=False)  # napari draws no change of widths alone

    def _make(self, image: Image) -> Shapes:
        metadata = mark(PATCHES, source=key_of(image))
        return Shapes(ndim=2, name=f"patches · {image.name}", metadata=metadata, **self._place(image))

    def _place(self, image: Image) -> dict[str, Any]:
        """Where an image's planes lie in the world as drawn, as keywords for a layer of two axes."""
        units = self._viewer.layers.units
        return {
            "affine": world_matrix(image, units)[-3:, -3:],
            "units": image.units[-2:] if units is None else units[-2:],
            "axis_labels": image.axis_labels[-2:],
        }
