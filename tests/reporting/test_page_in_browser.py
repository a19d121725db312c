"""The page's script, in a real browser."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tokenbench.reporting.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")

# Clicks, types and presses as a reader would, and leaves what came of it in the document.
PROBE = """<script>
{
const noted = {};
const board = document.querySelector("#board-1-2");
const column = (index) => [...board.tBodies[0].rows].map((row) => row.cells[index].dataset.key);
const header = (title) => [...board.tHead.rows[0].cells].find((cell) => cell.textContent.startsWith(title));
header("SSIM").firstElementChild.click();
noted.falling = column(header("SSIM").cellIndex);
noted.sorted = header("SSIM").getAttribute("aria-sort");
header("SSIM").firstElementChild.click();
noted.rising = column(header("SSIM").cellIndex);
header("Params").firstElementChild.click();
noted.only = board.querySelectorAll("[aria-sort]").length;
header("Tokenizer").firstElementChild.click();
noted.names = column(0);
const filter = document.querySelector("input[type=search]");
filter.value = "coffee JPEG";
filter.dispatchEvent(new Event("input"));
noted.shown = filter.closest("p").querySelector("output").textContent;
document.querySelector(".shot").click();
const viewer = document.getElementById("viewer");
viewer.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
noted.viewer = viewer.open + " " + viewer.querySelector("p").textContent;
noted.focusable = document.querySelectorAll("th button").length === document.querySelectorAll(".sortable th").length;
noted.wide = document.documentElement.scrollWidth <= document.documentElement.clientWidth;
noted.ready = document.documentElement.dataset.ready;
noted.errors = window.errors;
document.body.dataset.noted = JSON.stringify(noted);
}
</script></body>"""
LISTEN = "<head><script>window.errors = []; addEventListener('error', (e) => errors.push(e.message));</script>"


def dump(page: Path, profile: Path, width: int = 1280) -> str:
    """The document as it stands after its scripts ran."""
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    flags += " --disable-component-update --disable-sync"
    line = [CHROMIUM or "", *flags.split(), f"--user-data-dir={profile}", f"--window-size={width},900"]
    done = subprocess.run([*line, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


@pytest.mark.parametrize("width", [1280, 500])
def test_sorting_filtering_and_viewing(width: int, runs: dict[str, Path], tmp_path: Path) -> None:
    page = write_report(list(runs.values()), tmp_path / "out")
    page.write_text(page.read_text().replace("<head>", LISTEN, 1).replace("</body>", PROBE, 1))
    found = re.search(r'data-noted="([^"]*)"', dump(page, tmp_path / "profile", width))
    assert found
    noted = json.loads(html.unescape(found[1]))
    assert noted["errors"] == []
    assert noted["ready"] == "true"
    falling = [float(key) for key in noted["falling"]]
    assert falling == sorted(falling, reverse=True)
    assert noted["sorted"] == "descending"
    assert noted["rising"] == sorted(noted["rising"], key=float)
    assert noted["only"] == 1
    assert noted["names"] == sorted(noted["names"])
    assert noted["shown"] == "3 of 63 rows"
    assert noted["viewer"].startswith("true reconstruction of ")
    assert noted["focusable"]
    assert noted["wide"], "the page itself must not scroll sideways"
