"""A moving edge: how wide it becomes, whether it rings, whether it stays in place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tokenbench.probing.patterns import edge
from tokenbench.probing.probe import Figure, Finding, Levels, Plot, Probe, Subject, verdict_of

# Pixels a frame: prime to the usual token sizes, so that the edge meets every place in a token.
_SPEED = 3
_BORDER_SHARE = 8
# Pixels; beyond them what is left of an edge counts as ringing.
_NEAR = 4
_PLOTTED = 16

_WIDTH_LIMIT = 3.0
_OVERSHOOT_LIMIT = 0.1
_RINGING_LIMIT = 0.02
_DISPLACEMENT_LIMIT = 0.1


def _run(subject: Subject) -> Finding:
    border = subject.size // _BORDER_SHARE
    reach = subject.size // 4
    frames = min(subject.frames, subject.size // 4 // _SPEED)
    positions = [subject.size // 2 + _SPEED * (t - frames // 2) for t in range(frames)]
    clip = np.stack([edge(subject.size, position) for position in positions])
    reconstruction = subject.reconstruct(clip)
    profiles = aligned(reconstruction[:, border:-border], positions, reach)
    place = np.arange(-reach, reach) + 0.5
    far = np.abs(place) > reach / 2
    high, low = profiles[:, far & (place < 0)].mean(), profiles[:, far & (place > 0)].mean()
    step = float(high - low)
    shares = (profiles - low) / step if step > 0 else np.zeros_like(profiles)
    mean = shares.mean(axis=0)
    overshoot = float(max(shares.max() - 1, -shares.min()))
    ideal = (place < 0).astype(float)
    ringing = float(np.square(shares - ideal)[:, np.abs(place) > _NEAR].mean()) ** 0.5
    ends = [crossing(place, mean, level) for level in (0.9, 0.5, 0.1)]
    width = None if ends[0] is None or ends[2] is None else ends[2] - ends[0]
    problems = {}
    if width is None:
        problems["lost"] = "no edge comes back"
    else:
        if width >= _WIDTH_LIMIT:
            problems["blur"] = f"an edge becomes {width:.1f} pixels wide (10 % to 90 %; 0.8 is perfect)"
        if overshoot >= _OVERSHOOT_LIMIT:
            problems["overshoot"] = f"edges overshoot by {overshoot:.0%} of their height"
        if ringing >= _RINGING_LIMIT:
            problems["ringing"] = f"beyond {_NEAR} pixels they ring with {ringing:.1%} RMS of their height"
        if ends[1] is not None and abs(ends[1]) >= _DISPLACEMENT_LIMIT:
            side = "right" if ends[1] > 0 else "left"
            problems["displacement"] = f"edges lie {abs(ends[1]):.2f} pixels too far {side}"
    verdict, faults = verdict_of(problems, "edges come back sharp, in place, without overshoot or ringing")
    middle = frames // 2
    near = np.abs(place) < _PLOTTED
    return Finding(
        verdict=verdict,
        faults=faults,
        figures=(
            Figure("width, 10 % to 90 %", width, "pixels"),
            Figure("displacement to the right", ends[1], "pixels"),
            Figure("overshoot, worst frame", overshoot),
            Figure(f"ringing beyond {_NEAR} pixels", ringing),
            Figure("height", step / 127, ""),
        ),
        pattern=clip[middle],
        reconstruction=reconstruction[middle],
        plot=Plot(
            x_label="distance from the edge (pixels)",
            y_label="share of the edge's height",
            curves={
                "input": (place[near].tolist(), ideal[near].tolist()),
                "mean of the frames": (place[near].tolist(), mean[near].tolist()),
                "lowest of the frames": (place[near].tolist(), shares.min(axis=0)[near].tolist()),
                "highest of the frames": (place[near].tolist(), shares.max(axis=0)[near].tolist()),
            },
        ),
    )


def aligned(frames: Levels, positions: list[int], reach: int) -> NDArray[np.float64]:
    """Profiles across an edge, mean over rows and channels, so many pixels to either side of where it was drawn.

    Args:
        frames: T x H x W x 3.
        positions: of the edge in each, in pixels.
        reach: pixels to either side.

    Returns:
        T x 2 reach.
    """
    profiles = frames.mean(axis=(1, 3), dtype=np.float64)
    return np.stack(
        [profile[position - reach : position + reach] for profile, position in zip(profiles, positions, strict=True)]
    )


def crossing(place: NDArray[np.floating], profile: NDArray[np.floating], level: float) -> float | None:
    """Where a falling profile passes a level, nearest to the middle, between pixels; None where it does not."""
    falls = np.flatnonzero((profile[:-1] >= level) & (profile[1:] < level))
    if not len(falls):
        return None
    at = falls[np.abs(place[falls]).argmin()]
    share = (profile[at] - level) / (profile[at] - profile[at + 1])
    return float(place[at] + share * (place[at + 1] - place[at]))


PROBE = Probe(
    name="edge",
    title="Moving edge",
    shows="An edge from 191 to 64 that moves by 3 pixels a frame. Lays bare blur, overshoot, ringing and displacement.",
    source="edge profile as in ISO 12233 (rise from 10 % to 90 %), along columns",
    run=_run,
)
