"""Which runs may be compared, and in which order they stand.

Runs share a group when data set, manifest and protocol agree, storage apart, and no metric is defined differently;
a group has one table for each kind of media. Within a table the rows of one storage stand together, the ceiling
first, then by PSNR from high to low. Only rows of the same storage over all of the clips are ranked against each
other: a mean over fewer clips is another number, and the ceiling is no contestant.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count

from tokenbench.reporting.comparable import contradictions, judged_alike
from tokenbench.reporting.formats import RATE, quality_names, quantity
from tokenbench.reporting.ranking import ranking, reached
from tokenbench.reporting.runs import Dataset, Measure, MediaResult, Metrics, Run

_MEDIA_ORDER = ("video", "image")


@dataclass(frozen=True)
class Entry:
    """A run under the name that tells it from the others of its group."""

    run: Run
    label: str

    @property
    def title(self) -> str:
        """The label, with the storage where there is one."""
        return self.label if self.run.storage == "none" else f"{self.label} · {self.run.storage}"


@dataclass(frozen=True)
class Row:
    """One line of a leaderboard.

    Args:
        entry: whose line it is.
        metrics: means over the clips of the table's kind of media.
        clips: that were scored.
        failed: clips of this kind that were not.
        partial: the means are over fewer clips than those of other rows.
        domains: the means over the clips of each domain.
        ranks: by metric, 1 for the best; empty where the row is not ranked.
        at_ceiling: metrics whose value lies within the interval of the ceiling of its storage, or beyond it: protocol
            and storage allow no better one that could be told apart.
    """

    entry: Entry
    metrics: Metrics
    clips: int
    failed: int
    partial: bool
    domains: Mapping[str, MediaResult] = field(default_factory=dict)
    ranks: Mapping[str, int] = field(default_factory=dict)
    at_ceiling: frozenset[str] = frozenset()

    @property
    def run(self) -> Run:
        """The run behind the row."""
        return self.entry.run

    @property
    def rate(self) -> float | None:
        """Bits per pixel: as measured, else as the tokenizer states it."""
        measured = self.measure(RATE).value
        return self.run.tokenizer.bits_per_pixel if measured is None else measured

    def measure(self, name: str) -> Measure:
        """A metric of the row, without a value where it has none."""
        return self.metrics.get(name, Measure(None))


@dataclass(frozen=True)
class Table:
    """The leaderboard of one kind of media."""

    media: str
    rows: tuple[Row, ...]

    @property
    def slug(self) -> str:
        """The kind of media, for file names."""
        return file_slug(self.media)

    @property
    def qualities(self) -> list[str]:
        """The metrics in the columns."""
        return quality_names({name for row in self.rows for name in row.metrics})

    @property
    def domains(self) -> list[str]:
        """The domains that rows are broken down by."""
        return sorted({domain for row in self.rows for domain in row.domains})


@dataclass(frozen=True)
class Group:
    """Runs that may be compared.

    Args:
        dataset: common to all of them; its protocol is given without storage.
        entries: the runs, in the order of their PSNR.
        tables: one a kind of media.
        slug: for file names; unique in the report.
        apart: what tells it from groups of the same data set and protocol; empty where there are none.
        definitions: of the metrics that it is told apart by, as its runs record them.
    """

    dataset: Dataset
    entries: tuple[Entry, ...]
    tables: tuple[Table, ...]
    slug: str
    apart: str = ""
    definitions: Mapping[str, str] = field(default_factory=dict)

    @property
    def heading(self) -> str:
        """One line that says what the runs were judged on."""
        return " · ".join(filter(None, [self.dataset.name, self.dataset.protocol, self.apart]))


def group_runs(runs: Iterable[Run]) -> list[Group]:
    """Sort runs into groups, in the order in which their first runs come."""
    groups: list[list[Run]] = []
    for run in runs:
        fitting = (members for members in groups if all(judged_alike(run, other) for other in members))
        if (members := next(fitting, None)) is None:
            groups.append([run])
        else:
            members.append(run)
    slugs = unique_names([file_slug(f"{first.dataset.name}-{first.base_protocol}") for first, *_ in groups])
    return [_group(members, slug, *_told_apart(members, groups)) for members, slug in zip(groups, slugs, strict=True)]


def _told_apart(members: Sequence[Run], groups: Sequence[Sequence[Run]]) -> tuple[str, dict[str, str]]:
    """What tells a group from those of the same data set and protocol, and the definitions that it is told apart by."""
    key = members[0].dataset.name, members[0].base_protocol
    alike = [others for others in groups if (others[0].dataset.name, others[0].base_protocol) == key]
    manifest = members[0].dataset.manifest_sha256
    same = [others for others in alike if others[0].dataset.manifest_sha256 == manifest]
    words = [f"manifest {manifest[:8] if manifest else 'not recorded'}"] if len(same) < len(alike) else []
    defined = {metric: text for others in same for metric, text in contradictions(members, others).items()}
    if defined:
        number = next(place for place, others in enumerate(same, 1) if others is members)
        words.append(f"{' and '.join(quantity(name).title for name in quality_names(defined))}, definition {number}")
    return ", ".join(words), defined


def _group(runs: Sequence[Run], slug: str, apart: str, definitions: Mapping[str, str]) -> Group:
    entries = [Entry(run, label) for run, label in zip(runs, _labels(runs), strict=True)]
    order = sorted(_present(runs), key=lambda media: (media not in _MEDIA_ORDER, media != "video", media))
    return Group(
        dataset=replace(runs[0].dataset, protocol=runs[0].base_protocol),
        entries=tuple(sorted(entries, key=lambda entry: _order(entry.run, entry.run.metrics))),
        tables=tuple(_table(media, entries) for media in order),
        slug=slug,
        apart=apart,
        definitions=definitions,
    )


def _present(runs: Sequence[Run]) -> set[str]:
    """The kinds of media that have a table.

    A run that failed on every clip does not say of which kind they are: where others do, their tables have its row.
    """
    kinds = {clip.clip: clip.media for run in runs for clip in run.clips}
    filled = {
        media
        for run in runs
        for media, result in run.media.items()
        if result.clips or any(measure.value is not None for measure in result.metrics.values())
    }
    without = (run for run in runs if not any(_belongs(run, media, kinds) for media in filled))
    return filled.union(*(run.media for run in without))


def _labels(runs: Sequence[Run]) -> list[str]:
    """Tokenizer names with settings; where two runs share them and storage, with the folder that tells them apart."""
    same = Counter((run.tokenizer.title, run.storage) for run in runs)
    folders = Counter((run.tokenizer.title, run.storage, run.name) for run in runs)
    labels = []
    for run in runs:
        name, storage = run.tokenizer.title, run.storage
        folder = run.name if folders[name, storage, run.name] == 1 else str(run.folder)
        labels.append(name if same[name, storage] == 1 else f"{name} [{folder}]")
    return labels


def _table(media: str, entries: Sequence[Entry]) -> Table:
    kinds = {clip.clip: clip.media for entry in entries for clip in entry.run.clips}
    rows = [_row(entry, media, kinds) for entry in entries if _belongs(entry.run, media, kinds)]
    most = max(row.clips for row in rows)
    rows = [replace(row, partial=row.failed > 0 or row.clips < most) for row in rows]
    rows.sort(key=lambda row: _order(row.run, row.metrics))
    return Table(media, tuple(_held_to_ceilings(_ranked(rows))))


def _belongs(run: Run, media: str, kinds: Mapping[str, str]) -> bool:
    """A run that failed on every clip of a kind has no result for it, and yet must not vanish from the table."""
    return media in run.media or any(kinds.get(failure.clip) == media for failure in run.failed)


def _row(entry: Entry, media: str, kinds: Mapping[str, str]) -> Row:
    """One run's row; `kinds` says which kind of media a clip is, as far as any run of the group scored it."""
    result = entry.run.media.get(media, MediaResult(0, {}))
    counted = max((measure.n or 0 for measure in result.metrics.values()), default=0)
    # A failed clip of unknown kind counts in every table: better marked once too often than passed over.
    failed = sum(kinds.get(failure.clip, media) == media or media == "all" for failure in entry.run.failed)
    clips = result.clips if result.clips is not None else counted
    return Row(entry, result.metrics, clips, failed, False, result.domains)


def _order(run: Run, metrics: Metrics) -> tuple[bool, str, bool, float, str]:
    """Storage (none first), ceiling, PSNR from high to low with missing ones last, name."""
    psnr = metrics.get("psnr", Measure(None)).value
    falling = math.inf if psnr is None else -psnr
    return (run.storage != "none", run.storage, not run.is_ceiling, falling, run.tokenizer.name)


def _ranked(rows: Sequence[Row]) -> list[Row]:
    ranks: list[dict[str, int]] = [{} for _ in rows]
    for storage in {row.run.storage for row in rows}:
        contest = [i for i, row in enumerate(rows) if row.run.storage == storage and _contends(row)]
        for name in {name for i in contest for name in rows[i].metrics}:
            for i, rank in ranking(name, {i: rows[i].measure(name) for i in contest}).items():
                ranks[i][name] = rank
    return [replace(row, ranks=rank) for row, rank in zip(rows, ranks, strict=True)]


def _contends(row: Row) -> bool:
    return not row.run.is_ceiling and not row.partial


def _held_to_ceilings(rows: Sequence[Row]) -> list[Row]:
    """The rows, with the metrics that their storage's ceiling is no better in."""
    ceilings = {row.run.storage: row for row in rows if row.run.is_ceiling and not row.partial}
    return [
        row
        if row.partial or row.run.is_ceiling or row.run.storage not in ceilings
        else replace(row, at_ceiling=frozenset(reached(row.metrics, ceilings[row.run.storage].metrics)))
        for row in rows
    ]


def file_slug(text: str) -> str:
    """A text as part of a file name."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.").lower()[:80] or "runs"


def unique_names(names: Sequence[str]) -> list[str]:
    """The names, numbered from the second of a kind on."""
    taken: list[str] = []
    for name in names:
        numbered = (f"{name}-{number}" for number in count(2))
        taken.append(next(candidate for candidate in chain([name], numbered) if candidate not in taken))
    return taken
