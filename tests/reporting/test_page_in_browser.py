"""The page's script, in a real browser."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from golden_support import write_golden_runs

from tokenbench.reporting.report import write_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"

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
const filter = document.querySelector("input[data-table]");
filter.value = "coffee JPEG";
filter.dispatchEvent(new Event("input"));
noted.shown = filter.closest("p").querySelector("output").textContent;
const clips = document.querySelector("#clips-1");
const size = [...clips.tHead.rows[0].cells].find((cell) => cell.textContent === "Size (px)");
size.firstElementChild.click();
noted.sizes = [...clips.tBodies[0].rows].map((row) => row.cells[size.cellIndex].textContent);
const kinds = document.querySelector("#filters [name=kind]");
const shown = () => [...board.tBodies[0].rows].filter((row) => !row.hidden).map((row) => row.cells[0].textContent);
kinds.value = "codec";
kinds.dispatchEvent(new Event("input", { bubbles: true }));
noted.codecs = shown();
document.querySelector("#filters [name=text]").value = "Q20";
kinds.dispatchEvent(new Event("input", { bubbles: true }));
noted.named = shown();
noted.counted = document.querySelector("#filters output").textContent;
const choice = document.querySelector("select[data-board=board-1-2]");
choice.value = [...choice.options].find((option) => option.textContent === "jpeg-q20").value;
choice.dispatchEvent(new Event("change"));
const unstored = [...board.tBodies[0].rows].filter((each) => each.cells[1].textContent === "none");
const row = (name) => unstored.find((each) => each.cells[0].textContent === name);
const notes = (name) => [...row(name).querySelectorAll(".delta")].map((note) => note.textContent);
noted.better = notes("jpeg-q70");
noted.baseline = [row("jpeg-q20").className, notes("jpeg-q20").length];
noted.origin = document.querySelector(row("jpeg-q70").querySelector("a").getAttribute("href")).textContent;
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
# Rules of WCAG 2.1 A and AA, and what axe-core calls best practice; what it finds is left in the document.
AUDIT = """<script>
addEventListener("load", async () => {
  for (const box of document.querySelectorAll("details")) box.open = true;
  const found = await axe.run();
  const told = found.violations.map((rule) => rule.id + ": " + rule.nodes.map((node) => node.html).join(" "));
  document.body.dataset.audit = JSON.stringify({ told, passed: found.passes.length });
});
</script></body>"""
LISTEN = "<head><script>window.errors = []; addEventListener('error', (e) => errors.push(e.message));</script>"


def dump(page: Path, profile: Path, width: int = 1280, *further: str) -> str:
    """The document as it stands after its scripts ran."""
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    flags += " --disable-component-update --disable-sync"
    line = [CHROMIUM or "", *flags.split(), f"--user-data-dir={profile}", f"--window-size={width},900"]
    done = subprocess.run(
        [*line, *further, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


@pytest.fixture(scope="module")
def probed(runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = write_report(list(runs.values()), tmp_path_factory.mktemp("probed"))
    page.write_text(page.read_text().replace("<head>", LISTEN, 1).replace("</body>", PROBE, 1))
    return page


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audited")
    page = write_report(write_golden_runs(folder / "runs"), folder / "out", baseline="net-D")
    start, _, end = page.read_text().rpartition("</body>")
    page.write_text(start + f"<script>{AXE.read_text()}</script>" + AUDIT + end)
    return page


@pytest.mark.parametrize("width", [1280, 500])
def test_sorting_filtering_and_viewing(width: int, probed: Path, tmp_path: Path) -> None:
    found = re.search(r'data-noted="([^"]*)"', dump(probed, tmp_path / "profile", width))
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
    assert len(noted["sizes"]) == 3
    assert noted["codecs"]
    assert all(name.startswith("jpeg") for name in noted["codecs"])
    assert noted["named"] == ["jpeg-q20"]
    assert noted["counted"] == "2 of 16 rows"
    # PSNR and SSIM of four photographs: better in each, and too few to be significant.
    assert [note[:3] for note in noted["better"]] == ["≈ +", "≈ +"]
    assert noted["baseline"] == ["baseline", 0]
    assert "tokenbench eval jpeg-q70" in noted["origin"]
    assert noted["viewer"].startswith("true reconstruction of ")
    assert noted["focusable"]
    assert noted["wide"], "the page itself must not scroll sideways"


@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core: npm install --no-save axe-core")
@pytest.mark.parametrize(("width", "flag"), [(1280, "--force-dark-mode"), (500, "--disable-sync")])
def test_axe_finds_nothing(width: int, flag: str, audited: Path, tmp_path: Path) -> None:
    document = dump(audited, tmp_path / "profile", width, flag, "--virtual-time-budget=120000")
    found = re.search(r'data-audit="([^"]*)"', document)
    assert found
    audit = json.loads(html.unescape(found[1]))
    assert audit["told"] == []
    assert audit["passed"] > 20
