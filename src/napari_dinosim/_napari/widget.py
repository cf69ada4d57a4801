"""The dock widget: shows what the controller tells and passes on what the person does. It holds no truth."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from magicgui.widgets import Container, Label, ProgressBar, PushButton
from qtpy.QtWidgets import QFileDialog, QSizePolicy, QWidget
from superqt import QCollapsible

from napari_dinosim._napari import registry
from napari_dinosim._napari.bar_text import write_in_bar
from napari_dinosim._napari.channels_button import ChannelsButton
from napari_dinosim._napari.cost_line import CostLine
from napari_dinosim._napari.encoder_box import EncoderBox
from napari_dinosim._napari.encoder_choices import FROM_FILE
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.image_list import ImageList
from napari_dinosim._napari.laying import allow
from napari_dinosim._napari.message_label import MessageLabel
from napari_dinosim._napari.presence import Presence, leave
from napari_dinosim._napari.scrolling import scrolled
from napari_dinosim._napari.section import grouped
from napari_dinosim._napari.sections import make_sections
from napari_dinosim._napari.sentences import FIRST
from napari_dinosim._napari.weights_panel import WeightsPanel
from napari_dinosim.encoders.catalogue import BUILTIN_NAME

if TYPE_CHECKING:
    import napari

    from napari_dinosim._napari.section import Section
    from napari_dinosim.states import Overall

Kind = TypeVar("Kind", bound=QCollapsible)

STEPS = 1000
"""Resolution of the progress bar."""

WEIGHTS_FILES = "Weights (*.safetensors *.pth *.pt *.bin);;All files (*)"
START = "Start: make the prompts layer and embed the checked images (Alt+S). Then click on what you look for."
CANCEL, IDLE = "Stop embedding; what is ready stays (Alt+C).", "Nothing is being embedded."


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
        self.start = PushButton(text="Start", tooltip=START)
        self.cancel = PushButton(text="Cancel")
        allow(self.cancel.native, CANCEL, IDLE)
        self.progress = ProgressBar(value=0, max=STEPS, visible=False)
        self.message = MessageLabel(FIRST)
        self.weights = WeightsPanel(self.controller.deliver)
        title = Label(value="Encoder")  # above its box, which needs the whole width
        buttons = Container(widgets=[self.start, self.cancel], layout="horizontal", labels=False)
        buttons.margins = (0, 0, 0, 0)
        rows = [title, self.encoder, self.weights, buttons, self.progress]
        self.body = Container(widgets=rows, labels=False)
        super().__init__(labels=False)
        self.images = ImageList()
        self.cost = CostLine(self.controller)
        self.channels = ChannelsButton(self.controller, self.images)
        groups = make_sections(self.controller, self.images)
        self.sections = [section for sections in groups.values() for section in sections]
        self._arrange(groups)
        self._connect()
        self._show_rows()

    def _arrange(self, groups: dict[str, list[Section]]) -> None:
        """Finish in Qt what magicgui has no words for."""
        self.native.layout().addWidget(scrolled(self.body.native))
        self.native.layout().addWidget(self.message.native)  # below what scrolls: in sight wherever a person works
        self.margins = (0, 0, 0, 0)
        layout = self.body.native.layout()
        layout.insertWidget(0, self.images)
        layout.insertWidget(1, self.channels)
        layout.insertWidget(layout.indexOf(self.progress.native), self.cost)
        for title, sections in groups.items():
            layout.addWidget(grouped(title, sections))
        layout.addStretch(1)
        self.encoder.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.encoder.native.setMinimumContentsLength(8)
        self.start.native.setShortcut("Alt+S")
        self.cancel.native.setShortcut("Alt+C")
        self.native.setMinimumWidth(300)
        QWidget.setTabOrder(self.images, self.encoder.native)

    def _connect(self) -> None:
        controller = self.controller
        self.images.check_requested.connect(guarded(controller.check))
        self.encoder.changed.connect(guarded(self._choose_encoder))
        self.start.changed.connect(guarded(controller.start))
        self.cancel.changed.connect(guarded(controller.cancel))
        links: list[tuple[Any, Any]] = [
            (controller.rows_changed, self._show_rows),
            (controller.row_changed, self._show_row),
            (controller.progress_changed, self._show_progress),
            (controller.choices_changed, self._show_choices),
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
        ends = [self.weights.shutdown, self.channels.shutdown]
        ends += [self.cost.shutdown]
        ends += [section.shutdown for section in self.sections]
        self._presence = Presence(self.native, partial(leave, controller, links, ends, id(self)))

    def section(self, kind: type[Kind]) -> Kind:
        """Return the section of a kind."""
        return next(section for section in self.sections if isinstance(section, kind))

    # ---- what the person does ------------------------------------------------------------------------------------

    def _choose_encoder(self, name: str) -> None:
        if name != FROM_FILE:
            self.controller.change_encoder(name=name, weights=None)
            return
        path, _ = QFileDialog.getOpenFileName(self.native, "Weights of a DINO encoder", "", WEIGHTS_FILES)
        if path:
            self.controller.change_encoder(name="", weights=path)
            self.message.tell(f"Encoder from {Path(path).name}.", False)
        else:
            self._show_choices()

    def _take(self, name: str) -> None:
        self.encoder.value = name

    # ---- what the controller tells -------------------------------------------------------------------------------

    def _show_choices(self) -> None:
        """Show what is chosen, here or in another widget of the same viewer."""
        choice = self.controller.session.encoder
        shown = FROM_FILE if choice.weights is not None else choice.name
        self.encoder.show_choice(shown)
        self.weights.look(shown)

    def _show_rows(self) -> None:
        self.images.set_rows(self.controller.rows())

    def _show_row(self, key: str) -> None:
        row = self.controller.row(key)
        if row is not None:
            self.images.set_row(row)

    def _show_progress(self, overall: Overall | None) -> None:
        self.progress.visible = overall is not None
        allow(self.cancel.native, CANCEL, IDLE if overall is None else "")
        if overall is not None:
            self.progress.value = round(overall.fraction * STEPS)
            write_in_bar(self.progress.native, overall.sentence)  # there, so that no message is written over

    def _say_fetched(self, title: str) -> None:
        self.message.tell(f"{title} is here. Press Start.", False)
