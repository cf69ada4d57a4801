"""A session at work on planted images, and notes of all that it does; shared by the tests of the session."""

import gc
import threading
import weakref

import numpy as np
import torch

from napari_dinosim.engine import Engine
from napari_dinosim.image import image_plane
from napari_dinosim.loading import EncoderChoice, EncoderSlot
from napari_dinosim.prompts import Prompt, PromptSet
from napari_dinosim.session import SimilaritySession
from napari_dinosim.states import ImageInput, Stage
from planted import MeanColourEncoder, planted_spec

SOON = 20.0
"""Seconds that nothing here takes."""

A, B = EncoderChoice("a"), EncoderChoice("b")
PATCH_SIZE = {"a": 16, "b": 14}


def patchwork(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Cells of strong colours, uint8: mean colours differ by far more than float32 rounds."""
    cells = np.random.default_rng(seed).random((height // 9 + 1, width // 9 + 1, 3)) ** 3 * 255
    return np.kron(cells, np.ones((9, 9, 1)))[:height, :width].astype(np.uint8)


class GatedEncoder(MeanColourEncoder):
    """Waits at every window until it is let on."""

    def __init__(self, gate: threading.Event, begun: threading.Event, **facts) -> None:
        super().__init__(**facts)
        self._gate, self._begun = gate, begun

    def encode(self, batch: torch.Tensor) -> torch.Tensor:
        self._begun.set()
        assert self._gate.wait(SOON)
        return super().encode(batch)


class Desk:
    """A session, its engine, and notes.

    ``read`` are the (encoder, input, plane) that were read for embedding, in order; ``loaded`` weak references to the
    encoders; ``alive_while_loading`` how many older ones were still in memory then.
    """

    def __init__(self, *, slot: EncoderSlot | None = None, cache=None) -> None:
        self.engine = Engine()
        self.loaded: list[weakref.ref] = []
        self.alive_while_loading: list[int] = []
        self.read: list[tuple] = []
        self.gate, self.begun = threading.Event(), threading.Event()
        self.gate.set()
        self.load_error: Exception | None = None
        self.session = SimilaritySession(self.engine, A, slot or EncoderSlot(self.load), cache)
        self.states, self.maps, self.progress, self.messages, self.failures = [], [], [], [], []
        self.session.state_changed.connect(self.states.append)
        self.session.map_changed.connect(self.maps.append)
        self.session.progress_changed.connect(self.progress.append)
        self.session.message.connect(self.messages.append)
        self.session.failed.connect(self.failures.append)

    def load(self, choice: EncoderChoice) -> MeanColourEncoder:
        gc.collect(0)
        self.alive_while_loading.append(sum(encoder() is not None for encoder in self.loaded))
        if self.load_error is not None:
            raise self.load_error
        facts = {"spec": planted_spec(PATCH_SIZE[choice.name]), "identity": f"{choice.name}@planted"}
        encoder = GatedEncoder(self.gate, self.begun, **facts)
        self.loaded.append(weakref.ref(encoder))
        return encoder

    def add(self, key: str, image: np.ndarray, version=0, plane: tuple[int, ...] = ()) -> None:
        def read(index: tuple[int, ...]):
            self.read.append((self.session.encoder.name, key, index))
            return image_plane(image[index] if index else image)

        shape = image.shape[len(plane) :][:2]
        planes = image.shape[: len(plane)]
        self.session.set_input(key, ImageInput(f"image {key}", shape, read, version, planes), plane)

    def add_failing(self, key: str, error: Exception) -> None:
        def read(index):
            self.read.append((self.session.encoder.name, key, index))
            raise error

        self.session.set_input(key, ImageInput(f"image {key}", (20, 20), read))

    def prompt(self, *places, combine="max") -> None:
        """Set prompts, each (input, y, x), (input, y, x, plane) or (input, y, x, plane, label)."""
        self.session.set_prompts(PromptSet(tuple(Prompt(*place) for place in places), combine))

    def start(self) -> None:
        self.session.start()
        self.wait()

    def wait(self) -> None:
        assert self.engine.wait(SOON)

    def wait_until_encoding(self) -> None:
        assert self.begun.wait(SOON)

    def close_gate(self) -> None:
        self.gate.clear()
        self.begun.clear()

    def open_gate(self) -> None:
        self.gate.set()
        self.wait()

    def stages(self) -> dict[str, Stage]:
        return {key: self.session.state(key).stage for key in self.session.inputs}

    def heat(self, key: str) -> np.ndarray:
        """Map of the plane on screen at the image's own pixels."""
        found = self.session.shown_map(key)
        assert found is not None
        return found.grid.upsample(found.values)

    def clear_notes(self) -> None:
        for notes in (self.states, self.maps, self.progress, self.messages, self.failures, self.read):
            notes.clear()
