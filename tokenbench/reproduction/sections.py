"""The data that a table is measured on: the paper's data sets where they are at hand, else the embedded `mini`."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenbench.datasets.catalog import open_dataset
from tokenbench.datasets.dataset import Dataset
from tokenbench.errors import TokenBenchError
from tokenbench.reproduction.plan import PaperDataset, Table

STAND_IN = "mini"


@dataclass(frozen=True, kw_only=True)
class Section:
    """One group of a table's columns.

    Args:
        title: above the columns; in published tables the name of the data set.
        storage: what frames go through before they are scored.
        named: what `open_dataset` opens it by.
        dataset: None where it is not at hand.
        lacking: what to do about that; empty where it is at hand.
        deviations: why values on it are not those of the paper's data, a reason each.
    """

    title: str
    storage: str
    named: str = ""
    dataset: Dataset | None = None
    lacking: str = ""
    deviations: tuple[str, ...] = ()

    @property
    def is_stand_in(self) -> bool:
        """Whether it stands for the paper's data, which are not at hand."""
        return self.title == STAND_IN


def open_sections(
    table: Table, folders: Mapping[str, str], *, limit: int | None = None, frames: int | None = None
) -> tuple[Section, ...]:
    """The sections of a table: its data sets, and `mini` where the user has none of them.

    Args:
        table: with data sets.
        folders: of the data sets at hand, by `PaperDataset.option`.
        limit: only the first so many clips.
        frames: only the first so many of each.

    Raises:
        TokenBenchError: a folder does not hold its data set.
    """
    sections = [_section(each, folders.get(each.option), limit, frames) for each in table.datasets]
    if not any(section.dataset for section in sections):
        first = table.datasets[0]
        mini = _of_kind(open_dataset(STAND_IN), first.kind)
        note = f"{STAND_IN} is not the paper's data: no value on it can be set against a published one"
        sections.append(
            Section(
                title=STAND_IN,
                storage=first.storage,
                named=STAND_IN,
                dataset=_first(mini, limit),
                deviations=(note, *_cuts(mini, limit, frames)),
            )
        )
    return tuple(sections)


def check_options(tables: Mapping[int, Table], folders: Mapping[str, str]) -> None:
    """Refuse data that no table is measured on.

    Raises:
        TokenBenchError: names what there is.
    """
    known = {dataset.option for table in tables.values() for dataset in table.datasets}
    for option in folders:
        if option not in known:
            expected = f"expected one of {', '.join(sorted(known))}" if known else "they are measured on none"
            raise TokenBenchError(f"--data names {option!r}, which these tables do not have: {expected}")


def _section(paper: PaperDataset, folder: str | None, limit: int | None, frames: int | None) -> Section:
    if folder is None:
        return Section(
            title=paper.paper,
            storage=paper.storage,
            lacking=f"data set missing: {paper.paper} ({paper.get}); then --data {paper.option}=FOLDER",
        )
    named = f"{paper.source}:{folder}" if paper.source else folder
    whole = _of_kind(open_dataset(named), paper.kind)
    return Section(
        title=paper.paper,
        storage=paper.storage,
        named=named,
        dataset=_first(whole, limit),
        deviations=tuple(_deviations(paper, whole, folder, limit, frames)),
    )


def _deviations(paper: PaperDataset, whole: Dataset, folder: str, limit: int | None, frames: int | None) -> list[str]:
    reasons = []
    if paper.opened and whole.name != paper.opened:
        reasons.append(f"the folder given holds {whole.name}, and the paper's {paper.paper} is {paper.opened}")
    if paper.build and (found := _protocols(Path(folder))) != {paper.build}:
        made = f"by {', '.join(sorted(found))}" if found else "by no recorded protocol"
        reasons.append(f"the folder given was built {made}, and the paper's {paper.paper} by {paper.build}")
    if len(whole.clips) != paper.clips:
        reasons.append(f"clips: {len(whole.clips)} in the folder given, {paper.clips} in the paper's {paper.paper}")
    return [*reasons, *_cuts(whole, limit, frames)]


def _cuts(whole: Dataset, limit: int | None, frames: int | None) -> Iterator[str]:
    if limit is not None and limit < len(whole.clips):
        yield f"clips: the first {limit} of {len(whole.clips)} (--limit)"
    if frames is not None:
        yield f"frames: the first {frames} of each clip (--frames)"


def _protocols(folder: Path) -> set[str]:
    """By which protocols the sets of a built folder were built, as their manifests say."""
    manifests = [folder] if folder.is_file() else sorted(folder.glob("[!.]*.toml"))
    builds = [tomllib.loads(path.read_text(encoding="utf-8")).get("build", {}) for path in manifests]
    return {build["protocol"] for build in builds if "protocol" in build}


def _of_kind(dataset: Dataset, kind: str) -> Dataset:
    return dataclasses.replace(dataset, clips=tuple(clip for clip in dataset.clips if clip.kind == kind))


def _first(dataset: Dataset, limit: int | None) -> Dataset:
    return dataclasses.replace(dataset, clips=dataset.clips[:limit])
