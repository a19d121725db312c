"""What the harness itself costs: `identity` through the runner, beside decoding and scoring the same clip alone.

The identity as a float tokenizer is timed too: it adds what every network pays for conversion and windows.

    python benchmarks/bench_identity.py [--clip ID] [--rounds N]
"""

from __future__ import annotations

import argparse
import statistics
import time
from contextlib import closing

import torch

from tokenbench import load_tokenizer
from tokenbench.datasets.catalog import open_dataset
from tokenbench.evaluation.protocol import Protocol
from tokenbench.evaluation.score import score_clip
from tokenbench.evaluation.windows import Compute
from tokenbench.media.clip import Clip, chunk_frames
from tokenbench.media.prefetch import prefetch
from tokenbench.metrics import PixelScores
from tokenbench.tokenizer import TokenizerInfo, Tokens


def decode_and_score(clip: Clip) -> int:
    """The same decoding and the same metrics, with nothing between."""
    scores = PixelScores()
    with closing(prefetch(clip.chunks(chunk_frames(clip.height, clip.width)))) as chunks:
        for chunk in chunks:
            scores.update(chunk, chunk)
    return scores.frames


class FloatIdentity:
    """The identity as a network sees it: float video in [-1, 1], in windows."""

    info = TokenizerInfo(name="float-identity", kind="continuous")

    def encode(self, video: torch.Tensor) -> Tokens:
        """B x 3 x T x H x W as it is."""
        return Tokens(video, 0.0)

    def decode(self, tokens: Tokens) -> torch.Tensor:
        """B x 3 x T x H x W as it was."""
        return tokens.data


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clip", default="bigbuckbunny")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    clip = next(clip for clip in open_dataset("mini").clips if clip.id == arguments.clip)
    identity = load_tokenizer("identity")
    compute = Compute(torch.device("cpu"), torch.float32)
    work = {
        "decode and score": lambda: decode_and_score(clip),
        "identity": lambda: score_clip(clip, identity, Protocol(), compute).record.frames,
        "float identity": lambda: score_clip(clip, FloatIdentity(), Protocol(), compute).record.frames,
    }
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for round_number in range(arguments.rounds + 1):
        for name, run in work.items():
            start = time.perf_counter()
            frames = run()
            if round_number:
                seconds[name].append(time.perf_counter() - start)
    for name, times in seconds.items():
        median, best = (1000 * value / frames for value in (statistics.median(times), min(times)))
        print(f"{name:18s} {median:6.2f} ms/frame (best {best:.2f})")
    for name in ("identity", "float identity"):
        ratios = [one / other for one, other in zip(seconds[name], seconds["decode and score"], strict=True)]
        print(f"{name} / decode and score: {statistics.median(ratios):.3f} ({clip.id}, pairwise median)")


if __name__ == "__main__":
    main()
