"""Images that are larger than memory: the visible field of one of 50 000², and a click on one of 30 000².

Run it under a screen: ``xvfb-run -a python benchmarks/large.py``. The images are dask pyramids that make their pixels
when they are read. The field is embedded by the built-in encoder; for the click, random tokens stand for an encoder of
as many dimensions as the built-in one has, and as DINOv3 ViT-S/16 has.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

import dask.array as da
import napari
import numpy as np
import psutil
import torch
from qtpy.QtWidgets import QApplication

from napari_dinosim._napari import registry
from napari_dinosim._napari.extent_section import ExtentSection
from napari_dinosim.encoders.base import EncoderSpec
from napari_dinosim.loading import EncoderChoice, EncoderSlot
from napari_dinosim.prompts import Prompt, PromptSet

if TYPE_CHECKING:
    from collections.abc import Callable

CHUNK, PATCH = 2048, 16
TEXTURE = np.random.default_rng(0).integers(0, 256, (CHUNK, CHUNK), dtype=np.uint8)


class RandomEncoder:
    """Random tokens of a dimension."""

    identity, device, windows_per_batch = "random@1", torch.device("cpu"), 1

    def __init__(self, dimension: int) -> None:
        facts = {"source": "random", "licence": "none", "licence_url": "", "download_bytes": 0}
        self.spec = EncoderSpec("random", "random", PATCH, dimension, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), **facts)

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """Tokens of shape (B, H / 16, W / 16, D)."""
        count, height, width, _ = batch.shape
        return torch.randn(count, height // PATCH, width // PATCH, self.spec.dimension)


def pyramid(side: int) -> list[da.Array]:
    """Levels of one texture, over and over."""

    def block(block_info: dict) -> np.ndarray:
        shape = block_info[None]["chunk-shape"]
        return TEXTURE[: shape[0], : shape[1]]

    sizes = [side]
    while sizes[-1] > CHUNK:
        sizes.append(-(-sizes[-1] // 2))
    chunks = [(CHUNK,) * (size // CHUNK) + ((size % CHUNK,) if size % CHUNK else ()) for size in sizes]
    return [
        da.map_blocks(block, chunks=(part, part), dtype=np.uint8, meta=np.empty((0, 0), np.uint8)) for part in chunks
    ]


def work_until(done: Callable[[], bool], least: float = 0.0) -> None:
    """Run the event loop until something is done."""
    begun = time.perf_counter()
    while True:
        QApplication.processEvents()
        if done() and time.perf_counter() - begun >= least:
            return
        time.sleep(0.0005)


def open_viewer(side: int, dimension: int | None) -> tuple[napari.Viewer, object]:
    """Show a large image, and the widget."""
    if dimension is not None:
        registry._slot = EncoderSlot(lambda _choice: RandomEncoder(dimension))
    viewer = napari.Viewer()
    viewer.add_image(pyramid(side), contrast_limits=(0, 255), name=f"{side}²")
    _, widget = viewer.window.add_plugin_dock_widget("napari-dinosim")
    widget.controller.choose_encoder(EncoderChoice("builtin"))
    work_until(lambda: not widget.controller.engine._jobs, 3)
    return viewer, widget


def field(side: int) -> None:
    """Embed what is in view of an image, and print seconds and memory."""
    viewer, widget = open_viewer(side, None)
    session = widget.controller.session
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0, side / 2, side / 2), 0.4
    widget.section(ExtentSection).scope.value = "field"
    work_until(lambda: True, 2)
    process = psutil.Process()
    before, highest = process.memory_info().rss, 0
    begun = time.perf_counter()
    widget.controller.start()
    while session.busy:
        work_until(lambda: True)
        highest = max(highest, process.memory_info().rss)
    seconds = time.perf_counter() - begun
    key = next(iter(session.inputs))
    mosaic = session.embeddings(key, ()).mosaic
    known = sum(int((block.lengths > 0).sum()) for block in mosaic.blocks)
    session.set_prompts(PromptSet((Prompt(key, side / 2, side / 2),)))
    work_until(lambda: session.shown_map(key) is not None, 1)
    print(
        f"visible field of {side}²: {known} patches in {seconds:.1f} s; the process grew by at most "
        f"{(highest - before) / 1e6:.0f} MB, {mosaic.nbytes / 1e6:.0f} MB of it embeddings"
    )
    viewer.close()


def click(side: int, dimension: int, clicks: int = 20) -> None:
    """Click on an image that is embedded, and print how long it takes until its map is drawn."""
    viewer, widget = open_viewer(side, dimension)
    controller = widget.controller
    session, maps = controller.session, controller.maps
    controller.start()
    work_until(lambda: not session.busy)
    key = next(iter(session.inputs))
    places = np.random.default_rng(1).integers(0, side, (clicks + 3, 2))
    taken = []
    for y, x in places:
        work_until(lambda: True, 0.2)
        begun = time.perf_counter()
        session.set_prompts(PromptSet((Prompt(key, float(y), float(x)),)))
        work_until(lambda: not session._scoring._jobs and not maps._written)
        viewer.window._qt_viewer.canvas.native.repaint()
        QApplication.processEvents()
        taken.append(1000 * (time.perf_counter() - begun))
    mosaic = session.embeddings(key, ()).mosaic
    low, high = np.percentile(taken[3:], [50, 95])
    print(
        f"click on {side}², D = {dimension} ({mosaic.nbytes / 1e6:.0f} MB of embeddings): "
        f"median {low:.0f} ms, 95 % within {high:.0f} ms, until drawn"
    )
    viewer.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--field", type=int, default=50_000, help="side of the image whose visible field is embedded")
    parser.add_argument("--click", type=int, default=30_000, help="side of the image that is clicked")
    parser.add_argument("--dimensions", type=int, nargs="*", default=[37, 384])
    chosen = parser.parse_args()
    torch.set_num_threads(2)
    if chosen.field:
        field(chosen.field)
    for dimension in chosen.dimensions:
        click(chosen.click, dimension)


if __name__ == "__main__":
    sys.exit(main())
