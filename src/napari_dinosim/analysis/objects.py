"""Objects: what a label image says of a map and of embeddings, one row per label value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dinosim.analysis.label_sums import LabelSums, tiles
from napari_dinosim.errors import Cancelled, EncoderMismatchError, NotEmbeddedError, SelectionError
from napari_dinosim.planes import PlaneView, axes_of, index_of, split_shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.planes import PlaneIndex
    from napari_dinosim.states import SimilarityMap

    Maps = Callable[[PlaneIndex], SimilarityMap | None]


@dataclass(frozen=True, slots=True, eq=False)
class ObjectMeasures:
    """Measures of the n objects of a label image; see :func:`measure_objects`.

    Parameters
    ----------
    labels : ndarray of int of shape (n,)
        Their values in the label image, ascending; 0, the background, is none.
    pixels : ndarray of shape (n,), int64
        How many of their pixels lie in embedded patches, at least 1; the other pixels do not count.
    mean, maximum : mapping of str to ndarray of shape (n,), float32
        Of each map, by its name: the mean and the highest cosine over the object's pixels, in [-1, 1]; NaN where there
        is no map.
    vectors : ndarray of shape (n, D), float32
        Mean embedding of each object, scaled to unit length: the sum of the unit vectors of the patches that it meets,
        each weighted by the number of its pixels there. Of an object inside one patch, the vector of that patch.
    encoder : str
        Identity of the encoder: only objects of one encoder can be compared.

    Examples
    --------
    >>> import torch
    >>> from napari_dinosim.embeddings import PatchEmbeddings
    >>> from napari_dinosim.grid import PatchGrid
    >>> from napari_dinosim.mosaic import Mosaic
    >>> vectors = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])  # one row of two patches
    >>> image = PatchEmbeddings(Mosaic.of(vectors), PatchGrid(16, 32, 16), "planted")
    >>> labels = np.zeros((16, 32), dtype=np.uint8)
    >>> labels[4:8, 12:20] = 7  # one half in each patch
    >>> found = measure_objects(labels, image)
    >>> found.labels, found.vectors.round(3)
    (array([7], dtype=uint8), array([[0.707, 0.707]], dtype=float32))
    """

    labels: NDArray[Any]
    pixels: NDArray[np.int64]
    mean: Mapping[str, NDArray[np.float32]]
    maximum: Mapping[str, NDArray[np.float32]]
    vectors: NDArray[np.float32]
    encoder: str

    def __len__(self) -> int:
        return len(self.labels)

    def vector(self, label: int) -> NDArray[np.float32]:
        """Mean embedding of one object, of shape (D,).

        Raises
        ------
        SelectionError
            If there is no such object.
        """
        at = int(np.searchsorted(self.labels, label))
        if at == len(self.labels) or self.labels[at] != label:
            raise SelectionError(f"object {label}: found no such object that was measured, {_known(self.labels)}.")
        found: NDArray[np.float32] = self.vectors[at]
        return found


def measure_objects(
    labels: Any,
    embeddings: PatchEmbeddings | Callable[[PlaneIndex], PatchEmbeddings | None],
    maps: SimilarityMap | Maps | Mapping[str, Maps] | None = None,
    *,
    planes: Iterable[PlaneIndex] = ((),),
    on_tile: Callable[[int, int], None] = lambda _done, _total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> ObjectMeasures:
    """Measure every object of a label image.

    The label image is read in pieces, those under embedded patches only, so that one larger than memory can be
    measured. Objects of several planes that have one value are one object.

    Parameters
    ----------
    labels : array of int
        Of the shape of the image, without colours, (…, height, width): numpy, dask, zarr, … 0 is background.
    embeddings : PatchEmbeddings, or callable(plane index) -> PatchEmbeddings or None
        Such as ``session.embeddings(key, plane)``.
    maps : SimilarityMap, callable(plane index) -> SimilarityMap or None, or mapping of str to such callables, optional
        Whose scores are measured; a single one is called ``"similarity"``.
    planes : iterable of plane index
        Which planes are looked at; see ``session.embedded_planes``.
    on_tile, cancelled : callable(done, total), callable() -> bool, optional
        Called after each piece; asked before each one.

    Raises
    ------
    SelectionError
        If the labels are no integers or of another shape, or where there is no object in what is embedded.
    NotEmbeddedError, EncoderMismatchError
        If nothing is embedded, or planes are by different encoders.
    Cancelled
        If ``cancelled()`` became true.

    Examples
    --------
    >>> import napari_dinosim as dinosim
    >>> from napari_dinosim.states import SimilarityMap
    >>> image = np.zeros((48, 80, 3), dtype=np.uint8)
    >>> image[:, 48:] = np.random.default_rng(0).integers(0, 255, (48, 32, 3))
    >>> labels = np.zeros((48, 80), dtype=np.uint8)
    >>> labels[4:12, 4:12], labels[20:40, 50:70] = 3, 9
    >>> embeddings = dinosim.embed(image, dinosim.load_encoder("builtin"))
    >>> cosines = embeddings.cosine(embeddings.query([(8, 8)]))
    >>> found = measure_objects(labels, embeddings, SimilarityMap(cosines, embeddings.grid, 1.0))
    >>> found.labels.tolist(), found.pixels.tolist(), float(found.mean["similarity"][0].round(3))
    ([3, 9], [64, 400], 1.0)
    """
    if not np.issubdtype(labels.dtype, np.integer) and labels.dtype != bool:
        raise SelectionError(f"labels: found values of type {labels.dtype}, expected integers. Give a label image.")
    named = _named(maps)
    held = _held(embeddings, planes)
    sums = _summed(labels, held, named, on_tile, cancelled)
    return _measured(sums, list(named), held[0][1].encoder, np.dtype(labels.dtype))


def _held(
    embeddings: PatchEmbeddings | Callable[[PlaneIndex], PatchEmbeddings | None], planes: Iterable[PlaneIndex]
) -> list[tuple[PlaneIndex, PatchEmbeddings]]:
    """Embedded planes, by one encoder."""
    lookup = embeddings if callable(embeddings) else lambda _plane: embeddings
    held = [(plane, found) for plane in planes if (found := lookup(plane)) is not None]
    if not held:
        raise NotEmbeddedError("objects: found no embedded plane, expected at least one. Embed the image first.")
    if len(encoders := {found.encoder for _, found in held}) > 1:
        raise EncoderMismatchError(
            f"encoder mismatch: the planes were embedded with {' and '.join(map(repr, sorted(encoders)))}. "
            "Embed all planes with one encoder."
        )
    return held


def _summed(
    labels: Any,
    held: list[tuple[PlaneIndex, PatchEmbeddings]],
    named: dict[str, Maps],
    on_tile: Callable[[int, int], None],
    cancelled: Callable[[], bool],
) -> LabelSums:
    """Sum vectors and scores over each object, one piece after the other."""
    sums = LabelSums(held[0][1].dimension, len(named))
    work = [(plane, found, list(tiles(found))) for plane, found in held]
    total, done = sum(len(parts) for *_, parts in work), 0
    for plane, found, parts in work:
        view = _plane(labels, plane, found)
        scores = [None if (heat := of(plane)) is None else heat.scores.numpy() for of in named.values()]
        for part in parts:
            if cancelled():
                raise Cancelled("cancelled")
            sums.add(view[part.ys, part.xs], part, found, scores)
            done += 1
            on_tile(done, total)
    return sums


def _named(maps: SimilarityMap | Maps | Mapping[str, Maps] | None) -> dict[str, Maps]:
    if maps is None:
        return {}
    if callable(maps):
        return {"similarity": maps}
    if hasattr(maps, "items"):
        return dict(maps.items())
    one = maps
    return {"similarity": lambda _plane: one}


def _plane(labels: Any, plane: PlaneIndex, found: PatchEmbeddings) -> PlaneView:
    """Plane of a label image, of the size of the image's."""
    index = index_of(plane)
    if len(labels.shape) == len(index) + 2:
        sizes, shape = split_shape(labels.shape, axes_of(plane))
        if shape == found.grid.image_shape and all(at < size for at, size in zip(index, sizes, strict=True)):
            return PlaneView(labels, plane)
    where = f" at plane {times(index)}" if index else ""
    raise SelectionError(
        f"labels: found a shape of {times(labels.shape)}, which is not of the image's "
        f"{times(found.grid.image_shape)} pixels{where}. Choose the image that these labels were made of."
    )


def _measured(sums: LabelSums, names: list[str], encoder: str, dtype: np.dtype[Any]) -> ObjectMeasures:
    labels, order = sums.ordered(np.dtype(np.uint8) if dtype.kind == "b" else dtype)
    if not len(labels):
        raise SelectionError(
            "objects: found background only where the image is embedded, expected at least one object (a value other "
            "than 0). Choose another label image."
        )
    pixels = sums.pixels[order]
    known = sums.known[order]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known > 0, sums.scores[order] / known, np.nan).astype(np.float32)
    highest = np.where(known > 0, sums.highest[order], np.nan).astype(np.float32)
    lengths = np.linalg.norm(sums.vectors[order], axis=1, keepdims=True)
    vectors = np.divide(sums.vectors[order], lengths, out=np.zeros_like(sums.vectors[order]), where=lengths > 0)
    by_name = {name: (mean[:, i], highest[:, i]) for i, name in enumerate(names)}
    return ObjectMeasures(
        labels,
        pixels,
        {name: pair[0] for name, pair in by_name.items()},
        {name: pair[1] for name, pair in by_name.items()},
        vectors,
        encoder,
    )


def _known(labels: NDArray[Any]) -> str:
    return f"expected one of {len(labels)}, from {labels[0]} to {labels[-1]}" if len(labels) else "there is none"


def times(shape: Iterable[int]) -> str:
    """Write a shape as people do: ``"48 × 80"``."""
    return " × ".join(map(str, shape))
