"""An adaptive model of whole numbers, bit by bit, and the arithmetic coder that it drives.

A number is written from its top bit down. Each bit is predicted under several contexts: what followed the number's
first bits so far, alone and beside each of its neighbours. The predictions are mixed with weights that are learned on
the way. All that is learned comes from bits that a decoder has too, so one loop serves both directions.

Counters are whole numbers, tables are rounded, and the weights are plain IEEE sums: the bytes are the same on every
machine. Importing this module loads numba; an installation's first call compiles the loop, which is then cached.

Source:
    Mahoney, Adaptive Weighing of Context Models for Lossless Data Compression (2005): adaptive counters, logistic
    mixing, hashed rows of four bits, a binary arithmetic coder without carries.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tokenbench.jit import kernel

# Of a part of a clip that has no neighbour there.
ABSENT = -1

# A coded bit takes at most 16 bits, of the least probability; the interval takes 4 bytes more.
BYTES_PER_BIT = 2
SPARE_BYTES = 8

_CONTEXTS = 6

# A row serves four bits of a number in one context: a check, then a counter for each of the 15 ways to get to a bit.
_ROW_BITS = 4
_ROW = 1 << _ROW_BITS
_ROWS = 1 << 18

# A counter: the probability of a one in the upper 22 bits, how many bits it has seen in the lower 10. Steps get
# smaller with each, down to 1 / 256.
_SEEN_BITS = 10
_SEEN_MASK = (1 << _SEEN_BITS) - 1
_SEEN_LIMIT = 255
_CERTAIN = 1 << 22
_UNSEEN = 1 << 31
_STEP_BITS = 16
_STEPS = np.array([int((1 << _STEP_BITS) / (seen + 1.5)) for seen in range(_SEEN_LIMIT + 1)])

# Logits of probabilities of 12 bits, rounded because libraries differ in a logarithm's last bit.
_COARSE_BITS = 12
_COARSE = (np.arange(1 << _COARSE_BITS) + 0.5) / (1 << _COARSE_BITS)
_LOGITS = (np.round(np.log(_COARSE / (1 - _COARSE)) * 4096) / 4096).astype(np.float32)
_TO_COARSE = 32 - _COARSE_BITS

# Probabilities of 16 bits, neither 0 nor 1, of logits in [-11, 11].
_FINE_BITS = 16
_LOGIT_LIMIT = 11
_LOGIT_STEPS = 128
_FINE_LOGITS = (np.arange(2 * _LOGIT_LIMIT * _LOGIT_STEPS) + 0.5) / _LOGIT_STEPS - _LOGIT_LIMIT
_FINE = np.round((1 << _FINE_BITS) / (1 + np.exp(-_FINE_LOGITS))).astype(np.int64)

# A prediction's weight depends on how many bits its counter has seen. Rates between 0.005 and 0.02 and weights between
# 0.25 and 0.5 change real rates by less than one percent.
_CONFIDENCES = 16
_FIRST_WEIGHT = 0.3
_LEARNING_RATE = 0.01

# Of `Coder.state`.
_LOW, _HIGH, _WINDOW, _AT = range(4)
_WORD = (1 << 32) - 1
_WORD_BYTES = 4


class Model(NamedTuple):
    """What has been learned of one clip, and the predictions at hand.

    Args:
        rows: uint32, checks and counters.
        weights: float64, of each context's prediction by its confidence.
        contexts: int64, hashes of the neighbours of the number at hand.
        chosen: int64, the row of each context.
    """

    rows: NDArray[np.uint32]
    weights: NDArray[np.float64]
    contexts: NDArray[np.int64]
    chosen: NDArray[np.int64]


class Coder(NamedTuple):
    """The interval that the bits so far have led to, and the bytes that are written or read.

    Args:
        state: int64: both ends of the interval, the four bytes read ahead, the place in `data`.
        data: uint8.
    """

    state: NDArray[np.int64]
    data: NDArray[np.uint8]


def new_model() -> Model:
    """One that knows nothing: 16 MB, of which a short clip touches a part."""
    return Model(
        np.zeros((_ROWS, _ROW), np.uint32),
        np.full((_CONTEXTS, _CONFIDENCES), _FIRST_WEIGHT),
        np.zeros(_CONTEXTS, np.int64),
        np.zeros(_CONTEXTS, np.int64),
    )


def new_state(start: bytes = b"") -> NDArray[np.int64]:
    """Of a coder that has written nothing, or is about to read bytes that start so."""
    head = start[:_WORD_BYTES]
    return np.array([0, _WORD, int.from_bytes(head.ljust(_WORD_BYTES, b"\0"), "big"), len(head)])


def last_byte(state: NDArray[np.int64]) -> bytes:
    """What must follow the bytes written: one byte inside the interval, or none if that is everything.

    A decoder reads zeros behind the end; the ends of the interval differ in their first byte.
    """
    low, high = int(state[_LOW]), int(state[_HIGH])
    return b"" if (low, high) == (0, _WORD) else bytes([high >> 24])


@kernel
def code_frame(
    model: Model,
    coder: Coder,
    values: NDArray[np.int64],
    before: NDArray[np.int64],
    bits: int,
    ignored: int,
    decoding: bool,
) -> int:
    """Write one frame of numbers to the coder, or read it.

    Args:
        model: learns from the frame.
        coder: writes from the start of its data, `BYTES_PER_BIT` for each bit and `SPARE_BYTES` at the most; reads on.
        values: C x h x w, int64, [0, 2**bits); filled if decoding.
        before: the same, of the frame before; `ABSENT` everywhere if there is none.
        bits: of a number.
        ignored: lower bits of a neighbour that make no difference to a context.
        decoding: read and do not write.

    Returns:
        The place in the data behind what was written or read.
    """
    channels, height, width = values.shape
    if not decoding:
        coder.state[_AT] = 0
    for channel in range(channels):
        for y in range(height):
            for x in range(width):
                left = values[channel, y, x - 1] >> ignored if x else ABSENT
                up = values[channel, y - 1, x] >> ignored if y else ABSENT
                past = before[channel, y, x] >> ignored
                other = values[channel - 1, y, x] >> ignored if channel else ABSENT
                whole = before[channel, y, x] if ignored else left
                _see(model, channel, whole, left, up, past, other)
                values[channel, y, x] = _code_number(model, coder, values[channel, y, x], bits, decoding)
    return coder.state[_AT]


@njit(inline="always")
def _see(model: Model, channel: int, whole: int, left: int, up: int, past: int, other: int) -> None:
    """Hash each context. Channels share those of left, up and past: a clip is too short to learn them for each.

    Numbers of the first channel have left and past together in place of another channel. Where bits of neighbours are
    ignored, the past with all its bits takes the place of left alone: what stands still repeats itself exactly.
    """
    contexts = model.contexts
    contexts[0] = _hash(0, channel)
    contexts[1] = _hash(1, whole)
    contexts[2] = _hash(2, up)
    contexts[3] = _hash(3, past)
    contexts[4] = _hash(_hash(4, left), up)
    contexts[5] = _hash(_hash(5, channel), other) if channel else _hash(_hash(6, left), past)


@njit(inline="always")
def _hash(state: int, value: int) -> int:
    state = (state * 0x5851F42D4C957F2D + value + 1) * 0x2545F4914F6CDD1D
    return state ^ (state >> 29)


@kernel
def _code_number(model: Model, coder: Coder, number: int, bits: int, decoding: bool) -> int:
    """The number, written or read from its top bit down."""
    prefix = 1
    way = 1
    for depth in range(bits):
        if depth % _ROW_BITS == 0:
            way = 1
            _choose(model, prefix)
        one = _predict(model, way)
        bit = _code_bit(coder, number >> (bits - 1 - depth) & 1, one, decoding)
        _learn(model, way, one, bit)
        way = 2 * way + bit
        prefix = 2 * prefix + bit
    return prefix - (1 << bits)


@njit(inline="always")
def _choose(model: Model, prefix: int) -> None:
    """Find every context's row for the bits after `prefix`, or make room for it in the less seen of two rows."""
    rows = model.rows
    for i in range(_CONTEXTS):
        mixed = _hash(model.contexts[i], prefix)
        row = mixed & (_ROWS - 1)
        check = (mixed >> 32) & _WORD | 1
        if rows[row, 0] != check:
            first, row = row, row ^ 1
            if rows[row, 0] != check:
                if rows[first, 1] & _SEEN_MASK < rows[row, 1] & _SEEN_MASK:
                    row = first
                rows[row, 0] = check
                rows[row, 1:] = _UNSEEN
        model.chosen[i] = row


@njit(inline="always")
def _predict(model: Model, way: int) -> int:
    """The probability that the next bit is a one, in units of 2**-16: a weighted sum of logits."""
    logit = 0.0
    for i in range(_CONTEXTS):
        counter = np.int64(model.rows[model.chosen[i], way])
        confidence = min(int(counter & _SEEN_MASK), _CONFIDENCES - 1)
        logit += model.weights[i, confidence] * _LOGITS[counter >> _TO_COARSE]
    place = int((logit + _LOGIT_LIMIT) * _LOGIT_STEPS)
    return _FINE[min(max(place, 0), _FINE.size - 1)]


@njit(inline="always")
def _learn(model: Model, way: int, one: int, bit: int) -> None:
    """Move the weights along the gradient of the code length, and the counters towards the bit."""
    step = (bit - one / (1 << _FINE_BITS)) * _LEARNING_RATE
    for i in range(_CONTEXTS):
        counter = np.int64(model.rows[model.chosen[i], way])
        seen, probability = int(counter & _SEEN_MASK), counter >> _SEEN_BITS
        model.weights[i, min(seen, _CONFIDENCES - 1)] += step * _LOGITS[counter >> _TO_COARSE]
        probability += (bit * (_CERTAIN - 1) - probability) * _STEPS[seen] >> _STEP_BITS
        model.rows[model.chosen[i], way] = probability << _SEEN_BITS | min(seen + 1, _SEEN_LIMIT)


@njit(inline="always")
def _code_bit(coder: Coder, bit: int, one: int, decoding: bool) -> int:
    """Cut the interval by the probability of a one, keep the bit's part, and shift out the bytes that are settled."""
    state, data = coder.state, coder.data
    low, high = state[_LOW], state[_HIGH]
    middle = low + ((high - low) * one >> _FINE_BITS)
    if decoding:
        bit = 1 if state[_WINDOW] <= middle else 0
    if bit:
        high = middle
    else:
        low = middle + 1
    while low >> 24 == high >> 24:
        at = state[_AT]
        if decoding:
            state[_WINDOW] = state[_WINDOW] << 8 & _WORD | (np.int64(data[at]) if at < data.size else 0)
        else:
            data[at] = high >> 24
        state[_AT] = at + 1
        low = low << 8 & _WORD
        high = high << 8 & _WORD | 255
    state[_LOW], state[_HIGH] = low, high
    return bit
