"""Pages of the hardest clips beside a report: one for all runs whose originals are the same pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenbench.reporting.leaderboard import Group, group_runs, unique_names
from tokenbench.reporting.runs import load_runs
from tokenbench.viewing.recorded import find_dataset
from tokenbench.viewing.subjects import load_subjects, original_storage
from tokenbench.viewing.view import Viewing, write_view

# A page of every part of a report, of all its runs: few frames of each clip keep it small.
_STILLS = 2


@dataclass(frozen=True)
class BesideReport:
    """A page to be made.

    Args:
        folder: of the page, below the report's.
        viewing: what it shows.
    """

    folder: str
    viewing: Viewing

    @property
    def address(self) -> str:
        """For a link from the report's page."""
        return f"{self.folder}/index.html"

    @property
    def runs(self) -> list[Path]:
        """The folders of the runs that are shown, whole."""
        return [subject.run.folder.resolve() for subject in self.viewing.subjects]

    def write(self, out: Path) -> list[str]:
        """Write the page below the report's folder; gives a line for each reconstruction that could not be shown."""
        return write_view(self.viewing, out / self.folder)[1]


def plan_views(runs: Sequence[Path], clips: int) -> list[BesideReport]:
    """The pages that go with a report over those runs; nothing is decoded yet.

    Runs of one part of the report share a page, those that store originals apart. Parts that have nothing but the
    ceiling have none.

    Args:
        runs: as `tokenbench.reporting.report.write_report` takes them.
        clips: the hardest so many of each part, of videos and of photographs apart.

    Raises:
        TokenBenchError: a run or its data set cannot be used.
    """
    parts = [(group, folders) for group in group_runs(load_runs(runs)) for folders in _alike(group)]
    names = unique_names([group.slug for group, _ in parts])
    return [
        BesideReport(f"media/view-{name}", _viewing(folders, clips))
        for name, (_, folders) in zip(names, parts, strict=True)
    ]


def _alike(group: Group) -> list[list[Path]]:
    """The folders of a part's runs, by how originals were stored; only where there is more than the ceiling."""
    alike: dict[str, list[Path]] = {}
    for entry in group.entries:
        alike.setdefault(original_storage(entry.run), []).append(entry.run.folder)
    contestants = {entry.run.folder for entry in group.entries if not entry.run.is_ceiling}
    return [folders for folders in alike.values() if contestants.intersection(folders)]


def _viewing(folders: Sequence[Path], clips: int) -> Viewing:
    subjects = load_subjects(folders)
    dataset = find_dataset(subjects[0], None)
    return Viewing(subjects=subjects, dataset=dataset, worst=0, disagreements=0, hardest=clips, stills=_STILLS)
