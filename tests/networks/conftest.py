"""A machine without any network's file, and a server that has one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


@dataclass
class Server:
    """What a server holds, and how it behaves.

    Args:
        url: of its one file.
        content: of the file.
        status: that it answers.
        cut: send only half of the file, and close the connection.
        chunked: do not say how long the file is.
        kind: of the content.
    """

    url: str = ""
    content: bytes = b"weights" * 9999
    status: int = 200
    cut: bool = False
    chunked: bool = False
    kind: str = "application/octet-stream"
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.requests.append(self.path)
            self.send_response(state.status)
            self.send_header("Content-Type", state.kind)
            if not state.chunked:
                self.send_header("Content-Length", str(len(state.content)))
            self.end_headers()
            self.wfile.write(state.content[: len(state.content) // 2] if state.cut else state.content)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        state.url = f"http://127.0.0.1:{listening.server_port}/net.pth?dl=1"
        yield state
        listening.shutdown()
        thread.join(5)


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder under which all usual places of networks lie, none of which exists yet."""
    monkeypatch.setenv("TOKENBENCH_WEIGHTS", str(tmp_path / "root"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path
