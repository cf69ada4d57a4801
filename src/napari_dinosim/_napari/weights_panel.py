"""The ways on where the weights of an encoder are not on this computer: fetch them, give a file, use the built-in."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import Container, Label, ProgressBar, PushButton
from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QMessageBox, QSizePolicy

from napari_dinosim._napari.encoder_choices import FROM_FILE
from napari_dinosim._napari.guard import guarded
from napari_dinosim.encoders.catalogue import BUILTIN_NAME
from napari_dinosim.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dinosim.encoders.base import EncoderSpec
    from napari_dinosim.encoders.hub import DownloadProgress
    from napari_dinosim.engine import Deliver, Job
    from napari_dinosim.errors import DinosimError

    _Found = tuple[EncoderSpec, Path | None, Path]
    """An encoder, its weights and the cache folder."""

STEPS = 1000
"""Resolution of the progress bar."""

PREPARED_BYTES = 2_000_000_000
"""Larger encoders are loaded when they are used, not when the widget opens: they would fill the memory unasked."""

LINK_COLOR = "#3d8fe0"
"""Legible on napari's dark and light backgrounds; Qt's own blue is not."""


class WeightsPanel(Container):  # type: ignore[type-arg]
    """Shown only where the chosen encoder has no weights here. Downloads only when asked, after the licence.

    Parameters
    ----------
    deliver : callable
        Brings callbacks into Qt's thread.
    """

    fetched = Signal(str)
    """Weights have been downloaded: the encoder's title."""
    here = Signal()
    """The chosen encoder can be loaded: its weights are on this computer, or it needs none."""
    told = Signal(str, bool)
    """Something to show the person, and whether it is an error."""

    def __init__(self, deliver: Deliver) -> None:
        self._engine = Engine(deliver)
        self._job: Job[Any] | None = None
        self._name = ""
        self._spec: EncoderSpec | None = None
        """Facts about the encoder of that name, once they are known."""
        self.text = Label(value="")
        self.download = PushButton(text="Download…", tooltip="Fetch the weights; size and licence are shown first.")
        self.file = PushButton(text="From file…", tooltip="Use a weights file: Meta's .pth or a .safetensors.")
        self.builtin = PushButton(
            text="Built-in", tooltip="Use the built-in textures instead: not DINO, but here at once."
        )
        self.progress = ProgressBar(value=0, max=STEPS, visible=False)
        self.stop = PushButton(text="Cancel download", tooltip="Stop; nothing is kept.", visible=False)
        ways = Container(widgets=[self.download, self.file, self.builtin], layout="horizontal", labels=False)
        ways.margins = (0, 0, 0, 0)
        super().__init__(widgets=[self.text, ways, self.progress, self.stop], labels=False, visible=False)
        self.margins = (0, 0, 0, 0)
        self.text.native.setWordWrap(True)
        self.text.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.MinimumExpanding)
        self.download.changed.connect(guarded(self._ask))
        self.stop.changed.connect(guarded(self._cancel))

    def look(self, name: str) -> None:
        """Look in the worker thread whether an encoder's weights are here; show the ways on where they are not."""
        self._name, self._spec = name, None
        if name in ("", BUILTIN_NAME, FROM_FILE):
            self.visible = False
            if name == BUILTIN_NAME:
                self.here.emit()
            return

        def work(_job: Job[_Found]) -> _Found:
            from napari_dinosim.encoders import encoder_spec
            from napari_dinosim.encoders.hub import cache_folder, cached_weights

            spec = encoder_spec(name)
            return spec, cached_weights(spec), cache_folder()

        self._engine.submit(work, on_done=lambda found: self._show(name, *found), on_error=self._fail)

    def shutdown(self) -> None:
        """Stop a download, and the worker thread with it."""
        self._engine.shutdown()

    def _show(self, name: str, spec: EncoderSpec, found: Path | None, folder: Path) -> None:
        if name != self._name:
            return  # another one has been chosen meanwhile
        self._spec, self._folder = spec, folder
        size = f" ({megabytes(spec.download_bytes)})" if spec.download_bytes else ""
        self.text.value = f"{spec.title} is not on this computer{size}."
        self.visible = found is None
        if found is not None and (spec.download_bytes or found.stat().st_size) <= PREPARED_BYTES:
            self.here.emit()
        self._show_running(self._job is not None)

    def _show_running(self, running: bool) -> None:
        self.progress.visible = self.stop.visible = self.visible and running
        for button in (self.download, self.file, self.builtin):
            button.enabled = not running

    # ---- download ------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        """Show size, source, folder and licence, and ask; the size is the hub's to tell where the table has none."""
        spec = self._spec
        if spec is None:
            return
        if spec.download_bytes or not spec.hub_repo:
            self._show_dialog(spec, spec.download_bytes)
            return

        def work(job: Job[int | None]) -> int | None:
            from napari_dinosim.encoders.hub import download_size

            return download_size(spec, cancelled=lambda: job.cancelled)

        def done(size: int | None) -> None:
            self._job = None
            self._show_running(False)
            self.told.emit(f"{spec.title}: {megabytes(size) if size else 'size not told'}.", False)
            if spec is self._spec:
                self._show_dialog(spec, size)

        self.told.emit(f"Asking the hub for the size of {spec.title}.", False)
        self._job = self._engine.submit(work, on_done=done, on_error=self._fail)
        self._show_running(True)

    def _show_dialog(self, spec: EncoderSpec, size: int | None) -> None:
        """Ask whether to fetch so many bytes under that licence."""
        from napari_dinosim.encoders.licences import licence_to_accept

        binds = licence_to_accept(spec) is not None
        box = QMessageBox(self.native)
        box.setObjectName("dinosim_licence")
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle(f"Download {spec.title}")
        box.setTextFormat(Qt.TextFormat.RichText)
        box.setText(
            f"<p><b>{spec.title}</b>: {megabytes(size) if size else 'size not told'} from {spec.hub_repo}"
            f"<br>to {self._folder}</p>"
            f'<p>Licence of the weights: <a style="color: {LINK_COLOR}" href="{spec.licence_url}">'
            f"{spec.licence}</a>.{' By downloading them you accept it.' if binds else ''}</p>"
        )
        accept = box.addButton("Accept and download" if binds else "Download", QMessageBox.ButtonRole.AcceptRole)
        folder = box.addButton("Other folder…", QMessageBox.ButtonRole.ActionRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(QMessageBox.StandardButton.Cancel)
        begin = partial(self._begin, folder=self._folder)  # the one that the dialog tells
        answers: dict[Any, Callable[[EncoderSpec], None]] = {accept: begin, folder: self._choose_folder}

        def answer(button: object) -> None:
            if button in answers:  # else it is Cancel
                answers[button](spec)

        box.buttonClicked.connect(guarded(answer))
        box.open()

    def _choose_folder(self, _spec: EncoderSpec) -> None:
        from napari_dinosim.encoders.hub import set_cache_folder

        chosen = QFileDialog.getExistingDirectory(self.native, "Folder for weights", str(self._folder))
        if chosen:
            set_cache_folder(Path(chosen))
            self._folder = Path(chosen)
        self._ask()

    def _begin(self, spec: EncoderSpec, folder: Path) -> None:
        def work(job: Job[Path]) -> Path:
            from napari_dinosim.encoders.hub import download_weights

            return download_weights(
                spec,
                accept_licence=True,
                on_progress=job.report,
                cancelled=lambda: job.cancelled,
                cache_folder=folder,
            )

        self.progress.value = 0
        self.told.emit(f"Downloading {spec.title}.", False)
        self._job = self._engine.submit(
            work,
            on_done=lambda _path: self._finish(spec),
            on_error=self._fail,
            on_progress=self._advance,
        )
        self._show_running(True)

    def _advance(self, progress: DownloadProgress) -> None:
        total = "" if progress.total_bytes is None else f" of {megabytes(progress.total_bytes)}"
        left = "" if progress.seconds_left is None else f" · {progress.seconds_left:.0f} s left"
        speed = megabytes(progress.bytes_per_second)
        self.told.emit(f"Downloading {megabytes(progress.done_bytes)}{total} · {speed}/s{left}", False)
        if progress.total_bytes:
            self.progress.value = round(STEPS * progress.done_bytes / progress.total_bytes)

    def _cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()
        self._job = None
        self._show_running(False)
        self.told.emit("Download cancelled; nothing is kept.", False)

    def _finish(self, spec: EncoderSpec) -> None:
        self._job = None
        self._show_running(False)
        self.visible = self.visible and spec is not self._spec
        self.fetched.emit(spec.title)

    def _fail(self, error: DinosimError) -> None:
        self._job = None
        self._show_running(False)
        self.told.emit(str(error), True)


def megabytes(count: float) -> str:
    """Say a number of bytes as people do."""
    return (
        f"{count / 1e9:.1f} GB"
        if count >= 1e9
        else f"{count / 1e6:.0f} MB"
        if count >= 1e7
        else f"{count / 1e6:.1f} MB"
    )
