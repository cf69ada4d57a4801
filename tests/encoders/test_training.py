"""Satellite weights under the name of the photographs' are refused, and the reverse, wherever anything tells them."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch

from napari_dinosim.encoders import _training
from napari_dinosim.encoders._training import is_satellite
from napari_dinosim.encoders.building import build_model
from napari_dinosim.encoders.catalogue import CATALOGUE, IMAGENET_MEAN, SATELLITE_MEAN, catalogue_spec
from napari_dinosim.encoders.checkpoints import Checkpoint
from napari_dinosim.encoders.layouts import possible_encoders
from napari_dinosim.errors import WeightsError

LARGE = {"patch_embed.proj.weight": torch.zeros(1024, 3, 16, 16, device="meta")}
HUGE = {"patch_embed.proj.weight": torch.zeros(4096, 3, 16, 16, device="meta")}
NORM = {"local_cls_norm.weight": torch.zeros(1, device="meta")}
SNAPSHOT = "models--timm--vit_large_patch16_dinov3_qkvb.{}/snapshots/0123456789abcdef/model.safetensors"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("dinov3_vitl16_pretrain_sat493m-eadcf0ff.pth", True),
        ("dinov3_vitl16_pretrain_lvd1689m-8aa4cbdd.pth", False),
        ("dinov3_large-eadcf0ff.pth", True),
        ("dinov3_large-8aa4cbdd.pth", False),
        ("sat493m/dinov3_large-8aa4cbdd.pth", False),
        ("my_SAT493M_copy.safetensors", True),
        (SNAPSHOT.format("sat493m"), True),
        (SNAPSHOT.format("lvd1689m"), False),
        ("sat493m/a/b/c/model.safetensors", None),
        ("sat493m_or_lvd1689m.pth", None),
        ("model.safetensors", None),
    ],
)
def test_names_of_files_and_folders_tell(path, told):
    assert is_satellite(Path("/weights") / path, LARGE) is told


def test_a_norm_that_only_satellite_weights_have_tells():
    assert is_satellite(Path("/a/model.pth"), LARGE | NORM) is True
    assert is_satellite(Path("/a/model.pth"), HUGE | NORM) is None


@pytest.mark.parametrize(("mean", "told"), [(SATELLITE_MEAN, True), (IMAGENET_MEAN, False), ((0.5, 0.5, 0.5), None)])
@pytest.mark.parametrize("given", ["file", "folder"])
def test_the_normalisation_beside_the_weights_tells(tmp_path, mean, told, given):
    path = tmp_path if given == "folder" else tmp_path / "model.safetensors"
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "a", "pretrained_cfg": {"mean": mean}}))
    assert is_satellite(path, LARGE) is told
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"image_mean": mean}))
    assert is_satellite(path, LARGE) is told


@pytest.mark.parametrize(
    "content", ["", "[]", "3", '{"mean": 3}', '{"mean": ["a"]}', '{"pretrained_cfg": 3}', "[" * 9999]
)
def test_a_strange_configuration_tells_nothing(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    assert is_satellite(tmp_path / "model.safetensors", LARGE) is None


@pytest.mark.parametrize("name", ["dinov3_vit7b16", "dinov3_vit7b16_sat493m"])
def test_metas_own_file_is_known_by_its_sha256_whatever_its_name(tmp_path, monkeypatch, name):
    torch.save({"a": torch.ones(3)}, tmp_path / "mine.pth")
    digest = hashlib.sha256((tmp_path / "mine.pth").read_bytes()).hexdigest()[:8]
    table = [replace(spec, sha256_prefix=digest) if spec.name == name else spec for spec in CATALOGUE]
    assert is_satellite(tmp_path / "mine.pth", HUGE) is None
    monkeypatch.setattr(_training, "CATALOGUE", table)
    assert is_satellite(tmp_path / "mine.pth", HUGE) is ("sat493m" in name)


def state_of(name):
    """Tensors of an encoder in timm's layout, without any memory."""
    return timm.create_model(catalogue_spec(name).timm_name, num_classes=0, device="meta").state_dict()


@pytest.mark.parametrize("size", ["vitl16", "vit7b16"])
@pytest.mark.parametrize("satellite", [True, False])
def test_the_one_under_the_name_of_the_other_is_refused(size, satellite):
    photos = f"dinov3_{size}"
    asked, held = (photos, f"{photos}_sat493m") if satellite else (f"{photos}_sat493m", photos)
    file = f"{size}_{'sat493m' if satellite else 'lvd1689m'}.safetensors"
    tensors = state_of(photos)
    with pytest.raises(
        WeightsError, match=rf"'{file}' holds '{held}', expected '{asked}'\. Choose the encoder '{held}'"
    ):
        build_model(catalogue_spec(asked), Checkpoint(Path("/a") / file, tensors))


def test_where_nothing_tells_either_name_is_believed():
    names = ["dinov3_vitl16", "dinov3_vitl16_sat493m"]
    tensors = state_of(names[0])
    assert [spec.name for spec in possible_encoders(tensors, Path("/a/model.safetensors"))] == names
