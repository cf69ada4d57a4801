"""The dock widget: shows what the controller tells and passes on what the person does. It holds no truth."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, ComboBox, Container, Label, ProgressBar, PushButton
from qtpy.QtWidgets import QFileDialog, QSizePolicy, QWidget

from napari_dinosim._napari import registry
from napari_dinosim._napari.bar_text import write_in_bar
from napari_dinosim._napari.channels_button import ChannelsButton
from napari_dinosim._napari.cost_line import CostLine
from napari_dinosim._napari.device_box import DeviceBox
from napari_dinosim._napari.encoder_box import EncoderBox
from napari_dinosim._napari.encoder_choices import FROM_FILE
from napari_dinosim._napari.export_button import ExportButton
from napari_dinosim._napari.extent_section import ExtentSection
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.image_list import ImageList
from napari_dinosim._napari.intensity_box import IntensityBox
from napari_dinosim._napari.message_label import MessageLabel
from napari_dinosim._napari.preferences import with_live
from napari_dinosim._napari.presence import Presence, leave
from napari_dinosim._napari.scrolling import scrolled
from napari_dinosim._napari.sections import SECTIONS
from napari_dinosim._napari.sentences import FIRST
from napari_dinosim._napari.warm_up import describe_auto
from napari_dinosim._napari.weights_panel import WeightsPanel
from napari_dinosim.encoders.catalogue import BUILTIN_NAME

if TYPE_CHECKING:
    import napari

    from napari_dinosim.states import Overall

STEPS = 1000
"""Resolution of the progress bar."""

WEIGHTS_FILES = "Weights (*.safetensors *.pth *.pt *.bin);;All files (*)"
START = "Start: make the prompts layer and embed the checked images (Alt+S). Then click on what you look for."
COMBINE = [("maximum", "max"), ("mean", "mean")]


class DinosimWidget(Container):  # type: ignore[type-arg]
    """Click in an image, see what looks like it in every image.

    Parameters
    ----------
    napari_viewer : Viewer
        Given by napari.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        self.controller = registry.acquire(napari_viewer, self)
        choice = self.controller.session.encoder
        self.encoder = EncoderBox(choice.name if choice.weights is None else FROM_FILE)
        self.device = DeviceBox(choice.device)
        self.combine = ComboBox(
            label="Several points",
            choices=COMBINE,
            value=self.controller.combined_by,
            tooltip="Score of several points: the maximum of their cosines (like any of them), or the mean (like all).",
        )
        self.debias = CheckBox(
            text="Remove positional bias",
            value=choice.debias,
            tooltip="Take out what tells where a patch lies rather than what is there. For transformers such as DINO.",
        )
        self.patches = CheckBox(
            text="Show patches",
            value=self.controller.shows_patches,
            tooltip="Draw the patch grid over the active image and mark the queried patches.",
        )
        self.start = PushButton(text="Start", tooltip=START)
        self.cancel = PushButton(text="Cancel", tooltip="Stop embedding; what is ready stays (Alt+C).", enabled=False)
        self.export = ExportButton(self.controller)
        self.progress = ProgressBar(value=0, max=STEPS, visible=False)
        self.message = MessageLabel(FIRST)
        choices = Container(widgets=[self.device, self.combine], labels=True)
        self.weights = WeightsPanel(self.controller.deliver)
        title = Label(value="Encoder")  # above its box, which needs the whole width
        buttons = Container(widgets=[self.start, self.cancel], layout="horizontal", labels=False)
        choices.margins = buttons.margins = (0, 0, 0, 0)
        rows = [title, self.encoder, choices, self.debias, self.weights, buttons, self.progress, self.patches]
        self.body = Container(widgets=[*rows, self.export, self.message], labels=False)
        super().__init__(labels=False)
        self.images = ImageList()
        self.cost = CostLine(self.controller)
        self.channels = ChannelsButton(self.controller, self.images)
        self.intensity = IntensityBox(self.controller, self.images)
        self.extent = ExtentSection(self.controller)
        self.sections = [make(self.controller) for make in SECTIONS]
        self._arrange()
        self._connect()
        self._show_rows()

    def _arrange(self) -> None:
        """Finish in Qt what magicgui has no words for."""
        self.native.layout().addWidget(scrolled(self.body.native))
        self.margins = (0, 0, 0, 0)
        layout = self.body.native.layout()
        layout.insertWidget(0, self.images)
        layout.insertWidget(1, self.channels)
        layout.insertWidget(layout.indexOf(self.progress.native), self.cost)
        for section in (self.extent, self.intensity):
            layout.insertWidget(layout.indexOf(self.debias.native) + 1, section)
        for section in self.sections:
            layout.addWidget(section)
        layout.addStretch(1)
        for box in (self.encoder, self.device, self.combine):
            box.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            box.native.setMinimumContentsLength(8)
        self.start.native.setShortcut("Alt+S")
        self.cancel.native.setShortcut("Alt+C")
        self.native.setMinimumWidth(300)
        QWidget.setTabOrder(self.images, self.encoder.native)

    def _connect(self) -> None:
        controller = self.controller
        self.images.check_requested.connect(guarded(controller.check))
        self.encoder.changed.connect(guarded(self._choose_encoder))
        self.device.changed.connect(guarded(lambda device: self._choose(device=device)))
        self.combine.changed.connect(guarded(controller.combine))
        self.debias.changed.connect(guarded(lambda debias: self._choose(debias=debias)))
        self.patches.changed.connect(guarded(controller.show_patches))
        self.start.changed.connect(guarded(controller.start))
        self.cancel.changed.connect(guarded(controller.cancel))
        links: list[tuple[Any, Any]] = [
            (controller.rows_changed, self._show_rows),
            (controller.row_changed, self._show_row),
            (controller.progress_changed, self._show_progress),
            (controller.choices_changed, self._show_choices),
            (controller.choices_changed, self.intensity.show_choice),
            (controller.choices_changed, self.extent.show_choices),
            (controller.told, self.message.tell),
        ]
        for signal, slot in links:
            signal.connect(slot)
        self.weights.told.connect(self.message.tell)
        self.weights.fetched.connect(self._say_fetched)
        self.weights.builtin.changed.connect(guarded(lambda _clicked: self._take(BUILTIN_NAME)))
        self.weights.file.changed.connect(guarded(lambda _clicked: self._take(FROM_FILE)))
        self.weights.here.connect(controller.session.prepare)
        self._show_choices()
        naming = describe_auto(controller.engine, self.device.name_auto)
        ends = [self.weights.shutdown, self.channels.shutdown, self.export.shutdown, naming.cancel]
        ends += [self.cost.shutdown]
        ends += [section.shutdown for section in self.sections]
        self._presence = Presence(self.native, partial(leave, controller, links, ends, id(self)))

    # ---- what the person does ------------------------------------------------------------------------------------

    def _choose_encoder(self, name: str) -> None:
        if name != FROM_FILE:
            self._choose(name=name, weights=None)
            return
        path, _ = QFileDialog.getOpenFileName(self.native, "Weights of a DINO encoder", "", WEIGHTS_FILES)
        if path:
            self._choose(name="", weights=path)
            self.message.tell(f"Encoder from {Path(path).name}.", False)
        else:
            self._show_choices()

    def _take(self, name: str) -> None:
        self.encoder.value = name

    def _choose(self, **changed: Any) -> None:
        self.controller.choose_encoder(with_live(replace(self.controller.session.encoder, **changed)))

    # ---- what the controller tells -------------------------------------------------------------------------------

    def _show_choices(self) -> None:
        """Show what is chosen, here or in another widget of the same viewer."""
        choice = self.controller.session.encoder
        shown = FROM_FILE if choice.weights is not None else choice.name
        values: list[tuple[Any, Any]] = [(self.device, choice.device), (self.combine, self.controller.combined_by)]
        values += [(self.debias, choice.debias), (self.patches, self.controller.shows_patches)]
        for control, value in values:
            with control.changed.blocked():
                control.value = value
        self.encoder.show_choice(shown)
        self.weights.look(shown)

    def _show_rows(self) -> None:
        self.images.set_rows(self.controller.rows())

    def _show_row(self, key: str) -> None:
        row = self.controller.row(key)
        if row is not None:
            self.images.set_row(row)

    def _show_progress(self, overall: Overall | None) -> None:
        self.cancel.enabled = self.progress.visible = overall is not None
        if overall is not None:
            self.progress.value = round(overall.fraction * STEPS)
            write_in_bar(self.progress.native, overall.sentence)  # there, so that no message is written over

    def _say_fetched(self, title: str) -> None:
        self.message.tell(f"{title} is here. Press Start.", False)
