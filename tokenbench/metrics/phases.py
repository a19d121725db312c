"""Where in a window of time a tokenizer does well: quality over a frame's place in its temporal stride.

A causal tokenizer gives frame 0 tokens of its own, and every `stride` frames after it share one step of tokens; so
frame i >= 1 has the phase (i - 1) % stride. One that is not causal has no such frame, and frame i has the phase
i % stride. A tokenizer that favours the last frame of a step, or starts badly, shows here and not in a clip's PSNR.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from tokenbench.errors import ClipError, TokenBenchError
from tokenbench.metrics.pixel import psnr_from_error

# A frame's phase; None where it has tokens of its own.
Place = int | None


def psnr_series(squared_errors: Sequence[int], values_per_frame: int) -> list[float]:
    """PSNR of every frame, in dB.

    Args:
        squared_errors: the sum over each frame of the clip, as `PixelScores.update` gives them.
        values_per_frame: height x width x channels.
    """
    return [psnr_from_error(error, values_per_frame) for error in squared_errors]


def places(frames: int, stride: int, *, causal: bool = True, before: int = 0) -> list[Place]:
    """The place of each frame of a clip, or of one window of it, among those that share a step of tokens.

    Args:
        frames: of the clip.
        stride: frames that share a step of tokens.
        causal: whether the first frame has tokens of its own.
        before: frames that were put in front of the clip, whose places come first.
    """
    start = before - causal
    return [None if index < 0 else index % stride for index in range(start, start + frames)]


def phases(
    squared_errors: Sequence[int], stride: int, values_per_frame: int, at: Sequence[Place] | None = None
) -> dict[str, Any]:
    """PSNR of one clip's first frame and of each phase, one MSE over all frames of a phase.

    Args:
        squared_errors: the sum over each frame of the clip, as `PixelScores.update` gives them.
        stride: frames that share a step of tokens, after the first frame; 1 for a tokenizer of single frames.
        values_per_frame: height x width x channels.
        at: the place of each frame; None for those of a causal tokenizer that takes the clip whole.

    Returns:
        `stride`; `first`, the PSNR in dB of the frames that have tokens of their own; `phases`, a list of `stride`
        PSNRs in dB. None where the clip has no such frame. Ready for JSON.

    Raises:
        ClipError: there were no frames.
        TokenBenchError: the stride is not positive.
    """
    if stride < 1:
        raise TokenBenchError(f"the temporal stride must be at least 1, got {stride}")
    if not squared_errors:
        raise ClipError("no frames to score: the clip is empty")
    members: dict[Place, list[int]] = {place: [] for place in (None, *range(stride))}
    for error, place in zip(squared_errors, places(len(squared_errors), stride) if at is None else at, strict=True):
        members[place].append(error)
    first, *rest = (
        psnr_from_error(sum(errors), len(errors) * values_per_frame) if errors else None for errors in members.values()
    )
    return {"stride": stride, "first": first, "phases": rest}


def mean_phases(clips: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The mean over clips of each number of their `phases`, every clip with the same weight.

    Args:
        clips: what `phases` gave, all of one stride.

    Returns:
        The same keys; a number that some clips lack is the mean of the others, None where all lack it.

    Raises:
        TokenBenchError: no clips, or of different strides.
    """
    strides = sorted({clip["stride"] for clip in clips})
    if len(strides) != 1:
        found = ", ".join(map(str, strides)) or "no clips"
        raise TokenBenchError(f"a mean of phases needs clips of one temporal stride, got {found}")
    return {
        "stride": strides[0],
        "first": _mean([clip["first"] for clip in clips]),
        "phases": [_mean(values) for values in zip(*(clip["phases"] for clip in clips), strict=True)],
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
