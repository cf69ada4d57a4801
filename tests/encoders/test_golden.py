"""Patch tokens equal the reference implementations', from every layout of the weights."""

from pathlib import Path

import numpy as np
import pytest
import torch

import golden_weights
from napari_dinosim.encoders import building, load_encoder
from napari_dinosim.encoders.catalogue import catalogue_spec
from napari_dinosim.encoders.checkpoints import Checkpoint

CLOSE = 1e-4
"""Token values are about 1."""


@pytest.fixture(scope="module")
def identities() -> dict[str, set[str]]:
    return {}


def load(name: str, layout: str, folder: Path, precision: str = "float32"):
    """Load a golden model, told by the weights alone; their file is removed."""
    path = golden_weights.write(name, layout, folder)
    try:
        return load_encoder(None, path, "cpu", precision)
    finally:
        path.unlink()


def difference(encoder, name: str) -> float:
    image, expected = golden_weights.golden(name)
    tokens = encoder.encode(golden_weights.padded(image, encoder.spec.patch_size))[0].numpy()
    assert tokens.shape == expected.shape
    assert tokens.dtype == np.float32
    return float(np.abs(tokens - expected).max())


@pytest.mark.parametrize("layout", golden_weights.LAYOUTS)
@pytest.mark.parametrize("name", golden_weights.MODELS)
def test_tokens_equal_the_reference_from_every_layout(name, layout, tmp_path, identities):
    encoder = load(name, layout, tmp_path)
    assert encoder.spec.name == name
    assert difference(encoder, name) < CLOSE
    # The same weights are the same encoder, whoever wrote the file.
    identities.setdefault(name, set()).add(encoder.identity)
    assert len(identities[name]) == 1


def test_bfloat16_stays_close(tmp_path):
    name = "dinov3_vits16"
    encoder = load(name, "timm", tmp_path, precision="bfloat16")
    image, expected = golden_weights.golden(name)
    tokens = encoder.encode(golden_weights.padded(image, 16))[0].numpy()
    cosines = (tokens * expected).sum(-1) / np.linalg.norm(tokens, axis=-1) / np.linalg.norm(expected, axis=-1)
    assert tokens.dtype == np.float32
    assert cosines.min() > 0.999


def test_periods_not_rounded_would_be_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "_rope_periods", lambda count: 100.0 ** (torch.arange(count) / count))
    assert difference(load("dinov3_vits16", "timm", tmp_path), "dinov3_vits16") > CLOSE


def test_interpolating_as_timm_does_would_be_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "_interpolate_as_meta", lambda model: None)
    assert difference(load("dinov2_vits14", "timm", tmp_path), "dinov2_vits14") > CLOSE


def test_interpolating_without_the_offset_would_be_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "META_OFFSET", 0.0)
    assert difference(load("dinov2_vits14", "timm", tmp_path), "dinov2_vits14") > CLOSE


def test_another_normalisation_would_be_noticed(tmp_path):
    encoder = load("dinov2_vits14_reg", "timm", tmp_path)
    replica = encoder._replicas[0]
    replica._mean = torch.zeros_like(replica._mean)
    assert difference(encoder, "dinov2_vits14_reg") > CLOSE


def test_at_its_own_size_a_position_embedding_is_taken_as_it_is(tmp_path):
    model = load("dinov2_vits14", "timm", tmp_path)._replicas[0].model
    tokens = model._pos_embed(torch.zeros(2, 37, 37, 384))
    expected = model.pos_embed.clone()
    expected[:, :1] += model.cls_token
    assert torch.equal(tokens, expected.expand(2, -1, -1))


def test_periods_are_those_of_the_file(tmp_path):
    meta = dict(golden_weights.meta_state("dinov3_vits16"))
    spec = catalogue_spec("dinov3_vits16")
    _, digest = building.build_model(spec, Checkpoint(tmp_path, meta))
    meta["rope_embed.periods"] = meta["rope_embed.periods"] * 2
    model, other = building.build_model(spec, Checkpoint(tmp_path, meta))
    assert torch.equal(model.rope.periods, meta["rope_embed.periods"])
    assert other != digest
