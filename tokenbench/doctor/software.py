"""Python and the packages of it, by what this installation's own metadata asks for. Imports none of them."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement

import tokenbench
from tokenbench.doctor.line import Line

_NAME = "tokenbench"


def python() -> Iterator[Line]:
    """This Python, this TokenBench, and the packages that it cannot do without."""
    yield Line("ok", "Python", f"{platform.python_version()} in {sys.prefix}")
    if wrong := unmet(_NAME):
        yield Line("missing", "packages", ", ".join(wrong), "pip install --upgrade tokenbench", needed=True)
    else:
        yield Line("ok", "packages", f"tokenbench {tokenbench.__version__} and all that it needs")


def extras() -> Iterator[Line]:
    """Packages that only some tokenizers, metrics or commands need."""
    for extra in metadata(_NAME).get_all("Provides-Extra") or ():
        if wrong := unmet(_NAME, extra):
            yield Line("missing", extra, ", ".join(wrong), f"pip install '{_NAME}[{extra}]'")
        else:
            found = [f"{need.name} {version(need.name)}" for need in _requirements(_NAME, extra)]
            yield Line("ok", extra, ", ".join(found))


def unmet(package: str, extra: str = "") -> list[str]:
    """What an installed package, or one of its extras alone, asks for and does not find."""
    return [text for need in _requirements(package, extra) if (text := _unmet(need))]


def _requirements(package: str, extra: str) -> list[Requirement]:
    asked = [Requirement(text) for text in requires(package) or ()]
    always = [need for need in asked if need.marker is None or need.marker.evaluate({"extra": ""})]
    if not extra:
        return always
    return [need for need in asked if need not in always and need.marker and need.marker.evaluate({"extra": extra})]


def _unmet(need: Requirement) -> str:
    try:
        found = version(need.name)
    except PackageNotFoundError:
        return f"no {need.name}"
    return "" if need.specifier.contains(found, prereleases=True) else f"{need.name} {found}, not {need.specifier}"
