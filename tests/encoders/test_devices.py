import pytest
import torch

from napari_dinosim.encoders.devices import (
    describe_device,
    is_out_of_memory,
    native_bfloat16,
    resolve_device,
    resolve_precision,
    shared_devices,
)
from napari_dinosim.errors import DeviceError, EncodingError, OutOfMemoryError


@pytest.fixture
def computer(monkeypatch):
    """A computer with so many GPUs of a generation, with or without Apple's."""

    def make(gpus: int = 0, *, mps=False, capability=(8, 0), hip: str | None = None, names=(), macos=(15, 0)):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
        named = dict(enumerate(names))
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: named.get(device.index, "NVIDIA Test"))
        monkeypatch.setattr(torch.backends.mps, "is_macos_or_newer", lambda *version: macos >= version)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        monkeypatch.setattr(torch.version, "hip", hip)

    return make


@pytest.mark.parametrize(
    ("gpus", "mps", "expected"), [(2, True, "cuda"), (1, False, "cuda:0"), (0, True, "mps"), (0, False, "cpu")]
)
def test_auto_is_cuda_then_mps_then_cpu(computer, gpus, mps, expected):
    computer(gpus, mps=mps)
    assert resolve_device("auto") == torch.device(expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("cuda", "cuda"), ("cuda:0", "cuda:0"), ("cuda:1", "cuda:1"), ("mps", "mps"), ("mps:0", "mps"), ("cpu", "cpu")],
)
def test_a_device_is_had_by_its_name(computer, name, expected):
    computer(2, mps=True)
    assert resolve_device(name) == torch.device(expected)


def test_several_gpus_share_the_work_unless_one_is_named(computer):
    computer(3)
    assert shared_devices(resolve_device("auto")) == tuple(torch.device("cuda", index) for index in range(3))
    assert shared_devices(resolve_device("cuda:1")) == (torch.device("cuda:1"),)
    assert shared_devices(torch.device("cpu")) == (torch.device("cpu"),)


def test_one_gpu_shares_with_nobody(computer):
    computer(1)
    assert resolve_device("cuda") == resolve_device("auto") == torch.device("cuda:0")
    assert shared_devices(torch.device("cuda")) == (torch.device("cuda:0"),)


def test_only_gpus_of_the_first_ones_kind_share(computer):
    computer(3, names=("fast", "slow", "fast"))
    assert shared_devices(resolve_device("cuda")) == (torch.device("cuda:0"), torch.device("cuda:2"))
    computer(2, names=("fast", "slow"))
    assert resolve_device("auto") == torch.device("cuda:0")


@pytest.mark.parametrize("name", ["cuda:2", "mps", "gpu", "", "xpu", "cuda:-1", "cpu:3", "meta"])
def test_a_device_that_is_not_there_is_refused_and_those_there_are_named(computer, name):
    computer(2)
    with pytest.raises(DeviceError, match=rf"device: found '{name}', expected 'auto' or one of cuda:0, cuda:1, cpu"):
        resolve_device(name)


def test_cuda_without_a_gpu_is_refused(computer):
    computer()
    with pytest.raises(DeviceError, match="expected 'auto' or one of cpu"):
        resolve_device("cuda")


def test_devices_are_described_for_people(computer):
    computer(1)
    assert describe_device(torch.device("cuda:0")) == "NVIDIA Test (cuda:0)"
    assert describe_device(torch.device("mps")) == "Apple GPU (mps)"
    assert describe_device(torch.device("cpu")).startswith("CPU, ")


@pytest.mark.parametrize(("capability", "expected"), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_bfloat16_is_native_from_ampere_on(computer, capability, expected):
    computer(1, capability=capability)
    device = torch.device("cuda:0")
    assert native_bfloat16(device) is expected
    assert resolve_precision("auto", device) == (torch.bfloat16 if expected else torch.float32)


def test_bfloat16_is_native_on_amd(computer):
    computer(1, capability=(0, 0), hip="6.2")
    assert native_bfloat16(torch.device("cuda:0"))


@pytest.mark.parametrize(("macos", "expected"), [((13, 6), torch.float32), ((14, 0), torch.bfloat16)])
def test_bfloat16_on_apple_needs_a_macos_that_knows_it(computer, macos, expected):
    computer(mps=True, macos=macos)
    assert resolve_precision("auto", torch.device("mps")) == expected


def test_bfloat16_is_not_forced_on_an_apple_gpu_that_does_not_know_it(computer):
    computer(mps=True, macos=(13, 6))
    with pytest.raises(DeviceError, match=r"'bfloat16' for an Apple GPU under a macOS before 14.*Choose 'auto'"):
        resolve_precision("bfloat16", torch.device("mps"))
    assert resolve_precision("float32", torch.device("mps")) == torch.float32
    assert resolve_precision("bfloat16", torch.device("cpu")) == torch.bfloat16


@pytest.mark.parametrize("there", ["amx_bf16", "avx512_bf16", None])
def test_bfloat16_on_a_cpu_needs_amx_or_avx512(monkeypatch, there):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {there: True, "avx2": True}, raising=False)
    assert native_bfloat16(torch.device("cpu")) is (there is not None)


def test_an_older_torch_tells_its_cpu_in_another_way(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert native_bfloat16(torch.device("cpu")) is True


def test_a_precision_can_be_forced():
    cpu = torch.device("cpu")
    assert resolve_precision("float32", cpu) == torch.float32
    assert resolve_precision("bfloat16", cpu) == torch.bfloat16


@pytest.mark.parametrize("precision", ["float16", "half"])
def test_float16_is_refused(precision):
    with pytest.raises(DeviceError, match=rf"precision: found '{precision}'.*float16 turns DINOv3's tokens into NaN"):
        resolve_precision(precision, torch.device("cpu"))


def test_another_precision_is_refused():
    with pytest.raises(DeviceError, match=r"'int8', expected one of 'auto', 'float32', 'bfloat16'\. Choose 'auto'"):
        resolve_precision("int8", torch.device("cpu"))


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OutOfMemoryError("ours"), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried …"), True),
        (caused(EncodingError("failed"), torch.OutOfMemoryError("CUDA out of memory")), True),
        (caused(EncodingError("failed"), RuntimeError("CUDA error: device-side assert")), False),
        (EncodingError("out of memory, says a text of ours"), False),
        (caused(ValueError("another"), MemoryError()), False),
        (RuntimeError("CUDA error: device-side assert"), False),
        (None, False),
    ],
)
def test_too_little_memory_is_known_by_what_raised_it(error, expected):
    assert is_out_of_memory(error) is expected
