"""The names that the package hands out, each fetched when it is first used."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import napari_dinosim

STUB = Path(napari_dinosim.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
PROMISED = {
    "EncoderChoice",
    "Engine",
    "ImageInput",
    "PatchEmbeddings",
    "PatchGrid",
    "Prompt",
    "PromptSet",
    "Query",
    "Sampling",
    "SimilaritySession",
    "available_encoders",
    "download_weights",
    "embed",
    "load_encoder",
}
ORIGINS = re.findall(r"^from \.([\w.]+) import (\w+) as \2$", STUB, re.MULTILINE)


def test_every_promised_name_is_public():
    assert set(napari_dinosim.__all__) >= PROMISED
    assert set(napari_dinosim.__all__) <= set(dir(napari_dinosim))


def test_every_public_name_comes_from_where_the_stub_says():
    assert {name for _, name in ORIGINS} == set(napari_dinosim.__all__) - {"__version__"}
    for module, name in ORIGINS:
        origin = importlib.import_module(f"napari_dinosim.{module}")
        assert getattr(napari_dinosim, name) is getattr(origin, name)


@pytest.mark.parametrize("name", napari_dinosim.__all__)
def test_every_public_name_is_documented(name):
    assert name == "__version__" or getattr(napari_dinosim, name).__doc__


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"No napari_dinosim attribute similarity_maps"):
        napari_dinosim.similarity_maps  # noqa: B018


@pytest.mark.parametrize("name", ["Prompt", "PromptSet", "PatchGrid", "ImageInput", "EncoderChoice"])
def test_plain_values_are_had_without_torch(name):
    code = f"import sys, napari_dinosim; napari_dinosim.{name}; print('torch' in sys.modules, 'napari' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
