"""Labels of all planes of one image, made in a worker: the data of a layer, its table, and what to tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_dinosim._napari.lazy_map import PatchValues
from napari_dinosim._napari.segment_words import Found
from napari_dinosim.errors import Cancelled, SegmentationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_dinosim._napari.lazy_map import Gridded
    from napari_dinosim._napari.mapped import Mapped
    from napari_dinosim.analysis.recipe import Segmentation
    from napari_dinosim.analysis.segment import Segments
    from napari_dinosim.planes import PlaneIndex

NO_LABEL = np.array(0, dtype=np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class PixelLabels:
    """Labels of the pixels of one plane, where they do not follow its patches."""

    labels: NDArray[np.int32]

    def upsample_at(self, ys: NDArray[np.intp], xs: NDArray[np.intp]) -> NDArray[np.int32]:
        """Labels at chosen pixel rows and columns, (n, m)."""
        found: NDArray[np.int32] = self.labels[np.ix_(ys, xs)]
        return found


class Row(NamedTuple):
    """One label of one plane, as it was written.

    Parameters
    ----------
    label : int
    name : str
        Its class.
    pixels : int
    score : float
        Their mean.
    plane : str
    """

    label: int
    name: str
    pixels: int
    score: float
    plane: str


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """The labels of one image.

    Parameters
    ----------
    mapped : Mapped
    found : Found
    data : array_like or list of array_like, optional
        Of a layer; None where no plane could be segmented.
    table : dict of str to list
        Its features, one row for each label.
    """

    mapped: Mapped
    found: Found
    data: Any
    table: dict[str, list[Any]]


def label_image(
    one: Mapped, recipe: Segmentation, advance: Callable[[float], None], cancelled: Callable[[], bool]
) -> Labelled:
    """Make the labels of all embedded planes of an image.

    Parameters
    ----------
    one : Mapped
    recipe : Segmentation
    advance : callable(planes)
        Told how many planes are done, parts of them too.
    cancelled : callable() -> bool
        Asked between planes, and between the steps of each.

    Raises
    ------
    Cancelled
        If it was cancelled.
    """
    planes: dict[PlaneIndex, Gridded] = {}
    rows: list[Row] = []
    thresholds: list[float] = []
    reasons: list[str] = []
    area = 0
    together = recipe.objects == "together"
    for number, plane in enumerate(one.taken.embeddings):
        if cancelled():
            raise Cancelled("cancelled while labels were made")
        try:
            segments = one.segments(plane, recipe, cancelled)
            if segments is not None and segments.known:
                first = 0 if together else max((row.label for row in rows), default=0)
                snapped = _snapped(one, plane, segments, recipe, number, advance, cancelled)
                planes[plane] = _numbered(segments, snapped, first)
                rows += _rows(segments, snapped, first, " ".join(map(str, plane)))
                thresholds.append(segments.threshold)
                area += segments.grid.height * segments.grid.width
        except SegmentationError as error:
            reasons.append(str(error))
        advance(number + 1)
    found = Found(
        one.name,
        thresholds=tuple(thresholds),
        objects=len({row.label for row in rows}),
        classes=frozenset(row.name for row in rows),
        pixels=sum(row.pixels for row in rows),
        area=area,
        embedded=len(one.taken.embeddings),
        planes=one.planes,
        left_out=len(reasons),
        reason=next(iter(reasons), ""),
    )
    data = one.taken.laid(planes, NO_LABEL, stacks=True) if planes else None
    return Labelled(one, found, data, _table(rows, together, len(one.taken.shape) > 2))


def _snapped(
    one: Mapped,
    plane: PlaneIndex,
    segments: Segments,
    recipe: Segmentation,
    before: int,
    advance: Callable[[float], None],
    cancelled: Callable[[], bool],
) -> NDArray[np.int32] | None:
    """Labels of the pixels, moved to the edges of the image; None where they follow the patches."""
    if recipe.edges != "image":
        return None
    from napari_dinosim.analysis.edges import snap_edges

    def on_progress(done: int, tiles: int) -> None:
        advance(before + done / tiles)

    return snap_edges(segments, one.read(plane), on_progress=on_progress, cancelled=cancelled)


def _numbered(segments: Segments, snapped: NDArray[np.int32] | None, first: int) -> Gridded:
    """Labels of one plane, numbered on from those of the planes before."""
    labels = segments.labels if snapped is None else snapped
    numbered = np.where(labels > 0, labels + first, 0).astype(np.int32)
    return PatchValues(segments.grid, numbered) if snapped is None else PixelLabels(numbered)


def _rows(segments: Segments, snapped: NDArray[np.int32] | None, first: int, plane: str) -> list[Row]:
    pixels = None if snapped is None else np.bincount(snapped.ravel(), minlength=segments.count + 1)[1:]
    table = segments.table(pixels)
    columns = (table[name] for name in ("index", "class", "pixels", "score"))
    return [Row(label + first, name, count, score, plane) for label, name, count, score in zip(*columns, strict=True)]


def _table(rows: Sequence[Row], together: bool, stacked: bool) -> dict[str, list[Any]]:
    """Give the columns of a layer's features: one row for each label, through whichever planes it goes."""
    by_label: dict[int, Row] = {}
    for row in rows:
        held = by_label.get(row.label)
        by_label[row.label] = row if held is None else _joined(held, row)
    held_rows = [by_label[label] for label in sorted(by_label)]
    table: dict[str, list[Any]] = {
        "index": [row.label for row in held_rows],
        "class": [row.name for row in held_rows],
        "pixels": [row.pixels for row in held_rows],
        "score": [row.score for row in held_rows],
    }
    if stacked and not together:
        table["plane"] = [row.plane for row in held_rows]
    return table


def _joined(one: Row, other: Row) -> Row:
    pixels = one.pixels + other.pixels
    score = (one.score * one.pixels + other.score * other.pixels) / pixels
    return one._replace(pixels=pixels, score=score)
