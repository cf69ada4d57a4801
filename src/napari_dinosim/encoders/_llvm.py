"""Keeps two copies of LLVM apart that would otherwise crash the process on Linux.

torchvision brings in Triton, whose library holds an LLVM of its own and exports its names. Mesa, which draws napari's
canvas on AMD and Intel GPUs, in virtual machines and over a network, brings in the system's LLVM. Where Mesa came
first, Triton's calls of its own LLVM end up in Mesa's, of another version: a segmentation fault, inside an import.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from pathlib import Path


def bind_triton_to_itself() -> None:
    """Load Triton's library so that it prefers its own names; to be called before anything imports timm.

    Nothing is done elsewhere than on Linux, where there is no Triton, or where it is loaded already.
    """
    if not sys.platform.startswith("linux") or "triton" in sys.modules:
        return
    spec = importlib.util.find_spec("triton")
    if spec is None or spec.origin is None:
        return
    for library in Path(spec.origin).parent.glob("_C/libtriton*.so"):
        ctypes.CDLL(str(library), mode=os.RTLD_NOW | os.RTLD_LOCAL | os.RTLD_DEEPBIND)
