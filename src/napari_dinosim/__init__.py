"""Click on one thing and see, in every open image, everything that looks like it.

Importing this package imports neither torch nor napari nor Qt: each public name is fetched when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from napari_dinosim.embeddings import PatchEmbeddings
    from napari_dinosim.grid import PatchGrid

__version__ = "0.1.0"
