"""Frame 0 against later frames: causal tokenizers know less of it, or give it tokens of its own."""

from __future__ import annotations

import numpy as np

from tokenbench.metrics.phases import phases, psnr_series
from tokenbench.metrics.pixel import psnr_from_error
from tokenbench.probing.patterns import dead_leaves, pan
from tokenbench.probing.probe import Figure, Finding, Plot, Probe, Subject, verdict_of

# Pixels a frame, (down, right): slow, as most of natural video is.
_SPEED = (0, 1)

_DIFFERENCE_LIMIT = 1.0


def _run(subject: Subject) -> Finding:
    clip = pan(dead_leaves(subject.size), subject.frames, _SPEED)
    reconstruction = subject.reconstruct(clip)
    rounded = np.floor(reconstruction + 0.5)
    errors = [int(np.square(seen - shown, dtype=np.float64).sum()) for seen, shown in zip(rounded, clip, strict=True)]
    values = clip[0].size
    profile = phases(errors, subject.tokenizer.info.compression[0], values)
    rest = psnr_from_error(sum(errors[1:]), values * (len(errors) - 1))
    difference = profile["first"] - rest
    known = [value for value in profile["phases"] if value is not None]
    problems = {}
    if abs(difference) >= _DIFFERENCE_LIMIT:
        side = "better" if difference > 0 else "worse"
        problems["first frame"] = f"frame 0 is {abs(difference):.1f} dB {side} than the frames after it"
    verdict, faults = verdict_of(problems, f"frame 0 is as good as the others ({difference:+.1f} dB)")
    return Finding(
        verdict=verdict,
        faults=faults,
        figures=(
            Figure("PSNR of frame 0", profile["first"], "dB"),
            Figure("PSNR of later frames", rest, "dB"),
            Figure("frame 0 less later frames", difference, "dB"),
            Figure("PSNR over places in a step of tokens", tuple(known), "dB"),
            Figure("spread over places in a step of tokens", max(known) - min(known), "dB"),
        ),
        pattern=clip[0],
        reconstruction=reconstruction[0],
        plot=Plot(
            x_label="frame",
            y_label="PSNR (dB)",
            curves={"PSNR": (list(range(len(clip))), psnr_series(errors, values))},
        ),
    )


PROBE = Probe(
    name="first-frame",
    title="First frame",
    shows="A photograph-like picture that moves by a pixel a frame. Lays bare a first frame unlike the others.",
    source="PSNR of frame 0 and of each place in a step of tokens (tokenbench.metrics.phases)",
    run=_run,
    over_time=True,
)
