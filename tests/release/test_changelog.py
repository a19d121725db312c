from __future__ import annotations

import re

from documents_support import ROOT

import tokenbench

TEXT = (ROOT / "CHANGELOG.md").read_text()
# Of Keep a Changelog 1.1.0.
SECTIONS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
VERSION = re.compile(r"\[Unreleased\]|\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}")


def test_versions_are_dated_and_what_is_not_released_comes_first() -> None:
    versions = re.findall(r"^## (.*)$", TEXT, re.MULTILINE)
    assert versions[0] == "[Unreleased]"
    assert all(VERSION.fullmatch(version) for version in versions)
    assert len(versions) == len(set(versions))


def test_every_change_stands_in_a_section_that_the_format_knows() -> None:
    for entry in re.split(r"^## .*$", TEXT, flags=re.MULTILINE)[1:]:
        before, *sections = re.split(r"^### ", entry, flags=re.MULTILINE)
        assert not before.strip()
        names = [section.splitlines()[0] for section in sections]
        assert set(names) <= SECTIONS
        assert len(names) == len(set(names))
        for section in sections:
            lines = section.splitlines()[1:]
            assert any(line.startswith("- ") for line in lines)
            assert all(line.startswith(("- ", "  ")) for line in lines if line), section


def test_a_released_version_is_that_of_the_package() -> None:
    released = re.findall(r"^## \[(\d[^]]*)\]", TEXT, re.MULTILINE)
    assert not released or released[0] == tokenbench.__version__
