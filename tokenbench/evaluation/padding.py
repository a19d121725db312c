"""Pad a clip to the frame counts and sizes that a tokenizer takes, and crop its reconstruction back."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tokenbench.tokenizer import Padding


def pad(video: Tensor, rule: Padding) -> Tensor:
    """Extend a clip as the rule says.

    Args:
        video: B x 3 x T x H x W in [-1, 1].
        rule: of the tokenizer's card.

    Returns:
        B x 3 x T' x H' x W' with valid T', H', W'; the clip itself where nothing is missing.
    """
    frames, height, width = _margins(video, rule)
    if height != (0, 0) or width != (0, 0):
        video = _pad_space(video, rule, (*width, *height))
    if frames != (0, 0):
        front = video[:, :, :1].expand(-1, -1, frames[0], -1, -1)
        back = video[:, :, -1:].expand(-1, -1, frames[1], -1, -1)
        video = torch.cat([front, video, back], dim=2)
    return video


def crop(padded: Tensor, video: Tensor, rule: Padding) -> Tensor:
    """Undo `pad`: the part of B x 3 x T' x H' x W' that `video` (B x 3 x T x H x W) was."""
    (front, _), _, _ = _margins(video, rule)
    return crop_space(padded, video, rule)[:, :, front : front + video.shape[2]]


def crop_space(padded: Tensor, video: Tensor, rule: Padding) -> Tensor:
    """Undo the padding of height and width alone; the two may differ in their number of frames."""
    _, (top, _), (left, _) = _margins(video, rule)
    height, width = video.shape[3:]
    return padded[..., top : top + height, left : left + width]


def _margins(video: Tensor, rule: Padding) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """(front, back) along time, height and width."""
    frames, height, width = video.shape[2:]
    multiple, remainder = rule.frames
    return (
        _split(-(frames - remainder) % multiple, rule.centred),
        _split(-height % rule.size[0], rule.centred),
        _split(-width % rule.size[1], rule.centred),
    )


def _split(missing: int, centred: bool) -> tuple[int, int]:
    front = missing // 2 if centred else 0
    return front, missing - front


def _pad_space(video: Tensor, rule: Padding, margins: tuple[int, int, int, int]) -> Tensor:
    if rule.space == "black":
        return F.pad(video, margins, value=-1.0)
    return F.pad(video, (*margins, 0, 0), mode="replicate")
