"""The built-in encoder's constants, the same for every image, read from ``builtin_constants.json`` when first used.

The file is written by ``python benchmarks/builtin_quality.py --measure`` (``measure_constants`` there), without labels,
from the images inside scikit-image 0.26.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

FILE = Path(__file__).with_name("builtin_constants.json")

WEIGHTS = {"texture": 1.0, "colours": 1.0, "lightness": 0.35}
"""Influence of each block, relative to its usual length; chosen by hand on the ``"tune"`` halves of the benchmark."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """How the n measures of one block become d numbers.

    Parameters
    ----------
    centre : Tensor of shape (n,)
        Mean of each measure; 0 for colours, so that a grey image has none.
    matrix : Tensor of shape (d, n)
        Gives numbers in which neighbouring patches differ alike in all directions, each weighted by how far it tells
        distant patches apart.
    limit : float
        Usual (root mean square) length of the d numbers.
    length : float
        Usual length once limited.
    """

    centre: Tensor
    matrix: Tensor
    limit: float
    length: float


@cache
def blocks() -> dict[str, Block]:
    """Constants of each block, in the order in which they are joined."""
    stored = json.loads(FILE.read_text(encoding="utf-8"))
    return {
        name: Block(torch.tensor(block["centre"]), torch.tensor(block["matrix"]), block["limit"], block["length"])
        for name, block in stored.items()
    }
