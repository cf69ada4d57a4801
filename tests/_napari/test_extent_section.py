"""The section for stacks and large images."""

from __future__ import annotations

import numpy as np
from napari.layers import Image

from events import spin
from pictures import colours


def stack() -> Image:
    return Image(np.stack([colours(100, 150, seed) for seed in range(4)]), name="stack", rgb=True)


def test_only_the_plane_on_screen(desk):
    found = desk(stack())
    assert found.extent.text() == "▸ Stacks and large images: all planes"
    found.extent.scope.value = "plane"
    found.start()
    assert found.states() == {"stack": "ready · 1 of 4 planes"}
    assert found.extent.text() == "▸ Stacks and large images: plane on screen"
    found.extent.scope.value = "all"
    found.wait()
    assert found.states() == {"stack": "ready · 4 of 4 planes"}


def test_maps_stretched_over_the_stack(desk):
    layer = stack()
    found = desk(layer)
    found.start()
    found.click(layer, (found.viewer.dims.current_step[0], 30, 40))
    found.controller.stretch_over("stack")
    spin(0.3)
    data = np.asarray(found.map_of(layer).data)
    lows, highs = data.min(axis=(1, 2)), data.max(axis=(1, 2))
    np.testing.assert_allclose((lows.min(), highs.max()), (0, 1), atol=1e-6)
    assert len(set(highs.round(4))) > 1
    found.controller.stretch_over("plane")
    spin(0.1)
    np.testing.assert_allclose(np.asarray(found.map_of(layer).data).max(axis=(1, 2)), 1, atol=1e-6)


def test_it_shows_what_another_widget_chose(desk):
    found = desk(stack())
    found.widget.controller.embed_scope("field")
    assert found.extent.scope.value == "field"
