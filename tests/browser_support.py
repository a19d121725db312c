"""A real headless Chromium that clicks, drags and types as a reader does, through chromedriver (W3C WebDriver)."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")

_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--force-device-scale-factor=1"),
    "--force-color-profile=srgb",
)
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"ArrowLeft": "\ue012", "ArrowUp": "\ue013", "ArrowRight": "\ue014", "Home": "\ue011", "End": "\ue010"}


class Browser:
    """One window of Chromium."""

    def __init__(self, address: str, profile: Path, width: int, height: int) -> None:
        self._address = address
        flags = [*_FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"]
        options = {"binary": CHROMIUM, "args": flags}
        wanted = {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}
        self._session = f"/session/{self._call('POST', '/session', {'capabilities': wanted})['sessionId']}"

    def open(self, page: Path) -> None:
        self._do("POST", "/url", {"url": page.resolve().as_uri()})

    def script(self, code: str, *arguments: Any) -> Any:
        """What a function body returns in the page; promises are awaited."""
        return self._do("POST", "/execute/sync", {"script": code, "args": list(arguments)})

    def click(self, selector: str) -> None:
        self._do("POST", f"/element/{self._find(selector)}/click", {})

    def press(self, selector: str, *keys: str) -> None:
        text = "".join(KEYS.get(key, key) for key in keys)
        self._do("POST", f"/element/{self._find(selector)}/value", {"text": text})

    def drag(self, selector: str, across: int, down: int = 0) -> None:
        """Press the mouse in the middle of an element, move it by so many pixels, and let go."""
        self._pointer(
            {"type": "pointerMove", "x": 0, "y": 0, "origin": {_ELEMENT: self._find(selector)}},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerMove", "x": across, "y": down, "origin": "pointer", "duration": 100},
            {"type": "pointerUp", "button": 0},
        )

    def wheel(self, selector: str, delta: int) -> None:
        origin = {_ELEMENT: self._find(selector)}
        scroll = {"type": "scroll", "x": 0, "y": 0, "deltaX": 0, "deltaY": delta, "origin": origin}
        self._do("POST", "/actions", {"actions": [{"type": "wheel", "id": "wheel", "actions": [scroll]}]})

    def picture(self, selector: str) -> NDArray[np.uint8]:
        """What is seen of an element, H x W x 3."""
        taken = self._do("GET", f"/element/{self._find(selector)}/screenshot")
        return np.array(Image.open(io.BytesIO(base64.b64decode(taken))).convert("RGB"))

    def window(self) -> bytes:
        """What is seen of the page, as PNG."""
        return base64.b64decode(self._do("GET", "/screenshot"))

    def errors(self) -> list[str]:
        """What the console has complained of since it was last asked."""
        return [entry["message"] for entry in self._do("POST", "/se/log", {"type": "browser"})]

    def quit(self) -> None:
        self._do("DELETE", "")

    def _pointer(self, *actions: dict[str, Any]) -> None:
        mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": list(actions)}
        self._do("POST", "/actions", {"actions": [mouse]})

    def _find(self, selector: str) -> str:
        return self._do("POST", "/element", {"using": "css selector", "value": selector})[_ELEMENT]

    def _do(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return self._call(method, self._session + path, body)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self._address + path, data, {"Content-Type": "application/json"}, method=method
        )
        # The machine's proxy, where it has one, does not know this machine's ports.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=300) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.read().decode()[:500]}") from error


@contextmanager
def browser(profile: Path, width: int = 1280, height: int = 900) -> Iterator[Browser]:
    """A window of that size with a profile of its own."""
    assert CHROMEDRIVER
    line = [CHROMEDRIVER, "--port=0"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as driver:
        try:
            assert driver.stdout
            port = next(found[1] for text in driver.stdout if (found := re.search(r"successfully on port (\d+)", text)))
            window = Browser(f"http://127.0.0.1:{port}", profile, width, height)
            try:
                yield window
            finally:
                window.quit()
        finally:
            driver.terminate()
