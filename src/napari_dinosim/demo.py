"""``make demo``: the main job on the sample pair, in napari; without a display the same job as a picture."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_dinosim import samples
from napari_dinosim.engine import Engine
from napari_dinosim.figure import Panel, draw_figure, save_figure
from napari_dinosim.image import ImagePlane, image_plane
from napari_dinosim.loading import EncoderChoice
from napari_dinosim.prompts import Prompt, PromptSet
from napari_dinosim.session import SimilaritySession
from napari_dinosim.states import ImageInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLICK = (330.0, 152.0)
"""(row, col) of the one prompt, on the rear wheel in the left image."""

NAMES = "left", "right"
PICTURE = Path("demo.png")


def has_display() -> bool:
    """Whether a window can be opened: always but on a Linux without X11 or Wayland."""
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def search_pair() -> tuple[SimilaritySession, dict[str, NDArray[Any]]]:
    """Do the main job without a screen: embed the sample pair, place one prompt, compute both maps.

    Returns
    -------
    session : SimilaritySession
        Inputs ``"left"`` and ``"right"``, embedded with the built-in encoder, and one prompt on the left.
    images : dict
        The two images by their keys.
    """
    engine = Engine()
    session = SimilaritySession(engine, EncoderChoice("builtin"))
    images: dict[str, NDArray[Any]] = dict(zip(NAMES, samples.pair(), strict=True))
    for key, pixels in images.items():
        session.set_input(key, ImageInput(f"motorcycle {key}", pixels.shape[:2], partial(_read, pixels)))
    session.set_prompts(PromptSet((Prompt("left", *CLICK),)))
    failures: list[Exception] = []
    session.failed.connect(failures.append)
    session.start()
    engine.wait()
    engine.shutdown()
    if failures:
        raise failures[0]
    return session, images


def draw_pair(path: Path = PICTURE) -> Path:
    """Write the images beside their maps, the click marked.

    Parameters
    ----------
    path : Path
        Where to write the picture.

    Returns
    -------
    Path
        The picture, absolute.
    """
    session, images = search_pair()
    panels = []
    for key, image in images.items():
        found = session.shown_map(key)
        assert found is not None  # both are embedded, or search_pair has raised
        clicks = [(prompt.y, prompt.x) for prompt in session.prompts if prompt.source == key]
        panels.append(Panel(session.inputs[key].name, image, found.values, found.best, clicks, found.grid))
    save_figure(draw_figure(panels, "What looks like the rear wheel? Built-in textures, not DINO"), path)
    return path.absolute()


def main() -> None:
    """Open napari on the demo, or write its picture where there is no display."""
    if has_display():
        from napari_dinosim._napari.demo import open_demo

        open_demo(CLICK)
    else:
        sys.stdout.write(f"There is no display, so the demo is a picture: {draw_pair()}\n")


def _read(pixels: NDArray[Any], _plane: tuple[int, ...]) -> ImagePlane:
    return image_plane(pixels)


if __name__ == "__main__":
    main()
