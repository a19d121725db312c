"""Clips that go through together come back as they do one by one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tokenbench.checking.compare import difference, share_changed, tolerance
from tokenbench.checking.finding import Figure, Finding, verdict
from tokenbench.checking.subject import Subject, data_of
from tokenbench.evaluation.windows import bits_of
from tokenbench.tokenizer import Tokens

# Codes at the edge of their cell may fall to the other side by the order of sums.
_CODES_CHANGED = 0.01


def batch(subject: Subject) -> Finding:
    """A batch of two gives the tokens, bits and frames that each gives alone."""
    alone = [subject.first, subject.round_trip(subject.other)]
    clips = torch.cat([subject.clip, subject.other])
    together = subject.encode(clips)
    problems: list[str] = []
    figures: dict[str, Figure] = {}
    limit = tolerance(subject.compute.dtype)

    parts = [trip.data for trip in alone]
    given: Any = together
    if all(isinstance(part, Tensor) for part in [*parts, data_of(together)]):
        expected = torch.cat(parts)
        problems += _token_problems(data_of(together), expected, limit, figures)
        # The same tokens as alone, so that a code on the edge is not taken for a fault of the decoder.
        given = Tokens(expected, None) if isinstance(together, Tokens) else expected
    costs = [bits_of(tokens, subject.info) for tokens in (together, *(trip.tokens for trip in alone))]
    if None not in costs and abs(costs[0] - sum(costs[1:])) > 1e-6 * abs(costs[0]):  # type: ignore[operator, arg-type]
        problems.append(f"a batch costs {costs[0]:.8g} bits, its clips {costs[1]:.8g} and {costs[2]:.8g}")
    apart = difference(subject.decode(given, clips.shape), torch.cat([trip.video for trip in alone]))
    figures |= {"relative": apart.relative, "largest": apart.largest}
    if not apart.relative <= limit:
        problems.append(
            f"frames decoded in a batch are up to {apart.largest:.3g} off, {apart.relative:.2g} of their size"
        )
    tokens_text = "".join(f"; {name} {value:.2g}" for name, value in figures.items() if name.startswith("tokens"))
    return verdict(
        problems, f"two clips together are two clips alone: frames within {apart.largest:.2g}{tokens_text}", **figures
    )


def _token_problems(given: Tensor, expected: Tensor, limit: float, figures: dict[str, Figure]) -> list[str]:
    if given.shape != expected.shape:
        return [f"a batch of two gives tokens {tuple(given.shape)}, expected {tuple(expected.shape)}"]
    if given.is_floating_point():
        figures["tokens_relative"] = relative = difference(given, expected).relative
        return [] if relative <= limit else [f"latents of a batch are {relative:.2g} of their size off"]
    figures["tokens_changed"] = share = share_changed(given, expected)
    return [] if share <= _CODES_CHANGED else [f"{share:.1%} of the codes of a batch are others"]
