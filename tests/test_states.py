"""States in the words that people read."""

import pytest

from napari_dinosim.states import InputState, Overall, Stage


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (InputState(Stage.ABSENT), "not embedded"),
        (InputState(Stage.WAITING), "waiting"),
        (InputState(Stage.RUNNING), "0 %"),
        (InputState(Stage.RUNNING, 0.452), "45 %"),
        (InputState(Stage.RUNNING, 1.0), "100 %"),
        (InputState(Stage.READY, 1.0), "ready"),
        (InputState(Stage.READY, 1.0, 0.8349), "ready · best match 0.83"),
        (InputState(Stage.READY, 1.0, 0.0), "ready · best match 0.00"),
        (InputState(Stage.READY, 1.0, -0.001), "ready · best match 0.00"),
        (InputState(Stage.READY, 1.0, 0.596, threshold=0.6), "ready · best match 0.60"),
        (InputState(Stage.READY, 1.0, 0.594, threshold=0.6), "ready · no match here, best 0.59"),
        (InputState(Stage.STALE, 1.0, 0.5, "other contrast"), "stale · best match 0.50"),
        (InputState(Stage.FAILED, reason="too small"), "error"),
    ],
)
def test_a_state_in_words(state, text):
    assert state.text == text


@pytest.mark.parametrize(
    ("seconds", "sentence"),
    [
        (None, "Embedding retina"),
        (0.2, "Embedding retina · 0 s left"),
        (4.4, "Embedding retina · 4 s left"),
        (89, "Embedding retina · 89 s left"),
        (90, "Embedding retina · 2 min left"),
        (3600, "Embedding retina · 60 min left"),
    ],
)
def test_time_left_in_words(seconds, sentence):
    assert Overall(0.5, seconds, "Embedding retina").sentence == sentence
