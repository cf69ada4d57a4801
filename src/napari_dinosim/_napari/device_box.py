"""The choice of a device, naming the one that "auto" stands for once it is known."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import ComboBox

from napari_dinosim._napari.encoder_choices import DEVICES


class DeviceBox(ComboBox):
    """A combo box of devices.

    Parameters
    ----------
    device : str
        The one chosen at first.
    """

    def __init__(self, device: str) -> None:
        self._auto = "auto"
        super().__init__(
            label="Device",
            choices=self._devices,
            value=device,
            tooltip="Where it computes: auto takes CUDA, then MPS, then the CPU.",
        )

    def name_auto(self, description: str) -> None:
        """Say what "auto" stands for: "auto (cpu)"."""
        self._auto = f"auto ({description})"
        with self.changed.blocked():
            value = self.value
            self.native.clear()  # magicgui appends a choice whose text has changed
            self.reset_choices()
            self.value = value

    def _devices(self, _box: Any) -> list[tuple[str, str]]:
        return [(self._auto, "auto"), *((name, name) for name in DEVICES[1:])]
