"""Pickles inside torch files: all that torch.save writes for a state dict is read, and nothing else."""

import pickle
import tracemalloc
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path

import pytest
import torch

from napari_dinosim.encoders import checkpoints
from napari_dinosim.encoders.checkpoints import read_checkpoint
from napari_dinosim.errors import WeightsError

MANY = b"\x8a\x05\x00\x28\x6b\xee\x00"  # 4 000 000 000
VALUES = torch.arange(24.0)
DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.complex64]
DTYPES += [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]


def archive(folder: Path, pickled: bytes, name: str = "weights.pth") -> Path:
    """A torch file with this pickle and four float32 numbers."""
    with zipfile.ZipFile(folder / name, "w") as file:
        file.writestr("archive/data.pkl", pickled)
        file.writestr("archive/byteorder", "little")
        file.writestr("archive/data/0", bytes(16))
        file.writestr("archive/version", "3\n")
    return folder / name


def text(words: str) -> bytes:
    return b"X" + len(words).to_bytes(4, "little") + words.encode()


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def state_dict(value: bytes) -> bytes:
    """{"a": value}, protocol 2."""
    return b"\x80\x02}" + text("a") + value + b"s."


def storage(kind: str = "FloatStorage", record: str = "0", count: bytes = b"K\x04") -> bytes:
    return b"(" + text("storage") + name("torch", kind) + text(record) + text("cpu") + count + b"tQ"


def tensor(
    values: bytes, offset: bytes = b"K\x00", shape: bytes = b"K\x04\x85", strides: bytes = b"K\x01\x85"
) -> bytes:
    hooks = name("collections", "OrderedDict") + b")R"
    return (
        name("torch._utils", "_rebuild_tensor_v2") + b"(" + values + offset + shape + strides + b"\x89" + hooks + b"tR"
    )


@pytest.fixture
def never_read(monkeypatch):
    """torch's reader is not even asked; what it takes outside of Python, no measure here would see."""

    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("torch.load was called"))


def refused(path: Path, match: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError, match=match):
            read_checkpoint(path)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


# --- what is read


@pytest.mark.parametrize(
    "values",
    [
        *(VALUES.to(dtype) for dtype in DTYPES),
        *(torch.nn.Parameter(VALUES), VALUES.reshape(4, 6).T, VALUES.reshape(1, 2, 3, 4), torch.ones(1).expand(2)),
        *(VALUES[5:9], VALUES[::3], VALUES[:0], torch.tensor(3.0)),
    ],
    ids=lambda values: f"{values.dtype}{tuple(values.shape)}".removeprefix("torch."),
)
@pytest.mark.parametrize("kind", [dict, OrderedDict])
def test_tensors_of_every_kind_are_read(tmp_path, values, kind):
    torch.save(
        kind(a=values, b=values, **{str(number): torch.ones(8) for number in range(300)}), tmp_path / "weights.pth"
    )
    found = read_checkpoint(tmp_path / "weights.pth").tensors
    assert len(found) == 302
    assert found["b"].dtype == values.dtype
    assert torch.equal(found["b"], values)


def test_the_state_of_a_module_is_read(tmp_path):
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 5), torch.nn.BatchNorm2d(4))
    torch.save(module.state_dict(), tmp_path / "weights.pth")  # an ordered dict with attributes
    found = read_checkpoint(tmp_path / "weights.pth").tensors
    assert found.keys() == module.state_dict().keys()


def test_a_checkpoint_of_a_training_is_read(tmp_path):
    module = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(module.parameters())
    module(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    settings = {
        "lr": 1e-4,
        "steps": [1, 2**40, -3],
        "betas": (0.9, 0.99),
        "type": torch.bfloat16,
        "best": None,
        7: True,
    }
    content = {"model": module.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "settings": settings}
    torch.save(content, tmp_path / "weights.pth")
    assert read_checkpoint(tmp_path / "weights.pth").tensors.keys() == {"weight", "bias"}


def test_pickles_made_by_hand_are_what_they_are_meant_to_be(tmp_path):
    """The refused ones below differ from this one in one thing."""
    assert torch.equal(read_checkpoint(archive(tmp_path, state_dict(tensor(storage())))).tensors["a"], torch.zeros(4))


# --- what would take memory by a number alone


@pytest.mark.parametrize(
    ("module", "attribute"),
    [
        ("builtins", "bytearray"),
        ("__builtin__", "bytearray"),
        ("torch", "Tensor"),
        ("torch", "FloatTensor"),
        ("torch", "FloatStorage"),
        ("torch", "UntypedStorage"),
        ("torch.storage", "UntypedStorage"),
        ("torch.storage", "TypedStorage"),
        ("torch.nn.parameter", "Parameter"),
        ("torch._utils", "_rebuild_wrapper_subclass"),
        ("torch._tensor", "_rebuild_from_type_v2"),
    ],
)
@pytest.mark.parametrize("called", [b"\x85R", b"\x85\x81"], ids=["REDUCE", "NEWOBJ"])
def test_what_takes_memory_by_its_size_alone_is_refused_unread(tmp_path, never_read, module, attribute, called):
    path = archive(tmp_path, state_dict(name(module, attribute) + MANY + called))
    refused(path, rf"than tensors \((a call of )?({module}\.{attribute}|opcode NEWOBJ)\), .*nothing of it was run")


def test_torch_would_take_that_memory(tmp_path):
    """The reason for all this: its weights-only reader makes what it is asked for."""
    pickled = state_dict(name("torch.storage", "UntypedStorage") + b"M\xe8\x03\x85R")
    assert torch.load(archive(tmp_path, pickled), weights_only=True)["a"].nbytes() == 1000


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (text("torch") + text("FloatStorage") + b"\x93" + MANY + b"\x85R", "opcode STACK_GLOBAL"),
        (b"\x8c\x05torch\x8c\x0cFloatStorage\x93" + MANY + b"\x85R", "opcode SHORT_BINUNICODE"),
        (b"\x82\x01" + MANY + b"\x85R", "opcode EXT1"),
        (b"(" + MANY + b"itorch\nFloatStorage\n", "opcode INST"),
        (b"(" + name("torch", "FloatStorage") + MANY + b"o", "opcode OBJ"),
        (b"\x96" + b"\x00" * 8, "opcode BYTEARRAY8"),
        # kept in the memo, fetched, and called later
        (name("torch", "FloatStorage") + b"q\x07" + b"h\x07" + MANY + b"\x85R\x86", r"a call of torch\.FloatStorage"),
        (name("torch", "FloatStorage") + b"r\xff\xff\xff\xffj\xff\xff\xff\xff" + MANY + b"\x85R", "a call of torch"),
        # taken from a tuple, which nothing can take apart, or returned by a call
        (name("torch", "FloatStorage") + b"\x85" + MANY + b"\x85R", "a call of no function"),
        (name("collections", "OrderedDict") + b")R" + MANY + b"\x85R", "a call of no function"),
        (text("torch FloatStorage") + MANY + b"\x85R", "a call of no function"),
        (name("torch", "float32") + MANY + b"\x85R", r"a call of torch\.float32"),
        (name("collections", "OrderedDict") + b"(" + tensor(storage()) + b"tR", r"a call of collections\.OrderedDict"),
        (tensor(storage()) + storage() + b"K\x00K\x04\x85K\x01\x85tb", "opcode BUILD|damaged"),
        (name("torch._utils", "_rebuild_tensor_v2") + b")R", r"a call of torch\._utils\._rebuild_tensor_v2"),
        (text("a") + text("b") + b"a", "opcode APPEND where"),
        (b"}" + text("b") + b"a", "opcode APPEND where"),
        (b"]" + text("b") + text("c") + b"s", "opcode SETITEM where"),
        (b"}" + b")" * 40 + text("c") + b"s", "opcode SETITEM where"),
    ],
)
def test_other_spellings_are_refused_unread(tmp_path, never_read, value, what):
    refused(archive(tmp_path, state_dict(value)), what)


@pytest.mark.parametrize("protocol", [0, 1, 3, 4, 5])
def test_other_protocols_are_refused_unread(tmp_path, never_read, protocol):
    refused(archive(tmp_path, pickle.dumps({"a": bytearray}, protocol)), r"than tensors \(")


def test_keys_that_take_for_ever_to_hash_are_refused(tmp_path, never_read):
    doubled = b")" + b"".join(b"q\x01h\x01h\x01\x86" for _ in range(64))
    refused(archive(tmp_path, state_dict(b"}" + doubled + b"K\x01s")), "opcode SETITEM where")


@pytest.mark.parametrize(
    "values",
    [
        storage(count=MANY),
        storage(count=b"K\x05"),
        storage(count=b"J\xff\xff\xff\xff"),
        storage(record="1"),
        storage("DoubleStorage"),
        storage("QInt8Storage"),
        storage("Float32Storage"),
        text("storage") + b"Q",
        b"K\x00Q",
        b"(" + text("module") + name("torch", "FloatStorage") + text("0") + text("cpu") + b"K\x04tQ",
    ],
)
def test_values_that_the_file_does_not_hold_are_refused(tmp_path, never_read, values):
    refused(archive(tmp_path, state_dict(tensor(values))), r"a storage that the file does not hold|torch\.\w+Storage")


@pytest.mark.parametrize(
    "parts",
    [
        {"shape": MANY + b"\x85"},
        {"shape": b"K\x05\x85"},
        {"offset": b"K\x01"},
        {"strides": b"K\x02\x85"},
        {"offset": b"J\xff\xff\xff\xff"},
        {"shape": b"J\xff\xff\xff\xff\x85"},
        {"strides": b"J\xff\xff\xff\xff\x85"},
        {"shape": text("4") + b"\x85"},
        {"shape": b"K\x04K\x01\x86"},
    ],
)
@pytest.mark.parametrize("file", ["weights.pth", "weights.safetensors"])  # torch reads the two in different ways
def test_tensors_that_their_storage_does_not_hold_are_refused(tmp_path, never_read, parts, file):
    path = archive(tmp_path, state_dict(tensor(storage(), **parts)), file)
    refused(path, "a tensor that its storage does not hold|is damaged")


@pytest.mark.parametrize("content", [{1, 2}, b"bytes", Counter("ab"), torch.Size([3]), 1j, torch.device("cpu")])
def test_what_no_state_dict_needs_is_refused(tmp_path, never_read, content):
    torch.save({"model": {"a": VALUES}, "extra": content}, tmp_path / "weights.pth")
    refused(tmp_path / "weights.pth", r"asks for more than tensors \(\w")


@pytest.mark.parametrize("cut", [b"R.", b"t.", b"\x86.", b"h\x09.", b"Q.", b"s.", b"", b"q\x00", b"\xff."])
def test_a_broken_pickle_is_refused_unread(tmp_path, never_read, cut):
    refused(archive(tmp_path, b"\x80\x02" + cut), "is damaged|asks for more")


def test_a_second_pickle_is_refused_however_it_is_written(tmp_path, never_read):
    """torch looks for ``data.pkl`` without regard to case, so it might take the other one."""
    path = archive(tmp_path, state_dict(tensor(storage())))
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("archive/DATA.PKL", state_dict(name("torch.storage", "UntypedStorage") + MANY + b"\x85R"))
    refused(path, "is an archive but no checkpoint of torch")


def test_many_small_things_take_little_time(tmp_path, monkeypatch):
    pickled = state_dict(b"(" + b"}" * (checkpoints.MOST_PICKLE_BYTES - 100) + b"t")
    with pytest.raises(WeightsError, match="holds no tensors by name"):
        read_checkpoint(archive(tmp_path, pickled))
