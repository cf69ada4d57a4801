"""A small Hugging Face hub on this computer, which can misbehave in every way a real one can."""

import hashlib
import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import huggingface_hub
import pytest
from huggingface_hub import constants

from napari_dinosim.encoders import _download, _hub_settings

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PIECE = 1 << 14


@contextmanager
def bare_computer(folder: Path) -> Iterator[Path]:
    """A computer on which nothing is cached, remembered or logged in, and which gives up soon."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.lower().endswith("_proxy") or name.startswith("HF_"):
                patch.delenv(name)
        patch.setattr(_hub_settings, "user_config_dir", lambda *_, **__: str(folder / "config"))
        patch.setattr(constants, "HF_HUB_CACHE", str(folder / "hub"))
        patch.setattr(constants, "HF_TOKEN_PATH", str(folder / "token"))
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        patch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 5)
        patch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 5)
        patch.setattr(_download, "RETRY_WAIT", 0.01)
        huggingface_hub.close_session()  # it holds the proxies of another environment
        yield folder
        huggingface_hub.close_session()


def sharded(repo: str, shards: dict[str, bytes], end: str = ".safetensors") -> dict[str, bytes]:
    """A repository's files where its weights are spread over shards, with the index that names them."""
    stem = {".safetensors": "model", ".bin": "pytorch_model"}[end]
    index = {"metadata": {}, "weight_map": {f"layer.{number}": name for number, name in enumerate(shards)}}
    files = {f"{stem}{end}.index.json": json.dumps(index).encode(), **shards}
    return {f"{repo}/{name}": content for name, content in files.items()}


@dataclass
class Faults:
    """What goes wrong, until somebody sets it back."""

    status: int = 0
    """Answer with this status instead of the file."""
    error_code: str = ""
    """The hub's word for that error, sent as ``X-Error-Code``."""
    cut_after: int = -1
    """Close the connection after so many bytes of a body, ..."""
    cuts: int = 1_000_000
    """... so many times."""
    stall_after: int = -1
    """Send nothing more after so many bytes of a body."""
    stall_head: bool = False
    """Do not even answer what is asked before a download."""
    corrupt: bool = False
    """Turn the first byte of the file over."""
    extra: bytes = b""
    """Send these bytes after the end of the file, and no length."""
    no_ranges: bool = False
    """Send the file from the beginning whatever is asked for."""
    no_content_range: bool = False
    """Send a part of the file without saying which."""
    no_commit: bool = False
    """Be no hub but some web server, or the log-in page of a guest network."""
    no_size: bool = False
    """Do not tell how large the file is."""
    etag: str = ""
    """Name the content so; otherwise by its sha256, as the hub does with large files."""
    redirect: str = ""
    """Web address of another server, to which bodies are redirected, as the hub does."""
    xet: bool = False
    """Offer the other protocol of the hub."""
    seconds_per_piece: float = 0.0
    """Be slow."""
    only: str = ""
    """Do wrong to this file only."""


@dataclass(frozen=True)
class Asked:
    """One request that arrived."""

    method: str
    path: str
    headers: dict[str, str]

    @property
    def start(self) -> int:
        """First byte asked for."""
        found = re.match(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(found[1]) if found else 0


@dataclass
class HubServer:
    """Use as a context manager; files are ``{"owner/name/file": content}``."""

    files: dict[str, bytes]
    faults: Faults = field(default_factory=Faults)
    asked: list[Asked] = field(default_factory=list)

    def __enter__(self):
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.hub = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def bodies(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.method == "GET"]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    hub: HubServer

    def handle_error(self, request, client_address):
        """Say nothing: clients that go away are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_):
        """Say nothing."""

    def do_HEAD(self):
        self._answer()

    def do_GET(self):
        self._answer()

    def _answer(self):
        hub, faults = self.server.hub, self.server.hub.faults
        if not urlsplit(self.path).path.endswith(faults.only):
            faults = Faults()
        self.close_connection = True
        self.headers_in = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, self.headers_in)
        hub.asked.append(asked)
        if faults.stall_head:
            hub.closing.wait()
            return
        place = re.fullmatch(r"/?([^/]+/[^/]+)/resolve/[^/]+/(.+)", urlsplit(self.path).path)
        content = hub.files.get(f"{place[1]}/{place[2]}") if place else None
        if faults.status or content is None:
            self._refuse(faults.status or 404, faults.error_code or ("" if faults.status else "EntryNotFound"))
            return
        if faults.redirect and self.command == "GET":
            self._send(302, {"Location": faults.redirect + self.path, "Content-Length": "0"})
            return
        self._give(content, asked.start, faults)

    def _refuse(self, status, code):
        self._send(status, {"Content-Length": "0"} | ({"X-Error-Code": code} if code else {}))

    def _give(self, content, start, faults):
        etag = faults.etag or hashlib.sha256(content).hexdigest()
        headers = {"ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
        if not faults.no_commit:
            headers["X-Repo-Commit"] = COMMIT
        if not faults.no_size:
            headers["X-Linked-Size"] = str(len(content))
        if faults.xet:
            headers |= {"X-Xet-Hash": etag, "X-Xet-Refresh-Route": "/api/models/o/n/xet-read-token/main"}
        start = 0 if faults.no_ranges else start
        status = 206 if start else 200
        if start and start >= len(content):
            self._refuse(416, "")
            return
        if start and not faults.no_content_range:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if not (faults.extra or faults.no_size):
            headers["Content-Length"] = str(len(content) - start)
        self._send(status, headers)
        if self.command == "GET":
            whole = bytes([content[0] ^ 255]) + content[1:] if faults.corrupt else content
            self._send_body(whole[start:] + faults.extra, faults)

    def _send(self, status, headers):
        self.send_response(status)
        for name, value in (headers | {"Connection": "close"}).items():  # else clients try to use it again
            self.send_header(name, value)
        self.end_headers()
        self.wfile.flush()

    def _send_body(self, body, faults):
        cutting = faults.cut_after >= 0 and faults.cuts > 0
        stop = faults.cut_after if cutting else faults.stall_after if faults.stall_after >= 0 else len(body)
        faults.cuts -= cutting
        for begin in range(0, min(stop, len(body)), PIECE):
            self.wfile.write(body[begin : min(begin + PIECE, stop)])
            if faults.seconds_per_piece:
                self.server.hub.closing.wait(faults.seconds_per_piece)
        self.wfile.flush()
        if not cutting and faults.stall_after >= 0:
            self.server.hub.closing.wait()
