"""A hub on this machine, that the real client talks to."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

REPOSITORY = "owner/net"
OLD = "ff86a2c" + "0" * 33
NEW = "abcdef1" + "1" * 33


@dataclass
class Hub:
    """What the hub holds, and how it behaves.

    Args:
        files: commit -> name -> content.
        token: that a request must bring, where the repository is closed.
        granted: whether the token's account has accepted the licence.
        cut: send only half of every file.
        status: to answer every request with, in place of what it should get.
    """

    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    token: str | None = None
    granted: bool = True
    cut: bool = False
    status: int | None = None
    requests: list[str] = field(default_factory=list)

    @property
    def newest(self) -> str:
        return list(self.files)[-1]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with two commits of one repository; the client's cache is empty and lies under `tmp_path`."""
    from huggingface_hub import constants

    state = Hub({OLD: {"encoder.jit": b"old encoder", "decoder.jit": b"old decoder"}, NEW: {"whole.jit": b"new" * 999}})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self, state)

        def do_HEAD(self) -> None:
            answer(self, state)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    use_hub(monkeypatch, f"http://127.0.0.1:{server.server_port}", tmp_path / "hub-cache")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    yield state
    server.shutdown()
    server.server_close()
    thread.join(5)


def use_hub(monkeypatch: pytest.MonkeyPatch, endpoint: str, cache: Path) -> None:
    """The client reads its environment when it is imported, so what it has read is replaced."""
    from huggingface_hub import constants, file_download

    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    # Clients before 1.0 keep a copy.
    monkeypatch.setattr(file_download, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache / "no-token"))
    monkeypatch.setenv("TOKENBENCH_WEIGHTS", str(cache.parent / "weights"))
    monkeypatch.delenv("HF_TOKEN", raising=False)


def answer(request: BaseHTTPRequestHandler, hub: Hub) -> None:
    """The hub's answers to the four requests that matter, with the headers that its client reads."""
    path = unquote(urlsplit(request.path).path)
    hub.requests.append(f"{request.command} {path}")
    if hub.status is not None:
        return reply(request, hub.status, {"X-Error-Message": "no"})
    if path == f"/api/models/{REPOSITORY}" or path.startswith(f"/api/models/{REPOSITORY}/revision/"):
        asked = path.removeprefix(f"/api/models/{REPOSITORY}").removeprefix("/revision/") or "main"
        if asked not in ("main", *hub.files):
            return reply(request, 404, {"X-Error-Code": "RevisionNotFound"})
        return reply(request, 200, {}, json.dumps({"id": REPOSITORY, "sha": hub.newest, "tags": []}).encode())
    if path.startswith(f"/api/models/{REPOSITORY}/commits/"):
        commits = [
            {"id": commit, "authors": [], "date": "2024-11-06T00:00:00.000Z", "title": "t", "message": ""}
            for commit in reversed(hub.files)
        ]
        return reply(request, 200, {}, json.dumps(commits).encode())
    if path.startswith(f"/{REPOSITORY}/resolve/"):
        commit, _, name = path.removeprefix(f"/{REPOSITORY}/resolve/").partition("/")
        return send_file(request, hub, commit, name)
    return reply(request, 401, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})


def send_file(request: BaseHTTPRequestHandler, hub: Hub, commit: str, name: str) -> None:
    gated = {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to model is restricted"}
    if hub.token is not None and request.headers.get("Authorization") != f"Bearer {hub.token}":
        return reply(request, 401, gated)
    if not hub.granted:
        return reply(request, 403, gated)
    if commit not in hub.files:
        return reply(request, 404, {"X-Error-Code": "RevisionNotFound"})
    if name not in hub.files[commit]:
        return reply(request, 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
    content = hub.files[commit][name]
    headers = {"X-Repo-Commit": commit, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
    return reply(request, 200, headers, content, cut=hub.cut)


def reply(
    request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], content: bytes = b"", cut: bool = False
) -> None:
    request.send_response(status)
    for key, value in headers.items():
        request.send_header(key, value)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(content[: len(content) // 2] if cut else content)
