"""A panning picture: how much of other frames is in each frame."""

from __future__ import annotations

import numpy as np

from tokenbench.probing.patterns import dead_leaves, pan
from tokenbench.probing.probe import Figure, Finding, Plot, Probe, Subject, verdict_of
from tokenbench.probing.response import impulse_response, mass_near

# Pixels a frame, (down, right): far enough that a blur of a few pixels is not taken for another frame.
_SPEED = (3, 7)
_RADIUS = 3
# Frames before and after the one at hand.
_REACH = 3

# Shares of the picture.
_GHOST_LIMIT = 0.03
_LOST_LIMIT = 0.5
_LAG_LIMIT = 0.1
# A blur wider than the motion reaches both neighbours alike; a ghost is in one of them.
_ONE_SIDED = 2.0


def _run(subject: Subject) -> Finding:
    clip = pan(dead_leaves(subject.size), subject.frames, _SPEED)
    reconstruction = subject.reconstruct(clip)
    shares = frame_shares(clip, reconstruction)
    total = sum(shares.values())
    lag = -sum(distance * share for distance, share in shares.items()) / total if total >= _LOST_LIMIT else None
    before, after = shares[-1], shares[1]
    problems = {}
    if lag is None:
        problems["lost"] = f"no more than {total:.0%} of a moving picture comes back"
    elif abs(before) >= _GHOST_LIMIT and abs(before) >= _ONE_SIDED * abs(after):
        problems["ghosting"] = f"{before:.1%} of the former frame is left in each"
    elif abs(after) >= _GHOST_LIMIT and abs(after) >= _ONE_SIDED * abs(before):
        problems["ghosting"] = f"{after:.1%} of the next frame is in each"
    elif min(before, after) >= _GHOST_LIMIT:
        problems["ghosting"] = f"{before:.1%} of the former and {after:.1%} of the next frame are in each"
    if lag is not None and abs(lag) >= _LAG_LIMIT:
        problems["lag"] = f"the picture is {abs(lag):.2f} frames {'late' if lag > 0 else 'early'}"
    verdict, faults = verdict_of(problems, "moving pictures come back on time, without ghosts")
    return Finding(
        verdict=verdict,
        faults=faults,
        figures=(
            Figure("the frame itself", shares[0], ""),
            Figure("left of the former frame", before, ""),
            Figure("left of the frame before it", shares[-2], ""),
            Figure("from the next frame", after, ""),
            Figure("lag", lag, "frames"),
        ),
        pattern=clip[-1],
        reconstruction=reconstruction[-1],
        plot=Plot(
            x_label="frame, counted from the one at hand",
            y_label="share in the reconstruction",
            curves={"share": (list(shares), list(shares.values()))},
            mark=0.0,
        ),
    )


def frame_shares(clip: np.ndarray, reconstruction: np.ndarray) -> dict[int, float]:
    """How much of each neighbouring frame is in a frame of a pan, by distance in frames; negative ones came before.

    A frame before lies behind in the motion, so its share is the mass of the impulse response around that place.

    Args:
        clip: T x H x W x 3, a `patterns.pan` with this module's speed.
        reconstruction: the same shape.
    """
    later = slice(1, None)  # frame 0 has no former frame
    response = impulse_response(clip[later], reconstruction[later])
    down, right = _SPEED
    return {
        distance: mass_near(response, distance * down, distance * right, _RADIUS)
        for distance in range(-_REACH, _REACH + 1)
    }


PROBE = Probe(
    name="pan",
    title="Panning picture",
    shows="A photograph-like picture that moves by (3, 7) pixels a frame. Lays bare ghosts of other frames and lag.",
    source="impulse response of the frames (Wiener), whose mass lies where each neighbouring frame was",
    run=_run,
    over_time=True,
)
