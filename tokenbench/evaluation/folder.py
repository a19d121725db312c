"""The folder of a run while it goes on: its heading, its journal, and pictures of some clips."""

from __future__ import annotations

from pathlib import Path

from tokenbench.evaluation.heading import Heading
from tokenbench.evaluation.journal import Journal
from tokenbench.evaluation.meters import ScoredClip
from tokenbench.evaluation.record import ClipRecord
from tokenbench.evaluation.samples import thin_samples, write_sample
from tokenbench.files import remove_unfinished

SAMPLES = "samples"
RECONSTRUCTIONS = "reconstructions"


class RunFolder:
    """A folder that this process alone writes to. Use it as a context.

    Raises:
        TokenBenchError: the folder belongs to another run, is in use, or cannot be written.
    """

    def __init__(self, path: Path, heading: Heading) -> None:
        self.path = path
        self.heading = heading
        self.journal = Journal(path, heading.fingerprint)
        self._numbers = heading.numbers
        try:
            below = {file.parent for file in (path / RECONSTRUCTIONS).rglob("*")}
            remove_unfinished(path, self.samples, *below)
            heading.write(path)
        except BaseException:
            self.journal.close()
            raise

    @property
    def samples(self) -> Path:
        """Where pictures lie."""
        return self.path / SAMPLES

    def add(self, scored: ScoredClip) -> None:
        """Keep a clip's result; it is on disk when this returns.

        Raises:
            OutputError: it cannot be written.
        """
        if scored.sample:
            write_sample(self.samples, self._numbers[scored.record.clip], scored.sample)
        self.journal.add(scored.record, scored.attached)
        thin_samples(self.samples, self._numbers, self.journal.records.values())

    def records(self) -> list[ClipRecord]:
        """Of the clips that were scored, in the data set's order."""
        return [self.journal.records[clip] for clip in self.heading.clips if clip in self.journal.records]

    def journalled(self, kind: str) -> list[ClipRecord]:
        """Of one kind of media, in the order in which their attachments lie."""
        return [record for record in self.journal.records.values() if record.kind == kind]

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.journal.close()
