"""The demo in a napari window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import napari

if TYPE_CHECKING:
    from collections.abc import Sequence


def open_demo(click: Sequence[float], *, run: bool = True) -> napari.Viewer:
    """Open napari on the sample pair with the built-in encoder, one prompt placed; the maps come by themselves.

    Parameters
    ----------
    click : (row, col)
        Pixel of the left image.
    run : bool
        Whether to go on until the person closes the window.

    Returns
    -------
    napari.Viewer
    """
    viewer = napari.Viewer(title="DINOSim demo")
    viewer.open_sample("napari-dinosim", "pair")
    _, widget = viewer.window.add_plugin_dock_widget("napari-dinosim")
    widget.encoder.value = "builtin"
    widget.controller.start()
    prompts = widget.controller.prompts.layer
    prompts.add([click])
    prompts.selected_data = set()  # a selected point is framed in blue
    viewer.reset_view()
    if run:
        napari.run()
    return viewer
