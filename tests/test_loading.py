"""One encoder in memory at a time."""

import threading
import time
import weakref

import pytest

from napari_dinosim.encoders.builtin import BuiltinEncoder
from napari_dinosim.errors import UnknownEncoderError, WeightsNotFoundError
from napari_dinosim.loading import EncoderChoice, EncoderSlot, load_choice
from planted import MeanColourEncoder

A, B = EncoderChoice("a"), EncoderChoice("b")


class Loader:
    """Loads planted encoders slowly, and knows which of them are still in memory."""

    def __init__(self, delay: float = 0.0) -> None:
        self.asked: list[EncoderChoice] = []
        self.alive_while_loading: list[int] = []
        self.delay = delay
        self.loaded: list[weakref.ref] = []

    def alive(self) -> int:
        return sum(one() is not None for one in self.loaded)

    def __call__(self, choice: EncoderChoice) -> MeanColourEncoder:
        self.asked.append(choice)
        self.alive_while_loading.append(self.alive())
        time.sleep(self.delay)
        encoder = MeanColourEncoder(identity=choice.name)
        self.loaded.append(weakref.ref(encoder))
        return encoder


def test_an_encoder_is_loaded_once():
    loader = Loader()
    slot = EncoderSlot(loader)
    assert slot.get(A) is slot.get(EncoderChoice("a"))
    assert loader.asked == [A]


@pytest.mark.parametrize(
    "other",
    [
        EncoderChoice("b"),
        EncoderChoice("a", "file.pth"),
        EncoderChoice("a", device="cpu"),
        EncoderChoice("a", precision="float32"),
    ],
)
def test_every_part_of_a_choice_counts(other):
    loader = Loader()
    slot = EncoderSlot(loader)
    slot.get(A)
    slot.get(other)
    assert loader.asked == [A, other]


def test_what_is_done_after_the_encoder_loads_nothing():
    loader = Loader()
    slot = EncoderSlot(loader)
    assert slot.get(EncoderChoice("a", centre=True, debias=True)) is slot.get(A)
    assert slot.get(EncoderChoice("a", debias=True)) is slot.get(A)
    assert loader.asked == [A]


def test_the_old_encoder_is_gone_before_the_new_one_is_loaded():
    loader = Loader()
    slot = EncoderSlot(loader)
    for choice in (A, B, A):
        assert slot.get(choice).identity == choice.name
        assert loader.alive() == 1
    assert loader.alive_while_loading == [0, 0, 0]


def test_clearing_lets_the_encoder_go():
    loader = Loader()
    slot = EncoderSlot(loader)
    slot.get(A)
    slot.clear()
    assert loader.alive() == 0
    slot.get(A)
    assert loader.asked == [A, A]


def test_clearing_while_one_is_loaded_waits_for_nothing_and_lets_it_go_then():
    loader, loading, go_on, found = Loader(), threading.Event(), threading.Event(), []

    def slowly(choice):
        loading.set()
        assert go_on.wait(10)
        return loader(choice)

    slot = EncoderSlot(slowly)
    thread = threading.Thread(target=lambda: found.append(slot.get(A).identity))
    thread.start()
    assert loading.wait(10)
    start = time.monotonic()
    slot.clear()
    assert time.monotonic() - start < 1
    go_on.set()
    thread.join()
    assert found == ["a"]
    assert loader.alive() == 0
    slot.get(A)
    assert loader.alive() == 1
    assert loader.asked == [A, A]


def test_all_who_ask_at_once_get_the_same():
    loader, found = Loader(0.05), []
    slot = EncoderSlot(loader)
    threads = [threading.Thread(target=lambda: found.append(slot.get(A))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loader.asked == [A]
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_a_loader_that_fails_leaves_nothing_and_is_asked_again():
    loader = Loader()

    def failing_once(choice):
        if choice == B and loader.asked.count(B) == 0:
            loader.asked.append(B)
            raise WeightsNotFoundError("not on this computer")
        return loader(choice)

    slot = EncoderSlot(failing_once)
    slot.get(A)
    with pytest.raises(WeightsNotFoundError, match="not on this computer"):
        slot.get(B)
    assert loader.alive() == 0
    assert slot.get(B).identity == "b"
    assert loader.asked == [A, B, B]


def test_a_choice_is_loaded_by_its_name():
    assert isinstance(load_choice(EncoderChoice("builtin", device="cpu")), BuiltinEncoder)
    assert EncoderSlot().get(EncoderChoice("builtin", device="cpu")).identity == "builtin@2"
    with pytest.raises(UnknownEncoderError, match="dinov3"):
        load_choice(EncoderChoice("dinov3_vits17"))


def test_weights_device_and_precision_are_handed_on(monkeypatch):
    asked = []
    monkeypatch.setattr("napari_dinosim.encoders.load_encoder", lambda *given, **_: asked.append(given))
    load_choice(EncoderChoice("name", "file.pth", "cuda", "bfloat16"))
    assert asked == [("name", "file.pth", "cuda", "bfloat16")]
