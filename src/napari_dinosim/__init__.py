"""Click on one thing and see, in every open image, everything that looks like it.

Importing this package imports neither torch nor napari nor Qt: each public name (they are listed in
``__init__.pyi``) is fetched when it is first used.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
