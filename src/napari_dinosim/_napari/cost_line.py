"""What Start will take: patches, memory and time, told before it is pressed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QLabel, QSizePolicy
from superqt.utils import qdebounced

from napari_dinosim._napari.encoder_choices import facts
from napari_dinosim._napari.guard import guarded
from napari_dinosim._napari.sentences import counted
from napari_dinosim.errors import ResolutionError
from napari_dinosim.reckoning import Expected

if TYPE_CHECKING:
    from napari_dinosim._napari.controller import Controller

QUIET_MS = 120
"""It is reckoned when nothing has changed for so long."""

TIP = (
    "What the checked images come to with the choices made: embeddings (one for each patch, or for each value in a "
    "finer map), the memory that they take, and the time that the missing ones will take at the speed measured last."
)


class CostLine(QLabel):
    """One line of words under Start.

    Parameters
    ----------
    controller : Controller
    """

    def __init__(self, controller: Controller) -> None:
        super().__init__()
        self._controller = controller
        self.setWordWrap(True)
        self.setToolTip(TIP)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._soon = qdebounced(guarded(self.reckon), timeout=QUIET_MS)
        self._on_change = lambda *_: self._soon()
        for signal in self._signals():
            signal.connect(self._on_change)
        self._soon()

    def _signals(self) -> list:  # type: ignore[type-arg]
        controller = self._controller
        return [controller.rows_changed, controller.row_changed, controller.choices_changed]

    def shutdown(self) -> None:
        """Listen no more."""
        self._soon.cancel()
        for signal in self._signals():
            signal.disconnect(self._on_change, missing_ok=True)

    def reckon(self) -> None:
        """Say what the checked images come to."""
        self.setText(self._words())
        self.setVisible(bool(self.text()))

    def _words(self) -> str:
        session, offering = self._controller.session, self._controller.offering
        choice = replace(session.encoder, finer=offering.resolution.finer)
        known, expected, patches = session.reckoning.facts(choice) or facts(choice), Expected(), 0
        refused: list[str] = []
        for found in offering.checked():
            if found.key in session.inputs:
                try:
                    offering.resolution.covered(found.image)
                    one = session.reckoning.expected(found.key, offering.input(found), choice, known)
                except ResolutionError as error:  # its row will say so too, once it is tried
                    refused.append(str(error))
                    continue
                expected += one
                patches += one.patches * one.missing // max(one.planes, 1)
        more = f" And {counted(len(refused) - 1, 'more image')}." if len(refused) > 1 else ""
        warning = f"⚠ {refused[0]}{more}" if refused else ""
        if not expected.missing:
            return warning
        if known is None:
            planes = counted(expected.missing, "plane")
            return f"To embed: {planes}; how many patches is known once it is loaded. {warning}".rstrip()
        words = [counted(patches, "patch", "patches"), _memory(expected.memory)]
        words += [_time(expected.seconds)] if expected.seconds is not None else ["time not yet known"]
        text = f"To embed: {' · '.join(words)}"
        budget = session.reckoning.budget(known)
        if expected.memory > budget:
            text += f". More than the {_memory(budget)} set aside: those not looked at for longest will leave"
        return f"{text}. {warning}".rstrip()


def _memory(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count, 1e5) / 1e6:.1f} MB"


def _time(seconds: float) -> str:
    if seconds < 1:
        return "under 1 s"
    if seconds < 5400:
        return f"about {seconds:.0f} s" if seconds < 90 else f"about {seconds / 60:.0f} min"
    return f"about {seconds / 3600:.0f} h"
