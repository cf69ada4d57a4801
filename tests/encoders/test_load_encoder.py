"""From a name and a file to an encoder, and every way in which that is refused."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

import golden_weights
from napari_dinosim.encoders import building, encoder_spec, hub, load_encoder
from napari_dinosim.encoders.building import build_model, check_state, weights_digest
from napari_dinosim.encoders.catalogue import catalogue_spec
from napari_dinosim.encoders.checkpoints import Checkpoint
from napari_dinosim.encoders.layouts import plain_names, possible_encoders
from napari_dinosim.errors import (
    DeviceError,
    LayerError,
    UnknownEncoderError,
    WeightsError,
    WeightsNotFoundError,
)

NAME = "dinov3_vits16"


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch):
    """No weights on this computer."""
    asked = []
    monkeypatch.setattr(hub, "cached_weights", lambda spec, **options: asked.append(spec))
    return asked


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file in timm's layout."""
    folder = tmp_path_factory.mktemp("weights")
    path = golden_weights.write(NAME, "timm", folder)
    yield path
    path.unlink()


# --- by name


def test_the_builtin_encoder_needs_nothing(empty_cache):
    encoder = load_encoder("builtin", device="cpu")
    assert encoder.spec.name == "builtin"
    assert not empty_cache
    with pytest.raises(WeightsError, match=r"found 'x\.pth' for 'builtin', which takes none"):
        load_encoder("builtin", "x.pth")
    with pytest.raises(DeviceError, match="float16"):
        load_encoder("builtin", precision="float16")
    with pytest.raises(LayerError, match="layers: found 3 for 'builtin', which has none"):
        load_encoder("builtin", layers=3)


def test_weights_come_from_the_cache(weights, monkeypatch):
    monkeypatch.setattr(hub, "cached_weights", lambda spec: weights if spec.name == NAME else None)
    encoder = load_encoder(NAME, device="cpu", precision="float32")
    assert encoder.spec == catalogue_spec(NAME)
    assert encoder.identity.startswith(f"{NAME}@")


@pytest.mark.parametrize("name", [NAME, "timm:test_vit.r160_in1k"])
def test_weights_that_are_not_there_are_told_with_three_ways_on(name, empty_cache):
    with pytest.raises(WeightsNotFoundError, match="not on this computer, and nothing is downloaded unasked") as caught:
        load_encoder(name)
    message = str(caught.value)
    assert message == (
        f"The weights of {name!r} are not on this computer, and nothing is downloaded unasked. Three ways on: give a "
        "local file (From file…, weights=…), use the built-in encoder ('builtin'), or download them (Download…, "
        f"napari_dinosim.download_weights({name!r})) and try again."
    )
    assert [spec.name for spec in empty_cache] == [name]


@pytest.mark.parametrize("name", [None, ""])
def test_neither_name_nor_weights_is_refused(name):
    with pytest.raises(WeightsError, match="found none and no name"):
        load_encoder(name)


@pytest.mark.parametrize(
    "name", ["dinov3_vits", "resnet50", "timm:resnet5000", "hf-hub:repo", "hf-hub:a/b/c", "hf-hub:/b"]
)
def test_an_unknown_name_is_refused(name):
    with pytest.raises(UnknownEncoderError, match=f"encoder: found '{name}', expected"):
        load_encoder(name)


def test_device_precision_and_layers_are_checked_first(weights, monkeypatch):
    monkeypatch.setattr(building.timm, "create_model", None)
    with pytest.raises(DeviceError, match="device: found 'gpu'"):
        load_encoder(NAME, weights, device="gpu")
    with pytest.raises(DeviceError, match="precision: found 'float16'"):
        load_encoder(NAME, weights, precision="float16")
    with pytest.raises(LayerError, match=r"layers of 'dinov3_vits16': found 12, expected numbers from 0 to 11"):
        load_encoder(NAME, weights, layers=12)


def test_layers_reach_the_encoder(weights):
    encoder = load_encoder(NAME, weights, "cpu", layers=[10, 11])
    assert encoder.identity.endswith("+block10+block11")


# --- weights of another kind


def test_weights_of_another_encoder_are_refused(weights):
    with pytest.raises(
        WeightsError, match=r"holds 'dinov3_vits16', expected 'dinov2_vits14'\. Choose the encoder 'dino"
    ):
        load_encoder("dinov2_vits14", weights)


def test_weights_of_no_encoder_are_refused(tmp_path):
    save_file({"conv.weight": torch.zeros(3), "conv.bias": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(
        WeightsError, match=r"holds 2 tensors \(conv\.bias, conv\.weight, …\), expected those of a DINOv3"
    ):
        load_encoder(None, tmp_path / "other.safetensors")
    with pytest.raises(
        WeightsError, match=r"found 2 tensors, expected 186: 186 missing \(.*, …\); 2 unexpected \(conv\."
    ):
        load_encoder(NAME, tmp_path / "other.safetensors")


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    """Meta's layout; the caller spoils it."""
    return dict(golden_weights.meta_state(NAME))


def test_missing_and_unexpected_tensors_are_told_in_one_line(tensors):
    for block in range(4):
        del tensors[f"blocks.{block}.mlp.fc1.weight"]
    tensors["head.weight"] = torch.zeros(3)
    with pytest.raises(WeightsError) as caught:
        build_model(catalogue_spec(NAME), Checkpoint(Path("mine.pth"), tensors))
    assert str(caught.value) == (
        "weights: 'mine.pth' does not fit 'dinov3_vits16': found 183 tensors, expected 186: "
        "4 missing (blocks.0.mlp.fc1.weight, blocks.1.mlp.fc1.weight, blocks.2.mlp.fc1.weight, …); "
        "1 unexpected (head.weight). Choose another file or encoder."
    )


def test_tensors_of_another_shape_or_type_are_told():
    found = {"a": torch.zeros(3), "b": torch.zeros(2, dtype=torch.int8)}
    expected = {"a": torch.zeros(4), "b": torch.zeros(2)}
    with pytest.raises(
        WeightsError,
        match=r"1 of another shape \(a \(3,\) for \(4,\)\); 1 not of floats \(b \(torch\.int8\)\)\. Choose another",
    ):
        check_state(found, expected, "x", "y")
    check_state(expected, expected, "x", "y")


@pytest.mark.parametrize(
    ("name", "key", "shape"),
    [
        (NAME, "patch_embed.proj.weight", (384, 3, 14, 14)),
        ("dinov2_vits14", "pos_embed", (1, 257, 384)),
        ("dinov2_vits14_reg", "pos_embed", (1, 257, 384)),
    ],
)
def test_nothing_is_resampled_silently(name, key, shape):
    tensors = golden_weights.meta_state(name) | {key: torch.zeros(shape)}
    with pytest.raises(WeightsError, match=rf"weights of '{name}': found {key} of shape \({shape[0]}, .*, expected \("):
        build_model(catalogue_spec(name), Checkpoint(Path("mine.pth"), tensors))


def test_biases_where_none_belong_are_refused_and_nothing_is_printed(capsys):
    tensors = {"storage_tokens": torch.zeros(1, 4, 8), "blocks.0.attn.qkv.bias": torch.ones(24)}
    with pytest.raises(
        WeightsError, match=r"'dinov3_vit7b16': found 1 biases \(blocks\.0\.attn\.qkv\.bias, …\), expected no"
    ):
        build_model(catalogue_spec("dinov3_vit7b16"), Checkpoint(Path("mine.pth"), tensors))
    assert capsys.readouterr().out == ""


# --- layouts


def test_files_without_the_zero_biases_are_the_same_encoder(tensors, tmp_path):
    """As timm publishes DINOv3's distilled models."""
    zero = golden_weights.as_timm(tensors)
    zero |= {name: torch.zeros_like(value) for name, value in zero.items() if name.endswith(("q_bias", "v_bias"))}
    without = {name: value for name, value in zero.items() if not name.endswith(("q_bias", "v_bias"))}
    spec = catalogue_spec(NAME)
    assert build_model(spec, Checkpoint(tmp_path, without))[1] == build_model(spec, Checkpoint(tmp_path, zero))[1]


def test_the_weights_make_the_identity(tensors, tmp_path):
    spec = catalogue_spec(NAME)
    model, digest = build_model(spec, Checkpoint(tmp_path, tensors))
    assert len(digest) == 8
    tensors["norm.bias"] = tensors["norm.bias"] + 1e-6
    assert build_model(spec, Checkpoint(tmp_path, tensors))[1] != digest
    # The model keeps nothing of the file.
    assert torch.equal(model.cls_token, tensors["cls_token"])
    tensors["cls_token"].add_(1)
    assert not torch.equal(model.cls_token, tensors["cls_token"])
    tensors["cls_token"].sub_(1)
    assert not any(buffer.is_meta for buffer in model.buffers())


def test_a_digest_is_of_names_and_values():
    one, two = torch.ones(2), torch.zeros(2)
    assert weights_digest({"a": one, "b": two}) == weights_digest({"b": two.clone(), "a": one.clone()})
    assert weights_digest({"a": one, "b": two}) != weights_digest({"a": one, "c": two})
    assert weights_digest({"a": one, "b": two}) != weights_digest({"a": two, "b": one})


def test_half_precision_files_are_read_as_float32(tensors, tmp_path):
    half = {name: value.to(torch.bfloat16) for name, value in tensors.items()}
    model, _ = build_model(catalogue_spec(NAME), Checkpoint(tmp_path, half))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "backbone.", "model."])
def test_prefixes_of_training_are_stripped(prefix, tensors):
    wrapped = {prefix + name: value for name, value in tensors.items()}
    if prefix == "backbone.":
        wrapped["dino_head.last.weight"] = torch.zeros(1)
    assert plain_names(wrapped).keys() == tensors.keys()


def test_the_gated_mlp_keeps_gate_and_value_apart():
    """DINOv3 S+, H+, 7B: silu(w1 x) * w2 x, then w3; transformers: silu(gate_proj x) * up_proj x, then down_proj."""
    one = torch.zeros(1)
    names = {"embeddings.patch_embeddings.weight": one, "embeddings.register_tokens": one, "norm.weight": one}
    names |= {
        f"model.layer.7.mlp.{part}_proj.weight": torch.tensor([n]) for n, part in enumerate(("gate", "up", "down"), 1)
    }
    plain = plain_names(names)
    assert {key: int(value) for key, value in plain.items() if "mlp" in key} == {
        f"blocks.7.mlp.w{n}.weight": n for n in (1, 2, 3)
    }
    assert "storage_tokens" in plain


def test_the_giant_dinov2_is_renamed_too():
    one = torch.zeros(1)
    names = {"embeddings.position_embeddings": one, "embeddings.patch_embeddings.projection.weight": one}
    names |= {"encoder.layer.3.mlp.weights_in.weight": one, "encoder.layer.3.mlp.weights_out.bias": one}
    assert plain_names({f"dinov2.{name}": value for name, value in names.items()}).keys() == {
        "pos_embed",
        "patch_embed.proj.weight",
        "blocks.3.mlp.w12.weight",
        "blocks.3.mlp.w3.bias",
    }


def test_a_transformers_file_with_key_biases_is_refused(tensors):
    theirs = golden_weights.as_transformers(tensors)
    theirs["layer.5.attention.k_proj.bias"] = torch.ones(384)
    with pytest.raises(WeightsError, match=r"does not fit"):
        build_model(catalogue_spec(NAME), Checkpoint(Path("mine.safetensors"), theirs))


@pytest.mark.parametrize(
    "names",
    [
        {},
        {"a": (1,)},
        {"patch_embed.proj.weight": (8, 3, 16, 16)},
        {"patch_embed.proj.weight": (8,), "blocks.0.norm1.weight": (8,), "norm.weight": (8,)},
        {"patch_embed.proj.weight": (384, 3, 8, 8), "blocks.0.norm1.weight": (8,), "norm.weight": (8,)},
        {"norm.weight": (768,)},
        {"head.norm.weight": ()},
    ],
)
def test_tensors_of_no_encoder_are_told_as_none(names):
    assert not possible_encoders({name: torch.zeros(shape) for name, shape in names.items()}, Path("a"))


# --- any model of timm's


def timm_folder(folder: Path, architecture: str, config: bool = True, **changes) -> Path:
    """A repository of a timm model, as on the hub."""
    torch.manual_seed(0)
    model = timm.create_model(architecture, **changes.get("model_args", {}))
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, folder / "model.safetensors")
    if config:
        settings = {"mean": [0.5, 0.4, 0.3], "std": [0.3, 0.2, 0.1], "input_size": [3, 160, 160]}
        text = {"architecture": architecture, "num_classes": 1000, "pretrained_cfg": settings, **changes}
        (folder / "config.json").write_text(json.dumps(text))
    return folder


@pytest.mark.parametrize(
    ("architecture", "patch", "blocks"), [("test_vit", 16, 6), ("test_convnext", 32, 1), ("test_resnet", 32, 1)]
)
def test_any_timm_model_with_dense_features_is_an_encoder(tmp_path, architecture, patch, blocks):
    timm_folder(tmp_path, architecture, config=False)
    encoder = load_encoder(f"timm:{architecture}.r160_in1k", tmp_path, "cpu", "float32")
    configuration = timm.get_pretrained_cfg(f"{architecture}.r160_in1k")
    spec = encoder.spec
    assert (spec.patch_size, spec.blocks, spec.mean) == (patch, blocks, tuple(configuration.mean))
    assert spec.hub_repo == f"timm/{architecture}.r160_in1k"
    assert spec.parameters > 0
    tokens = encoder.encode(torch.rand(2, 3 * patch, 5 * patch, 3))
    assert tokens.shape == (2, 3, 5, spec.dimension)


def test_a_repository_tells_its_architecture_and_preprocessing(tmp_path):
    folder = timm_folder(tmp_path, "test_vit", model_args={"depth": 2})
    encoder = load_encoder("hf-hub:owner/repo", folder / "model.safetensors", "cpu", "float32")
    assert (encoder.spec.mean, encoder.spec.std) == ((0.5, 0.4, 0.3), (0.3, 0.2, 0.1))
    assert (encoder.spec.name, encoder.spec.blocks, encoder.spec.patch_size) == ("hf-hub:owner/repo", 2, 16)
    assert encoder.identity.startswith("hf-hub:owner/repo@")


@pytest.mark.parametrize("content", [None, "{}", "[]", "not json", '{"architecture": "test_vit", "model_args": 3}'])
def test_a_repository_without_a_configuration_is_refused(tmp_path, content):
    folder = timm_folder(tmp_path, "test_vit", config=False)
    if content is not None:
        (folder / "config.json").write_text(content)
    with pytest.raises(WeightsError, match=r"found no timm configuration at .*Download the whole repository"):
        load_encoder("hf-hub:owner/repo", folder)


@pytest.mark.parametrize(
    "changes", [{"architecture": "nonsense"}, {"architecture": "hf-hub:a/b"}, {"model_args": {"nonsense": 1}}]
)
def test_a_model_that_timm_cannot_build_is_refused(tmp_path, changes):
    folder = timm_folder(tmp_path, "test_vit")
    (folder / "config.json").write_text(json.dumps({"architecture": "test_vit", **changes}))
    with pytest.raises(UnknownEncoderError, match=r"timm .* cannot build"):
        load_encoder("hf-hub:owner/repo", folder)


def test_a_configuration_leads_to_no_other_file_and_no_network(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr("timm.models._factory.load_checkpoint", lambda *a, **k: opened.append(a))
    monkeypatch.setattr("timm.models._builder.load_pretrained", lambda *a, **k: opened.append(a))
    folder = timm_folder(tmp_path, "test_vit")
    arguments = {
        "checkpoint_path": "/etc/passwd",
        "pretrained": True,
        "cache_dir": "/",
        "pretrained_cfg": {"file": "/"},
    }
    (folder / "config.json").write_text(json.dumps({"architecture": "test_vit", "model_args": arguments}))
    assert load_encoder("hf-hub:owner/repo", folder, "cpu").spec.patch_size == 16
    assert not opened


@pytest.mark.parametrize("width", [10**6, 10**12, -1, 63])
def test_a_configuration_of_absurd_size_allocates_nothing(tmp_path, width):
    folder = timm_folder(tmp_path, "test_vit")
    text = {"architecture": "test_vit", "model_args": {"embed_dim": width}}
    (folder / "config.json").write_text(json.dumps(text))
    with pytest.raises((WeightsError, UnknownEncoderError), match=r"does not fit|cannot build"):
        load_encoder("hf-hub:owner/repo", folder)


def test_timm_weights_that_do_not_fit_are_refused(tmp_path):
    timm_folder(tmp_path, "test_resnet", config=False)
    with pytest.raises(WeightsError, match="does not fit 'timm:test_vit'"):
        load_encoder("timm:test_vit", tmp_path)


@pytest.mark.parametrize("name", ["mixer_s32_224", "test_efficientnet_evos"])
def test_a_model_without_dense_features_at_any_size_is_refused(tmp_path, name, monkeypatch):
    model = timm.create_model(name)
    if name != "mixer_s32_224":
        monkeypatch.setattr(type(model), "forward_intermediates", lambda *a, **k: [torch.zeros(1, 8, 1, 1)])
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, tmp_path / "model.safetensors")
    with pytest.raises(UnknownEncoderError, match=r"gives no dense features|gives tokens of shape \(1, 1\)"):
        load_encoder(f"timm:{name}", tmp_path)


def test_a_generic_spec_tells_its_home_and_licence():
    spec = encoder_spec("timm:vit_small_patch16_lingbot.robbyant")
    assert (spec.family, spec.hub_repo) == ("timm", "belfner/vit_small_patch16_lingbot.robbyant")
    assert spec.licence == "apache-2.0"


# --- the house


def test_importing_the_encoders_imports_neither_torch_nor_timm():
    code = "import sys, napari_dinosim.encoders; print({'torch', 'timm'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "set()"
