"""One encoder in memory, shared by everyone who asks for the same one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_dinosim.encoders.base import Encoder


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """Which encoder a person chose.

    Parameters
    ----------
    name : str
        A name that :func:`napari_dinosim.load_encoder` knows; may be empty where ``weights`` say it all.
    weights : str, optional
        A local weights file.
    device : str
        "auto", "cpu", "cuda" or "mps".
    precision : str
        "auto", "float32" or "bfloat16".
    """

    name: str
    weights: str | None = None
    device: str = "auto"
    precision: str = "auto"


Loader = Callable[[EncoderChoice], "Encoder"]


def load_choice(choice: EncoderChoice) -> Encoder:
    """Load the encoder that was chosen; see :func:`napari_dinosim.load_encoder` for what it raises."""
    from napari_dinosim.encoders import load_encoder

    return load_encoder(choice.name, choice.weights, choice.device, choice.precision)


class EncoderSlot:
    """Holds at most one loaded encoder; the old one is let go before the new one is loaded."""

    def __init__(self, loader: Loader = load_choice) -> None:
        self._loader = loader
        self._lock = threading.Lock()
        self._held: tuple[EncoderChoice, Encoder] | None = None

    def get(self, choice: EncoderChoice) -> Encoder:
        """Return the encoder of a choice, loading it where it is not the one held.

        Runs in a worker thread: loading takes seconds.
        """
        with self._lock:
            if self._held is None or self._held[0] != choice:
                self._held = None
                self._held = (choice, self._loader(choice))
            return self._held[1]

    def clear(self) -> None:
        """Let the encoder go."""
        with self._lock:
            self._held = None
