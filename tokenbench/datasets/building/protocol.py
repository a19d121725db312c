"""Protocols of builds: TOML files that hold every choice that decides which clips a benchmark has, and their pixels."""

from __future__ import annotations

import difflib
import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tokenbench.datasets.building.images import image_preset
from tokenbench.datasets.building.preparation import Preparation
from tokenbench.datasets.building.selection import SetRules
from tokenbench.datasets.places import manifests_folder
from tokenbench.datasets.screening.limits import read_limits
from tokenbench.datasets.sources import SOURCES
from tokenbench.datasets.table import read_table
from tokenbench.errors import TokenBenchError

SCHEMA = "tokenbench.build/1"


@dataclass(frozen=True, kw_only=True)
class BuildProtocol:
    """Every choice of a build.

    Args:
        name: of the protocol.
        version: goes up when a choice changes.
        about: what it stands for, in a sentence.
        seed: of draws.
        video: what is done to every video.
        images: preset that is done to every photograph (`tokenbench.datasets.building.images`).
        sets: how clips are chosen, by data set; those that are not named are taken whole.
    """

    name: str
    version: int
    about: str
    seed: int
    video: Preparation
    images: str
    sets: Mapping[str, SetRules]

    def rules(self, name: str) -> SetRules:
        """How clips of a data set are chosen."""
        return self.sets.get(name, SetRules(screening={}))

    def changed(self, *, storage: str | None, seed: int | None) -> BuildProtocol:
        """This protocol with another storage or seed, and a name that says so.

        Raises:
            TokenBenchError: there is no such storage.
        """
        video = self.video if storage is None else replace(self.video, storage=storage)
        differs = [
            f"{name}-{given}"
            for name, given, own in (("storage", storage, self.video.storage), ("seed", seed, self.seed))
            if given is not None and given != own
        ]
        name = "+".join([self.name, *differs])
        return replace(self, name=name, video=video, seed=self.seed if seed is None else seed)

    @property
    def sha256(self) -> str:
        """Digest of every choice."""
        return hashlib.sha256(repr(sorted(asdict(self).items())).encode()).hexdigest()


def protocols() -> dict[str, Path]:
    """Protocols that come with TokenBench, by name."""
    return {path.stem: path for path in sorted((manifests_folder() / "protocols").glob("*.toml"))}


def read_protocol(name: str) -> BuildProtocol:
    """A protocol by its name, or from a .toml file.

    Raises:
        TokenBenchError: there is none of that name, or it is not valid.
    """
    known = protocols()
    path = known.get(name, Path(name))
    if path.suffix != ".toml" or not path.is_file():
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(known)}, or give a .toml file"
        raise TokenBenchError(f"no build protocol {name!r}: {hint}")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise TokenBenchError(f"{path}: not a readable protocol: {error}") from error
    if table.get("schema") != SCHEMA:
        raise TokenBenchError(f"{path}: schema is {table.get('schema')!r}, expected {SCHEMA!r}")
    return _protocol(path, table)


@dataclass(frozen=True, kw_only=True)
class _File:
    """The top of a protocol's file."""

    schema: str
    name: str
    version: int
    about: str
    seed: int = 0
    images: str = "native"
    video: dict[str, Any]
    sets: dict[str, Any]


def _protocol(path: Path, table: dict[str, Any]) -> BuildProtocol:
    file = read_table(_File, table, str(path))
    if unknown := sorted(file.sets.keys() - SOURCES.keys()):
        raise TokenBenchError(f"{path}: [sets.{unknown[0]}] is no data set; known are {', '.join(SOURCES)}")
    rules = {
        name: read_table(SetRules, _with_screening(values), f"{path}: [sets.{name}]")
        for name, values in file.sets.items()
    }
    for name, of_set in rules.items():
        if of_set.choose == "random" and of_set.scenes == 0:
            raise TokenBenchError(f"{path}: [sets.{name}] draws no scenes; set 'scenes' to how many")
        read_limits(of_set.screening)
    image_preset(file.images)
    return BuildProtocol(
        name=file.name,
        version=file.version,
        about=file.about,
        seed=file.seed,
        video=read_table(Preparation, file.video, f"{path}: [video]"),
        images=file.images,
        sets=rules,
    )


def _with_screening(values: Any) -> Any:
    """A set's table that may leave its screening out; what is no table stays, to be refused."""
    return {"screening": {}, **values} if isinstance(values, Mapping) else values
