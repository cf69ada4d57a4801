"""The encoder over a model of timm's: shapes, layers, precision, and errors by their right name."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import timm
import torch
from torch.nn import functional

from golden_weights import seeded
from napari_dinosim import embed
from napari_dinosim.encoders import transformer
from napari_dinosim.encoders.building import build_model
from napari_dinosim.encoders.catalogue import catalogue_spec
from napari_dinosim.encoders.checkpoints import Checkpoint
from napari_dinosim.encoders.transformer import TimmEncoder, chosen_layers
from napari_dinosim.errors import DeviceError, EncodingError, LayerError, OutOfMemoryError

if TYPE_CHECKING:
    from napari_dinosim.encoders.base import Encoder

CPU = torch.device("cpu")
SPEC = replace(catalogue_spec("dinov3_vits16"), name="small", dimension=32, blocks=3)


@pytest.fixture(scope="module")
def model():
    """A DINOv3 of three narrow blocks."""
    torch.manual_seed(0)
    return timm.create_model(SPEC.timm_name, num_classes=0, embed_dim=32, depth=3, num_heads=2, init_values=1.0)


def windows(count: int = 2, height: int = 48, width: int = 80) -> torch.Tensor:
    return torch.rand(count, height, width, 3, generator=torch.Generator().manual_seed(1))


def encoder_of(model, **options) -> TimmEncoder:
    return TimmEncoder(model, SPEC, "0123abcd", CPU, **{"precision": "float32", **options})


def test_it_is_an_encoder(model):
    encoder: Encoder = encoder_of(model)
    assert encoder.spec is SPEC
    assert encoder.identity == "small@0123abcd"
    assert encoder.device == CPU
    assert encoder.windows_per_batch == 1
    assert repr(encoder) == "<small@0123abcd, 16 × 16 pixels → 32 numbers, float32 on cpu>"
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert not model.training


def test_tokens_are_those_of_the_patches_in_their_place(model):
    batch = windows()
    tokens = encoder_of(model).encode(batch)
    assert tokens.shape == (2, 3, 5, 32)
    assert tokens.dtype == torch.float32
    assert tokens.is_contiguous()
    mean, std = torch.tensor(SPEC.mean), torch.tensor(SPEC.std)
    with torch.no_grad():
        everything = model.forward_features(((batch - mean) / std).permute(0, 3, 1, 2))
    assert torch.equal(tokens, everything[:, 5:].reshape(2, 3, 5, 32))


def test_tokens_can_be_changed_and_need_no_gradient(model):
    tokens = encoder_of(model).encode(windows())
    assert not tokens.is_inference()
    tokens /= tokens.norm(dim=-1, keepdim=True)
    assert not tokens.requires_grad


def test_a_batch_is_as_one_by_one(model):
    encoder, batch = encoder_of(model), windows(3)
    assert torch.allclose(encoder.encode(batch)[2], encoder.encode(batch[2:])[0], atol=1e-5)


def test_another_block_and_the_mean_of_several(model):
    batch = windows()
    one, two = encoder_of(model, layers=1).encode(batch), encoder_of(model, layers=-1).encode(batch)
    assert torch.equal(two, encoder_of(model).encode(batch))
    assert not torch.allclose(one, two, atol=1e-2)
    assert torch.allclose(encoder_of(model, layers=[2, 1]).encode(batch), (one + two) / 2, atol=1e-6)
    # Each block's tokens go through the final norm.
    unit = (one - model.norm.bias) / model.norm.weight
    assert torch.allclose(unit.mean(dim=-1), torch.zeros(()), atol=1e-5)
    assert torch.allclose(unit.std(dim=-1, correction=0), torch.ones(()), atol=1e-3)


def test_blocks_are_part_of_the_identity_but_for_the_last(model):
    assert encoder_of(model, layers=[-1, 0]).identity == "small@0123abcd+block0+block2"
    assert encoder_of(model, layers=[-1]).identity == encoder_of(model, layers=2).identity == "small@0123abcd"


@pytest.mark.parametrize("layers", [3, -4, [0, 3], []])
def test_a_block_that_is_not_there_is_refused(layers):
    with pytest.raises(LayerError, match=rf"layers of 'small': found {re.escape(repr(layers))}, expected .* 0 to 2"):
        chosen_layers(layers, SPEC)


def test_a_convnext_has_its_last_stage_only():
    spec = catalogue_spec("dinov3_convnext_tiny")
    assert chosen_layers(None, spec) == chosen_layers(-1, spec) == (3,)
    with pytest.raises(LayerError, match="expected numbers from 3 to 3"):
        chosen_layers(2, spec)


def test_bfloat16_is_close_and_still_gives_float32(model):
    exact, rounded = encoder_of(model), encoder_of(model, precision="bfloat16")
    assert (exact.precision, rounded.precision) == ("float32", "bfloat16")
    expected, found = exact.encode(windows()), rounded.encode(windows())
    assert found.dtype == torch.float32
    assert not torch.equal(found, expected)
    assert functional.cosine_similarity(found, expected, dim=-1).min() > 0.999
    assert next(model.parameters()).dtype == torch.float32


def test_float16_is_refused(model):
    with pytest.raises(DeviceError, match="float16"):
        encoder_of(model, precision="float16")


@pytest.mark.parametrize(
    "shape", [(1, 48, 80), (1, 48, 80, 4), (1, 50, 80, 3), (1, 48, 81, 3), (0, 48, 48, 3), (1, 0, 16, 3)]
)
def test_windows_of_another_shape_are_refused(model, shape):
    with pytest.raises(EncodingError, match=rf"windows for 'small': found shape {re.escape(str(shape))}, expected"):
        encoder_of(model).encode(torch.zeros(shape))


class Failing(torch.nn.Module):
    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def forward_intermediates(self, *arguments, **options):
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried …"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"),
        MemoryError(),
    ],
)
def test_out_of_memory_is_told_by_its_name(error):
    with pytest.raises(
        OutOfMemoryError, match=r"memory of cpu: found too little for 'small'.*smaller windows"
    ) as caught:
        encoder_of(Failing(error)).encode(windows())
    assert isinstance(caught.value, EncodingError)
    assert not isinstance(caught.value, RuntimeError)


def test_a_failing_device_is_an_encoding_error():
    with pytest.raises(EncodingError, match="'small' failed on cpu: RuntimeError: CUDA error: device-side") as caught:
        encoder_of(Failing(RuntimeError("CUDA error: device-side assert\nmany lines"))).encode(windows())
    assert not isinstance(caught.value, OutOfMemoryError | RuntimeError)


def test_another_error_is_a_fault_of_ours_and_passes_through():
    with pytest.raises(AssertionError, match="ours"):
        encoder_of(Failing(AssertionError("ours"))).encode(windows())


def test_a_model_that_finds_no_room_is_told():
    class Heavy(torch.nn.Module):
        def to(self, *arguments, **options):
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(OutOfMemoryError, match="too little for 'small'"):
        encoder_of(Heavy())


def test_tokens_that_are_not_finite_are_refused():
    class Broken(torch.nn.Module):
        def forward_intermediates(self, pixels, **options):
            return [torch.full((len(pixels), 32, 3, 5), torch.nan)]

    with pytest.raises(EncodingError, match=r"found tokens that are not finite in float32 on cpu"):
        encoder_of(Broken()).encode(windows())


@pytest.mark.parametrize(("free", "expected"), [(10**6, 1), (10**9, 4), (80 * 10**9, 16)])
def test_free_memory_of_a_gpu_decides_on_the_batch(model, monkeypatch, free, expected):
    encoder = encoder_of(model)
    monkeypatch.setattr(encoder, "_spec", replace(SPEC, memory_per_1000_patches=50_000_000))
    monkeypatch.setattr(encoder._replicas[0], "device", torch.device("cuda:0"))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 80 * 10**9))
    assert encoder.windows_per_batch == expected
    assert transformer.MOST_WINDOWS == 16
    # Memory that torch has taken but does not use is free too.
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free // 4, 80 * 10**9))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: free)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: free - free * 3 // 4)
    assert encoder.windows_per_batch == expected


def test_auto_is_the_precision_that_was_measured(model, monkeypatch):
    measured = {("auto", CPU): torch.bfloat16}
    monkeypatch.setattr(transformer, "choose_precision", lambda *what: measured[what])
    assert encoder_of(model, precision="auto").precision == "bfloat16"
    measured["auto", CPU] = torch.float32
    assert encoder_of(model, precision="auto").precision == "float32"


# --- several devices; copies on one stand in for them


def copies(model, count: int = 3, **options) -> TimmEncoder:
    return encoder_of(model, devices=[CPU] * count, **options)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_copies_share_the_windows_and_tokens_come_in_order(model, size):
    encoder, batch, given = copies(model), windows(size), []
    for replica in encoder._replicas:
        whole = replica.encode
        replica.encode = lambda part, indices, whole=whole: (given.append(len(part)), whole(part, indices))[1]
    tokens = encoder.encode(batch)
    assert sorted(given) == sorted(len(part) for part in torch.tensor_split(batch, min(size, 3)))
    one_by_one = torch.cat([encoder_of(model).encode(window[None]) for window in batch])
    assert torch.allclose(tokens, one_by_one, atol=1e-6)


def test_an_image_is_embedded_the_same_on_one_device_and_on_several(model):
    image = np.random.default_rng(2).integers(0, 255, (1100, 1500, 3), dtype=np.uint8)
    image = np.kron(image[::100, ::100], np.ones((100, 100, 1), dtype=np.uint8))
    one, several = encoder_of(model), copies(model)
    assert (one.windows_per_batch, several.windows_per_batch) == (1, 3)
    expected, found = embed(image, one), embed(image, several)
    assert torch.equal(found.vectors, expected.vectors)
    assert found.encoder == expected.encoder


def test_each_device_has_a_model_of_its_own(model):
    encoder = copies(model)
    assert encoder.device == CPU
    assert encoder.devices == (CPU,) * 3
    assert len({id(replica.model) for replica in encoder._replicas}) == 3
    assert encoder._replicas[0].model is model


def test_windows_per_batch_go_by_the_fullest_device(model, monkeypatch):
    encoder = copies(model, 2)
    monkeypatch.setattr(encoder, "_spec", replace(SPEC, memory_per_1000_patches=50_000_000))
    for index, replica in enumerate(encoder._replicas):
        replica.device = torch.device("cuda", index)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: ((10**9, 2 * 10**9)[device.index], 80 * 10**9))
    for held in ("memory_reserved", "memory_allocated"):  # a machine with one device knows nothing of a second
        monkeypatch.setattr(torch.cuda, held, lambda _device: 0)
    assert encoder.windows_per_batch == 2 * 4


def test_the_error_of_one_copy_is_the_error_of_all(model):
    encoder = copies(model)
    encoder._replicas[1].model = Failing(torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(OutOfMemoryError, match="memory of cpu: found too little for 'small'"):
        encoder.encode(windows(3))
    assert encoder.encode(windows(1)).shape == (1, 3, 5, 32)


def test_a_further_device_without_room_is_left_out(model, monkeypatch):
    full = torch.device("cuda:1")

    class Full(transformer._Replica):
        def __init__(self, model, spec, device, dtype) -> None:
            if device == full:
                raise OutOfMemoryError("memory of cuda:1")
            super().__init__(model, spec, device, dtype)

    monkeypatch.setattr(transformer, "_Replica", Full)
    assert encoder_of(model, devices=[CPU, full, CPU]).devices == (CPU, CPU)
    with pytest.raises(OutOfMemoryError, match="memory of cuda:1"):
        encoder_of(model, devices=[full, CPU])


def test_cuda_without_a_number_is_every_gpu(model, monkeypatch):
    made = []
    monkeypatch.setattr(transformer, "shared_devices", lambda device: made.append(device) or (CPU, CPU))
    encoder = TimmEncoder(model, SPEC, "0123abcd", torch.device("cuda"), "float32")
    assert (encoder.devices, made) == ((CPU, CPU), [torch.device("cuda")])


def test_threads_that_share_an_encoder_wait_for_each_other(model):
    inside, most = [], []

    class Watched(torch.nn.Module):
        def forward_intermediates(self, pixels, **options):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()
            return [pixels.new_ones(len(pixels), 32, 3, 5)]

    encoder = encoder_of(Watched())
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(encoder.encode, [windows()] * 8))
    assert most == [1] * 8


# --- leaving a device


def test_it_can_move_to_the_cpu(model, monkeypatch):
    emptied, precisions = [], []
    encoder = copies(model)
    batch, expected = windows(), encoder.encode(windows())
    for index, replica in enumerate(encoder._replicas):
        replica.device = torch.device("cuda", index)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(encoder.devices))
    monkeypatch.setattr(transformer, "choose_precision", lambda *what: precisions.append(what) or torch.float32)
    encoder.to_cpu()
    assert encoder.devices == (CPU,)
    assert emptied == [(CPU,)]
    assert precisions == [("float32", CPU)]
    assert encoder._replicas[0].model is model
    assert encoder.windows_per_batch == 1
    assert torch.equal(encoder.encode(batch), expected)
    there = encoder._replicas[0]
    encoder.to_cpu()
    assert encoder._replicas[0] is there


def test_its_tokens_are_still_of_the_same_encoder(model, monkeypatch):
    encoder = encoder_of(model)
    before = encoder.identity
    monkeypatch.setattr(encoder._replicas[0], "device", torch.device("mps"))
    encoder.to_cpu()
    assert encoder.identity == before


def test_a_model_that_cannot_leave_its_device_is_told(model):
    class Lost(torch.nn.Module):
        def to(self, device):
            if self.training:
                raise RuntimeError("CUDA error: unspecified launch failure")
            return self

    encoder = encoder_of(Lost())
    encoder._replicas[0].device = torch.device("cuda:0")
    encoder._replicas[0].model.train()
    with pytest.raises(EncodingError, match=r"'small' failed on cpu: RuntimeError: CUDA error: unspecified"):
        encoder.to_cpu()


# --- ConvNeXt, held against the paper's formulas (arXiv 2201.03545) in a few lines of torch


def convnext_weights(dimensions: tuple[int, ...], depths: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """Weights in Meta's layout."""
    shapes: dict[str, tuple[int, ...]] = {}
    for stage, (width, depth) in enumerate(zip(dimensions, depths, strict=True)):
        before = dimensions[stage - 1] if stage else 3
        conv, norm = ("1", "0") if stage else ("0", "1")
        side = 2 if stage else 4
        home = f"downsample_layers.{stage}"
        shapes |= {f"{home}.{conv}.weight": (width, before, side, side), f"{home}.{conv}.bias": (width,)}
        shapes |= {f"{home}.{norm}.{kind}": (before if stage else width,) for kind in ("weight", "bias")}
        for block in range(depth):
            home = f"stages.{stage}.{block}"
            shapes |= {
                f"{home}.gamma": (width,),
                f"{home}.dwconv.weight": (width, 1, 7, 7),
                f"{home}.dwconv.bias": (width,),
            }
            shapes |= {f"{home}.norm.{kind}": (width,) for kind in ("weight", "bias")}
            shapes |= {f"{home}.pwconv1.weight": (4 * width, width), f"{home}.pwconv1.bias": (4 * width,)}
            shapes |= {f"{home}.pwconv2.weight": (width, 4 * width), f"{home}.pwconv2.bias": (width,)}
    shapes |= {f"{name}.{kind}": (dimensions[-1],) for name in ("norm", "norms.3") for kind in ("weight", "bias")}
    return {name: seeded(name.replace("norms.3", "norm"), shape) for name, shape in shapes.items()}


def convnext_tokens(weights: dict[str, torch.Tensor], pixels: torch.Tensor, depths: tuple[int, ...]) -> torch.Tensor:
    """Final-norm tokens, (B, rows, cols, D)."""

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return functional.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-6)

    def conv(x: torch.Tensor, name: str, **options) -> torch.Tensor:
        x = functional.conv2d(x.movedim(-1, 1), weights[f"{name}.weight"], weights[f"{name}.bias"], **options)
        return x.movedim(1, -1)

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return functional.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    x = norm(conv(pixels, "downsample_layers.0.0", stride=4), "downsample_layers.0.1")
    for stage, depth in enumerate(depths):
        if stage:
            x = conv(norm(x, f"downsample_layers.{stage}.0"), f"downsample_layers.{stage}.1", stride=2)
        for block in range(depth):
            home = f"stages.{stage}.{block}"
            y = norm(conv(x, f"{home}.dwconv", padding=3, groups=x.shape[-1]), f"{home}.norm")
            y = linear(functional.gelu(linear(y, f"{home}.pwconv1")), f"{home}.pwconv2")
            x = x + weights[f"{home}.gamma"] * y
    return norm(x, "norm")


def transformers_names(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """As transformers publishes a DINOv3 ConvNeXt."""
    renamed = {}
    for name, value in weights.items():
        name = name.replace("dwconv", "depthwise_conv").replace("pwconv", "pointwise_conv")
        if name.startswith("norms."):
            continue
        if name.startswith("downsample_layers."):
            renamed[re.sub(r"^downsample_layers\.(\d)\.", r"model.stages.\1.downsample_layers.", name)] = value
        else:
            name = re.sub(r"^stages\.(\d)\.(\d+)\.", r"model.stages.\1.layers.\2.", name)
            renamed[re.sub(r"\bnorm\.", "layer_norm.", name)] = value
    return renamed


def test_a_convnext_equals_the_formulas_from_each_layout(tmp_path):
    spec, depths = catalogue_spec("dinov3_convnext_tiny"), (3, 3, 9, 3)
    weights = convnext_weights((96, 192, 384, 768), depths)
    batch = windows(1, 96, 160)
    model, digest = build_model(spec, Checkpoint(tmp_path, weights))
    tokens = TimmEncoder(model, spec, digest, CPU, "float32").encode(batch)
    expected = convnext_tokens(weights, (batch - torch.tensor(spec.mean)) / torch.tensor(spec.std), depths)
    assert tokens.shape == expected.shape == (1, 3, 5, 768)
    assert (tokens - expected).abs().max() < 1e-4
    assert build_model(spec, Checkpoint(tmp_path, transformers_names(weights)))[1] == digest
    assert build_model(spec, Checkpoint(tmp_path, model.state_dict()))[1] == digest
