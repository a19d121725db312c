"""A long still clip: every frame should come back the same, however late it is."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from tokenbench.probing.patterns import dead_leaves
from tokenbench.probing.probe import Figure, Finding, Plot, Probe, Subject, verdict_of

# Times the frames of a moving pattern.
_LENGTH = 3

# Levels RMS.
_DRIFT_LIMIT = 0.5
_FLICKER_LIMIT = 0.5
_JUMP_LIMIT = 0.5


def _run(subject: Subject) -> Finding:
    image = dead_leaves(subject.size)
    window = subject.window_used
    frames = max(_LENGTH * subject.frames, 2 * window + 1 if window else 0)
    reconstruction = subject.reconstruct(np.repeat(image[None], frames, axis=0))
    error = np.array([_rms(frame - image.astype(np.float32)) for frame in reconstruction])
    change = np.array([_rms(after - before) for before, after in pairwise(reconstruction)])
    third = frames // 3
    drift = float(error[-third:].mean() - error[1 : 1 + third].mean())
    # Before window k comes change k * window - 1; the first frame is apart.
    borders = np.arange(1, frames) % window == 0 if window else np.zeros(frames - 1, bool)
    within = change[1:][~borders[1:]]
    flicker = float(np.mean(within))
    jump = float(change[borders].mean() - flicker) if borders.any() else None
    problems = {}
    if abs(drift) >= _DRIFT_LIMIT:
        way = "grows" if drift > 0 else "falls"
        problems["drift"] = f"the error of a still picture {way} by {abs(drift):.1f} levels RMS within {frames} frames"
    if flicker >= _FLICKER_LIMIT:
        problems["flicker"] = f"a still picture changes by {flicker:.1f} levels RMS from frame to frame"
    if jump is not None and jump >= _JUMP_LIMIT:
        problems["window jumps"] = f"it jumps by {jump:.1f} levels RMS more where a window of {window} frames begins"
    verdict, faults = verdict_of(problems, f"a still picture stays still over {frames} frames")
    return Finding(
        verdict=verdict,
        faults=faults,
        figures=(
            Figure("frames", frames, "frames"),
            Figure("error of frame 0", float(error[0]), "levels RMS"),
            Figure("error of the last frame", float(error[-1]), "levels RMS"),
            Figure("drift, last third less first", drift, "levels RMS"),
            Figure("flicker, frame to frame", flicker, "levels RMS"),
            Figure("window", window, "frames"),
            Figure("jump at windows", jump, "levels RMS"),
        ),
        pattern=image,
        reconstruction=reconstruction[-1],
        plot=Plot(
            x_label="frame",
            y_label="levels RMS",
            curves={
                "error": (list(range(frames)), error.tolist()),
                "change from the frame before": (list(range(1, frames)), change.tolist()),
            },
        ),
    )


def _rms(values: np.ndarray) -> float:
    return float(np.square(values, dtype=np.float64).mean()) ** 0.5


PROBE = Probe(
    name="still",
    title="Long still",
    shows="One picture over three times as many frames. Lays bare drift, flicker, and jumps where windows begin.",
    source="RMS error of each frame, and RMS change from the frame before",
    run=_run,
    over_time=True,
)
