"""Weights files: what is read, what is refused, and that refusing runs and allocates nothing."""

import hashlib
import json
import os
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from napari_dinosim.encoders import _index, checkpoints
from napari_dinosim.encoders.checkpoints import read_checkpoint
from napari_dinosim.errors import WeightsError, WeightsNotFoundError

STATE = {"norm.weight": torch.arange(12.0).reshape(3, 4), "norm.bias": torch.ones(4)}


def assert_state(found: dict[str, torch.Tensor]) -> None:
    assert found.keys() == STATE.keys()
    for name, tensor in STATE.items():
        assert torch.equal(found[name], tensor)


@pytest.fixture
def pth(tmp_path) -> Path:
    torch.save(STATE, tmp_path / "weights.pth")
    return tmp_path / "weights.pth"


@pytest.fixture
def safetensors(tmp_path) -> Path:
    save_file(STATE, tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def named_by_hash(path: Path) -> Path:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    return path.rename(path.with_name(f"dinov3_test-{digest}{path.suffix}"))


# --- what is read


def test_a_format_is_told_by_content_not_by_name(pth, safetensors):
    assert_state(read_checkpoint(pth.rename(pth.with_name("a.safetensors"))).tensors)
    assert_state(read_checkpoint(safetensors.rename(pth.with_name("b.pth"))).tensors)


@pytest.mark.parametrize("wrapper", ["model", "state_dict", "teacher", "model_ema"])
def test_a_state_dict_is_found_in_its_wrapper(tmp_path, wrapper):
    torch.save({wrapper: STATE, "epoch": 3, "arguments": {"lr": 0.1}}, tmp_path / "weights.pth")
    assert_state(read_checkpoint(tmp_path / "weights.pth").tensors)


def test_a_folder_with_one_weights_file_is_read(safetensors):
    (safetensors.parent / "config.json").write_text("{}")
    assert_state(read_checkpoint(safetensors.parent).tensors)
    assert_state(read_checkpoint(str(safetensors.parent)).tensors)


def test_a_folder_with_a_pth_is_read(pth):
    assert_state(read_checkpoint(pth.parent).tensors)


def shards(folder: Path, files: dict[str, str], index: str = "model.safetensors.index.json") -> Path:
    for name, file in files.items():
        if file.startswith("model-"):
            save = torch.save if file.endswith(".bin") else save_file
            save({name: STATE[name]}, folder / file)
    index = folder / index
    index.write_text(json.dumps({"metadata": {}, "weight_map": files}))
    return index


def test_shards_are_read_by_index_or_folder(tmp_path):
    index = shards(tmp_path, {"norm.weight": "model-1.safetensors", "norm.bias": "model-2.safetensors"})
    assert_state(read_checkpoint(index).tensors)
    assert_state(read_checkpoint(tmp_path).tensors)


def test_shards_of_torchs_format_are_read(tmp_path):
    files = {"norm.weight": "model-1.bin", "norm.bias": "model-2.bin"}
    index = shards(tmp_path, files, "pytorch_model.bin.index.json")
    assert_state(read_checkpoint(index).tensors)
    assert_state(read_checkpoint(tmp_path).tensors)


@pytest.mark.parametrize("name", ["model-20250814.pth", "mine-deadbeef.pth", "dinov3_mine-20250814.pth", "vitl16.pth"])
def test_a_number_in_any_other_name_is_no_hash(pth, name):
    assert_state(read_checkpoint(pth.rename(pth.with_name(name))).tensors)


@pytest.mark.parametrize("kind", ["pth", "safetensors"])
def test_the_hash_in_a_name_is_held_against_the_file(request, kind):
    path = named_by_hash(request.getfixturevalue(kind))
    assert_state(read_checkpoint(path).tensors)
    wrong = path.rename(path.with_name(f"dinov3_test-00000000.{kind}"))
    with pytest.raises(WeightsError, match=r"changed: found sha256 [0-9a-f]{8}…, expected 00000000… as its name tells"):
        read_checkpoint(wrong)


# --- what is not there, or no checkpoint


def test_nothing_there_is_refused(tmp_path):
    with pytest.raises(WeightsNotFoundError, match=r"found nothing at .*expected a file or folder"):
        read_checkpoint(tmp_path / "nowhere.pth")


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="found no weights file in the folder"):
        read_checkpoint(tmp_path)


def test_a_folder_with_several_files_is_refused(tmp_path):
    for number in range(4):
        save_file(STATE, tmp_path / f"{number}.safetensors")
    with pytest.raises(WeightsError, match=r"found 4 files in .*\(0\.safetensors, 1\.safetensors, 2\.safetensors, …\)"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK", b"no checkpoint at all", b"\x89PNG\r\n\x1a\n", b"{" * 99, bytes(99)])
def test_another_kind_of_file_is_refused(tmp_path, content):
    (tmp_path / "weights.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=r"is no checkpoint: found neither safetensors nor torch's zip"):
        read_checkpoint(tmp_path / "weights.pth")


def test_another_archive_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "notes.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(WeightsError, match="is an archive but no checkpoint of torch"):
        read_checkpoint(tmp_path / "notes.zip")


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, {"model": {"model": {"model": {"model": STATE}}}}])
def test_a_torch_file_without_a_state_dict_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(WeightsError, match="holds no tensors by name"):
        read_checkpoint(tmp_path / "weights.pth")


def test_tensors_without_values_are_refused(tmp_path):
    torch.save({"a": torch.empty(3, device="meta")}, tmp_path / "weights.pth")
    with pytest.raises(WeightsError, match=r"than tensors \(torch\._utils\._rebuild_meta_tensor_no_storage\)"):
        read_checkpoint(tmp_path / "weights.pth")


def test_a_file_that_may_not_be_read_is_told(pth, monkeypatch):
    def refuse(self, *arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(WeightsError, match=r"cannot be read \(Permission denied\)"):
        read_checkpoint(pth)


# --- damaged


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("kind", ["pth", "safetensors"])
def test_a_file_cut_off_is_refused(request, kind, share):
    path = request.getfixturevalue(kind)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(WeightsError, match=r"damaged or cut off|is no checkpoint"):
        read_checkpoint(path)


def test_a_damaged_pickle_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "weights.pth", "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}q\x00(X\x01")
        archive.writestr("archive/version", b"3")
    with pytest.raises(WeightsError, match="is damaged"):
        read_checkpoint(tmp_path / "weights.pth")


# --- unsafe


class Payload:
    """When unpickled without care, makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_a_pickle_with_code_is_refused_and_runs_nothing(tmp_path):
    trace = tmp_path / "ran"
    torch.save({**STATE, "extra": Payload(trace)}, tmp_path / "weights.pth")
    with pytest.raises(WeightsError, match=r"asks for more than tensors \((posix|nt)\.system\).*nothing of it was run"):
        read_checkpoint(tmp_path / "weights.pth")
    assert not trace.exists()
    torch.load(tmp_path / "weights.pth", weights_only=False)  # the file does what it is suspected of
    assert trace.exists()


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_bare_pickle_is_refused_and_runs_nothing(tmp_path, protocol):
    trace = tmp_path / "ran"
    (tmp_path / "weights.pth").write_bytes(pickle.dumps(Payload(trace), protocol=protocol))
    with pytest.raises(WeightsError, match="is no checkpoint"):
        read_checkpoint(tmp_path / "weights.pth")
    assert not trace.exists()


def test_a_pickle_is_read_by_a_safe_torch_only(pth, safetensors, monkeypatch):
    monkeypatch.setattr(torch, "__version__", "2.9.1+cpu")
    with pytest.raises(WeightsError, match=r"found torch 2\.9\.1\+cpu, expected at least 2\.10"):
        read_checkpoint(pth)
    assert_state(read_checkpoint(safetensors).tensors)
    monkeypatch.setattr(torch, "__version__", "2.10.0a0+git123")
    assert_state(read_checkpoint(pth).tensors)


@pytest.mark.parametrize(
    "name", ["../secret.safetensors", "/etc/passwd", "a/b.safetensors", "..\\b", "C:b", "..", "", "a\x00/b"]
)
def test_an_index_never_leads_out_of_its_folder(tmp_path, name, monkeypatch):
    opened = []
    monkeypatch.setattr(checkpoints, "_read_file", lambda file: opened.append(file) or {})
    (tmp_path / "inside").mkdir()
    save_file(STATE, tmp_path / "secret.safetensors")
    index = shards(tmp_path / "inside", {"norm.weight": name} if name else {})
    with pytest.raises(WeightsError, match=r"names files outside its folder or none"):
        read_checkpoint(index)
    assert not opened


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {"a": 3}}', "[" * 9999])
def test_a_broken_index_is_refused(tmp_path, content):
    (tmp_path / "model.safetensors.index.json").write_text(content)
    with pytest.raises(WeightsError, match="is no index of shards"):
        read_checkpoint(tmp_path)


def test_an_index_of_absurd_size_is_not_read(tmp_path, monkeypatch):
    index = shards(tmp_path, {"norm.weight": "model-1.safetensors"})
    monkeypatch.setattr(_index, "MOST_INDEX_BYTES", 10)
    with pytest.raises(WeightsError, match="is no index of shards"):
        read_checkpoint(index)


def test_missing_shards_are_named(tmp_path):
    index = shards(tmp_path, {"norm.weight": "model-1.safetensors", "norm.bias": "model-2.safetensors"})
    (tmp_path / "model-2.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"names 2 files, 1 of them missing \(model-2\.safetensors"):
        read_checkpoint(index)


# --- bombs: refused before anything is allocated


def refused_for_little(path: Path, match: str, most_bytes: int = 3_000_000) -> None:
    """Refused, with Python and torch allocating next to nothing on the way."""
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError, match=match):
            read_checkpoint(path)
        assert tracemalloc.get_traced_memory()[1] < most_bytes
    finally:
        tracemalloc.stop()


def test_a_packed_archive_is_refused(pth):
    bomb = pth.with_name("bomb.pth")
    with zipfile.ZipFile(pth) as original, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in original.namelist():
            archive.writestr(name, original.read(name))
        with archive.open("weights/data/2", "w") as packed:
            for _ in range(64):
                packed.write(bytes(1_000_000))
    refused_for_little(bomb, r"would unpack to 64\d{6} bytes from \d{4,5}; torch's own files are not packed")


def test_a_packed_archive_is_refused_whatever_sizes_it_tells(pth):
    bomb = pth.with_name("bomb.pth")
    with zipfile.ZipFile(pth) as original, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in original.namelist():
            archive.writestr(name, original.read(name))
        archive.comment = bytes(50_000)  # so that the file is larger than all it declares
    refused_for_little(bomb, r"would unpack to \d{3,4} bytes from 5\d{4}; torch's own files are not packed")


def test_entries_that_overlap_are_refused(tmp_path):
    """Many names for the same bytes, as in the quines that unpack to petabytes."""
    pth = tmp_path / "weights.pth"
    torch.save({"a": torch.ones(100_000)}, pth)
    with zipfile.ZipFile(pth) as archive:
        values = next(entry for entry in archive.infolist() if "/data/" in entry.filename)
    overlapping = pth.with_name("overlapping.pth")
    overlapping.write_bytes(pth.read_bytes())
    with zipfile.ZipFile(overlapping, "a") as archive:
        archive.filelist.extend([values] * 9)
        archive._didModify = True
    refused_for_little(overlapping, "would unpack to")


def test_a_pickle_too_large_to_be_names_is_refused(pth, monkeypatch):
    monkeypatch.setattr(checkpoints, "MOST_PICKLE_BYTES", 10)
    refused_for_little(pth, "would unpack to")


def test_a_tensor_larger_than_its_file_is_refused(tmp_path):
    torch.save({"a": torch.ones(1).expand(1_000_000, 1_000_000)}, tmp_path / "weights.pth")
    refused_for_little(tmp_path / "weights.pth", "declares 4000000000000 bytes of tensors in")


def with_header(path: Path, header: dict) -> Path:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(16))
    return path


@pytest.mark.parametrize(
    ("shape", "offsets"),
    [
        ([1_000_000_000_000], [0, 4_000_000_000_000]),
        ([1_000_000_000_000], [0, 16]),
        ([2**62, 4], [0, 16]),
        ([4], [0, 2**63]),
        ([4], [-16, 0]),
        ([4], [16, 32]),
        ([3], [0, 12]),
    ],
)
def test_absurd_shapes_in_safetensors_are_refused(tmp_path, shape, offsets):
    path = with_header(tmp_path / "a.safetensors", {"a": {"dtype": "F32", "shape": shape, "data_offsets": offsets}})
    refused_for_little(path, "is damaged or cut off")


@pytest.mark.parametrize("length", [2**63, 99_999_999, checkpoints.MOST_HEADER_BYTES + 1])
def test_an_absurd_header_is_refused(tmp_path, length):
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", length) + b"{" + bytes(99))
    refused_for_little(tmp_path / "a.safetensors", "is no checkpoint")


def test_a_header_longer_than_its_file_is_refused(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", 10_000) + b"{" + bytes(99))
    refused_for_little(tmp_path / "a.safetensors", "is damaged or cut off")
