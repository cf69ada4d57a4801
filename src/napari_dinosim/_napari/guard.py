"""Callbacks that Qt drives must not raise: PyQt aborts the process. They report instead."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, ParamSpec

from napari.utils.notifications import show_error

if TYPE_CHECKING:
    from collections.abc import Callable

Arguments = ParamSpec("Arguments")
logger = logging.getLogger("napari_dinosim")


def guarded(function: Callable[Arguments, object]) -> Callable[Arguments, None]:
    """Report what a callback raises, once, with its trace in the log, and let napari live on."""

    @functools.wraps(function)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except Exception as error:
            logger.exception("%s failed", getattr(function, "__qualname__", function))
            show_error(f"DINOSim: {type(error).__name__}: {error}")

    return call
