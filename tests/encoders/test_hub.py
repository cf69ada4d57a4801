import errno
import hashlib
import io
import json
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import timm
import torch
from huggingface_hub import constants
from huggingface_hub.utils import WeakFileLock

from hub_server import COMMIT, Faults, HubServer, bare_computer, sharded
from napari_dinosim.encoders import _background, _download, _hub_cache, _index, _progress, hub, load_encoder
from napari_dinosim.encoders._hub_settings import prefer_folder
from napari_dinosim.encoders.base import EncoderSpec
from napari_dinosim.encoders.hub import (
    accept_licence,
    cache_folder,
    cached_weights,
    download_size,
    download_weights,
    licence_needs_acceptance,
    remove_weights,
    set_cache_folder,
)
from napari_dinosim.errors import (
    Cancelled,
    DownloadError,
    LicenceNotAcceptedError,
    UnknownEncoderError,
    WeightsNotFoundError,
)

CONTENT = np.random.default_rng(3).bytes(400_001)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OPEN = EncoderSpec(
    name="open",
    title="Open ViT",
    patch_size=16,
    dimension=8,
    mean=(0, 0, 0),
    std=(1, 1, 1),
    source="https://example.org",
    licence="Apache-2.0",
    licence_url="https://example.org/licence",
    download_bytes=len(CONTENT),
    hub_repo="timm/open",
    gated_repo="facebook/open",
)
DINOV3 = replace(OPEN, title="DINOv3 Tiny", licence="DINOv3 License", hub_repo="timm/dinov3")
WAYS_ON = "a weights file that you have .“From file…”. or choose another encoder"


@pytest.fixture(autouse=True)
def computer(tmp_path):
    with bare_computer(tmp_path) as folder:
        yield folder


@pytest.fixture
def server(monkeypatch):
    files = {f"{repo}/model.safetensors": CONTENT for repo in ("timm/open", "timm/dinov3", "facebook/open")}
    with HubServer(files) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url + "/")
        yield server


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 0.2)
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
    monkeypatch.setattr(_download, "RETRIES", 0)


def contents(folder: Path) -> list[str]:
    """Names of the files with content in a cache folder."""
    return sorted(path.name for path in folder.glob("models--*/blobs/*"))


def fail(spec=OPEN, **options) -> DownloadError:
    with pytest.raises(DownloadError, match=WAYS_ON) as caught:
        download_weights(spec, **options)
    return caught.value


def test_weights_arrive_whole_and_are_found_by_everybody(server, computer):
    assert cached_weights(OPEN) is None
    path = download_weights(OPEN)
    assert path.read_bytes() == CONTENT
    assert cached_weights(OPEN) == path
    assert contents(computer / "hub") == [SHA256]
    assert path == Path(huggingface_hub.try_to_load_from_cache(OPEN.hub_repo, "model.safetensors"))
    assert path == Path(huggingface_hub.hf_hub_download(OPEN.hub_repo, "model.safetensors", local_files_only=True))


def test_a_catalogue_name_is_enough(server):
    server.files["timm/vit_small_patch14_dinov2.lvd142m/model.safetensors"] = CONTENT
    assert download_weights("dinov2_vits14").read_bytes() == CONTENT
    assert cached_weights("dinov2_vits14") is not None
    with pytest.raises(UnknownEncoderError, match="found 'dinov9'"):
        download_weights("dinov9")


def test_a_model_known_by_its_repository_comes_with_its_configuration(server):
    config = b'{"architecture": "vit_tiny_patch16_224"}'
    server.files["timm/open/config.json"] = config
    told = []
    path = download_weights("hf-hub:timm/open", on_progress=told.append)
    assert path.read_bytes() == CONTENT
    assert (path.parent / "config.json").read_bytes().startswith(b'{"arch')
    assert {progress.total_bytes for progress in told} == {len(CONTENT) + len(config)}
    assert told[-1].done_bytes == told[-1].total_bytes
    (path.parent / "config.json").unlink()
    assert download_weights("hf-hub:timm/open") == path
    assert (path.parent / "config.json").exists()


def test_what_is_there_is_not_fetched_again(server):
    path = download_weights(OPEN)
    server.asked.clear()
    assert download_weights(OPEN) == path
    assert server.asked == []


def test_progress_tells_bytes_speed_and_time_left(server, monkeypatch):
    monkeypatch.setattr("napari_dinosim.encoders._progress.REPORT_SECONDS", 0.0)
    server.faults.seconds_per_piece = 0.01
    told = []
    download_weights(OPEN, on_progress=told.append)
    done = [progress.done_bytes for progress in told]
    assert done[0] == 0
    assert done == sorted(done)
    assert done[-1] == len(CONTENT)
    assert {progress.total_bytes for progress in told} == {len(CONTENT)}
    assert told[0].seconds_left is None
    half = told[len(told) // 2]
    assert 0 < half.bytes_per_second < 1e8
    assert half.seconds_left == pytest.approx((len(CONTENT) - half.done_bytes) / half.bytes_per_second)
    assert told[-1].seconds_left == 0


def test_progress_comes_ten_times_a_second_at_most(server):
    told = []
    start = time.monotonic()
    download_weights(OPEN, on_progress=told.append)
    assert len(told) <= 2 + (time.monotonic() - start) / 0.1


def test_a_file_of_unknown_size_arrives_too(server):
    server.faults.no_size = True
    told = []
    assert download_weights(OPEN, on_progress=told.append).read_bytes() == CONTENT
    assert (told[-1].total_bytes, told[-1].seconds_left) == (None, None)


def test_a_broken_connection_is_taken_up_where_it_broke(server):
    server.faults = Faults(cut_after=100_000, cuts=2)
    assert download_weights(OPEN).read_bytes() == CONTENT
    assert [asked.start for asked in server.bodies] == [0, 100_000, 200_000]


def test_the_next_call_goes_on_after_a_break(server, computer, monkeypatch):
    monkeypatch.setattr(_download, "RETRIES", 0)
    server.faults.cut_after = 150_000
    error = fail()
    assert error.reason == "interrupted"
    assert "connection to http://127.0.0.1" in str(error)
    assert "0.1 MB are kept: trying again goes on from there" in str(error)
    assert contents(computer / "hub") == [f"{SHA256}.napari-dinosim.incomplete"]
    assert cached_weights(OPEN) is None
    server.faults = Faults()
    told = []
    assert download_weights(OPEN, on_progress=told.append).read_bytes() == CONTENT
    assert server.bodies[-1].start == told[0].done_bytes == 150_000
    assert contents(computer / "hub") == [SHA256]


def test_a_server_without_ranges_starts_over(server):
    server.faults = Faults(cut_after=100_000, cuts=1, no_ranges=True)
    assert download_weights(OPEN).read_bytes() == CONTENT


def test_a_connection_that_breaks_at_the_same_byte_for_ever_is_given_up(server):
    server.faults = Faults(cut_after=100_000, no_ranges=True)
    assert fail().reason == "interrupted"
    assert len(server.bodies) == 1 + _download.RETRIES


def test_a_part_that_does_not_say_which_is_not_believed(server):
    server.faults = Faults(cut_after=100_000, cuts=1, no_content_range=True)
    assert "without saying which" in str(fail())


def test_a_part_without_an_end_is_noticed(server, monkeypatch):
    monkeypatch.setattr(_download, "RETRIES", 0)
    server.faults = Faults(cut_after=100_000, extra=b"!")
    assert "ended the file after 100000 of 400001 bytes" in str(fail())


def start_of_file(computer, content):
    partial = computer / "hub" / "models--timm--open" / "blobs" / f"{SHA256}.napari-dinosim.incomplete"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(content)


def test_a_file_that_only_lacked_its_name_is_not_fetched_again(server, computer):
    start_of_file(computer, CONTENT)
    assert download_weights(OPEN).read_bytes() == CONTENT
    assert server.bodies == []


def test_a_beginning_longer_than_the_file_is_thrown_away(server, computer):
    start_of_file(computer, CONTENT + b"!")
    assert download_weights(OPEN).read_bytes() == CONTENT
    assert [asked.start for asked in server.bodies] == [0]


def test_a_beginning_longer_than_a_file_of_unknown_size_is_thrown_away(server, computer):
    server.faults.no_size = True
    start_of_file(computer, CONTENT + b"!")
    assert fail().reason == "corrupted"
    assert download_weights(OPEN).read_bytes() == CONTENT


def test_cancel_leaves_nothing(server, computer):
    server.faults.seconds_per_piece = 0.02
    told = []
    with pytest.raises(Cancelled, match="nothing of it was kept"):
        download_weights(OPEN, on_progress=told.append, cancelled=lambda: bool(told and told[-1].done_bytes))
    assert 0 < told[-1].done_bytes < len(CONTENT)
    assert contents(computer / "hub") == []
    assert cached_weights(OPEN) is None


@pytest.mark.parametrize("faults", [Faults(stall_head=True), Faults(stall_after=50_000)], ids=["question", "body"])
def test_cancel_does_not_wait_for_a_stalled_network(server, computer, faults):
    server.faults = faults
    start = time.monotonic()
    with pytest.raises(Cancelled, match="nothing of it was kept"):
        download_weights(OPEN, cancelled=lambda: time.monotonic() - start > 0.5)
    assert time.monotonic() - start < 3
    assert contents(computer / "hub") == []


def test_cancel_does_not_wait_for_the_next_try(server, monkeypatch):
    monkeypatch.setattr(_download, "RETRY_WAIT", 60)
    server.faults.cut_after = 0
    with pytest.raises(Cancelled, match="nothing of it was kept"):
        download_weights(OPEN, cancelled=lambda: bool(server.bodies))


def test_a_file_that_another_program_fetches_is_waited_for(server, computer, monkeypatch):
    monkeypatch.setattr(_hub_cache, "LOCK_PATIENCE", 0.05)
    lock = computer / "hub" / ".locks" / "models--timm--open" / f"{SHA256}.lock"
    lock.parent.mkdir(parents=True)
    with WeakFileLock(lock):
        start = time.monotonic()
        with pytest.raises(Cancelled, match="cancelled"):
            download_weights(OPEN, cancelled=lambda: time.monotonic() - start > 0.4)
        thread = threading.Thread(target=download_weights, args=(OPEN,))
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        assert server.bodies == []
    thread.join()
    assert cached_weights(OPEN).read_bytes() == CONTENT


@pytest.mark.parametrize(("status", "code"), [(401, "GatedRepo"), (403, "GatedRepo"), (401, "RepoNotFound"), (403, "")])
def test_gated_weights(server, computer, status, code):
    server.faults = Faults(status=status, error_code=code)
    error = fail()
    assert error.reason == "gated"
    assert f"is gated, private or not there (HTTP {status})" in str(error)
    assert f"Ask for access at {server.url}/timm/open, sign in with `hf auth login`" in str(error)
    assert contents(computer / "hub") == []


@pytest.mark.parametrize("code", ["EntryNotFound", "RepoNotFound", "RevisionNotFound", ""])
def test_missing_weights(server, code):
    server.faults = Faults(status=404, error_code=code)
    error = fail()
    assert error.reason == "missing"
    assert "has no model.safetensors" in str(error)
    assert " in timm/open, where the weights of Open ViT were expected (HTTP 404)" in str(error)


def test_a_repository_that_cannot_be(server):
    error = fail(replace(OPEN, hub_repo="a/b/c"))
    assert error.reason == "missing"
    assert server.asked == []


def test_an_encoder_without_weights_on_the_hub(server):
    with pytest.raises(DownloadError, match="Open ViT has no weights on the hub") as caught:
        download_weights(replace(OPEN, hub_repo=""))
    assert caught.value.reason == "missing"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_hub_in_trouble(server, status):
    server.faults.status = status
    error = fail()
    assert error.reason == "server"
    assert f"with an error (HTTP {status}). Try again later" in str(error)


def test_a_guest_network_that_answers_everything(server):
    server.faults.no_commit = True
    error = fail()
    assert error.reason == "server"
    assert "comes from no Hugging Face hub" in str(error)


def test_a_hash_that_leads_out_of_the_cache_is_refused(server, computer):
    server.faults.etag = "../../../outside"
    assert "comes from no Hugging Face hub" in str(fail())
    assert not list(computer.rglob("outside*"))


def test_no_network(monkeypatch, computer):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        error = fail()
    assert error.reason == "no network"
    assert "cannot be reached" in str(error)
    assert "Check the network, the proxy and HF_ENDPOINT and try again" in str(error)
    assert contents(computer / "hub") == []


@pytest.mark.parametrize("faults", [Faults(stall_head=True), Faults(stall_after=50_000)], ids=["question", "body"])
def test_time_out(server, computer, impatient, faults):
    server.faults = faults
    error = fail()
    assert error.reason == "timed out"
    assert "stopped answering" in str(error)
    assert ("are kept" in str(error)) == (faults.stall_after > 0)
    server.faults = Faults()
    assert download_weights(OPEN).read_bytes() == CONTENT


def test_offline_by_environment(server, computer):
    code = (
        "from napari_dinosim.encoders.hub import *\n"
        "from napari_dinosim.errors import DownloadError\n"
        "assert cached_weights('dinov2_vits14') is None\n"
        "try:\n    download_weights('dinov2_vits14')\n"
        "except DownloadError as error:\n    import sys; sys.stdout.write(f'{error.reason}: {error}')"
    )
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(computer), "XDG_CONFIG_HOME": str(computer)}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("offline: the weights of DINOv2 ViT-S/14 are not on this computer and HF_HUB_OFFLINE")
    assert server.asked == []


def test_a_disk_that_is_too_small_is_told_before_the_first_byte(server, computer, monkeypatch):
    monkeypatch.setattr(_download.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 200_000}))
    error = fail()
    assert error.reason == "disk full"
    assert f"no room for the weights of Open ViT in {computer / 'hub'}" in str(error)
    assert "0.4 MB are needed and 0.2 MB are free" in str(error)
    assert server.bodies == []


def test_a_disk_that_fills_up(server, computer, monkeypatch):
    class FullDisk(io.FileIO):
        def write(self, content):
            if self.tell() > 100_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(content)

    really_open = Path.open
    monkeypatch.setattr(
        Path, "open", lambda path, mode="r", *a, **k: (FullDisk if mode == "ab" else really_open)(path, mode, *a, **k)
    )
    assert fail().reason == "disk full"
    assert contents(computer / "hub") == []


def test_a_cache_that_cannot_be_written(server, computer):
    (computer / "hub").write_text("a file, no folder")
    error = fail()
    assert error.reason == "folder"
    assert f"cannot be written to {computer / 'hub'}" in str(error)


@pytest.mark.parametrize("etag", ["", hashlib.sha1(b"blob 400001\0" + CONTENT).hexdigest()], ids=["sha256", "git"])
def test_damaged_weights_are_removed(server, computer, etag):
    server.faults = Faults(corrupt=True, etag=etag)
    error = fail()
    assert error.reason == "corrupted"
    assert "arrived damaged" in str(error)
    assert "were removed" in str(error)
    assert contents(computer / "hub") == []
    assert cached_weights(OPEN) is None
    server.faults.corrupt = False
    assert download_weights(OPEN).read_bytes() == CONTENT


def test_a_file_without_an_end_is_not_read_to_the_end(server, computer):
    server.faults.extra = bytes(20_000_000)
    assert fail().reason == "corrupted"
    assert contents(computer / "hub") == []


def test_a_mirror_with_hashes_of_its_own_is_checked_by_size(server):
    server.faults.etag = "v1.0-mirror"
    assert download_weights(OPEN).read_bytes() == CONTENT


def test_a_file_of_another_size_from_such_a_mirror_is_refused(server, computer):
    server.faults = Faults(etag="v1.0-mirror", extra=b"!")
    assert "400002 bytes instead of 400001" in str(fail())
    assert contents(computer / "hub") == []


def test_the_licence_comes_before_the_first_byte(server):
    with pytest.raises(LicenceNotAcceptedError, match=r"under the DINOv3 License.*Read https://example.org/licence"):
        download_weights(DINOV3)
    assert server.asked == []


@pytest.mark.parametrize(
    "name", ["timm:vit_small_patch16_dinov3.lvd1689m", "hf-hub:facebook/dinov3-vits16", "dinov3_vits16"]
)
def test_the_licence_is_known_by_every_name_of_the_model(name):
    with pytest.raises(LicenceNotAcceptedError, match="under the DINOv3 License"):
        download_weights(name)


def test_the_licence_is_acknowledged_once(server, computer):
    assert licence_needs_acceptance(DINOV3)
    assert not licence_needs_acceptance(OPEN)
    download_weights(DINOV3, accept_licence=True)
    assert not licence_needs_acceptance(DINOV3)
    assert not licence_needs_acceptance(replace(DINOV3, name="another under the same licence"))
    remove_weights(DINOV3)
    assert download_weights(DINOV3).read_bytes() == CONTENT
    accept_licence(DINOV3)
    assert [path.name for path in (computer / "config").iterdir()] == ["downloads.json"]


@pytest.mark.parametrize("content", ["{", "[]", '{"accepted_licences": 3, "cache_folder": 5}', "\x00"])
def test_damaged_settings_mean_that_nothing_is_remembered(computer, content):
    (computer / "config").mkdir()
    (computer / "config" / "downloads.json").write_text(content)
    assert licence_needs_acceptance(DINOV3)
    assert cache_folder() == computer / "hub"
    accept_licence(DINOV3)
    assert not licence_needs_acceptance(DINOV3)


def test_settings_that_cannot_be_written_are_told(computer):
    (computer / "config").write_text("a file, no folder")
    with pytest.raises(DownloadError, match=r"settings cannot be written to .*downloads.json") as caught:
        accept_licence(DINOV3)
    assert caught.value.reason == "folder"


def test_the_cache_folder_can_be_chosen(server, computer):
    accept_licence(DINOV3)
    before = download_weights(OPEN)
    set_cache_folder(computer / "my disk" / "weights")
    assert cache_folder() == computer / "my disk" / "weights"
    assert not licence_needs_acceptance(DINOV3)
    assert cached_weights(OPEN) == before
    assert download_weights(DINOV3).is_relative_to(computer / "my disk" / "weights")
    set_cache_folder(None)
    assert cache_folder() == computer / "hub"
    assert cached_weights(DINOV3) is None
    there = download_weights(OPEN, cache_folder=computer / "once")
    assert there.is_relative_to(computer / "once")
    assert cached_weights(OPEN, cache_folder=computer / "once") == there


def test_a_preferred_folder_is_made_by_the_first_download_only(server, computer):
    accept_licence(DINOV3)
    set_cache_folder(computer / "chosen")
    before = download_weights(OPEN)
    try:
        prefer_folder(computer / "preferred")
        assert cache_folder() == computer / "preferred"
        assert cached_weights(OPEN) == before
        assert not cache_folder().exists()
        assert download_weights(DINOV3).is_relative_to(computer / "preferred")
    finally:
        prefer_folder(None)
    assert cache_folder() == computer / "chosen"
    assert cached_weights(DINOV3) is None


def test_a_cache_folder_that_cannot_be_used_is_refused(computer, monkeypatch):
    (computer / "file").write_text("a file, no folder")
    with pytest.raises(DownloadError, match=r"cannot be made .*Choose another one"):
        set_cache_folder(computer / "file" / "inside")
    monkeypatch.setattr(hub.os, "access", lambda *_: False)
    with pytest.raises(DownloadError, match=r"cannot be written. Choose another one"):
        set_cache_folder(computer / "locked")
    assert cache_folder() == computer / "hub"


def test_looking_into_the_cache_touches_no_network(server, monkeypatch):
    path = download_weights(OPEN)
    server.asked.clear()

    def refuse(*_):
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert cached_weights(OPEN) == path
    assert cached_weights(DINOV3) is None
    assert server.asked == []


def test_the_authors_own_file_is_found_as_well(server):
    path = download_weights(replace(OPEN, hub_repo=OPEN.gated_repo))
    assert "models--facebook--open" in path.parts
    assert cached_weights(OPEN) == path


def test_removed_weights_are_gone_from_the_disk(server, computer):
    download_weights(OPEN)
    assert remove_weights(OPEN)
    assert contents(computer / "hub") == []
    assert not remove_weights(OPEN)


def test_weights_in_use_are_not_removed(server, monkeypatch):
    download_weights(OPEN)

    def refuse(*_, **__):
        raise PermissionError("in use")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(DownloadError, match=r"cannot be deleted from .*Close what uses them"):
        remove_weights(OPEN)


def test_the_token_goes_to_the_hub_and_nowhere_else(server, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with HubServer(server.files) as elsewhere:
        server.faults.redirect = elsewhere.url
        assert download_weights(OPEN).read_bytes() == CONTENT
        assert {asked.headers.get("authorization") for asked in server.asked} == {"Bearer hf_secret"}
        assert [asked.headers.get("authorization") for asked in elsewhere.asked] == [None]


def test_a_redirected_download_goes_on_after_a_break(server):
    with HubServer(server.files, Faults(cut_after=100_000, cuts=1)) as elsewhere:
        server.faults.redirect = elsewhere.url
        assert download_weights(OPEN).read_bytes() == CONTENT
        assert [asked.start for asked in elsewhere.bodies] == [0, 100_000]


def test_the_exact_version_that_was_announced_is_fetched(server):
    download_weights(OPEN)
    assert [f"/timm/open/resolve/{COMMIT}/model.safetensors"] == [asked.path for asked in server.bodies]


def test_a_proxy_is_used(server, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    monkeypatch.setenv("HTTP_PROXY", server.url)
    assert download_weights(OPEN).read_bytes() == CONTENT
    assert {asked.path.split("/timm")[0] for asked in server.asked} == {"http://hub.invalid"}


def test_the_plain_protocol_is_used_where_another_is_offered(server):
    server.faults.xet = True
    assert download_weights(OPEN).read_bytes() == CONTENT
    assert len(server.bodies) == 1


def test_a_download_error_can_be_sent_to_another_process():
    error = pickle.loads(pickle.dumps(DownloadError("no luck", "server")))
    assert (str(error), error.reason) == ("no luck", "server")


@pytest.mark.parametrize(("count", "said"), [(400_001, "0.4 MB"), (86_400_000, "86.4 MB"), (3_363_000_000, "3.36 GB")])
def test_sizes_are_said_to_people(count, said):
    assert _download.megabytes(count) == said


def test_an_error_in_the_background_comes_through():
    with _background.Background(None) as background, pytest.raises(ZeroDivisionError, match="zero"):
        background.call(lambda: 1 // 0)


def test_what_breaks_after_the_last_byte_costs_nothing(server, computer):
    def then_break(progress):
        server.faults.no_commit = progress.done_bytes == len(CONTENT)

    assert fail(on_progress=then_break).reason == "server"
    assert cached_weights(OPEN) is None
    server.faults = Faults()
    assert download_weights(OPEN).read_bytes() == CONTENT
    assert len(server.bodies) == 1


def test_the_speed_is_that_of_the_last_seconds(monkeypatch):
    clock = iter([0.0, 1.0, 2.0, 20.0, 21.0])
    monkeypatch.setattr(_progress.time, "monotonic", lambda: next(clock))
    told = []
    meter = _progress.Meter(10_000, told.append)
    for done in (0, 1000, 2000, 2100, 2200):
        meter.update(done)
    assert told[2] == _progress.DownloadProgress(2000, 10_000, 1000.0, 8.0)
    assert told[4].bytes_per_second == pytest.approx(200 / 19)  # since the last sample before the window


# --- repositories of another kind than one model.safetensors

SHARDS = {
    "model-00001-of-00002.safetensors": CONTENT[:150_000],
    "model-00002-of-00002.safetensors": CONTENT[150_000:],
}
FIRST, SECOND = SHARDS
INDEX = "model.safetensors.index.json"


@pytest.fixture
def large(server):
    """An encoder whose weights are spread over two shards."""
    server.files |= sharded("facebook/large", SHARDS)
    return replace(OPEN, name="large", hub_repo="facebook/large")


def test_a_repository_with_a_pickle_only_is_fetched_and_found(server):
    server.files["owner/old/pytorch_model.bin"] = CONTENT
    old = replace(OPEN, hub_repo="owner/old")
    path = download_weights(old)
    assert (path.name, path.read_bytes()) == ("pytorch_model.bin", CONTENT)
    assert cached_weights(old) == path
    assert remove_weights(old)
    assert cached_weights(old) is None


def test_a_mirror_that_says_no_more_than_404_is_asked_for_the_other_names(server):
    server.files["owner/old/pytorch_model.bin"] = CONTENT
    server.faults = Faults(status=404, only="model.safetensors")
    assert download_weights(replace(OPEN, hub_repo="owner/old")).name == "pytorch_model.bin"


def test_a_repository_that_is_not_there_is_asked_for_once(server):
    server.faults = Faults(status=404, error_code="RepoNotFound")
    assert fail().reason == "missing"
    assert len(server.asked) == 1


def test_safetensors_come_before_a_pickle(server):
    server.files["timm/open/pytorch_model.bin"] = b"worse"
    assert download_weights(OPEN).name == "model.safetensors"
    assert len(server.bodies) == 1


@pytest.mark.parametrize("end", [".safetensors", ".bin"])
def test_shards_arrive_all_and_are_found_by_their_index(server, computer, end):
    names = [f"shard-{number}{end}" for number in (1, 2)]
    server.files |= sharded("facebook/large", dict(zip(names, SHARDS.values(), strict=True)), end)
    spec = replace(OPEN, hub_repo="facebook/large")
    told = []
    path = download_weights(spec, on_progress=told.append)
    assert path.name.endswith(f"{end}.index.json")
    assert b"".join(file.read_bytes() for file in _index.files_of(path)) == CONTENT
    assert cached_weights(spec) == path
    done = [progress.done_bytes for progress in told]
    total = len(CONTENT) + path.stat().st_size
    assert {progress.total_bytes for progress in told} == {total}
    assert done == sorted(done)
    assert done[-1] == total
    server.asked.clear()
    assert download_weights(spec) == path
    assert server.asked == []
    assert remove_weights(spec)
    assert contents(computer / "hub") == []


def test_every_shard_is_of_the_version_that_was_announced_first(server, large):
    download_weights(large)
    shards = [asked.path for asked in server.asked if FIRST in asked.path or SECOND in asked.path]
    assert len(shards) == 6
    assert all(f"/resolve/{COMMIT}/" in path for path in shards)


def test_a_break_in_the_second_shard_is_taken_up_there(server, large, computer, monkeypatch):
    monkeypatch.setattr(_download, "RETRIES", 0)
    server.faults = Faults(cut_after=100_000, only=SECOND)
    error = fail(large)
    assert error.reason == "interrupted"
    index = len(server.files[f"facebook/large/{INDEX}"])
    assert f"{(250_000 + index) / 1e6:.1f} MB are kept: trying again goes on from there" in str(error)
    assert all(name.endswith(".napari-dinosim.incomplete") for name in contents(computer / "hub"))
    assert cached_weights(large) is None
    server.faults = Faults()
    server.asked.clear()
    told = []
    path = download_weights(large, on_progress=told.append)
    assert [asked.start for asked in server.bodies] == [100_000]
    assert told[0].done_bytes == 250_000 + index
    assert max(progress.bytes_per_second for progress in told[:2]) < 1e9  # what was here before does not count
    assert [file.read_bytes() for file in _index.files_of(path)] == list(SHARDS.values())


def test_cancel_in_the_second_shard_leaves_nothing(server, large, computer):
    server.faults = Faults(seconds_per_piece=0.02, only=SECOND)
    told = []
    with pytest.raises(Cancelled, match="nothing of it was kept"):
        download_weights(large, on_progress=told.append, cancelled=lambda: bool(told) and told[-1].done_bytes > 200_000)
    assert contents(computer / "hub") == []
    assert not list((computer / "hub").rglob("snapshots/*/*"))


def test_cancel_while_the_shards_are_asked_for_leaves_nothing(server, large, computer):
    server.faults = Faults(stall_head=True, only=FIRST)
    start = time.monotonic()
    with pytest.raises(Cancelled, match="nothing of it was kept"):
        download_weights(large, cancelled=lambda: time.monotonic() - start > 1)
    assert [asked.path.rpartition("/")[2] for asked in server.bodies] == [INDEX]
    assert contents(computer / "hub") == []


def test_the_size_is_told_before_anything_is_fetched(server, large, computer):
    assert download_size(OPEN) == len(CONTENT)
    assert server.bodies == []
    assert download_size(large) == len(CONTENT) + len(server.files[f"facebook/large/{INDEX}"])
    assert [asked.path.rpartition("/")[2] for asked in server.bodies] == [INDEX]
    assert contents(computer / "hub") == []
    server.files["owner/model/config.json"], server.files["owner/model/pytorch_model.bin"] = b"{}", CONTENT
    assert download_size("hf-hub:owner/model") == len(CONTENT) + 2
    server.faults.no_size = True
    assert download_size(OPEN) is None
    server.faults = Faults(status=403)
    with pytest.raises(DownloadError, match="does not give out timm/open"):
        download_size(OPEN)
    with pytest.raises(DownloadError, match="has no weights on the hub"):
        download_size("builtin")


def test_asking_for_the_size_keeps_what_an_earlier_break_left(server, monkeypatch):
    monkeypatch.setattr(_download, "RETRIES", 0)
    server.faults.cut_after = 150_000
    fail()
    server.faults = Faults()
    assert download_size(OPEN) == len(CONTENT)
    download_weights(OPEN)
    assert server.bodies[-1].start == 150_000


def test_a_damaged_shard_is_removed_and_the_other_kept(server, large, computer):
    server.faults = Faults(corrupt=True, only=SECOND)
    error = fail(large)
    assert error.reason == "corrupted"
    assert "are kept" in str(error)
    assert len(contents(computer / "hub")) == 2
    server.faults = Faults()
    server.asked.clear()
    download_weights(large)
    assert [asked.path.rpartition("/")[2] for asked in server.bodies] == [SECOND]


def test_room_for_all_shards_is_looked_for_before_the_first(server, large, computer, monkeypatch):
    monkeypatch.setattr(_download.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 200_000}))
    error = fail(large)
    assert error.reason == "disk full"
    assert "0.4 MB are needed and 0.2 MB are free" in str(error)
    assert [asked.path.rpartition("/")[2] for asked in server.bodies] == [INDEX]
    assert contents(computer / "hub") == []


def test_a_missing_shard_is_named(server, large):
    del server.files[f"facebook/large/{SECOND}"]
    error = fail(large)
    assert error.reason == "missing"
    assert f"has no {SECOND} in facebook/large" in str(error)
    assert "are kept" not in str(error)  # the index is, too small to be worth a word
    assert cached_weights(large) is None


def test_a_shard_that_is_gone_from_the_cache_is_fetched_again(server, large):
    path = download_weights(large)
    (path.parent / SECOND).resolve().unlink()
    assert cached_weights(large) is None
    server.asked.clear()
    assert download_weights(large) == path
    assert [asked.path.rpartition("/")[2] for asked in server.bodies] == [SECOND]


def test_shards_of_equal_content_do_not_wait_for_each_other(server):
    server.files |= sharded("facebook/twins", dict.fromkeys(SHARDS, CONTENT))
    start = time.monotonic()
    twins = replace(OPEN, hub_repo="facebook/twins")
    path = download_weights(twins, cancelled=lambda: time.monotonic() - start > 20)
    assert [file.read_bytes() for file in _index.files_of(path)] == [CONTENT, CONTENT]


@pytest.mark.parametrize("index", [b"{}", json.dumps({"weight_map": {"a": "../../secret.safetensors"}}).encode()])
def test_an_index_that_is_none_or_leads_elsewhere_is_refused(server, large, computer, index):
    server.files[f"facebook/large/{INDEX}"] = index
    error = fail(large)
    assert error.reason == "corrupted", error
    assert "is no index of shards" in str(error) or "names files outside its folder" in str(error)
    assert contents(computer / "hub") == []
    assert {asked.path.rpartition("/")[2] for asked in server.asked} <= {INDEX, "model.safetensors"}


def test_shards_from_the_hub_become_an_encoder(server, tmp_path):
    """From a repository of timm's kind with its weights in two files of torch's format, by one name."""
    torch.manual_seed(0)
    model = timm.create_model("test_vit", num_classes=0)
    state = model.state_dict()
    names = sorted(state)
    shards = {}
    for number, part in enumerate((names[::2], names[1::2])):
        file = io.BytesIO()
        torch.save({name: state[name] for name in part}, file)
        shards[f"pytorch_model-{number}.bin"] = file.getvalue()
    server.files |= sharded("owner/model", shards, ".bin")
    server.files["owner/model/config.json"] = json.dumps({"architecture": "test_vit"}).encode()
    with pytest.raises(WeightsNotFoundError, match="not on this computer"):
        load_encoder("hf-hub:owner/model")
    download_weights("hf-hub:owner/model")
    encoder = load_encoder("hf-hub:owner/model", device="cpu", precision="float32")
    window = torch.rand(1, 32, 48, 3)
    mean, std = (torch.tensor(values) for values in (encoder.spec.mean, encoder.spec.std))
    with torch.no_grad():
        tokens = model.eval().forward_features(((window - mean) / std).permute(0, 3, 1, 2))
    assert torch.allclose(encoder.encode(window).flatten(1, 2), tokens[:, model.num_prefix_tokens :], atol=1e-5)
