"""Runs that are looked at together: each under a name of its own, with its protocol and the PSNR of its frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.protocol import Protocol
from tokenbench.metrics.conventions import find_convention
from tokenbench.reporting.clips import ClipScores
from tokenbench.reporting.frame_scores import read_frames
from tokenbench.reporting.records import Record
from tokenbench.reporting.runs import Run
from tokenbench.verification.claim import Claim, read_claim


@dataclass(frozen=True)
class Subject:
    """A run to look at.

    Args:
        label: tells it from the others.
        claim: the run, and by which names its tokenizer and data set are found again.
        protocol: that its clips went through.
        clips: its scores, by clip.
        frame_psnr: in dB, by clip and frame; only videos whose frames were scored in 8 bits have one.
    """

    label: str
    claim: Claim
    protocol: Protocol
    clips: Mapping[str, ClipScores]
    frame_psnr: Mapping[str, Sequence[float]]

    @property
    def run(self) -> Run:
        """As it lies on the disk."""
        return self.claim.run

    def psnr(self, clip: str) -> float | None:
        """Of a whole clip, in dB; None where the run has none."""
        return self.clips[clip].scores.get("psnr") if clip in self.clips else None

    def psnr_of_frame(self, clip: str, frame: int) -> float | None:
        """Of one frame, in dB; a photograph's is that of the clip."""
        if clip in self.clips and self.clips[clip].media == "image":
            return self.psnr(clip)
        series = self.frame_psnr.get(clip, ())
        return series[frame] if frame < len(series) else None


def load_subjects(paths: Sequence[Path], typed: Sequence[str] = ()) -> list[Subject]:
    """Read runs that were made of the same originals.

    Args:
        paths: folders written by `tokenbench eval`, or their result.json; one that is named twice is read once.
        typed: names of tokenizers that the user gave, whose code may be run.

    Raises:
        TokenBenchError: a run cannot be used, or saw other originals than the first.
    """
    claims = {claim.run.folder.resolve(): claim for claim in (read_claim(path, typed=typed) for path in paths)}
    labels = _labels([claim.run for claim in claims.values()])
    subjects = [_subject(label, claim) for label, claim in zip(labels, claims.values(), strict=True)]
    for subject in subjects:
        _refuse_other_originals(subjects[0], subject)
    return subjects


def original_storage(run: Run) -> str:
    """How a run's originals were stored before it was scored; "none" where they were not."""
    return _protocol(run).common_storage


def _subject(label: str, claim: Claim) -> Subject:
    clips = {clip.clip: clip for clip in claim.run.clips}
    return Subject(label, claim, _protocol(claim.run), clips, read_frames(claim.run.folder, clips))


def _labels(runs: Sequence[Run]) -> list[str]:
    """Titles of the tokenizers; with the protocol, or else the folder, where these alone tell them apart."""
    ways: tuple[Callable[[Run], str], ...] = (
        lambda run: run.tokenizer.title,
        lambda run: f"{run.tokenizer.title} · {run.dataset.protocol}",
        lambda run: f"{run.tokenizer.title} [{run.name}]",
    )
    for way in ways:
        labels = [way(run) for run in runs]
        if len(set(labels)) == len(labels):
            return labels
    return [f"{run.tokenizer.title} [{run.folder}]" for run in runs]


def _protocol(run: Run) -> Protocol:
    said = Record(run.folder / "result.json", run.protocol, "protocol")
    return Protocol(
        convention=find_convention(f"{said.text('name')}/{said.whole('version')}"),
        frames=said.whole("frames"),
        window=said.whole("window"),
        storage=said.optional_text("storage") or "none",
    )


def _refuse_other_originals(first: Subject, other: Subject) -> None:
    """Layers of one clip must be of the same pixels: same data set, and stored alike where originals are stored."""
    kinds = {
        "the data set": lambda subject: (subject.run.dataset.name, subject.run.dataset.manifest_sha256),
        "storage of the originals": lambda subject: subject.protocol.common_storage,
    }
    for kind, of in kinds.items():
        if of(first) != of(other):
            raise TokenBenchError(
                f"{first.run.folder} and {other.run.folder} differ in {kind}, so that their originals are not the same "
                "pixels; view them apart"
            )
