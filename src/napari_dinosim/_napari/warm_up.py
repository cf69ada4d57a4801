"""Brings in torch and timm while the person looks around, and names the device that "auto" stands for."""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_dinosim.engine import Engine, Job
    from napari_dinosim.errors import DinosimError

SLOW_MODULES = ("timm", "pandas", "napari_dinosim.encoders.builtin", "napari_dinosim.tiling")
"""What the first Start needs: timm takes six seconds when cold, pandas (napari's, for a Points layer) half of one."""

logger = logging.getLogger("napari_dinosim")


def describe_auto(engine: Engine, told: Callable[[str], None]) -> Job[str]:
    """Import torch and timm in the worker thread, then say which device "auto" resolves to.

    Parameters
    ----------
    engine : Engine
    told : callable(str)
        Called in Qt's thread, with "cuda" or the like.

    Returns
    -------
    Job
        To be cancelled by who does not wish to be told any more.
    """

    def work(_job: Job[str]) -> str:
        from napari_dinosim.encoders._llvm import bind_triton_to_itself

        bind_triton_to_itself()
        for name in SLOW_MODULES:
            importlib.import_module(name)
        from napari_dinosim.encoders.devices import resolve_device

        return str(resolve_device("auto").type)

    def failed(error: DinosimError) -> None:
        logger.warning("the device could not be told: %s", error)

    return engine.submit(work, on_done=told, on_error=failed)
