"""Table 9: parameters as counted, and times as `tokenbench throughput` measures them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tokenbench.registry import find_card
from tokenbench.reproduction.measure import Outcome
from tokenbench.reproduction.plan import Row, Table

# What the times of a row are called among its values.
TIME = "time"
PARAMETERS = "parameters"


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How long a tokenizer takes.

    Args:
        tokenizer: its registered name.
        resolution: HEIGHTxWIDTH.
        frames: of a clip; 1 for an image.
        milliseconds: for encoding and decoding one image, or one frame of a clip.
        device: its full name.
        deviations: in what else it differs from what the paper timed, a reason each.
    """

    tokenizer: str
    resolution: str
    frames: int
    milliseconds: float
    device: str
    deviations: tuple[str, ...] = ()


def timed_outcomes(table: Table, timings: Iterable[Timing]) -> dict[Row, Outcome]:
    """What there is of each row: the parameters always, the time where one fits the row's size and frames."""
    known = {(each.tokenizer, each.resolution, each.frames): each for each in timings}
    return {row: _outcome(table, row, known.get((row.tokenizer, *_shape(row)))) for row in table.rows}


def timings_of(records: Iterable[Mapping[str, Any]]) -> list[Timing]:
    """The rows of a `throughput.json` that the paper has the like of: measured, one image or clip at a time."""
    return [
        Timing(
            tokenizer=record["case"]["tokenizer"],
            resolution="x".join(map(str, record["input"]["size"])),
            frames=record["input"]["frames"],
            milliseconds=record["milliseconds"]["total"]["mean"],
            device=record["machine"]["name"],
            deviations=_choices(record["case"]),
        )
        for record in records
        if record["status"] == "measured" and record["case"]["batch"] == 1
    ]


def _choices(case: Mapping[str, Any]) -> tuple[str, ...]:
    """What is not as it was released."""
    compiled = ("timed with torch.compile",) if case["compile"] else ()
    settings = (f"timed with the settings {case['settings']}",) if case["settings"] else ()
    return (*compiled, *settings)


def _shape(row: Row) -> tuple[str, int]:
    frames = row.columns["frames"]
    return row.columns["resolution_HxW"], int(frames) if frames.isdecimal() else 1


def _outcome(table: Table, row: Row, timing: Timing | None) -> Outcome:
    counted = {PARAMETERS: find_card(row.tokenizer).info.parameters / 1e6}
    if timing is None:
        resolution, frames = _shape(row)
        at = resolution if frames == 1 else f"{frames} frames of {resolution}"
        return Outcome(
            values=counted,
            missing={TIME: f"not timed at {at}: use tokenbench throughput, then --throughput FOLDER"},
        )
    other = (f"timed on {timing.device}, the paper on {table.device}",) if table.device not in timing.device else ()
    return Outcome(values=counted | {TIME: timing.milliseconds}, own={TIME: (*other, *timing.deviations)})
