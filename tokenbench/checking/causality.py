"""Does what comes later change what came before?"""

from __future__ import annotations

import torch
from torch import Tensor

from tokenbench.checking.compare import difference
from tokenbench.checking.finding import Finding, absent, measured, verdict
from tokenbench.checking.subject import Subject
from tokenbench.evaluation.guard import guarded

_FPS = 25.0

# Of the values' own size: arithmetic on the same numbers does not differ by more.
_CHANGED = 1e-5


def causality(subject: Subject) -> Finding:
    """Frames that a stream gives before it has seen the rest must not depend on the rest.

    The last frames of the clip are changed, and whole clips are encoded and decoded: the first frame and the first
    token that differ show how far back a later frame reaches. A tokenizer claims to be causal by having a stream; of
    one that has none this is a figure to know.
    """
    if subject.is_image:
        return absent("it takes images")
    frames = subject.clip.shape[2]
    at = frames - subject.info.padding.frames[0]
    if at < 1:
        return absent(f"clips of {frames} frames have nothing before their last group")
    altered = subject.round_trip(torch.cat([subject.clip[:, :, :at], subject.other[:, :, at:]], dim=2))
    frame = _first_changed(altered.video, subject.first.video, axis=2)
    token = None
    if isinstance(altered.data, Tensor) and isinstance(subject.first.data, Tensor):
        token = _first_changed(altered.data, subject.first.data, axis=1 if subject.info.kind == "discrete" else 2)
    text = f"other frames from {at} on change "
    text += "no frame" if frame is None else f"frames from {frame} on"
    text += "" if token is None else f", tokens from {token} on"
    if not hasattr(subject.tokenizer, "stream"):
        return measured(text, altered_from=at, first_frame=frame, first_token=token)
    stream = subject.tokenizer.stream(fps=_FPS)
    given = guarded("stream.push", stream.push, subject.clip[:, :, :at].clone()).shape[2]
    guarded("stream.flush", stream.flush)
    wrong = frame is not None and frame < given
    problem = f"{text}, though its stream gives {given} frames before it has seen them: the whole clip is not causal"
    return verdict([problem] if wrong else [], text, altered_from=at, first_frame=frame, first_token=token, given=given)


def _first_changed(given: Tensor, expected: Tensor, *, axis: int) -> int | None:
    """The first position along an axis that differs; None where none does."""
    scale = difference(torch.zeros_like(expected), expected).largest
    others = [dim for dim in range(given.dim()) if dim != axis]
    apart = (given.double() - expected.double()).abs().amax(others) > _CHANGED * scale
    changed = apart.nonzero().flatten().tolist()
    return changed[0] if changed else None
