"""From a change of prompts to all maps written, and to napari told to draw them: ours, and the plain way, in one run.

``make bench`` prints both; the number in brackets is the ratio to the fastest of the group.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from napari_dinosim.prompts import Prompt, PromptSet


def ours(bench, drawn):
    """Replace the prompts; the session makes the query and the maps, the controller writes the layers."""
    controller = bench.widget.controller
    key = next(iter(controller.session.inputs))
    places = itertools.cycle([(100.0, 200.0), (700.0, 300.0), (450.0, 900.0)])

    def click():
        controller.session.set_prompts(PromptSet((Prompt(key, *next(places)),)))
        if drawn:
            controller.maps.draw_written()

    return click


def preview(bench, drawn):
    """Show what is under the cursor in place of what the prompts find, as for each move of the mouse."""
    controller = bench.widget.controller
    key = next(iter(controller.session.inputs))
    places = itertools.cycle([(100.0, 200.0), (700.0, 300.0), (450.0, 900.0)])

    def move():
        controller.session.preview(Prompt(key, *next(places)))
        if drawn:
            controller.maps.draw_written()

    return move


def plain(bench, drawn):
    """Compute each map as the formulas are written, in numpy, at the image's size, and give it to the layer."""
    session = bench.widget.controller.session
    maps = bench.widget.controller.maps
    held = {}
    for key, image in session.inputs.items():
        vectors = session.embeddings(key, ()).vectors
        held[key] = (vectors.reshape(-1, vectors.shape[-1]).numpy(), vectors.shape[:2], image.shape)
    first = next(iter(held))
    places = itertools.cycle([37, 2000, 911])

    def click():
        query = held[first][0][next(places)]
        for key, (vectors, shape, size) in held.items():
            norms = np.linalg.norm(vectors, axis=1) * np.linalg.norm(query) + 1e-8
            scores = (vectors @ query / norms).reshape(shape)
            stretched = (scores - scores.min()) / (scores.max() - scores.min() + 1e-8)
            heat = stretched.repeat(16, axis=0).repeat(16, axis=1)[: size[0], : size[1]]
            if drawn:
                levels = [heat, heat[::2, ::2], heat[::4, ::4], heat[::8, ::8]]
                maps[key].data = levels if maps[key].multiscale else heat

    return click


@pytest.mark.parametrize("way", [ours, preview, plain], ids=["ours", "preview", "plain numpy"])
@pytest.mark.parametrize("drawn", [False, True], ids=["written", "drawn"])
@pytest.mark.parametrize(("count", "side"), [(4, 2048), (1, 8192)], ids=["four 2048", "one 8192"])
def test_prompts_to_maps(benchmark, bench, way, count, side, drawn):
    end = "napari told to draw them" if drawn else "all maps written"
    benchmark.group = f"prompts to {end}: {count} × {side}², P = 16, D = 384"
    open_bench = bench(count, side)
    benchmark.pedantic(way(open_bench, drawn), setup=open_bench.settle, rounds=30, warmup_rounds=3)
