"""Shifted input: does the reconstruction depend on where the picture lies on the token grid?"""

from __future__ import annotations

import numpy as np

from tokenbench.metrics import psnr
from tokenbench.probing.patterns import Frames, dead_leaves
from tokenbench.probing.probe import Figure, Finding, Levels, Plot, Probe, Subject, verdict_of
from tokenbench.probing.response import displacement, impulse_response

_SHIFTS = range(8)
_BORDER_SHARE = 8
_RADIUS = 3

_SPREAD_LIMIT = 0.5
# Shifted reconstructions of equal quality still differ where their errors do: of an error that has nothing to do
# with that of the other shift, the difference is sqrt(2) times as large.
_EQUIVARIANCE_LIMIT = 1.0
_DISPLACEMENT_LIMIT = 0.1


def _run(subject: Subject) -> Finding:
    border = subject.size // _BORDER_SHARE
    inner = (slice(border, -border), slice(border, -border))
    picture = dead_leaves(subject.size)
    shown = [np.roll(picture, (shift, shift), (0, 1)) for shift in _SHIFTS]
    seen = [subject.reconstruct_still(image) for image in shown]
    back = [np.roll(image, (-shift, -shift), (0, 1))[inner] for shift, image in zip(_SHIFTS, seen, strict=True)]
    scores = [psnr(picture[inner], _eight_bits(image)) for image in back]
    spread = max(scores) - min(scores)
    equivariance = _rms(np.stack(back[1:]) - back[0])
    error = _rms(np.stack(back) - picture[inner])
    moved = displacement(impulse_response(np.stack(shown), np.stack(seen)), _RADIUS)
    problems = {}
    if moved is not None and max(map(abs, moved)) >= _DISPLACEMENT_LIMIT:
        problems["displacement"] = f"the picture lies {moved[0]:+.2f} pixels too low and {moved[1]:+.2f} too far right"
    if spread >= _SPREAD_LIMIT or equivariance >= _EQUIVARIANCE_LIMIT:
        problems["shift variance"] = (
            f"what comes back depends on the place: shifts by 1 to {_SHIFTS[-1]} pixels change PSNR by {spread:.2f} dB"
            f" and pixels by {equivariance:.1f} levels RMS (the error itself is {error:.1f})"
        )
    verdict, faults = verdict_of(problems, "shifting the input shifts the output, and nothing else")
    return Finding(
        verdict=verdict,
        faults=faults,
        figures=(
            Figure("PSNR, unshifted", scores[0], "dB"),
            Figure("PSNR, spread over shifts", spread, "dB"),
            Figure("equivariance error", equivariance, "levels RMS"),
            Figure("equivariance error against error", equivariance / error if error else None),
            Figure("displacement down", moved and moved[0], "pixels"),
            Figure("displacement to the right", moved and moved[1], "pixels"),
        ),
        pattern=picture,
        reconstruction=seen[0],
        plot=Plot(
            x_label="shift along both axes (pixels)",
            y_label="PSNR after shifting back (dB)",
            curves={"PSNR": (list(_SHIFTS), scores)},
        ),
    )


def _eight_bits(image: Levels) -> Frames:
    return np.floor(image + 0.5).astype(np.uint8)


def _rms(values: np.ndarray) -> float:
    return float(np.square(values, dtype=np.float64).mean()) ** 0.5


PROBE = Probe(
    name="shift",
    title="Shifted input",
    shows="A photograph-like picture, shifted by 1 to 7 pixels. Lays bare dependence on the place, and displacement.",
    source="equivariance: f(shift x) against shift f(x); Azulay and Weiss, JMLR 20, 2019; Zhang, ICML 2019",
    run=_run,
)
