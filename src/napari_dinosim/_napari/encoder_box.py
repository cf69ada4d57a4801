"""The choice of an encoder: those with a name of their own, and whichever other one is chosen."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import ComboBox

from napari_dinosim._napari.encoder_choices import encoder_titles


class EncoderBox(ComboBox):
    """A combo box of encoders.

    Parameters
    ----------
    name : str
        The one chosen at first; a model of timm's, which is not in the list, is added to it.
    """

    def __init__(self, name: str) -> None:
        self._other = name
        super().__init__(choices=self._titles, value=name, tooltip="What turns patches into vectors.")

    def show_choice(self, name: str) -> None:
        """Show which encoder is chosen, without telling anybody; the empty name of a bare file changes nothing."""
        with self.changed.blocked():
            if name and name not in self.choices:
                self._other = name
                self.reset_choices()
            if name:
                self.value = name

    def _titles(self, _box: Any) -> list[tuple[str, str]]:
        titles = encoder_titles()
        known = self._other in (name for _, name in titles)
        return titles if known or not self._other else [(self._other, self._other), *titles]
