"""The built-in encoder reaches its goals on labelled pictures, by the benchmark's own measure, on a few of them."""

import importlib
import sys
from pathlib import Path

import pytest

from napari_dinosim.encoders import builtin

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
if str(BENCHMARKS) not in sys.path:
    sys.path.append(str(BENCHMARKS))  # its scripts import each other by their plain names
quality, mosaics = (importlib.import_module(name) for name in ("builtin_quality", "mosaics"))

REACHED = 0.90
"""Average precision on the mosaic used here is 0.913; the goal, 0.82, half of the encoder's numbers would reach."""


@pytest.fixture(scope="module")
def mosaic():
    """The first of those that are reported; nothing was tuned on it."""
    return mosaics.make_mosaic("report", 100, irregular=True)


def ranked(mosaic, image):
    return quality.retrieval(quality.embed(image).flatten(0, 1), mosaic.labels.ravel())


def test_textures_of_equal_grey_levels_are_told_apart(mosaic):
    found = ranked(mosaic, mosaic.image)
    auroc, precision = quality.GOALS["seven textures"]
    assert found.auroc_per_query >= auroc
    assert found.average_precision >= max(REACHED, precision)


def test_blurred_and_noisy_ones_are_as_well(mosaic):
    found = ranked(mosaic, mosaics.blur_and_noise(mosaic.image, 100))
    auroc, precision = quality.GOALS["… blurred, noisy"]
    assert found.auroc_per_query >= auroc
    assert found.average_precision >= precision


def test_stains_of_tissue_are_told_apart():
    assert quality.stain_quality("report")[0].auroc_per_query >= quality.GOALS["stains of tissue"][0]


@pytest.mark.parametrize("half", [0, 1])
def test_with_half_of_its_numbers_only_it_would_fall_short(mosaic, monkeypatch, half):
    """The measure is one that an encoder can miss."""
    whole = builtin.standardise

    def spoiled(measured):
        tokens = whole(measured)
        tokens[:, half::2] = 0
        return tokens

    monkeypatch.setattr(builtin, "standardise", spoiled)
    assert ranked(mosaic, mosaic.image).average_precision < REACHED
