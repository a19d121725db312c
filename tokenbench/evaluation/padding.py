"""Pad a clip to the frame counts and sizes that a tokenizer takes, and crop its reconstruction back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from tokenbench.tokenizer import Padding

Sides = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Margins:
    """What is added in front of and behind a clip along each of its axes, in frames and pixels."""

    time: Sides = (0, 0)
    height: Sides = (0, 0)
    width: Sides = (0, 0)


def margins_of(size: Sequence[int], rule: Padding) -> Margins:
    """What the rule adds to a clip of that size: T, H, W."""
    frames, height, width = size
    multiple, remainder = rule.frames
    return Margins(
        time=_split(-(frames - remainder) % multiple, rule.centred),
        height=_split(-height % rule.size[0], rule.centred),
        width=_split(-width % rule.size[1], rule.centred),
    )


def pad(video: Tensor, rule: Padding) -> Tensor:
    """Extend a clip as the rule says.

    Args:
        video: B x 3 x T x H x W in [-1, 1].
        rule: of the tokenizer's card.

    Returns:
        B x 3 x T' x H' x W' with valid T', H', W'; the clip itself where nothing is missing.
    """
    margins = margins_of(video.shape[2:], rule)
    if margins.height != (0, 0) or margins.width != (0, 0):
        video = _pad_space(video, rule, (*margins.width, *margins.height))
    if margins.time != (0, 0):
        front = video[:, :, :1].expand(-1, -1, margins.time[0], -1, -1)
        back = video[:, :, -1:].expand(-1, -1, margins.time[1], -1, -1)
        video = torch.cat([front, video, back], dim=2)
    return video


def crop(padded: Tensor, video: Tensor, rule: Padding) -> Tensor:
    """Undo `pad`: the part of B x 3 x T' x H' x W' that `video` (B x 3 x T x H x W) was."""
    return crop_margins(padded, margins_of(video.shape[2:], rule))


def crop_margins(padded: Tensor, margins: Margins) -> Tensor:
    """B x 3 x T' x H' x W' without its margins."""
    sides = (margins.time, margins.height, margins.width)
    time, height, width = (slice(a, size - b) for size, (a, b) in zip(padded.shape[2:], sides, strict=True))
    return padded[:, :, time, height, width]


class StreamPadding:
    """Pads a clip that comes in chunks, whose length is not known before its end.

    Height and width are padded on every chunk; time at the end, with copies of the last frame.
    """

    def __init__(self, rule: Padding) -> None:
        self._rule = rule
        self._space = replace(rule, frames=(1, 0))
        self._last: Tensor | None = None
        self._frames = 0
        self.margins = Margins()

    def push(self, video: Tensor) -> Tensor:
        """The next 1 x 3 x T x H x W, T >= 1, as 1 x 3 x T x H' x W'; `margins` are known from here on."""
        self.margins = margins_of(video.shape[2:], self._space)
        self._frames += video.shape[2]
        padded = pad(video, self._space)
        self._last = padded[:, :, -1:]
        return padded

    def flush(self) -> Tensor | None:
        """The frames that are missing at the end, 1 x 3 x T x H' x W'; None where none are."""
        multiple, remainder = self._rule.frames
        missing = -(self._frames - remainder) % multiple
        return None if self._last is None or not missing else self._last.expand(-1, -1, missing, -1, -1)

    def crop(self, padded: Tensor) -> Tensor:
        """1 x 3 x T x H' x W' in its own size again; T may be any."""
        return crop_margins(padded, self.margins)


_LEVELS = {"black": -1.0, "grey": 0.0}


def _split(missing: int, centred: bool) -> Sides:
    front = missing // 2 if centred else 0
    return front, missing - front


def _pad_space(video: Tensor, rule: Padding, margins: tuple[int, int, int, int]) -> Tensor:
    if rule.space == "edge":
        return F.pad(video, (*margins, 0, 0), mode="replicate")
    return F.pad(video, margins, value=_LEVELS[rule.space])
