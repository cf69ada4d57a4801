"""Errors by name: which of them are one another, and how they travel."""

import pickle

import pytest

from napari_dinosim import errors
from napari_dinosim.errors import (
    DifferenceError,
    DinosimError,
    DownloadError,
    EncodingError,
    OutOfMemoryError,
    WeightsNotFoundError,
)

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_ours_and_none_is_one_that_workers_swallow(kind):
    assert issubclass(kind, DinosimError)
    assert not issubclass(kind, RuntimeError)
    assert kind.__doc__


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in (DifferenceError, DownloadError)])
def test_an_error_says_its_message_in_another_process_too(kind):
    copy = pickle.loads(pickle.dumps(kind("what was found")))
    assert type(copy) is kind
    assert str(copy) == "what was found"


def test_a_failed_download_keeps_its_reason():
    copy = pickle.loads(pickle.dumps(DownloadError("the hub did not answer", "timed out")))
    assert (str(copy), copy.reason) == ("the hub did not answer", "timed out")
    assert isinstance(copy, WeightsNotFoundError)


def test_what_differs_travels_with_the_error():
    copy = pickle.loads(pickle.dumps(DifferenceError("the weights are others", ("weights",))))
    assert (str(copy), copy.differences) == ("the weights are others", ("weights",))


def test_running_out_of_memory_is_a_failure_of_one_image():
    assert issubclass(OutOfMemoryError, EncodingError)
