"""Which clips are worth a look: those asked for, the hardest, the worst of each run, and where runs differ most."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from tokenbench.errors import TokenBenchError
from tokenbench.viewing.subjects import Subject

MEDIA = ("video", "image")


@dataclass(frozen=True)
class Choice:
    """A clip, and why it is shown.

    Args:
        clip: its id.
        media: "video" or "image".
        reasons: in words.
        sides: labels of one or two runs that lie beside the divider at first; one lies beside the original.
    """

    clip: str
    media: str
    reasons: tuple[str, ...]
    sides: tuple[str, ...]


def choose_clips(
    subjects: Sequence[Subject], named: Sequence[str], worst: int, disagreements: int, hardest: int = 0
) -> list[Choice]:
    """Clips to show, each once.

    Runs of the identity have no worst clip: what they lose is what storage costs.

    Args:
        subjects: the runs.
        named: clips that were asked for.
        worst: clips of lowest PSNR that each run gives, of videos and of photographs apart.
        disagreements: clips whose PSNR differs most between two of the runs, likewise.
        hardest: clips of lowest PSNR in the mean over all runs that have them, likewise.

    Raises:
        TokenBenchError: no run has a clip that was asked for, or there is nothing to show.
    """
    found = [_named(subjects, clip) for clip in named]
    contestants = [subject for subject in subjects if not subject.run.is_ceiling]
    for media in MEDIA:
        found += _hardest(contestants, media)[:hardest]
        found += [choice for subject in contestants for choice in _worst(subject, media)[:worst]]
        found += _disagreements(contestants, media)[:disagreements]
    merged: dict[str, Choice] = {}
    for choice in found:
        earlier = merged.setdefault(choice.clip, choice)
        if earlier is not choice:
            merged[choice.clip] = replace(earlier, reasons=tuple(dict.fromkeys(earlier.reasons + choice.reasons)))
    if not merged:
        raise TokenBenchError(
            "nothing to show: no clip was asked for, and the runs have no PSNR to choose by; --clip ID"
        )
    return list(merged.values())


def _named(subjects: Sequence[Subject], clip: str) -> Choice:
    for subject in subjects:
        if clip in subject.clips:
            return Choice(clip, subject.clips[clip].media, ("asked for",), (subject.label,))
    there = sorted({name for subject in subjects for name in subject.clips})
    near = difflib.get_close_matches(clip, there, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else "their clips.csv names what there is"
    raise TokenBenchError(f"no clip {clip!r} in the runs: {hint}")


def _worst(subject: Subject, media: str) -> list[Choice]:
    """A run's clips from the lowest PSNR on."""
    ranked = sorted((psnr, clip) for clip, psnr in _scores(subject, media))
    return [
        Choice(clip, media, (f"{_place(place)} of {subject.label}: {psnr:.2f} dB",), (subject.label,))
        for place, (psnr, clip) in enumerate(ranked, start=1)
    ]


def _place(place: int) -> str:
    """From below."""
    if place == 1:
        return "worst"
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending} from below"


def _hardest(subjects: Sequence[Subject], media: str) -> list[Choice]:
    """From the lowest mean on; the worst and the best run lie beside the divider."""
    values = _by_clip(subjects, media)
    ranked = sorted((fmean(psnr for psnr, _ in pairs), clip) for clip, pairs in values.items())
    choices = []
    for mean, clip in ranked:
        pairs = values[clip]
        sides = tuple(dict.fromkeys((min(pairs)[1], max(pairs)[1])))
        choices.append(Choice(clip, media, (f"{mean:.2f} dB in the mean over {_runs(len(pairs))}",), sides))
    return choices


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def _disagreements(subjects: Sequence[Subject], media: str) -> list[Choice]:
    """Clips of two runs or more, from the largest difference between the worst and the best on."""
    values = _by_clip(subjects, media)
    spread = {clip: (min(pairs), max(pairs)) for clip, pairs in values.items() if len(pairs) > 1}
    ranked = sorted(spread, key=lambda clip: (spread[clip][0][0] - spread[clip][1][0], clip))
    choices = []
    for clip in ranked:
        (low, worse), (high, better) = spread[clip]
        reason = f"runs differ here by {high - low:.2f} dB: {worse} {low:.2f}, {better} {high:.2f}"
        choices.append(Choice(clip, media, (reason,), (worse, better)))
    return choices


def _by_clip(subjects: Sequence[Subject], media: str) -> dict[str, list[tuple[float, str]]]:
    """The PSNR of each clip in every run that has one, with the run's label."""
    values: dict[str, list[tuple[float, str]]] = {}
    for subject in subjects:
        for clip, psnr in _scores(subject, media):
            values.setdefault(clip, []).append((psnr, subject.label))
    return values


def _scores(subject: Subject, media: str) -> Iterator[tuple[str, float]]:
    for clip, scores in subject.clips.items():
        psnr = scores.scores.get("psnr")
        if scores.media == media and psnr is not None:
            yield clip, psnr
