"""The server: what it gives to whom, and what it refuses."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tokenbench.datasets.review.decisions import read_decisions
from tokenbench.datasets.review.server import ReviewServer

JSON = {"Content-Type": "application/json"}
# The order of clips: the photograph, and the three videos.
CAT, ONE, TWO, LOSSLESS = range(4)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture
def server(build: Path, serve: Callable[..., Any]) -> Iterator[ReviewServer]:
    with serve(build) as server:
        yield server


def ask(server: ReviewServer, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
    """A path as it is, below the token's."""
    return ask_raw(server, f"/{server.token}/{path}", method, body, **headers)


def ask_raw(server: ReviewServer, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        return Answer(answer.status, dict(answer.headers), answer.read())
    finally:
        connection.close()


def decide(server: ReviewServer, index: int, body: object, **headers: str) -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ask(server, f"decision/{index}", "POST", data, **{"Content_Type": "application/json", **headers})


def test_the_page_carries_every_clip_as_data(server: ReviewServer, hostile: str) -> None:
    answer = ask(server, "")
    page = answer.body.decode()
    assert answer.status == 200
    assert hostile not in page
    assert page.count("</script>") == 2
    found = re.search(r'<script type="application/json" id="clips">(.*)</script>', page)
    assert found
    clips = json.loads(found[1])
    assert [clip["id"] for clip in clips] == ["cat", "one", hostile, "lossless"]
    assert [clip["played"] for clip in clips] == [False, True, True, False]
    assert clips[ONE]["scores"] == [["motion", "0.3"], ["cuts", "1.5, 2"]]


def test_the_page_may_run_its_own_script_alone(server: ReviewServer) -> None:
    first, second = ask(server, ""), ask(server, "")
    policy = first.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    (nonce,) = set(re.findall(r"'nonce-([^']+)'", policy))
    assert first.body.decode().count(f'nonce="{nonce}"') == 2
    assert nonce not in second.headers["Content-Security-Policy"]
    assert "http" not in re.sub(r"<script type.*", "", first.body.decode())


def test_without_its_token_nothing_is_given(server: ReviewServer) -> None:
    token = server.token
    for path in ("/", "/sheet/0", f"/{token[:-1]}/", f"/{token}x/sheet/0", "/%20/", "//", f"/x/{token}/", f"/?{token}"):
        answer = ask_raw(server, path)
        assert (answer.status, b"wrong token" in answer.body) == (403, True), path
    assert ask_raw(server, "/x/decision/1", "POST", b"{}", Content_Type="application/json").status == 403
    assert ask(server, "").status == 200


def test_other_names_of_this_machine_are_refused(server: ReviewServer) -> None:
    for host in ("evil.example", f"evil.example:{server.server_port}", "127.0.0.1.evil.example", "", "0.0.0.0"):
        assert ask(server, "", Host=host).status == 403, host
    assert ask(server, "", Host=f"localhost:{server.server_port}").status == 200


def test_only_this_machine_is_served(server: ReviewServer) -> None:
    assert server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    "path",
    [
        "sheet/4",
        "sheet/-1",
        "sheet/",
        "sheet/1/",
        "video/../../decisions.json",
        "..",
        "sheet/%31",
        "page.py",
        "sheet/1?a",
    ],
)
def test_clips_are_asked_for_by_number_alone(path: str, server: ReviewServer) -> None:
    assert ask(server, path).status == 404


def test_a_sheet_is_a_picture_that_the_browser_may_keep(server: ReviewServer) -> None:
    answer = ask(server, f"sheet/{ONE}")
    assert (answer.status, answer.headers["Content-Type"], answer.body[:3]) == (200, "image/jpeg", b"\xff\xd8\xff")
    assert "max-age" in answer.headers["Cache-Control"]


def test_a_video_comes_in_the_parts_that_are_asked_for(server: ReviewServer, build: Path) -> None:
    data = (build / "panda70m/one.mp4").read_bytes()
    whole = ask(server, f"video/{ONE}")
    assert (whole.status, whole.headers["Accept-Ranges"], whole.body) == (200, "bytes", data)
    part = ask(server, f"video/{ONE}", Range="bytes=100-299")
    assert (part.status, part.body) == (206, data[100:300])
    assert part.headers["Content-Range"] == f"bytes 100-299/{len(data)}"
    beyond = ask(server, f"video/{ONE}", Range=f"bytes={len(data)}-")
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, f"bytes */{len(data)}")


def test_clips_that_browsers_do_not_play_are_not_sent(server: ReviewServer) -> None:
    assert [ask(server, f"video/{index}").status for index in (CAT, LOSSLESS)] == [404, 404]


def test_a_clip_that_is_gone_or_changed_is_named(server: ReviewServer, build: Path) -> None:
    (build / "panda70m/one.mp4").unlink()
    (build / "panda70m/two.mp4").write_bytes(b"other")
    assert ask(server, f"video/{ONE}").status == 404
    for index, name in ((ONE, b"one.mp4"), (TWO, b"two.mp4")):
        answer = ask(server, f"sheet/{index}")
        assert (answer.status, name in answer.body, b"Traceback" in answer.body) == (500, True, False)


def test_decisions_are_on_the_disk_when_they_are_answered(server: ReviewServer, build: Path, hostile: str) -> None:
    answer = decide(server, TWO, {"choice": "drop", "reason": " hardly\n moves\x07\u202e "})
    assert json.loads(answer.body) == {"choice": "drop", "reason": "hardly moves"}
    assert read_decisions(build).dropped("panda70m") == {hostile: "hardly moves"}
    decision = read_decisions(build).of("panda70m", hostile)
    assert decision
    assert decision.sha256 == server.items[TWO].clip.sha256
    assert b'"choice": "drop"' in ask(server, "").body
    decide(server, TWO, {"choice": "", "reason": ""})
    assert read_decisions(build).of("panda70m", hostile) is None


def test_a_decision_on_another_version_of_the_file_is_to_be_made_again(server: ReviewServer, build: Path) -> None:
    decide(server, ONE, {"choice": "keep"})
    path = build / "decisions.json"
    path.write_text(path.read_text().replace(server.items[ONE].clip.sha256, "00" * 32))
    assert b'"changed": true' in ask(server, "").body


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"\xff", {}, 400),
        (b"[" * 8000, {}, 400),
        (b"[]", {}, 400),
        (b"{}", {}, 400),
        (b'{"choice": "burn"}', {}, 400),
        (b'{"choice": ["keep"]}', {}, 400),
        (b'{"choice": "keep", "reason": 3}', {}, 400),
        (b'{"choice": "keep", "reason": "' + b"x" * 501 + b'"}', {}, 400),
        (b'{"choice": "keep"}', {"Content_Type": "text/plain"}, 415),
        (b"choice=keep", {"Content_Type": "application/x-www-form-urlencoded"}, 415),
        (b" " * 8193, {}, 413),
        (b"{}", {"Content_Length": "-1"}, 411),
        (b"{}", {"Content_Length": "1e1"}, 411),
    ],
)
def test_what_is_no_decision_is_refused(
    body: bytes, headers: dict[str, str], status: int, server: ReviewServer, build: Path
) -> None:
    assert decide(server, ONE, body, **headers).status == status
    assert not (build / "decisions.json").exists()


def test_looking_decides_nothing_and_deciding_shows_nothing(server: ReviewServer) -> None:
    assert ask(server, f"decision/{ONE}").status == 405
    assert ask(server, f"sheet/{ONE}", "POST", b"{}", Content_Type="application/json").status == 405
    assert ask(server, "", "POST", b"{}", Content_Type="application/json").status == 405
    assert ask(server, "", "DELETE").status == 501


def test_the_rest_of_a_refused_request_is_not_taken_for_another(server: ReviewServer, build: Path) -> None:
    inner = f"POST /{server.token}/decision/1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    inner += 'Content-Length: 18\r\n\r\n{"choice": "drop"}'
    outer = f"POST /no/decision/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(inner)}\r\n\r\n{inner}"
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
        connection.sendall(outer.encode())
        answer = connection.makefile("rb").read()
    assert answer.count(b"HTTP/1.1") == 1
    assert not (build / "decisions.json").exists()


def test_a_file_of_decisions_that_became_unreadable_is_not_overwritten(server: ReviewServer, build: Path) -> None:
    (build / "decisions.json").write_text("mine")
    answer = decide(server, ONE, {"choice": "keep"})
    assert (answer.status, b"repair or remove it" in answer.body) == (500, True)
    assert (build / "decisions.json").read_text() == "mine"


def test_a_browser_that_leaves_is_no_error(server: ReviewServer, capfd: pytest.CaptureFixture[str]) -> None:
    for index in range(3):
        with socket.create_connection(("127.0.0.1", server.server_port)) as connection:
            connection.sendall(f"GET /{server.token}/sheet/{index} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert ask(server, f"sheet/{ONE}").status == 200
    assert capfd.readouterr().err == ""


def test_a_port_in_use_is_one_line(server: ReviewServer, build: Path, tokenbench: Callable[..., Any]) -> None:
    outcome = tokenbench("review", build, "--port", server.server_port)
    assert outcome.code == 2
    assert f"port {server.server_port} of 127.0.0.1: Address already in use; choose another" in outcome.message


def test_control_c_ends_it_and_keeps_what_was_decided(build: Path) -> None:
    command = [sys.executable, "-m", "tokenbench", "review", str(build), "--set", "panda70m"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        found = re.fullmatch(r"http://127\.0\.0\.1:([0-9]+)(/\S+/)\n", process.stdout.readline())
        assert found
        connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=10)
        connection.request("POST", f"{found[2]}decision/0", b'{"choice": "drop"}', JSON)
        assert connection.getresponse().status == 200
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        connection.close()
    assert process.returncode == 0
    assert "Traceback" not in err
    assert read_decisions(build).dropped("panda70m") == {"one": ""}
