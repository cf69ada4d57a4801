"""Fixtures for every test; those of the viewer are in ``tests/_napari/conftest.py``."""

from __future__ import annotations

import logging

import pytest
import torch

from napari_dinosim.encoders import _hub_settings


@pytest.fixture(autouse=True, scope="session")
def _two_threads():
    torch.set_num_threads(2)


@pytest.fixture(autouse=True, scope="session")
def _settings_of_their_own(tmp_path_factory):
    """Neither read nor change what the person who runs the tests has chosen."""
    folder = str(tmp_path_factory.mktemp("config"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_hub_settings, "user_config_dir", lambda *_, **__: folder)
        yield


@pytest.fixture(autouse=True)
def _nothing_reported(caplog, request):
    """Fail where a guarded callback reported an error that the test did not expect (marker ``reports``)."""
    yield
    reported = [record.getMessage() for record in caplog.get_records("call") if _ours(record)]
    if request.node.get_closest_marker("reports") is None:
        assert not reported


def _ours(record: logging.LogRecord) -> bool:
    return record.name.startswith("napari_dinosim") and record.levelno >= logging.ERROR
