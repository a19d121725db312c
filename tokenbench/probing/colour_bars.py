"""Colour bars: which colour matrix lies between input and reconstruction."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from tokenbench.probing.patterns import Patch, colour_bars, colour_patches
from tokenbench.probing.probe import Figure, Finding, Levels, Probe, Subject, verdict_of

Colours = NDArray[np.floating]
Change = Callable[[Colours], Colours]

# Luma weights of red, green and blue.
_BT601 = np.array([0.299, 0.587, 0.114])
_BT709 = np.array([0.2126, 0.7152, 0.0722])

# In levels: closer than that, colours are right. Networks are off by one or two.
_CLOSE = 3.0
# A known error is named where it explains the colours so many times better than no error.
_MUCH_BETTER = 2.0
_SATURATION_LIMIT = 0.9


def _run(subject: Subject) -> Finding:
    pattern = colour_bars(subject.size)
    reconstruction = subject.reconstruct_still(pattern)
    patches = colour_patches(subject.size)
    shown = np.array([patch.colour for patch in patches], np.float64)
    seen = np.array([_middle_of(reconstruction, patch) for patch in patches])
    matrix = fit_matrix(shown, seen)
    left = _rms(np.clip(shown @ matrix[:, :3].T + matrix[:, 3], 0, 255) - seen)
    errors = {name: _rms(np.clip(change(shown), 0, 255) - seen) for name, change in known_errors().items()}
    nearest, right = min(errors, key=lambda name: errors[name]), errors["none"]
    saturation = _saturation(matrix[:, :3])
    problems = {}
    if right >= _CLOSE and errors[nearest] * _MUCH_BETTER < right:
        problems["colour"] = (
            f"colours are as after this error: {nearest} (off by {errors[nearest]:.1f} levels RMS, {right:.1f} without)"
        )
    elif saturation < _SATURATION_LIMIT:
        problems["saturation"] = f"colours come back with {saturation:.0%} of their saturation"
    elif right >= _CLOSE:
        problems["colour"] = f"colours are off by {right:.1f} levels RMS, in a way that no known error explains"
    verdict, faults = verdict_of(problems, f"colours are right: off by {right:.1f} levels RMS, and no error is nearer")
    return Finding(
        verdict=verdict,
        faults=faults,
        figures=(
            Figure("colour error", right, "levels RMS"),
            Figure("nearest known error", nearest),
            Figure("error against that", errors[nearest], "levels RMS"),
            Figure("saturation", saturation),
            *(
                Figure(f"{name} = matrix of R, G, B, 1", tuple(row), "1, levels")
                for name, row in zip("RGB", matrix.tolist(), strict=True)
            ),
            Figure("left by the matrix", left, "levels RMS"),
        ),
        pattern=pattern,
        reconstruction=reconstruction,
    )


def fit_matrix(shown: Colours, seen: Colours) -> Colours:
    """The 3 x 4 matrix M for which M (R, G, B, 1) is nearest to what was seen, in the sense of least squares.

    Values at 0 and 255 may have been clipped, and are left out where enough others are there.

    Args:
        shown: N x 3, in levels.
        seen: N x 3, in levels.
    """
    inputs = np.hstack([shown, np.ones((len(shown), 1))])
    rows = []
    for channel in seen.T:
        inside = (channel > 0.5) & (channel < 254.5)
        kept = inside if np.linalg.matrix_rank(inputs[inside]) == inputs.shape[1] else np.ones_like(inside)
        rows.append(np.linalg.lstsq(inputs[kept], channel[kept], rcond=None)[0])
    return np.stack(rows)


@cache
def known_errors() -> dict[str, Change]:
    """What is done wrong to colours in practice, by name; "none" is the identity. Results are not clipped.

    Matrices are those of BT.601 and BT.709, the ranges those of 8-bit video: luma 16 to 235 (limited), 0 to 255 (full).
    """
    ranges: dict[str, Change] = {
        "": lambda x: x,
        "limited range shown as full": lambda x: 16 + x * (219 / 255),
        "full range taken for limited": lambda x: (x - 16) * (255 / 219),
    }
    matrices = {
        "": np.eye(3),
        "BT.601 decoded as BT.709": _from_luma(_BT709) @ _to_luma(_BT601),
        "BT.709 decoded as BT.601": _from_luma(_BT601) @ _to_luma(_BT709),
    }
    orders = {"": np.eye(3)} | {
        f"channels in the order {''.join('RGB'[k] for k in order)}": np.eye(3)[list(order)]
        for order in permutations(range(3))
        if order != (0, 1, 2)
    }
    orders["Cb and Cr swapped"] = _from_luma(_BT601) @ np.eye(3)[[0, 2, 1]] @ _to_luma(_BT601)
    changes: dict[str, Change] = {"inverted": lambda x: 255 - x, "grey alone": lambda x: (x @ _BT601)[:, None] + 0 * x}
    for range_name, in_range in ranges.items():
        for matrix_name, matrix in matrices.items():
            for order_name, order in orders.items():
                name = ", ".join(filter(None, (order_name, matrix_name, range_name))) or "none"
                changes[name] = _chain(order @ matrix, in_range)
    return changes


def _chain(matrix: Colours, then: Change) -> Change:
    return lambda x: then(x @ matrix.T)


def _to_luma(weights: Colours) -> Colours:
    """Full-range RGB to Y'CbCr (BT.601 section 2.5, BT.709 section 3)."""
    red, _, blue = np.eye(3)
    return np.stack([weights, (blue - weights) / (2 - 2 * weights[2]), (red - weights) / (2 - 2 * weights[0])])


def _from_luma(weights: Colours) -> Colours:
    return np.linalg.inv(_to_luma(weights))


def _saturation(matrix: Colours) -> float:
    """Mean gain of colour differences: the part of the 3 x 3 matrix that turns chroma into the same chroma."""
    axes = np.array([[1.0, -1.0, 0.0], [1.0, 1.0, -2.0]])
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    return float(np.mean([axis @ matrix @ axis for axis in axes]))


def _middle_of(image: Levels, patch: Patch) -> Colours:
    """Mean colour of a patch without the quarter at each side, where its neighbours reach."""
    down, across = (patch.bottom - patch.top) // 4, (patch.right - patch.left) // 4
    inside = image[patch.top + down : patch.bottom - down, patch.left + across : patch.right - across]
    return inside.mean(axis=(0, 1), dtype=np.float64)


def _rms(values: Colours) -> float:
    return float(np.square(values).mean()) ** 0.5


PROBE = Probe(
    name="colour-bars",
    title="Colour bars",
    shows="EBU bars of 75 %, the same between 25 % and 75 %, and greys. Lays bare wrong ranges, matrices and channels.",
    source="ITU-R BT.471-1 (bars), BT.601-7 and BT.709-6 (matrices)",
    run=_run,
)
