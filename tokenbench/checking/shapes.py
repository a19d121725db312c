"""Shapes: of reconstructions and token grids, for whole and odd sizes and numbers of frames."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from tokenbench.checking.compare import sizes
from tokenbench.checking.finding import Finding, absent, failed, passed, verdict
from tokenbench.checking.subject import Subject
from tokenbench.errors import TokenBenchError
from tokenbench.evaluation.guard import describe


def shapes(subject: Subject) -> Finding:
    """A reconstruction has the shape of what was encoded, where nothing has to be padded."""
    frames, height, width = subject.first.video.shape[2:]
    text = f"{frames} x {height} x {width} comes back as such"
    return passed(text, frames=frames, height=height, width=width)


def grid(subject: Subject) -> Finding:
    """The token grid is what the card's compression makes of the input, rounded up along time."""
    info, data = subject.info, subject.first.data
    if info.kind == "codec":
        return absent("a codec's bytes have no grid")
    if not isinstance(data, Tensor):
        return failed(f"tokens are {describe(data)}, expected a tensor")
    cells = [-(-size // factor) for size, factor in zip(subject.clip.shape[2:], info.compression, strict=True)]
    if subject.is_image:
        del cells[0]
    if info.kind == "discrete":
        expected = [1, *cells]
    elif data.dim() > 1:
        expected = [1, info.latent_channels or data.shape[1], *cells]
    else:
        expected = [1, 0, *cells]
    wanted = " x ".join(map(str, expected))
    problem = f"tokens are {sizes(data)}, but the card says {wanted}: mend compression, latent_channels or the layout"
    return verdict([problem] if list(data.shape) != expected else [], f"tokens are {wanted}, as the card says")


def one_frame(subject: Subject) -> Finding:
    """A single frame comes back, through the runner's padding."""
    if subject.is_image:
        return absent("it takes images")
    subject.through_runner(subject.as_float(subject.cut(1, *subject.size)))
    return passed("1 frame comes back as 1")


def frame_counts(subject: Subject) -> Finding:
    """Clips of lengths around those that the padding rule takes come back as long as they were."""
    if subject.is_image:
        return absent("it takes images")
    least = subject.valid_frames(2)
    counts = sorted({2, 3, max(2, least - 1), least, least + 1, subject.valid_frames(least + 1)})
    return _all_come_back(subject, [(count, *subject.small) for count in counts])


def odd_sizes(subject: Subject) -> Finding:
    """Heights and widths that are no multiples, and those below one token, come back as they were."""
    frames = len(subject.frames)
    height, width = subject.small
    within = [max(1, size - 1) for size in subject.unit]
    odd = [(height + 3, width + 5), (height - 1, width + 1), (within[0], width), (height, within[1]), (1, 1)]
    return _all_come_back(subject, [(frames, *size) for size in odd])


def _all_come_back(subject: Subject, tried: Iterable[tuple[int, int, int]]) -> Finding:
    problems, fine = [], []
    for frames, height, width in tried:
        name = f"{frames} x {height} x {width}"
        try:
            subject.through_runner(subject.as_float(subject.cut(frames, height, width)))
            fine.append(name)
        except TokenBenchError as error:
            problems.append(f"{name}: {error}")
    return verdict(problems, f"{', '.join(fine)} come back as such")
