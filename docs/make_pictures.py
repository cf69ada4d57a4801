"""Makes every picture of the documentation from real napari windows, worked with a real mouse.

``make pictures`` runs it on a virtual screen, with napari's own settings and an empty cache of weights. To make some
only: ``python docs/make_pictures.py NAME …``. It uses the built-in encoder and sample images: nothing is downloaded.
Each module in ``scenes/`` has some pictures, functions without parameters, in its ``SCENES``.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import napari

HERE = Path(__file__).parent


def main() -> None:
    """Make the pictures that are named, or all."""
    sys.path[:0] = [str(HERE), str(HERE / "scenes")]
    modules = [import_module(path.stem) for path in sorted((HERE / "scenes").glob("*.py"))]
    scenes = {scene.__name__: scene for module in modules for scene in module.SCENES}
    napari.Viewer.close_all()
    for name in sys.argv[1:] or scenes:
        scenes[name]()


if __name__ == "__main__":
    main()
