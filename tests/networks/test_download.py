"""A file from a server that behaves well or badly."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from tokenbench.errors import OutputError, TokenBenchError
from tokenbench.weights.download import download


def refusal(server: Any, path: Path, **more: Any) -> str:
    with pytest.raises(TokenBenchError) as error:
        download(server.url, path, advice="put it there", **more)
    message = str(error.value)
    assert "\n" not in message
    assert not path.exists()
    assert not path.parent.exists() or not list(path.parent.iterdir()), "nothing is left behind"
    return message


@pytest.mark.parametrize("chunked", [False, True])
def test_a_file_comes_whole_into_a_folder_that_is_made(server: Any, tmp_path: Path, chunked: bool) -> None:
    server.chunked = chunked
    path = tmp_path / "new" / "folder" / "net.pth"
    digest = hashlib.sha256(server.content).hexdigest()
    download(server.url, path, sha256=digest[:8], advice="")
    assert path.read_bytes() == server.content
    assert [child.name for child in path.parent.iterdir()] == ["net.pth"]
    assert server.requests == ["/net.pth?dl=1"]


def test_a_digest_is_checked_before_a_file_is_there(server: Any, tmp_path: Path) -> None:
    found = hashlib.sha256(server.content).hexdigest()[:8]
    message = refusal(server, tmp_path / "net" / "net.pth", sha256="01234567")
    assert message == (
        f"what 127.0.0.1 sends is not the published net.pth: its sha256 begins with {found}, expected 01234567; "
        "try again, or put it there"
    )


def test_a_download_that_breaks_off_leaves_what_was_there(server: Any, tmp_path: Path) -> None:
    server.cut = True
    size = len(server.content)
    message = refusal(server, tmp_path / "net" / "net.pth")
    assert message == f"the download of net.pth broke off at {size // 2} of {size} bytes; try again, or put it there"
    (tmp_path / "old.pth").write_bytes(b"old")
    with pytest.raises(TokenBenchError, match="broke off"):
        download(server.url, tmp_path / "old.pth", advice="")
    assert (tmp_path / "old.pth").read_bytes() == b"old"


@pytest.mark.parametrize("status", [403, 404, 503])
def test_another_answer_is_named(server: Any, tmp_path: Path, status: int) -> None:
    server.status = status
    assert f"127.0.0.1 answered {status} for net.pth" in refusal(server, tmp_path / "net" / "net.pth")


def test_a_web_page_is_no_file(server: Any, tmp_path: Path) -> None:
    server.kind = "text/html; charset=utf-8"
    assert "sends a web page in place of net.pth" in refusal(server, tmp_path / "net" / "net.pth")


def test_nobody_there(server: Any, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        server.url = f"http://127.0.0.1:{unused.getsockname()[1]}/net.pth"
    message = refusal(server, tmp_path / "net" / "net.pth")
    assert message == (
        "127.0.0.1 cannot be reached for net.pth (Connection refused); check the network, or put it there"
    )


def test_no_such_host(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "(Name or service not known); check the network" in refusal(server, tmp_path / "net" / "net.pth")


def test_a_connection_that_dies_is_named(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*_: object) -> bytes:
        raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))

    monkeypatch.setattr("http.client.HTTPResponse.read", dies)
    message = refusal(server, tmp_path / "net" / "net.pth")
    assert "broke off at 0 bytes (Connection reset by peer); try again" in message


def test_a_full_disk_is_no_fault_of_the_server(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def write(self, _: bytes) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "net" / "net.pth"
    whole = Path.open
    monkeypatch.setattr(Path, "open", lambda self, mode="r": Full() if mode == "wb" else whole(self, mode))
    with pytest.raises(OutputError, match=r"cannot write .*net\.pth: No space left on device"):
        download(server.url, path, advice="")
    assert not list(path.parent.iterdir())
