import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import timm

from napari_dinosim.encoders import available_encoders, encoder_spec
from napari_dinosim.encoders.catalogue import CATALOGUE, IMAGENET_MEAN, catalogue_spec
from napari_dinosim.encoders.layouts import possible_encoders
from napari_dinosim.errors import UnknownEncoderError

NAMES = {
    *(f"dinov3_{size}" for size in ("vits16", "vits16plus", "vitb16", "vitl16", "vith16plus", "vit7b16")),
    "dinov3_vitl16_sat493m",
    "dinov3_vit7b16_sat493m",
    *(f"dinov3_convnext_{size}" for size in ("tiny", "small", "base", "large")),
    *(f"dinov2_vit{size}14{registers}" for size in "sblg" for registers in ("", "_reg")),
}


def empty_model(spec):
    """The model as timm knows it, without any memory."""
    return timm.create_model(spec.timm_name, pretrained=False, num_classes=0, device="meta")


def test_every_model_of_meta_is_there_once():
    assert {spec.name for spec in CATALOGUE} == NAMES
    assert len(CATALOGUE) == len(NAMES)
    assert [spec.name for spec in available_encoders()] == ["builtin", *(spec.name for spec in CATALOGUE)]


@pytest.mark.parametrize("spec", CATALOGUE, ids=lambda spec: spec.name)
def test_the_facts_are_those_of_the_model(spec):
    model = empty_model(spec)
    assert sum(parameter.numel() for parameter in model.parameters()) == spec.parameters
    assert model.num_features == spec.dimension
    assert getattr(model, "num_prefix_tokens", 0) == spec.prefix_tokens
    if spec.family == "dinov3-convnext":
        assert len(model.stages) == spec.blocks
        assert model.feature_info[-1]["reduction"] == spec.patch_size
    else:
        assert len(model.blocks) == spec.blocks
        assert model.patch_embed.patch_size == (spec.patch_size, spec.patch_size)


@pytest.mark.parametrize("spec", CATALOGUE, ids=lambda spec: spec.name)
def test_preprocessing_licence_and_home_are_those_of_the_weights(spec):
    configuration = timm.get_pretrained_cfg(spec.hub_repo.removeprefix("timm/"))
    assert configuration is not None
    assert configuration.mean == spec.mean
    assert configuration.std == spec.std
    assert (configuration.license == "dinov3-license") == (spec.licence == "DINOv3 License")
    assert spec.licence_url.startswith("https://")
    assert 4 * spec.parameters == spec.download_bytes
    assert spec.memory_per_1000_patches > 0
    assert bool(spec.gated_repo) == bool(spec.sha256_prefix) == (spec.licence == "DINOv3 License")


@pytest.mark.parametrize("spec", CATALOGUE, ids=lambda spec: spec.name)
def test_timms_names_mean_the_same_encoder(spec):
    for repo in {spec.hub_repo, spec.gated_repo, spec.hub_repo.replace("_qkvb", "")} - {""}:
        found = encoder_spec(f"hf-hub:{repo}")
        assert replace(found, hub_repo=spec.hub_repo) == spec
        assert repo in (found.hub_repo, found.gated_repo)  # what was named is what is looked up and fetched
        if repo.startswith("timm/"):
            assert encoder_spec(f"timm:{repo.removeprefix('timm/')}") == found
            assert timm.get_pretrained_cfg(repo.removeprefix("timm/")) is not None


def test_satellite_weights_have_their_own_normalisation():
    satellite, photos = catalogue_spec("dinov3_vitl16_sat493m"), catalogue_spec("dinov3_vitl16")
    assert satellite.mean == (0.430, 0.411, 0.296)
    assert satellite.std == (0.213, 0.156, 0.143)
    assert photos.mean == IMAGENET_MEAN
    assert satellite.timm_name == photos.timm_name


@pytest.mark.parametrize("spec", CATALOGUE, ids=lambda spec: spec.name)
def test_an_encoder_is_told_by_its_tensors(spec):
    tensors = empty_model(spec).state_dict()
    assert possible_encoders(tensors, Path(spec.hub_repo)) == [spec]
    twins = [one for one in CATALOGUE if one.timm_name == spec.timm_name]
    assert possible_encoders(tensors, Path("weights.pth")) == twins
    if "head.norm.weight" not in tensors:
        assert not possible_encoders({**tensors, "patch_embed.proj.weight": tensors["norm.weight"]}, Path("a"))
    if spec.family == "dinov3" and "_qkvb" in spec.timm_name:
        no_biases = {name: tensor for name, tensor in tensors.items() if "_bias" not in name}
        assert possible_encoders(no_biases, Path(spec.hub_repo)) == [spec]


def test_a_name_nobody_knows_is_refused_with_near_ones():
    with pytest.raises(UnknownEncoderError, match=r"found 'dinov3_vits-16', expected 'dinov3_vits16' or"):
        encoder_spec("dinov3_vits-16")
    with pytest.raises(UnknownEncoderError, match=r"'zzz', expected one of builtin, dinov3_vits16, .*hf-hub:OWNER"):
        encoder_spec("zzz")


def test_the_catalogue_needs_neither_torch_nor_timm():
    code = "import sys, napari_dinosim.encoders.catalogue; print({'torch', 'timm', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "set()"
