"""A viewer with random embeddings of a given size: the road from prompts to maps, without the cost of an encoder."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from napari.layers import Image
from qtpy.QtWidgets import QApplication

from napari_dinosim._napari import registry
from napari_dinosim.loading import EncoderSlot
from planted import planted_spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dinosim.encoders.base import EncoderSpec

PATCH, DIMENSION = 16, 384


@dataclass(eq=False)
class RandomEncoder:
    """Random tokens of the right shape: as many numbers as DINOv3 ViT-S/16 gives."""

    spec: EncoderSpec = field(default_factory=lambda: planted_spec(PATCH, "random", DIMENSION))
    identity: str = "random@1"
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    windows_per_batch: int = 1

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        """Tokens of shape (B, H / 16, W / 16, 384)."""
        count, height, width, _ = batch.shape
        return torch.randn(count, height // PATCH, width // PATCH, DIMENSION)


@dataclass
class Bench:
    """An open viewer whose images are embedded."""

    viewer: object
    widget: object

    def settle(self, ready: Callable[[], bool] = lambda: True) -> None:
        """Let Qt work until all is quiet."""
        while True:
            for _ in range(5):
                QApplication.processEvents()
            if ready():
                return
            time.sleep(0.005)  # else the worker waits for the interpreter, and most of all while it imports


@pytest.fixture
def bench(make_napari_viewer, monkeypatch) -> Callable[..., Bench]:
    """Open a viewer on so many square images of a side, embed them, and place one prompt."""

    def make(count: int, side: int) -> Bench:
        torch.set_num_threads(2)
        monkeypatch.setattr(registry, "_slot", EncoderSlot(lambda _choice: RandomEncoder()))
        viewer = make_napari_viewer(show=True)
        for index in range(count):
            pixels = np.zeros((side, side), dtype=np.uint8)
            viewer.add_layer(Image(pixels, translate=(0, index * side), contrast_limits=(0, 255)))
        _, widget = viewer.window.add_plugin_dock_widget("napari-dinosim")
        widget.encoder.value = "builtin"
        found = Bench(viewer, widget)
        widget.controller.start()
        found.settle(lambda: all(row.state.stage == "ready" for row in widget.controller.rows()))
        widget.controller.prompts.layer.add([[side / 2, side / 3]])
        viewer.reset_view()
        found.settle()
        return found

    return make
