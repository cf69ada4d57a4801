"""The main road with a real DINOv3 built by timm: a weights file, Start, a click, against the reference's tokens."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from napari.layers import Image
from qtpy.QtWidgets import QFileDialog

from events import spin
from golden_weights import golden, write
from napari_dinosim._napari import registry
from napari_dinosim.loading import EncoderSlot


def map_by_hand(tokens: np.ndarray, shape: tuple[int, int], click: tuple[int, int], size: int) -> np.ndarray:
    """The formulas over reference tokens of shape (rows, cols, D), in float64."""
    tokens = tokens.astype(np.float64)
    unit = tokens / (np.linalg.norm(tokens, axis=-1, keepdims=True) + 1e-8)
    scores = unit @ unit[click[0] // size, click[1] // size]
    stretched = (scores - scores.min()) / (scores.max() - scores.min() + 1e-8)
    y, x = np.mgrid[: shape[0], : shape[1]]
    return stretched[y // size, x // size]


@pytest.mark.parametrize(("name", "layout", "size"), [("dinov3_vits16", "meta", 16), ("dinov2_vits14", "timm", 14)])
def test_a_click_with_a_real_encoder_equals_the_reference(desk, monkeypatch, tmp_path, name, layout, size):
    monkeypatch.setattr(registry, "_slot", EncoderSlot())
    weights = write(name, layout, tmp_path)
    image, tokens = golden(name)
    layer = Image(image, name="golden", scale=(0.5, 0.5), rotate=20)
    found = desk(layer)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(weights), ""))
    found.choose("file")
    found.controller.choose_encoder(replace(found.session.encoder, precision="float32"))
    found.controller.start()
    assert spin(60, lambda: not found.session.busy)
    click = (image.shape[0] - 3, image.shape[1] // 3)
    found.click(layer, click)
    expected = map_by_hand(tokens, image.shape[:2], click, size)
    np.testing.assert_allclose(found.map_of(layer).data, expected, atol=1e-3)
    assert found.states() == {"golden": "ready · best match 1.00"}
    assert f"{tokens.shape[0]} × {tokens.shape[1]} patches" in found.widget.images.item(0).text()
