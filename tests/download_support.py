"""A small site on this machine, with videos and its whims."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
from numpy.typing import NDArray

from tokenbench.media.writer import ViewingWriter

BLOCK = 16384

# The form of the publisher's tables: all clips of a video in one row.
HEADER = "videoID,url,timestamp,caption,matching_score,desirable_filtering,shot_boundary_detection"


class Site:
    """Serves what it is given.

    Args:
        pages: path -> media type and content.
        cuts: path -> how many of its answers break off half-way; HEAD requests have no half.
        deaf: ignore that only a range is asked for.
        slow: send a block every tenth of a second.
        modified: path -> when it was last changed, as in the header.
        asked: paths of the requests so far, and the first bytes that were asked for.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.pages: dict[str, tuple[str, bytes]] = {}
        self.cuts: Counter[str] = Counter()
        self.deaf = False
        self.slow = False
        self.modified: dict[str, str] = {}
        self.asked: list[tuple[str, int]] = []

    def url(self, path: str) -> str:
        return f"{self.address}/{path}"

    def put(self, path: str, content: bytes, kind: str = "video/mp4") -> str:
        self.pages[f"/{path}"] = (kind, content)
        return self.url(path)


@contextmanager
def serving() -> Iterator[Site]:
    """A site for as long as the block lasts."""

    class Handler(_Handler):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Handler.site = Site(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        site = self.site
        if self.path not in site.pages:
            self.send_error(404)
            return
        kind, content = site.pages[self.path]
        range_ = self.headers.get("Range", "") if not site.deaf else ""
        start = int(range_.removeprefix("bytes=").split("-")[0] or 0)
        site.asked.append((self.path, start))
        self.send_response(206 if range_ else 200)
        if range_:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Type", kind)
        if self.path in site.modified:
            self.send_header("Last-Modified", site.modified[self.path])
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        body = content[start:]
        if site.cuts[self.path] > 0:
            site.cuts[self.path] -= 1
            body = body[: len(body) // 2]
        for at in range(0, len(body), BLOCK):
            self.wfile.write(body[at : at + BLOCK])
            if site.slow:
                time.sleep(0.1)

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        with suppress(ConnectionError):  # the client has seen enough
            super().handle()


def mp4(path: Path, frames: NDArray[np.uint8], fps: float = 25.0) -> bytes:
    """Frames as an H.264 file."""
    with ViewingWriter(path, *frames.shape[1:3], fps) as writer:
        writer.write(frames)
    return path.read_bytes()


def table_row(video: str, url: str, *times: tuple[str, str]) -> str:
    """A line of a table, with the given clips."""
    shots = [[["0:00:00.000", "0:00:01.000"]] for _ in times]
    columns = [[*map(list, times)], ["A man, and a dog."] * len(times), [0.45] * len(times), ["desirable"] * len(times)]
    return ",".join([video, f'"{url}"', *(f'"{column}"' for column in [*columns, shots])])


def write_table(path: Path, *rows: str) -> Path:
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return path
