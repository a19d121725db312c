"""Streams and windows against one pass over the whole clip."""

from __future__ import annotations

from itertools import accumulate, count, pairwise, takewhile
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tokenbench.checking.compare import decibels, difference, shown, tolerance
from tokenbench.checking.finding import Finding, absent, failed, measured, verdict
from tokenbench.checking.material import Frames
from tokenbench.checking.subject import Subject
from tokenbench.errors import ClipError
from tokenbench.evaluation.streams import open_stream, streams_itself
from tokenbench.evaluation.windows import Output, WindowedStream
from tokenbench.media.pixels import Quantisation

_FPS = 25.0
_LEVELS = 255.0

# A stream is the whole clip: in float32 their difference must be far below what any tokenizer loses; in half
# precision the order of sums costs more.
_LEAST_DECIBELS = {True: 50.0, False: 30.0}

Values = NDArray[Any]


def streaming(subject: Subject) -> Finding:
    """The tokenizer's own stream, pushed in chunks of 1, 2, 3, ... frames, gives what one pass gives."""
    if subject.is_image:
        return absent("it takes images")
    if not streams_itself(subject.tokenizer):
        return absent("it has no stream of its own; the runner cuts windows")
    how: Quantisation = "round" if hasattr(subject.tokenizer, "frame_stream") else "none"
    stream = open_stream(subject.tokenizer, subject.compute, fps=_FPS, quantisation=how)
    bounds = [*_until(len(subject.frames)), len(subject.frames)]
    streamed = _through(stream, [subject.frames[a:b] for a, b in pairwise(bounds)])
    whole = Output(how).frames([subject.first.video])
    if streamed.shape != whole.shape:
        return failed(f"the stream gave {streamed.shape[0]} frames for {len(subject.frames)}, {streamed.shape}")
    level, largest = _apart(streamed, np.asarray(whole))
    least = _LEAST_DECIBELS[subject.compute.dtype == torch.float32]
    text = f"stream against one pass over {len(whole)} frames: {shown(level)}, at most {largest:.3g} levels of 255"
    problems = [] if level >= least else [f"{text}; expected at least {least:g} dB"]

    open_stream(subject.tokenizer, subject.compute, fps=_FPS).push(255 - subject.frames)
    kept = difference(subject.round_trip(subject.clip).video, subject.first.video).relative
    if not kept <= tolerance(subject.compute.dtype):
        problems.append("a stream that is left unfinished changes the next clip: keep its state in the stream")
    return verdict(problems, text, decibels=level, largest_levels=largest)


def windows(subject: Subject) -> Finding:
    """How far windows of the card's length are from one pass over the whole clip, and at the seam between two."""
    window = subject.info.window
    if subject.is_image:
        return absent("it takes images")
    if window is None:
        return absent("the runner gives it whole clips, not windows")
    frames = subject.cut(window + len(subject.frames), *subject.small)
    cut = _through(WindowedStream(subject.tokenizer, subject.compute, window, Output("none")), [frames])
    try:
        whole = _through(WindowedStream(subject.tokenizer, subject.compute, None, Output("none")), [frames])
    except ClipError as error:
        return absent(f"it takes no {len(frames)} frames in one call ({error})")
    level, largest = _apart(cut, whole)
    seam, _ = _apart(cut[window - 1 : window + 1], whole[window - 1 : window + 1])
    return measured(
        f"windows of {window} against one pass over {len(frames)} frames: {shown(level)}, at the seam {shown(seam)}, "
        f"at most {largest:.3g} levels of 255",
        decibels=level,
        seam_decibels=seam,
        largest_levels=largest,
    )


def _until(frames: int) -> list[int]:
    """0, 1, 3, 6, 10, ... below a number of frames."""
    return list(takewhile(lambda bound: bound < frames, accumulate(count())))


def _through(stream: Any, chunks: list[Frames]) -> Values:
    """All that a stream gives, T x H x W x 3."""
    parts = [*(stream.push(chunk) for chunk in chunks), stream.flush()]
    return np.concatenate([part for part in parts if len(part)] or parts[:1])


def _apart(given: Values, expected: Values) -> tuple[float, float]:
    """PSNR of frames in 255 levels, and the largest difference."""
    error = given.astype(np.float64) - expected
    return decibels(float(np.mean(error**2)), _LEVELS), float(abs(error).max())
