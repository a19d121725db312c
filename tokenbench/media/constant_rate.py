"""Frames of a variable rate at a constant one, repeated and dropped as the ffmpeg command does it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

# What the ffmpeg command assumes of a stream that states no rate.
_WITHOUT_RATE = Fraction(25)

# A frame may be this much early or late, in frames, before one is dropped or repeated.
_TOLERANCE = 1.1

# A frame that would be repeated more often is left out (30 times the 3,600 s of a time stamp that ffmpeg calls broken).
_MOST_REPEATS = 108_000


def base_rate(stream: VideoStream) -> Fraction:
    """The rate that the ffmpeg command fills a stream up to: what its time stamps are multiples of, where that is sane.

    Such a rate can be far above the average one.
    """
    return stream.guessed_rate or _WITHOUT_RATE


def start_of_file(container: InputContainer, stream: VideoStream) -> int:
    """When the file's first stream starts, sound or pictures, in the time base of `stream`."""
    return _nearest(Fraction(container.start_time or 0, 1_000_000) / (stream.time_base or 1))


def constant_rate(frames: Iterable[VideoFrame], rate: Fraction, origin: int | None = None) -> Iterator[VideoFrame]:
    """Frames as `ffmpeg -i X -f rawvideo -` gives them: at a constant rate, whatever their time stamps.

    The rule of `-fps_mode cfr` (FFmpeg 7 and 8, fftools/ffmpeg_filter.c, `video_sync_process`): a frame that comes
    more than 1.1 frames after its turn is preceded by repetitions of the one before it, one that lasts longer is
    repeated, and one that ends more than 1.1 frames before its turn is dropped. The last frame is repeated as often as
    the median of what the three before it needed.

    Args:
        frames: decoded, in presentation order.
        rate: frames a second, of `base_rate` for what the command does.
        origin: time stamp that counts as zero, in the frames' time base, of `start_of_file` for what the command does;
            None takes the first frame's.

    Yields:
        The frames; repetitions are the same object.
    """
    turn, repeats = 0, [0, 0, 0]
    previous: VideoFrame | None = None
    stamp, lasting = 0, 0
    for frame in frames:
        unit = frame.time_base or Fraction(1)
        given = frame.pts if frame.pts is not None else frame.dts
        if origin is None:
            origin = given or 0
        stamp = given - origin if given is not None else stamp + lasting
        lasting = frame.duration or max(1, _nearest(1 / (rate * unit)))
        before, count = _repeats(_turn(stamp, unit, rate) - turn, float(lasting * unit * rate))
        if count > _MOST_REPEATS:
            count = 0
        for index in range(count):
            yield previous if index < before and previous is not None else frame
        turn += count
        repeats = [before, *repeats[:2]]
        previous = frame
    rest = sorted(repeats)[1]
    if previous is not None and rest <= _MOST_REPEATS:
        yield from [previous] * rest


def _repeats(late: float, duration: float) -> tuple[int, int]:
    """For a frame that comes `late` frames after its turn: how many come now, and how many of them repeat the last."""
    end = late + duration
    if late < 0 < end:
        late = 0.0
    if end < -_TOLERANCE:
        return 0, 0
    if end <= _TOLERANCE:
        return 0, 1
    return (_to_even(late - 0.6) if late > _TOLERANCE else 0), _to_even(end)


def _turn(stamp: int, unit: Fraction, rate: Fraction) -> float:
    """A time stamp in frames, rounded as ffmpeg rounds it and moved off the midpoints between two frames."""
    bits = min(max(29 - (rate.numerator.bit_length() - 1), 0), 16)
    turn = _nearest(stamp * unit * rate * 2**bits) / 2**bits
    return turn if turn.is_integer() else turn + np.sign(turn) / 2**17


def _nearest(value: Fraction) -> int:
    """Halves away from zero, as FFmpeg rescales."""
    whole = int(abs(value) + Fraction(1, 2))
    return whole if value >= 0 else -whole


def _to_even(value: float) -> int:
    """C's `llrintf`: halves of the single-precision value to the even number."""
    return round(float(np.float32(value)))
