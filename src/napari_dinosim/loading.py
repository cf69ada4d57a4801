"""One encoder in memory, shared by everyone who asks for the same one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_dinosim.embeddings import PatchEmbeddings
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
    layers : tuple of int, optional
        Blocks to take tokens from; by default the last.
    debias : bool
        Whether the positional bias is taken out.
    centre : bool
        Whether each image's mean vector is subtracted.
    finer : {1, 2, 4}
        Cells along each side of a patch, by averaging over shifted windows: an encoder of its own, whose embeddings
        are comparable with no other's.
    """

    name: str
    weights: str | None = None
    device: str = "auto"
    precision: str = "auto"
    layers: tuple[int, ...] | None = None
    debias: bool = False
    centre: bool = False
    finer: int = 1

    @property
    def model(self) -> EncoderChoice:
        """What encodes: the choice without what is done to the embeddings afterwards."""
        return replace(self, debias=False, centre=False)

    def identity(self, encoder: Encoder) -> str:
        """Identity of the embeddings that come of :meth:`finish` for an encoder."""
        from napari_dinosim.embeddings import default_count

        debiased = f"-debiased{default_count(encoder.spec.dimension)}" if self.debias else ""
        return f"{encoder.identity}{debiased}{'-centred' if self.centre else ''}"

    @property
    def loaded(self) -> EncoderChoice:
        """What has to be loaded for it: what encodes, not made finer."""
        return replace(self.model, finer=1)

    def finish(self, embeddings: PatchEmbeddings) -> PatchEmbeddings:
        """Do to an encoder's embeddings what was chosen beyond the encoder."""
        if self.debias:
            embeddings = embeddings.debiased()
        return embeddings.centred() if self.centre else embeddings


Loader = Callable[[EncoderChoice], "Encoder"]


def load_choice(choice: EncoderChoice) -> Encoder:
    """Load the encoder that was chosen; see :func:`napari_dinosim.load_encoder` for what it raises."""
    from napari_dinosim.encoders import load_encoder

    return load_encoder(choice.name, choice.weights, choice.device, choice.precision, layers=choice.layers)


class EncoderSlot:
    """Holds at most one loaded encoder; the old one is let go before the new one is loaded."""

    def __init__(self, loader: Loader = load_choice) -> None:
        self._loader = loader
        self._lock = threading.Lock()
        self._keep = True
        self._held: tuple[EncoderChoice, Encoder] | None = None

    def get(self, choice: EncoderChoice) -> Encoder:
        """Return the encoder of a choice, made finer where that is chosen, loading it where it is not the one held.

        Runs in a worker thread: loading takes seconds.
        """
        from napari_dinosim.encoders.finer import finer_encoder

        self._keep = True
        with self._lock:
            if self._held is None or self._held[0] != choice.loaded:
                self._held = None
                self._held = (choice.loaded, self._loader(choice.loaded))
            encoder = self._held[1]
            if not self._keep:  # cleared while it was loading
                self._held = None
            return finer_encoder(encoder, choice.finer)

    def clear(self) -> None:
        """Let the encoder go; never waits for one that is being loaded, which is let go when it is there."""
        self._keep = False
        if self._lock.acquire(blocking=False):
            self._held = None
            self._lock.release()
