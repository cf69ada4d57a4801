"""The section with what is seldom chosen of the encoder: where it computes, and what is taken out of embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from magicgui.widgets import CheckBox, Container, PushButton
from qtpy.QtWidgets import QLabel, QSizePolicy

from napari_dinosim._napari.device_box import DeviceBox
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.preferences import preferred, unlike
from napari_dinosim._napari.section import Section
from napari_dinosim._napari.warm_up import describe_auto

if TYPE_CHECKING:
    from napari_dinosim._napari.controller import Controller

PREFER_TIP = "Precision, blocks and mean vector as on the page DINOSim of napari's Preferences."


class EncoderSection(Section):
    """Device and positional bias.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__("Where the encoder computes, and what is taken out of its embeddings.")
        self._controller = controller
        choice = controller.session.encoder
        self.device = DeviceBox(choice.device)
        self.debias = CheckBox(
            text="Remove positional bias",
            value=choice.debias,
            tooltip="Take out what tells where a patch lies rather than what is there. For transformers such as DINO.",
        )
        panel = Container(widgets=[self.device], labels=True)
        panel.margins = (0, 0, 0, 0)
        self.device.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.device.native.setMinimumContentsLength(8)
        self.addWidget(panel.native)
        self.addWidget(self.debias.native)
        self.unlike, self.prefer = QLabel(), PushButton(text="As in Preferences", tooltip=PREFER_TIP)
        self.unlike.setWordWrap(True)
        self.unlike.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.addWidget(self.unlike)
        self.addWidget(self.prefer.native)
        self.prefer.changed.connect(
            guarded(lambda _clicked: controller.choose_encoder(preferred(controller.session.encoder)))
        )
        self.device.changed.connect(guarded(lambda device: controller.change_encoder(device=device)))
        self.debias.changed.connect(guarded(lambda debias: controller.change_encoder(debias=debias)))
        self._show = guarded(self.show_choices)
        controller.choices_changed.connect(self._show)
        self._naming = describe_auto(controller.engine, self._name_auto)
        self.show_choices()

    def _name_auto(self, description: str) -> None:
        self.device.name_auto(description)
        self.show_choices()

    def show_choices(self) -> None:
        """Show what is chosen, here or in another widget of the same viewer."""
        choice = self._controller.session.encoder
        for control, value in ((self.device, choice.device), (self.debias, choice.debias)):
            with control.changed.blocked():
                control.value = value
        words = [str(self.device.current_choice), *["without positional bias"] * choice.debias]
        self.entitle(f"Encoder: {', '.join(words)}")
        found = unlike(choice)
        self.unlike.setText(f"Unlike Preferences: {', '.join(found)}.")
        for part in (self.unlike, self.prefer.native):
            part.setVisible(bool(found))
        if self.isExpanded():
            self.expand(animate=False)  # to its new height

    def shutdown(self) -> None:
        """Listen no more."""
        self._naming.cancel()
        self._controller.choices_changed.disconnect(self._show, missing_ok=True)
