"""Questions that are put to the person without holding up the window: an answer comes later, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox

from napari_dinosim._napari.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qtpy.QtWidgets import QWidget


def ask(
    parent: QWidget | None,
    title: str,
    text: str,
    answers: Sequence[str],
    answered: Callable[[str], None],
    *,
    safe: str = "Cancel",
) -> QMessageBox:
    """Ask, and call back with the words on the button that was pressed.

    Parameters
    ----------
    parent : QWidget, optional
    title, text : str
    answers : sequence of str
        Buttons beside ``safe``.
    answered : callable(str)
        Called with one of the answers, or with ``safe`` where the question was put away.
    safe : str
        The answer that changes nothing; Enter and Escape give it.
    """
    box = QMessageBox(parent)
    box.setObjectName("dinosim_question")
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle(title)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    box.setText(text)
    for words_of_one in answers:
        box.addButton(words_of_one, QMessageBox.ButtonRole.ActionRole)
    way_out = box.addButton(safe, QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(way_out)
    box.setEscapeButton(way_out)
    words = {button: button.text().replace("&", "") for button in box.buttons()}

    def answer(button: Any) -> None:
        answered(words.get(button, safe))

    box.buttonClicked.connect(guarded(answer))
    box.open()
    return box
