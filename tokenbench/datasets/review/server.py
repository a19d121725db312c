"""The server of the page: for this machine alone, for those who know its address, and for nothing but the clips."""

from __future__ import annotations

import json
import os
import re
import secrets
import select
import socket
import sys
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tokenbench.datasets.review.decisions import Decision, decide, read_decisions
from tokenbench.datasets.review.items import Item, read_items
from tokenbench.datasets.review.page import is_played, render_page
from tokenbench.datasets.review.ranges import UnsatisfiableError, byte_range
from tokenbench.datasets.review.sheets import Sheets
from tokenbench.errors import TokenBenchError

_HOST = "127.0.0.1"
_LONGEST_BODY = 8192
_LONGEST_REASON = 500
_BLOCK = 2**18
# Token, and nothing (the page) or what is asked of which clip.
_PATH = re.compile(r"/([^/]+)/(?:(sheet|video|decision)/([0-9]{1,9}))?", re.ASCII)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_POLICY = (
    "default-src 'none'; img-src 'self' data:; media-src 'self'; connect-src 'self'; script-src 'nonce-{nonce}'; "
    "style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class ReviewServer(ThreadingHTTPServer):
    """Shows the clips of a build, and writes what is decided of them into its folder.

    `serve_forever` runs it; `with` closes it.

    Args:
        folder: of the build.
        only: the set that is shown; empty for all.
        port: of 127.0.0.1; 0 for one that is free.

    Raises:
        TokenBenchError: the folder holds no build or damaged files, or the port cannot be had.
    """

    daemon_threads = True

    def __init__(self, folder: Path, only: str = "", port: int = 0) -> None:
        self.folder = folder
        self.items = read_items(folder, only)
        self.sheets = Sheets()
        self.token = secrets.token_urlsafe(24)
        read_decisions(folder)
        try:
            super().__init__((_HOST, port), _Handler)
        except OSError as error:
            raise TokenBenchError(
                f"port {port} of {_HOST}: {error.strerror}; choose another with --port, or leave it out"
            ) from error

    @property
    def address(self) -> str:
        """Of the page; who does not know the token in it gets nothing."""
        return f"http://{_HOST}:{self.server_port}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle of an answer, as it does when a video is left, is no error."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Refused(Exception):
    """Another answer than the one that was asked for: its status, and why."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    server: ReviewServer
    protocol_version = "HTTP/1.1"
    server_version = "tokenbench"
    sys_version = ""
    # Of a connection on which nothing comes, in seconds.
    timeout = 60

    def do_GET(self) -> None:
        self._answer({"": self._page, "sheet": self._sheet, "video": self._video})

    def do_POST(self) -> None:
        self._answer({"decision": self._decide})

    def log_message(self, format: str, *arguments: Any) -> None:
        """The terminal shows the address alone."""

    def _answer(self, answers: Mapping[str, Callable[[Item], None]]) -> None:
        try:
            what, item = self._asked()
            if what not in answers:
                raise _Refused(HTTPStatus.METHOD_NOT_ALLOWED, f"{self.command} is not for this address")
            answers[what](item)
        except _Refused as refused:
            self._send(refused.status, "text/plain; charset=utf-8", str(refused).encode())
        except TokenBenchError as error:
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", str(error).encode())

    def _asked(self) -> tuple[str, Item]:
        """What is asked, of which clip (the first, where it is the page). Nothing else of a request names a file."""
        host = self.headers.get("Host", "").partition(":")[0]
        # Another name for this machine is how a stranger's page would reach it (DNS rebinding).
        if host not in (_HOST, "localhost"):
            raise _Refused(HTTPStatus.FORBIDDEN, "wrong host; open the address that 'tokenbench review' printed")
        match = _PATH.fullmatch(self.path)
        token = match[1] if match else self.path.strip("/").partition("/")[0]
        if not secrets.compare_digest(token.encode(errors="replace"), self.server.token.encode()):
            raise _Refused(HTTPStatus.FORBIDDEN, "wrong token; open the address that 'tokenbench review' printed")
        index = int(match[3] or 0) if match else len(self.server.items)
        if match is None or index >= len(self.server.items):
            raise _Refused(HTTPStatus.NOT_FOUND, "there is no such clip or page")
        return match[2] or "", self.server.items[index]

    def _page(self, _: Item) -> None:
        nonce = secrets.token_urlsafe(16)
        page = render_page(self.server.items, read_decisions(self.server.folder), nonce)
        policy = {"Content-Security-Policy": _POLICY.format(nonce=nonce)}
        self._send(HTTPStatus.OK, "text/html; charset=utf-8", page.encode(), policy)

    def _sheet(self, item: Item) -> None:
        sheet = self.server.sheets.jpeg(item.clip, wanted=self._is_waited_for)
        if sheet is None:
            self.close_connection = True
            return
        self._send(HTTPStatus.OK, "image/jpeg", sheet, {"Cache-Control": "private, max-age=86400"})

    def _is_waited_for(self) -> bool:
        """Whether the browser is still there: it leaves when the next clip is shown."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        return not readable or bool(self.connection.recv(1, socket.MSG_PEEK))

    def _video(self, item: Item) -> None:
        if not is_played(item.clip):
            raise _Refused(HTTPStatus.NOT_FOUND, "browsers do not play this clip; its sheet shows it")
        try:
            file = item.clip.path.open("rb")
        except OSError as error:
            raise _Refused(HTTPStatus.NOT_FOUND, f"{item.clip.path}: {error.strerror}") from error
        with file:
            size = os.fstat(file.fileno()).st_size
            try:
                part = byte_range(self.headers.get("Range"), size)
            except UnsatisfiableError:
                self._send(
                    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "text/plain", b"", {"Content-Range": f"bytes */{size}"}
                )
                return
            start, stop = part or (0, size)
            headers = {"Accept-Ranges": "bytes", "Cache-Control": "no-store"}
            if part:
                headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
            self._start(HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.OK, "video/mp4", stop - start, headers)
            file.seek(start)
            while start < stop and (block := file.read(min(_BLOCK, stop - start))):
                self.wfile.write(block)
                start += len(block)

    def _decide(self, item: Item) -> None:
        asked = self._body()
        choice, reason = asked.get("choice"), asked.get("reason", "")
        if choice not in ("keep", "drop", "") or not isinstance(reason, str) or len(reason) > _LONGEST_REASON:
            raise _Refused(
                HTTPStatus.BAD_REQUEST, f"expected a choice, and a reason of at most {_LONGEST_REASON} letters"
            )
        line = "".join(filter(str.isprintable, " ".join(reason.split())))
        decision = Decision(choice=choice, reason=line, sha256=item.clip.sha256) if choice else None
        decide(self.server.folder, item.set_name, item.clip.id, decision)
        self._send(HTTPStatus.OK, "application/json", json.dumps({"choice": choice, "reason": line}).encode())

    def _body(self) -> dict[str, Any]:
        if self.headers.get_content_type() != "application/json":
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "expected application/json")
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch("[0-9]{1,9}", length):
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "expected a Content-Length")
        if int(length) > _LONGEST_BODY:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {_LONGEST_BODY} bytes")
        try:
            asked = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError) as error:
            raise _Refused(HTTPStatus.BAD_REQUEST, "expected JSON") from error
        if not isinstance(asked, dict):
            raise _Refused(HTTPStatus.BAD_REQUEST, "expected a JSON object")
        return asked

    def _send(self, status: HTTPStatus, kind: str, content: bytes, headers: Mapping[str, str] = {}) -> None:
        # What a refused request still sends is not read, and must not be taken for the next one.
        self.close_connection = self.close_connection or status != HTTPStatus.OK
        self._start(status, kind, len(content), headers)
        self.wfile.write(content)

    def _start(self, status: HTTPStatus, kind: str, length: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        common = {"Content-Type": kind, "Content-Length": str(length), "Cache-Control": "no-store", **_HEADERS}
        for name, value in {**common, **headers}.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
