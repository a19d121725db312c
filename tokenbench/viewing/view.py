"""From runs to a page: choose clips, write what is shown of them, and put it side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

import tokenbench
from tokenbench.datasets.dataset import Dataset
from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.evaluation.journal import fingerprint
from tokenbench.files import locked, safe_name, sha256_of_file, write_text
from tokenbench.media.clip import Clip
from tokenbench.progress import FrameCounter
from tokenbench.reporting.leaderboard import unique_names
from tokenbench.viewing.choice import Choice, choose_clips
from tokenbench.viewing.exhibit import Exhibit, Original, Rendering
from tokenbench.viewing.layers import Layer, note_layers, read_layers, write_original, write_reconstruction
from tokenbench.viewing.moments import Moments, choose_moments
from tokenbench.viewing.page import render_page
from tokenbench.viewing.recorded import Remaker
from tokenbench.viewing.sources import original_frames, saved_frames, saved_reconstruction
from tokenbench.viewing.subjects import Subject

MEDIA = "media"


@dataclass(frozen=True, kw_only=True)
class Viewing:
    """What is to be looked at.

    Args:
        subjects: the runs, in the order in which they are shown.
        dataset: that they were made on.
        clips: that are shown in any case.
        worst: so many of each run's worst clips are shown as well.
        disagreements: and so many where runs differ most.
        hardest: and so many of lowest PSNR in the mean over the runs.
        stills: of a clip, apart from the worst frame.
        loop: its frames; 0 or 1 for none.
        device: where reconstructions are made anew; None takes the one that the run had.
    """

    subjects: Sequence[Subject]
    dataset: Dataset
    clips: Sequence[str] = ()
    worst: int = 1
    disagreements: int = 1
    hardest: int = 0
    stills: int = 5
    loop: int = 48
    device: str | None = None


def write_view(viewing: Viewing, out: Path) -> tuple[Path, list[str]]:
    """Write `index.html`, and the files that it shows under `media/`, into a folder.

    Layers that an earlier call wrote in the same way stay, so that an interrupted one goes on where it stopped.

    Returns:
        The page's path, and a line for each reconstruction that could not be shown.

    Raises:
        TokenBenchError: there is nothing to show, a run's tokenizer cannot be loaded again, or `out` cannot be written.
    """
    choices = choose_clips(viewing.subjects, viewing.clips, viewing.worst, viewing.disagreements, viewing.hardest)
    with locked(out / ".lock", f"{out}: another 'tokenbench view' is writing there; wait, or choose another --out"):
        originals = _originals(viewing, choices, out / MEDIA)
        renderings = _renderings(viewing, originals)
        exhibits = [
            Exhibit(
                original, {subject.label: renderings[subject.label, original.clip.id] for subject in viewing.subjects}
            )
            for original in originals
        ]
        page = out / "index.html"
        write_text(page, render_page(viewing.subjects, exhibits, MEDIA))
    failed = [f"{clip}: {label}: {shown.problem}" for (label, clip), shown in renderings.items() if shown.problem]
    return page, failed


def _originals(viewing: Viewing, choices: Sequence[Choice], media: Path) -> list[Original]:
    """The chosen clips, with their originals written."""
    clips = {clip.id: clip for clip in viewing.dataset.clips}
    for choice in choices:
        if choice.clip not in clips:
            raise TokenBenchError(
                f"the data set {viewing.dataset.name} has no clip {choice.clip!r}; give the runs' own with --dataset"
            )
    folders = unique_names([safe_name(choice.clip) for choice in choices])
    return [
        _original(viewing, choice, clips[choice.clip].probed(), media / folder)
        for choice, folder in zip(choices, folders, strict=True)
    ]


def _original(viewing: Viewing, choice: Choice, clip: Clip, folder: Path) -> Original:
    moments, protocol = _moments(viewing, clip), viewing.subjects[0].protocol
    origin = {"manifest": viewing.dataset.manifest_sha256, "storage": protocol.common_storage}
    (layer,) = _kept(
        folder / "original.json",
        origin | _which(clip, moments),
        lambda: [write_original(folder, clip, moments, original_frames(clip, protocol))],
    )
    return Original(choice, clip, moments, folder, layer)


def _moments(viewing: Viewing, clip: Clip) -> Moments:
    """Of a clip: within the frames that all runs scored."""
    scored = [subject for subject in viewing.subjects if clip.id in subject.clips]
    frames = min(subject.clips[clip.id].frames or 1 for subject in scored)
    series = [subject.frame_psnr.get(clip.id, ()) for subject in scored]
    return choose_moments(frames, series, viewing.stills, viewing.loop)


def _renderings(viewing: Viewing, originals: Sequence[Original]) -> dict[tuple[str, str], Rendering]:
    """By run and clip; run by run, so that one tokenizer is in memory at a time."""
    renderings = {}
    stems = unique_names([safe_name(f"run-{subject.label}") for subject in viewing.subjects])
    with tqdm(total=len(originals) * len(stems), unit="clip", dynamic_ncols=True) as progress:
        for subject, stem in zip(viewing.subjects, stems, strict=True):
            progress.set_description(subject.label)
            remaker = Remaker(subject, viewing.device)
            for original in originals:
                shown = _rendering(subject, stem, original, remaker, progress.set_postfix_str)
                renderings[subject.label, original.clip.id] = shown
                progress.update()
    return renderings


def _rendering(
    subject: Subject, stem: str, original: Original, remaker: Remaker, say: Callable[[str], None]
) -> Rendering:
    """One run's layers of one clip, or why there are none."""
    clip, moments, folder = original.clip, original.moments, original.folder
    if clip.id not in subject.clips:
        errors = [failure.error for failure in subject.run.failed if failure.clip == clip.id]
        return Rendering(problem=errors[0] if errors else "not scored in this run")
    saved = saved_reconstruction(subject.run.folder, clip)
    made = "saved by the run" if saved else f"made anew on {remaker.device}"

    def write() -> list[Layer]:
        pair = original_frames(clip, subject.protocol), saved_frames(saved, clip) if saved else remaker.frames(clip)
        counter = FrameCounter(clip.id, moments.end, say)
        return list(write_reconstruction(folder, stem, clip, moments, *pair, counter.update))

    origin = {"result": sha256_of_file(subject.run.folder / "result.json"), "made": made}
    try:
        reconstruction, error = _kept(folder / f"{stem}.json", origin | _which(clip, moments), write)
    except ClipError as failure:
        return Rendering(problem=str(failure))
    return Rendering(reconstruction, error, made)


def _which(clip: Clip, moments: Moments) -> dict[str, Any]:
    return {
        "tokenbench": tokenbench.__version__,
        "clip": clip.id,
        "stills": moments.stills,
        "loop": [moments.loop.start, moments.loop.stop],
    }


def _kept(note: Path, origin: Mapping[str, Any], write: Callable[[], list[Layer]]) -> list[Layer]:
    """Layers that were made of the same before; else they are written now."""
    digest = fingerprint(dict(origin))
    layers = read_layers(note, digest)
    if layers is None:
        layers = write()
        note_layers(note, digest, layers)
    return layers
