"""Shows the features of all checked images: principal components as colours, and clusters, made in a worker."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from psygnal import Signal

from napari_dinosim._napari.feature_layers import NO_CLUSTER, NO_COLOUR, take
from napari_dinosim._napari.feature_table import write_features
from napari_dinosim._napari.object_colours import BY_NUMBER
from napari_dinosim._napari.personal import note_looks
from napari_dinosim._napari.roles import CLUSTERS, COLOURS
from napari_dinosim._napari.segment_looks import direct, dress
from napari_dinosim._napari.sentences import counted
from napari_dinosim._napari.task import Task
from napari_dinosim.records.tools import ClusterChoices

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from napari.layers import Labels, Layer
    from numpy.typing import NDArray

    from napari_dinosim._napari.controller import Controller
    from napari_dinosim._napari.feature_layers import Taken
    from napari_dinosim._napari.task import Steps
    from napari_dinosim.analysis.clusters import Method, PatchClusters
    from napari_dinosim.analysis.colours import PcaColours
    from napari_dinosim.engine import Job
    from napari_dinosim.planes import PlaneIndex

KINDS = {"colours": COLOURS, "clusters": CLUSTERS}
BY = {"k-means": "k-means", "agglomerative": "agglomerative clustering"}
"""What groups patches, in a sentence."""
NOTHING = "Nothing is embedded of the checked images. Press Start, or check an image that is."
GONE = "The images have changed or gone meanwhile: nothing was shown. Try again."


@dataclass(frozen=True, slots=True)
class LegendRow:
    """One cluster, as the legend tells it.

    Parameters
    ----------
    number : int
        Its label in all images.
    colour : tuple of float
        Red, green and blue in [0, 1].
    share : float
        Of the embedded area of all images.
    """

    number: int
    colour: tuple[float, float, float]
    share: float

    @property
    def text(self) -> str:
        """Its number, and its share of the area."""
        return f"{self.number} · {self.share:.1%}".replace("%", " %")


class Features:
    """Makes and remakes the layers of colours and clusters.

    Parameters
    ----------
    controller : Controller
    """

    explained = Signal(tuple)
    """Colours are there: shares of the variance that red, green and blue explain."""
    grouped = Signal(list)
    """Clusters are there: a list of LegendRow."""
    broken_off = Signal()
    """Layers of some images are new, those of others are not."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._layers = controller.feature_layers
        self.colours, self.clusters = Task(controller.engine), Task(controller.engine)
        self._made_of: dict[str, object] = {}
        self._grouped = ("", ClusterChoices())

    def shutdown(self) -> None:
        """Stop what runs; the layers stay."""
        self.colours.cancel()
        self.clusters.cancel()

    def outdated(self, what: str) -> bool:
        """Whether other embeddings are there than those that the shown ``"colours"`` or ``"clusters"`` were made of."""
        return self.shows(what) and self._made_of[what] != self._signature()

    def shows(self, what: str) -> bool:
        """Whether ``"colours"`` or ``"clusters"`` that were made here are still there."""
        return what in self._made_of and bool(self._layers.all(KINDS[what]))

    @property
    def others_than_chosen(self) -> str:
        """Which clusters are shown, in words, where others are chosen by now; or else empty."""
        said, choices = self._grouped
        return said if self.shows("clusters") and choices != self._controller.tools.choices.clusters else ""

    def show_only(self, number: int) -> None:
        """Draw one cluster only, in all images; 0 for all of them."""
        for layer in self._layers.all(CLUSTERS):
            layer.selected_label = number or 1
            layer.show_selected_label = bool(number)

    def show_colours(self) -> None:
        """Colour the patches of all checked images by their principal components."""
        taken, signature = self._take()
        if not taken:
            return

        def work(job: Job[Any]) -> tuple[PcaColours, list[Any]]:
            from napari_dinosim.analysis.colours import pca_colours

            found = pca_colours(_flat(taken), on_progress=job.advance, cancelled=lambda: job.cancelled)
            parts = _per_image(taken, [_rgba(colours) for colours in found.colours])
            return found, [one.data(part, NO_COLOUR) for one, part in zip(taken, parts, strict=True)]

        def done(result: tuple[PcaColours, list[Any]]) -> Steps:
            found, data = result
            note: dict[str, Any] = {"explained_variance": found.explained, "images": [one.found.name for one in taken]}
            show = partial(self._layers.show_colours, **note)
            if not (yield from self._lay("colours", zip(taken, data, strict=True), show)):
                return None
            self._made_of["colours"] = signature
            self.explained.emit(found.explained)
            together = sum(percents(found.explained))
            return f"PCA colours over {_images(taken)}, with one basis: they explain {together} % of the variance."

        self.colours.start(work, done, "Cancelled: no colours were made.")

    def show_clusters(self, count: int, method: Method) -> None:
        """Group the patches of all checked images."""
        taken, signature = self._take()
        if not taken:
            return

        def work(job: Job[Any]) -> tuple[PatchClusters, list[Any]]:
            from napari_dinosim.analysis.clusters import cluster_patches

            found = cluster_patches(
                _flat(taken), count, method, on_progress=job.advance, cancelled=lambda: job.cancelled
            )
            parts = _per_image(taken, found.labels)
            return found, [one.data(part, NO_CLUSTER) for one, part in zip(taken, parts, strict=True)]

        def done(result: tuple[PatchClusters, list[Any]]) -> Steps:
            found, data = result
            rows = legend(found)
            colours = direct(row.colour for row in rows)

            def show(one: Taken, each: Any) -> Labels | None:
                layer = self._layers.show_clusters(one, each, colours, method=method)
                self._dress(layer, rows)
                return layer

            if not (yield from self._lay("clusters", zip(taken, data, strict=True), show)):
                return None
            self._made_of["clusters"] = signature
            self._grouped = (f"{counted(found.count, 'cluster')} by {BY[method]}", ClusterChoices(method, count))
            self.grouped.emit(rows)
            fewer = f" There are no more kinds of patches: {count} were asked for." if found.count < count else ""
            return f"{counted(found.count, 'cluster')} over {_images(taken)}, by {BY[method]}.{fewer}"

        self.clusters.start(work, done, "Cancelled: no clusters were made.")

    def _lay(
        self, what: str, made: Iterable[tuple[Taken, Any]], show: Callable[[Taken, Any], Layer | None]
    ) -> Generator[None, None, bool]:
        """Show one image after the other; whether any is still there. What is broken off is out of date."""
        shown = []
        try:
            for one, each in made:
                shown.append(show(one, each))
                yield
        except BaseException:  # cancelled, too
            self._made_of[what] = None
            self.broken_off.emit()
            raise
        if not any(shown):
            self._controller.told.emit(GONE, True)
        return any(shown)

    def _take(self) -> tuple[list[Taken], object]:
        taken = take(self._controller)
        if not taken:
            self._controller.told.emit(NOTHING, True)
        return taken, self._signature()

    def _signature(self) -> object:
        """Equal while the same embeddings are there of the same images."""
        session, keys = self._controller.session, [found.key for found in self._controller.offering.checked()]
        known = {key: (session.inputs[key].version, frozenset(session.embedded_planes(key))) for key in keys
                 if key in session.inputs}  # fmt: skip
        return session.encoder, known

    def _dress(self, layer: Any, rows: Sequence[LegendRow]) -> None:
        """Give clusters names and colours, by their numbers; those that a person gave stay."""
        if layer is None:
            return
        held = layer.features
        before = dict(zip(held["index"], held["name"], strict=True)) if {"index", "name"} <= set(held) else {}
        own, by_hand = layer.colormap, isinstance(layer.colormap, DirectLabelColormap)
        if by_hand or not before:  # napari's own colours are a choice too
            chosen = own.color_dict if before and by_hand and own.name != BY_NUMBER else {}
            dress(layer, direct(chosen.get(row.number, row.colour) for row in rows))
        layer.show_selected_label = False
        names = {0: "not embedded"} | {row.number: f"cluster {row.number}" for row in rows}
        table = {
            "index": list(names),
            "name": [before.get(number, name) for number, name in names.items()],
            "share": [np.nan, *(row.share for row in rows)],
        }
        write_features(layer, table, anew=True, rows="table")
        note_looks(layer, direct(row.colour for row in rows), names)


def legend(found: PatchClusters) -> list[LegendRow]:
    """Rows of the legend, the largest cluster first."""
    from napari_dinosim.analysis.clusters import palette

    numbered = enumerate(zip(palette(found.count), found.shares, strict=True), 1)
    return [LegendRow(number, colour, share) for number, (colour, share) in numbered]


def percents(shares: Sequence[float]) -> list[int]:
    """Whole per cents of shares, which add up to the rounded sum: the largest remainders are rounded up. NaN is none.

    Examples
    --------
    >>> percents([0.334, 0.333, 0.222])
    [34, 33, 22]
    """
    exact = [0.0 if np.isnan(share) else 100 * share for share in shares]
    whole = [int(number) for number in exact]
    missing = round(sum(exact)) - sum(whole)
    for place in sorted(range(len(exact)), key=lambda place: whole[place] - exact[place])[:missing]:
        whole[place] += 1
    return whole


def _flat(taken: Sequence[Taken]) -> list[Any]:
    return [each for one in taken for each in one.embeddings.values()]


def _per_image(taken: Sequence[Taken], values: Sequence[NDArray[Any]]) -> list[dict[PlaneIndex, NDArray[Any]]]:
    """Hand results, in the order of :func:`_flat`, back to the planes of each image."""
    left = iter(values)
    return [{plane: next(left) for plane in one.embeddings} for one in taken]


def _rgba(colours: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colours as bytes, transparent where they are NaN."""
    known = ~np.isnan(colours[..., :1])
    opaque = np.concatenate([np.nan_to_num(colours), known], axis=-1)
    return np.round(opaque * 255).astype(np.uint8)


def _images(taken: Sequence[Taken]) -> str:
    return taken[0].found.name if len(taken) == 1 else f"{len(taken)} images"
