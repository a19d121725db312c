"""Names of what tests of the page look at, and runs with scores but without clips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenbench.evaluation.protocol import Protocol
from tokenbench.reporting.clips import ClipScores
from tokenbench.reporting.runs import Dataset, Run, TokenizerRecord
from tokenbench.verification.claim import Claim
from tokenbench.viewing.subjects import Subject

VIDEO = "talk <b> & \"x'.mkv"
PHOTO = "photo.png"
STILLS = 3
LOOP = 6


@dataclass(frozen=True)
class Scene:
    """A data set, its runs, and the folder of their page."""

    clips: Path
    runs: dict[str, Path]
    out: Path

    @property
    def media(self) -> Path:
        """Of the video."""
        return self.out / "media" / "talk-b-x-.mkv"


def subject(name: str, psnr: Mapping[str, float | None]) -> Subject:
    """A run that gave its clips these PSNRs; those whose names begin with "photo" are photographs."""
    clips = {clip: _scores(clip, value) for clip, value in psnr.items()}
    run = Run(
        folder=Path(name),
        tokenizer=TokenizerRecord(name),
        dataset=Dataset("set", "paper/1"),
        protocol={},
        metrics={},
        media={},
        unavailable={},
        failed=(),
        samples=(),
        environment={},
        clips=tuple(clips.values()),
    )
    claim = Claim(
        run=run,
        tokenizer=name,
        typed=(),
        weights=None,
        dataset="set",
        networks={},
        tokens="off",
        device="cpu",
        dtype="float32",
    )
    return Subject(name, claim, Protocol(), clips, {})


def _scores(clip: str, psnr: float | None) -> ClipScores:
    frames, fps = (1, 0.0) if clip.startswith("photo") else (10, 25.0)
    return ClipScores(clip, "any", frames, 48, 64, fps, {"psnr": psnr})
