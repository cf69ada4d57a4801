"""The section that shows the features: principal components as colours, and clusters with their legend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, Container, Label, SpinBox
from qtpy.QtWidgets import QSizePolicy
from superqt.utils import qdebounced

from napari_dinosim._napari.features import Features, percents
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.legend import Legend
from napari_dinosim._napari.section import Section
from napari_dinosim._napari.task import TaskButton
from napari_dinosim.records.tools import ClusterChoices

if TYPE_CHECKING:
    from napari_dinosim._napari.controller import Controller

METHODS = [("k-means", "k-means"), ("agglomerative", "agglomerative")]
MOST = 255

OUTDATED = "Out of date: what is embedded, or checked, is another. Press again."
OTHERS = "Shown: {}. Press Clusters to make them as chosen above."
LOOK_MS = 150
"""Whether results are out of date is looked at when nothing has changed for so long."""


class FeaturesSection(Section):
    """What there is to see in the embeddings of all checked images, without any prompt.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__("What the encoder sees in the checked images, without any point: as colours and as clusters.")
        self._controller = controller
        self.features = Features(controller)
        self.colours = TaskButton(
            self.features.colours,
            "PCA colours",
            "Show the first three principal components of all patches as red, green and blue: one basis for all "
            "checked images and planes, so that one colour means one kind of thing in all of them.",
            self.features.show_colours,
        )
        self.explained = _note()
        self.method = ComboBox(
            label="Method",
            choices=METHODS,
            tooltip="k-means divides into groups of similar size; agglomerative merges what is most alike, so that "
            "something small but different keeps a cluster of its own.",
        )
        self.count = SpinBox(
            label="Number",
            value=ClusterChoices().count,
            min=2,
            max=MOST,
            tooltip="How many clusters, over all images together.",
        )
        self.clusters = TaskButton(
            self.features.clusters,
            "Clusters",
            "Group the patches of all checked images and planes by likeness: one Labels layer per image, with one "
            "numbering for all.",
            self._group,
        )
        self.grouped = _note()
        choices = Container(widgets=[self.method, self.count], labels=True)
        rows: list[Any] = [self.colours, self.explained, choices, self.clusters, self.grouped]
        panel = Container(widgets=rows, labels=False)
        choices.margins = panel.margins = (0, 0, 0, 0)
        self.legend = Legend()
        self.addWidget(panel.native)
        self.addWidget(self.legend)
        self.entitle("Features")
        self._connect()

    def shutdown(self) -> None:
        """Stop what runs, and look no more whether it is out of date."""
        self._look.cancel()
        self._controller.tools.restored.disconnect(self._show, missing_ok=True)
        for signal in self._signals():
            signal.disconnect(self._on_change)
        self.features.shutdown()

    def _signals(self) -> list[Any]:
        controller, features = self._controller, self.features
        of_layers = [controller.feature_layers.swept, features.broken_off]
        return [controller.rows_changed, controller.row_changed, controller.choices_changed, *of_layers]

    def _connect(self) -> None:
        self._look = qdebounced(guarded(self._say_state), timeout=LOOK_MS)
        self._on_change = lambda *_changed: self._look()
        for signal in self._signals():
            signal.connect(self._on_change)
        choose, self._show = guarded(self._choose), guarded(self.show_choices)
        self.show_choices()
        for box in (self.method, self.count):
            box.changed.connect(choose)
        self._controller.tools.restored.connect(self._show)
        for task in (self.features.colours, self.features.clusters):
            task.told.connect(self._controller.told.emit)
        self.features.explained.connect(self._explain)
        self.features.grouped.connect(self._list)
        self.legend.chosen.connect(self.features.show_only)

    def _group(self) -> None:
        self.features.show_clusters(self.count.value, self.method.value)

    def _choose(self, _value: object) -> None:
        self._controller.tools.choose(clusters=ClusterChoices(self.method.value, self.count.value))
        self._look()

    def show_choices(self) -> None:
        """Show how patches are grouped."""
        chosen = self._controller.tools.choices.clusters
        self.method.value, self.count.value = chosen.method, min(max(chosen.count, 2), MOST)

    def _explain(self, explained: tuple[float, ...]) -> None:
        named = zip(("red", "green", "blue"), percents(explained), strict=True)
        shares = (f"{name} {share}\N{NO-BREAK SPACE}%" for name, share in named)
        self._explained = f"Explained variance: {', '.join(shares)}."
        self._say_state()

    def _list(self, rows: list[Any]) -> None:
        self.legend.show_rows(rows)
        self._say_state()

    _explained = ""

    def _say_state(self) -> None:
        """Say what the layers that are there show, and whether they still would if they were made now."""
        features, outdated = self.features, f"⚠ {OUTDATED}"
        explained = self._explained if features.shows("colours") else ""
        _say(self.explained, outdated if features.outdated("colours") else explained)
        others = features.others_than_chosen
        _say(self.grouped, outdated if features.outdated("clusters") else others and OTHERS.format(others))
        if not features.shows("clusters"):
            self.legend.show_rows(())


def _note() -> Label:
    """Make a line that wraps, and takes no room while it is empty."""
    label = Label(visible=False)
    label.native.setWordWrap(True)
    label.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    return label


def _say(label: Label, text: str) -> None:
    label.value, label.visible = text, bool(text)
