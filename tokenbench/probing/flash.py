"""A flash: one bright frame in a still clip, and the frames that know of it."""

from __future__ import annotations

import numpy as np

from tokenbench.probing.patterns import dead_leaves
from tokenbench.probing.probe import Figure, Finding, Plot, Probe, Subject, verdict_of

# Levels: half the contrast is left to the still, so that nothing clips.
_FLASH = 80

# A change of so many levels RMS is no rounding of floats.
_KNOWS = 0.05
# Shares of the flash.
_LEAK_LIMIT = 0.02
_LOST_LIMIT = 0.5


def _run(subject: Subject) -> Finding:
    image = dead_leaves(subject.size) // 2 + 16
    clip = np.repeat(image[None], subject.frames, axis=0)
    at = subject.frames // 2
    flashed = clip.copy()
    flashed[at] += _FLASH
    reconstruction = subject.reconstruct(flashed)
    change = (reconstruction - subject.reconstruct(clip)).astype(np.float64)
    shares = change.mean(axis=(1, 2, 3)) / _FLASH
    effect = np.sqrt(np.square(change).mean(axis=(1, 2, 3)))
    knows = np.flatnonzero(effect >= _KNOWS)
    first, last = int(min(knows, default=at)), int(max(knows, default=at))
    group = frames_that_share_tokens(at, subject.tokenizer.info.compression[0])
    before, after = _strongest(shares[:at]), _strongest(shares[at + 1 :])
    problems = {}
    if first < group.start:
        more = f", more than the {len(group)} that share its tokens" if len(group) > 1 else ""
        problems["non-causal"] = f"frames know of a flash {at - first} frames before it{more}"
    if shares[at] < _LOST_LIMIT:
        problems["lost"] = f"only {shares[at]:.0%} of a flash comes back"
    if max(abs(before), abs(after)) >= _LEAK_LIMIT:
        problems["leak"] = f"{before:.1%} of a flash are seen before it and {after:.1%} after it, at most"
    if first < at:
        causal = f"frames know of a flash {at - first} before it, within the {len(group)} that share its tokens"
    else:
        causal = "no frame knows of a flash before it"
    verdict, faults = verdict_of(problems, f"{causal}, and it does not leak")
    return Finding(
        verdict=verdict,
        faults=faults,
        figures=(
            Figure("of the flash, in its own frame", float(shares[at])),
            Figure("of the flash, before it, at most", before),
            Figure("of the flash, after it, at most", after),
            Figure("first frame that knows of it", first - at, "frames"),
            Figure("last frame that knows of it", last - at, "frames"),
            Figure("frames that share its tokens, first", group.start - at, "frames"),
            Figure("frames that share its tokens, last", group.stop - 1 - at, "frames"),
        ),
        pattern=flashed[at],
        reconstruction=reconstruction[at],
        plot=Plot(
            x_label="frame, counted from the flash",
            y_label="share of the flash",
            curves={
                "mean": ([t - at for t in range(len(clip))], shares.tolist()),
                "RMS": ([t - at for t in range(len(clip))], (effect / _FLASH).tolist()),
            },
            mark=0.0,
        ),
    )


def frames_that_share_tokens(frame: int, stride: int) -> range:
    """Frame 0 has tokens of its own; every `stride` frames after it share a step of tokens (causal tokenizers)."""
    if frame == 0:
        return range(1)
    start = 1 + (frame - 1) // stride * stride
    return range(start, start + stride)


def _strongest(shares: np.ndarray) -> float:
    return float(shares[np.abs(shares).argmax()]) if len(shares) else 0.0


PROBE = Probe(
    name="flash",
    title="Flash",
    shows="One frame of a still clip is 80 levels brighter. Lays bare which frames before and after it know of it.",
    source="temporal impulse response: the reconstruction with the flash less the one without",
    run=_run,
    over_time=True,
)
