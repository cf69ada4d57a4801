"""Says which rows of the list of images have changed: at once, or, while a preview moves, only so often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from superqt.utils import qthrottled

from napari_dinosim._napari.guard import guarded

if TYPE_CHECKING:
    from psygnal import SignalInstance

    from napari_dinosim.session import SimilaritySession

PREVIEW_MS = 250
"""At most this often do rows follow a preview: to paint them takes longer than the preview, and nobody reads faster."""


class RowTelling:
    """Passes on what changes in a session.

    Parameters
    ----------
    session : SimilaritySession
    row_changed : Signal
        Told the key of the image whose row has changed.
    """

    def __init__(self, session: SimilaritySession, row_changed: SignalInstance) -> None:
        self._session, self._row_changed = session, row_changed
        self._changed: dict[str, None] = {}  # a set that keeps its order
        self._tell_soon = qthrottled(guarded(self._tell), timeout=PREVIEW_MS, leading=False)
        session.state_changed.connect(self._on_change)

    def close(self) -> None:
        """Say nothing more."""
        self._session.state_changed.disconnect(self._on_change)
        self._tell_soon.cancel()

    def _on_change(self, key: str) -> None:
        self._changed[key] = None
        if self._session.previewed is None:
            self._tell()
        else:
            self._tell_soon()

    def _tell(self) -> None:
        while self._changed:
            self._row_changed.emit(self._changed.popitem()[0])
