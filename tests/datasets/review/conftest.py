"""A small build of real clips, and a real browser."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tokenbench.datasets.review.server import ReviewServer
from tokenbench.media.clip import Clip
from tokenbench.media.image import write_png
from tokenbench.media.writer import LosslessWriter, ViewingWriter

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

# A name that is markup, and one in another script.
HOSTILE = "</script><img src=x onerror=alert(1)>\"' \N{GREEK SMALL LETTER ALPHA}"


def write_manifest(folder: Path, name: str, files: dict[str, Path], clips: dict[str, tuple[int, ...]]) -> Path:
    """A manifest as builds write it; `clips` has frames, height and width by id."""
    lines = ['schema = "tokenbench.manifest/1"', f'name = "{name}"']
    for id_, path in files.items():
        frames, height, width = clips[id_]
        data = path.read_bytes()
        values = {
            "id": id_,
            "domain": "talking-head",
            "kind": "image" if path.suffix == ".png" else "video",
            "file": path.relative_to(folder).as_posix(),
            "sha256": hashlib.sha256(data).hexdigest(),
            "bytes": len(data),
            "frames": frames,
            "fps": 0.0 if path.suffix == ".png" else 25.0,
            "height": height,
            "width": width,
            "license": "as its source",
            "credit": "as its source",
        }
        lines += ["", "[[clips]]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
    path = folder / f"{name}.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def build(built: Path, tmp_path: Path) -> Path:
    """Two sets: three videos, of which browsers play the first two, with scores; and a photograph."""
    return Path(shutil.copytree(built, tmp_path / "build"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, carphone: NDArray[np.uint8], mini: dict[str, Clip]) -> Path:
    folder = tmp_path_factory.mktemp("built")
    shapes = {"one": (24, 144, 176), HOSTILE: (20, 64, 96), "lossless": (5, 64, 80), "cat": (1, 300, 451)}
    files = {
        "one": folder / "panda70m/one.mp4",
        HOSTILE: folder / "panda70m/two.mp4",
        "lossless": folder / "panda70m/lossless.mkv",
    }
    (folder / "panda70m").mkdir(parents=True)
    for id_, path in files.items():
        frames, height, width = shapes[id_]
        writer = LosslessWriter if path.suffix == ".mkv" else ViewingWriter
        with writer(path, height, width, 25.0) as video:
            video.write(carphone[:frames, :height, :width])
    write_manifest(folder, "panda70m", files, shapes)
    photograph = folder / "images/cat.png"
    write_png(photograph, next(mini["chelsea"].chunks(1))[0])
    write_manifest(folder, "images", {"cat": photograph}, shapes)
    scores = {
        "one": {"scores": {"motion": 0.3, "cuts": [1.5, 2.0]}, "reasons": []},
        HOSTILE: {"scores": {"motion": 0.002}, "reasons": ["motion 0.002 is below 0.01 <b>"]},
        "refused": {"scores": {}, "reasons": ["blur 3 is above 2"]},
    }
    (folder / "screening").mkdir()
    (folder / "screening/panda70m.json").write_text(json.dumps(scores))
    return folder


@pytest.fixture
def hostile() -> str:
    """The id of the second video."""
    return HOSTILE


@contextmanager
def serving(folder: Path, only: str = "") -> Iterator[ReviewServer]:
    with ReviewServer(folder, only) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def serve() -> Callable[..., Any]:
    """Serve a build while a block lasts."""
    return serving


@dataclass
class Browser:
    """Chromium without a window, spoken to over a pipe (Chrome DevTools protocol)."""

    commands: int
    answers: int
    _target: str = ""
    _session: str = ""
    _number: int = 0
    _rest: bytes = b""
    errors: list[str] = field(default_factory=list)

    def open(self, address: str, width: int = 1280, height: int = 900, scheme: str = "light") -> None:
        if self._target:
            self.call("Target.closeTarget", targetId=self._target)
        target = self._target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)
        self.call("Page.navigate", url=address)
        self.wait('document.documentElement?.dataset.ready === "true"')

    def ask(self, expression: str) -> Any:
        """The value of an expression of the page's language."""
        outcome = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in outcome, outcome
        return outcome["result"].get("value")

    def wait(self, condition: str) -> None:
        """Until it holds, at most ten seconds."""
        code = f"""new Promise((done) => {{
          const end = Date.now() + 10000;
          const look = () => (({condition}) || Date.now() > end) ? done(Boolean({condition})) : setTimeout(look, 20);
          look();
        }})"""
        assert self.ask(code), f"never came true: {condition}"

    def press(self, key: str, repeated: bool = False) -> None:
        """A key, as the operating system would report it."""
        named = {" ": "Space", "Enter": "Enter", "Escape": "Escape", "Tab": "Tab"}
        code = named.get(key, key if len(key) > 1 else f"Key{key.upper()}")
        codes = {"Enter": 13, "Escape": 27, "Tab": 9, " ": 32, "ArrowLeft": 37, "ArrowRight": 39, "ArrowDown": 40}
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        common: dict[str, Any] = {
            "key": key,
            "code": code,
            "windowsVirtualKeyCode": codes.get(key, ord(key[0].upper())),
        }
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, autoRepeat=repeated, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def click(self, selector: str) -> None:
        """The middle of an element, with the mouse."""
        box = self.ask(
            f"(({{x, y, width, height}}) => ({{x, y, width, height}}))"
            f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )
        place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session and not method.startswith("Target."):
            message["sessionId"] = self._session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])
            if answer.get("method") == "Runtime.exceptionThrown":
                self.errors.append(str(answer["params"]["exceptionDetails"]))
            if answer.get("method") == "Log.entryAdded" and answer["params"]["entry"]["level"] == "error":
                self.errors.append(str(answer["params"]["entry"]))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            data = os.read(self.answers, 2**16)
            assert data, "the browser has ended"
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(line))


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    profile = tmp_path_factory.mktemp("profile")
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    flags += " --disable-component-update --disable-sync --remote-debugging-pipe"
    theirs_in, commands = os.pipe()
    answers, theirs_out = os.pipe()
    # The browser reads from descriptor 3 and writes to 4; out of their way first.
    high = [fcntl.fcntl(pipe, fcntl.F_DUPFD, 20) for pipe in (theirs_in, theirs_out)]

    def wire() -> None:
        os.dup2(high[0], 3)
        os.dup2(high[1], 4)

    line = [CHROMIUM, *flags.split(), f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(line, pass_fds=(3, 4), preexec_fn=wire, stderr=subprocess.DEVNULL)
    for pipe in (theirs_in, theirs_out, *high):
        os.close(pipe)
    try:
        yield Browser(commands, answers)
    finally:
        process.terminate()
        process.wait(timeout=20)
        os.close(commands)
        os.close(answers)


@pytest.fixture
def browser(chromium: Browser) -> Browser:
    chromium.errors.clear()
    return chromium
