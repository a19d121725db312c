"""Entropy coding of tokens: TokenBench's adaptive coder beside zlib, bz2 and lzma.

    python benchmarks/bench_token_coder.py

Prints bits a token and millions of tokens a second, one thread, best of three. Codes are colours of 4 x 4 blocks of
a real clip in 5 + 6 + 5 bits; latents are the same blocks' means in float16, and their differences to the right,
downwards and diagonally. The general compressors get the 16-bit words plane by plane, all first bytes before all
second ones, which suits them best.
"""

from __future__ import annotations

import bz2
import lzma
import os
import platform
import time
import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tokenbench.datasets.catalog import open_dataset
from tokenbench.metrics.tokens import decode, encode
from tokenbench.metrics.tokens.latents import IGNORED_BITS

FRAMES = 12
REPEATS = 3

Tokens = NDArray[np.int64]


def main() -> None:
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs")
    clips = {clip.id: clip for clip in open_dataset("mini").clips}
    encode(np.zeros((1, 1, 1, 1), np.int64), 16)
    for name in ("bigbuckbunny", "bikes"):
        frames = np.concatenate(list(clips[name].chunks(FRAMES, frames=FRAMES)))
        compare(f"{name}, codes", codes_of(frames), ignored=0)
        compare(f"{name}, latents", latents_of(frames), ignored=IGNORED_BITS)
    compare("noise", np.random.default_rng(0).integers(0, 65_536, (4, 1, 180, 320)), ignored=0)


def codes_of(frames: NDArray[np.uint8]) -> Tokens:
    red, green, blue = np.moveaxis(block_means(frames).astype(np.int64), -1, 0)
    return ((red >> 3 << 11) | (green >> 2 << 5) | blue >> 3)[:, None]


def latents_of(frames: NDArray[np.uint8]) -> Tokens:
    """The float16 patterns of one Haar step of the blocks' means, T x 12 x h x w."""
    means = block_means(frames) / 127.5 - 1
    down = [means[:, 0::2] + means[:, 1::2], means[:, 0::2] - means[:, 1::2]]
    bands = [band[:, :, 0::2] + sign * band[:, :, 1::2] for band in down for sign in (1, -1)]
    latents = np.moveaxis(np.concatenate(bands, -1), -1, 1).astype(np.float16)
    return latents.view(np.uint16).astype(np.int64)


def block_means(frames: NDArray[np.uint8], side: int = 4) -> NDArray[np.float64]:
    count, height, width, _ = frames.shape
    return frames.reshape(count, height // side, side, width // side, side, 3).mean((2, 4))


def compare(title: str, tokens: Tokens, *, ignored: int) -> None:
    written = encode(tokens, 16, ignored)
    assert np.array_equal(decode(written, tokens.shape, 16, ignored), tokens)
    words = tokens.astype("<u2").tobytes()
    planes = words[0::2] + words[1::2]
    print(f"{title}: {tokens.size:,} tokens of 16 bits")
    print_rate("TokenBench", lambda: encode(tokens, 16, ignored), tokens.size)
    print_rate("zlib -9", lambda: zlib.compress(planes, 9), tokens.size)
    print_rate("bz2 -9", lambda: bz2.compress(planes, 9), tokens.size)
    print_rate("lzma -6", lambda: lzma.compress(planes, preset=6), tokens.size)


def print_rate(name: str, write: Callable[[], bytes], count: int) -> None:
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        size = len(write())
        seconds.append(time.perf_counter() - start)
    print(f"  {name:12} {8 * size / count:6.2f} bits a token  {count / min(seconds) / 1e6:6.2f} M tokens/s")


if __name__ == "__main__":
    main()
