"""The pictures of the page: worst, median and best clips of every run, inside the page or in files beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from tokenbench.reporting.formats import TIMES, quantity
from tokenbench.reporting.leaderboard import Entry, Group
from tokenbench.reporting.pictures import ERROR_GAIN, Comparison, Picture, compare
from tokenbench.reporting.runs import Sample

FOLDER = "media"

# Above so many samples, the worst alone of every run.
_MOST = 60
# Above so many bytes, pictures are files: the page must open at once.
_EMBEDDED_BYTES = 4_000_000
_OPEN_AT_FIRST = 4
_ONE_OF = {"image": "photograph"}


@dataclass(frozen=True)
class Shots:
    """What the page shows of a group's samples.

    Args:
        entries: for the template, a dictionary for each run that has samples.
        worst_alone: the others were left out, for they would be too many.
        files: pictures that lie beside the page, by their names below its folder.
    """

    entries: list[dict[str, Any]]
    worst_alone: bool = False
    files: dict[str, bytes] = field(default_factory=dict)


def take_shots(group: Group) -> Shots:
    """Pictures of every tokenizer; the first contestants are open, the others a click away."""
    entries = [entry for entry in group.entries if entry.run.samples]
    worst_alone = sum(len(entry.run.samples) for entry in entries) > _MOST
    chosen = [(entry, _chosen(entry, worst_alone)) for entry in entries]
    samples = [sample for _, some in chosen for sample in some]
    # Decoding and encoding let other threads go on.
    with ThreadPoolExecutor() as pool:
        comparisons = dict(zip(map(id, samples), pool.map(compare, samples), strict=True))
    pictures = [picture for each in comparisons.values() for picture in _pictures(each).values()]
    beside = sum(len(picture.data) for picture in pictures) > _EMBEDDED_BYTES
    opened = [entry for entry in entries if not entry.run.is_ceiling][:_OPEN_AT_FIRST]
    return Shots(
        entries=[
            {
                "title": entry.title,
                "open": entry in opened,
                "shots": [_shot(sample, comparisons[id(sample)], beside) for sample in some],
            }
            for entry, some in chosen
        ],
        worst_alone=worst_alone,
        files={_file(picture): picture.data for picture in pictures} if beside else {},
    )


def _chosen(entry: Entry, worst_alone: bool) -> Sequence[Sample]:
    return [sample for sample in entry.run.samples if sample.rank == "worst" or not worst_alone]


def _shot(sample: Sample, comparison: Comparison, beside: bool) -> dict[str, Any]:
    """A sample's caption and pictures."""
    frame = "" if sample.frame is None else f"frame {sample.frame}"
    psnr = "" if sample.psnr is None else f"clip PSNR {quantity('psnr').format(sample.psnr)} dB"
    return {
        "rank": sample.rank,
        "media": _ONE_OF.get(sample.media or "", sample.media or ""),
        "clip": sample.clip,
        "rest": " · ".join(filter(None, (frame, psnr))),
        "problem": comparison.problem,
        "pictures": {
            name: {
                "uri": _file(picture) if beside else picture.uri,
                "width": picture.width,
                "height": picture.height,
            }
            for name, picture in _pictures(comparison).items()
        },
    }


def _pictures(comparison: Comparison) -> dict[str, Picture]:
    pictures = {
        "original": comparison.original,
        "reconstruction": comparison.reconstruction,
        f"error {TIMES} {ERROR_GAIN}": comparison.error,
    }
    return {name: picture for name, picture in pictures.items() if picture}


def _file(picture: Picture) -> str:
    """Named for what it holds, so that an original that runs share is written once."""
    return f"{FOLDER}/{hashlib.sha256(picture.data).hexdigest()[:16]}.webp"
