"""Which frames of a clip share a step of tokens, as a run has cut and padded it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenbench.metrics.phases import Place, places
from tokenbench.tokenizer import Padding


def clip_places(frames: int, tokenizer: Mapping[str, Any]) -> list[Place]:
    """The place of every frame; counted anew in every window where windows cut the clip.

    Args:
        frames: of the clip.
        tokenizer: section of a result.
    """
    # Costs torch, which a comparison of folders does without.
    from tokenbench.evaluation.padding import margins_of

    rule = Padding(frames=tuple(tokenizer["padding"]["frames"]), centred=tokenizer["padding"]["centred"])
    window = tokenizer["window_used"] or frames
    found: list[Place] = []
    for start in range(0, frames, window):
        length = min(window, frames - start)
        # A stream is padded at its end alone.
        before = 0 if tokenizer["streaming"] else margins_of((length, 1, 1), rule).time[0]
        found += places(length, tokenizer["compression"][0], causal=_is_causal(tokenizer), before=before)
    return found


def _is_causal(tokenizer: Mapping[str, Any]) -> bool:
    """Whether the first frame has tokens of its own: then valid frame counts are no multiples of the stride."""
    stride, (multiple, remainder) = tokenizer["compression"][0], tokenizer["padding"]["frames"]
    # A card that names no counts takes its own window at least.
    count = remainder if multiple % stride == 0 else tokenizer["window"] or 1
    return bool(count % stride)
