"""The commands of the README and of docs/: all are known, and those that any machine can run are run."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from documents_support import ROOT, Block, Command, blocks, commands, pages
from newcomer_support import furnish, run

from tokenbench.cli import command as tokenbench

SHELL = "sh"
# Not run here, but known: what they do is tested by installing the wheel, and by everything else.
INSTALLS = ("pip install ", "make ")
PAGES = [page for page in pages() if blocks(page, SHELL)]


def all_commands() -> Iterator[tuple[Block, Command]]:
    for page in PAGES:
        for block in blocks(page, SHELL):
            for command in commands(block):
                yield block, command


def words(command: Command) -> list[str]:
    return shlex.split(command.text, comments=True)


def test_no_command_hides_in_a_block_of_another_language() -> None:
    for page in pages():
        for block in blocks(page, "", "text", "bash", "console", "shell"):
            assert not re.search(r"^\s*(tokenbench|make|pip|python|docker) ", block.text, re.MULTILINE), block.where


def test_every_block_has_commands_and_most_of_them_can_be_run_anywhere() -> None:
    for page in PAGES:
        for block in blocks(page, SHELL):
            assert commands(block), block.where
    free = [command for _, command in all_commands() if not command.needs]
    assert len(free) > len(list(all_commands())) / 2


def test_commands_and_options_exist_even_where_they_cannot_be_run() -> None:
    seen = 0
    for block, command in all_commands():
        line = words(command)
        if line[0] not in ("tokenbench", "torchrun"):
            continue
        seen += 1
        arguments = line[line.index("tokenbench") + 1 :]
        found: click.Command | None = tokenbench
        context = click.Context(tokenbench)
        while isinstance(found, click.Group):
            found = found.get_command(context, arguments.pop(0))
        assert found is not None, f"{block.where}: {command.text}"
        options = {name for parameter in found.params for name in parameter.opts} | {"--help"}
        given = {word.partition("=")[0] for word in arguments if word.startswith("--")}
        assert given <= options, f"{block.where}: {command.text}"
    assert seen > 50


def test_what_is_installed_and_made_exists() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"].keys()
    for block, command in all_commands():
        for named in re.findall(r"pip install '(?:\.|tokenbench)\[(.*?)\]'", command.text):
            assert set(named.split(",")) <= extras, block.where
        if command.text.startswith("make "):
            target = words(command)[1]
            dry = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True)
            assert dry.returncode == 0, f"{block.where}: {dry.stderr}"


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("newcomer") / "home"
    place.mkdir()
    furnish(place)
    return place


@pytest.mark.docs
@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_commands_of_a_page_work_in_their_order(page: Path, home: Path, tmp_path: Path) -> None:
    place = tmp_path / "home"
    shutil.copytree(home, place)
    ran = 0
    for block in blocks(page, SHELL):
        lines = [
            command.text for command in commands(block) if not command.needs and not command.text.startswith(INSTALLS)
        ]
        if lines:
            done = run(place, "\n".join(lines))
            assert done.returncode == 0, f"{block.where}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
            ran += len(lines)
    if not ran:
        pytest.skip("every command of this page says what it needs")
