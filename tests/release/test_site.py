"""The documentation site: built whole, without a warning, and without anything from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest
import yaml
from browser_support import CHROMEDRIVER, CHROMIUM, browser
from documents_support import ROOT

from tokenbench.cli import command

CONFIG = yaml.safe_load((ROOT / "mkdocs.yml").read_text())


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `make docs` builds it."""
    out = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(out)]
    done = subprocess.run(
        build, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr
    return out


def navigation(part: object) -> set[str]:
    if isinstance(part, str):
        return {part}
    return set().union(*(navigation(each) for each in (part.values() if isinstance(part, dict) else part)))


def test_every_page_can_be_found_in_the_navigation() -> None:
    written = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    brought_along = {"index.md", "CONTRIBUTING.md", "CHANGELOG.md", "reference/cli.md"}
    assert navigation(CONFIG["nav"]) == written | brought_along


def test_every_module_that_the_reference_names_is_there() -> None:
    named = [
        module
        for page in (ROOT / "docs/reference").glob("*.md")
        for module in re.findall(r"^::: (\S+)$", page.read_text(), re.MULTILINE)
    ]
    assert len(named) > 20
    for module in named:
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), module


def test_no_font_is_fetched_and_the_site_is_not_committed() -> None:
    assert CONFIG["theme"]["font"] is False
    assert CONFIG["strict"] is True
    assert "site/" in (ROOT / ".gitignore").read_text().splitlines()


@pytest.mark.docs
def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        loaded = re.findall(r"<(?:script|img|link|iframe)\b[^>]*?\b(?:src|href)=\"?([^\" >]+)", page.read_text())
        assert loaded
        assert not [address for address in loaded if re.match(r"(https?:)?//", address)], page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(\s*[\"']?(https?:)?//|@import", sheet.read_text()), sheet


@pytest.mark.docs
def test_every_command_has_its_help_and_the_contract_its_reference(site: Path) -> None:
    page = (site / "reference/cli.html").read_text()
    for name in command.list_commands(click.Context(command)):
        assert re.search(rf'<h2 id="tokenbench-{name}">', page), name
    assert "TOKENBENCH_EVAL_DEVICE=cuda" in page
    contract = (site / "reference/tokenizer.html").read_text()
    for name in ("Tokenizer", "TokenizerInfo", "Card.load", "Stream.push"):
        assert f'id="tokenbench.tokenizer.{name}"' in contract, name


@pytest.mark.docs
@pytest.mark.skipif(not (CHROMIUM and CHROMEDRIVER), reason="needs chromium and chromedriver")
def test_a_reader_gets_from_page_to_page(site: Path, tmp_path: Path) -> None:
    with browser(tmp_path) as window:
        window.open(site / "index.html")
        assert window.script("return document.querySelector('h1').innerText.trim()").startswith("TokenBench")
        assert window.script("return [...document.images].filter(i => !i.naturalWidth).length") == 0
        link = "return [...document.querySelectorAll('nav a')].find(a => a.innerText.trim() == arguments[0]).href"
        for text in ("Protocols and conventions", "Command line", "Contributing"):
            window.open(Path(unquote(urlsplit(window.script(link, text)).path)))
            assert window.script("return document.querySelector('h1').innerText").startswith(text)
        assert window.errors() == []
