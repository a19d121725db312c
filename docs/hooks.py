"""What the site has beyond docs/: the README and its neighbours, the files that pages link to, and the commands' help.

Pages are written for readers of the repository, so their links are paths in it. Each path becomes a page of the site or
a file beside the pages, under the same path.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from tokenbench.cli import command

ROOT = Path(__file__).parents[1]
DOCS = "docs"
HOME = "README.md"
PAGES = (HOME, "CONTRIBUTING.md", "CHANGELOG.md")

COMMANDS = "reference/cli.md"

# [text](path#anchor), of a path in the repository.
_LINK = re.compile(r"(\]\()([^)\s#:]+)((?:#[^)\s]*)?\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the help of all commands, the pages at the root, and every file outside docs/ that a page links to."""
    files.append(File.generated(config, COMMANDS, content="# Command line\n" + "".join(_help(command, None))))
    for path in PAGES:
        files.append(File.generated(config, _in_site(path), abs_src_path=str(ROOT / path)))
    waiting = [file for file in files if file.is_documentation_page()]
    while waiting:
        file = waiting.pop()
        for path in _links(file):
            if path.startswith(f"{DOCS}/") or files.get_file_from_path(_in_site(path)) is not None:
                continue
            if (ROOT / path).is_file():
                added = File.generated(config, _in_site(path), abs_src_path=str(ROOT / path))
                files.append(added)
                if added.is_documentation_page():
                    added.inclusion = added.inclusion.NOT_IN_NAV
                    waiting.append(added)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn paths in the repository into paths in the site."""
    source = _in_repository(page.file.src_uri)

    def moved(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link[2]))
        here = posixpath.dirname(page.file.src_uri) or "."
        return link[1] + posixpath.relpath(_in_site(path), here) + link[3]

    return _LINK.sub(moved, markdown)


def _help(wanted: click.Command, parent: click.Context | None) -> Iterator[str]:
    """A section for a command and for each of its own: what `--help` prints."""
    name = "tokenbench" if parent is None else (wanted.name or "")
    # The widest that help gets, whatever the terminal of whom builds the site.
    context = click.Context(wanted, parent=parent, info_name=name, terminal_width=110)
    yield f"\n## {context.command_path}\n\n```text\n{wanted.get_help(context)}\n```\n"
    if isinstance(wanted, click.Group):
        for each in wanted.list_commands(context):
            found = wanted.get_command(context, each)
            if found is not None:
                yield from _help(found, context)


def _links(file: File) -> list[str]:
    """Paths in the repository that a page links to."""
    folder = posixpath.dirname(_in_repository(file.src_uri))
    return [posixpath.normpath(posixpath.join(folder, link[2])) for link in _LINK.finditer(file.content_string)]


def _in_site(path: str) -> str:
    return "index.md" if path == HOME else path.removeprefix(f"{DOCS}/")


def _in_repository(uri: str) -> str:
    """Where the source of a page lies."""
    if uri == "index.md":
        return HOME
    return f"{DOCS}/{uri}" if (ROOT / DOCS / uri).is_file() else uri
