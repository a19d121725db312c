"""The Frechet distance of 2048 features: pytorch-fid beside TokenBench, from moments and from few samples.

    python benchmarks/bench_frechet.py [--rounds N]

Prints seconds, the best of every round, and ratios. The features are random, positive and correlated, the second set a
distorted copy of the first. Adding up the moments is not timed on either side; features are, where there are few.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from types import SimpleNamespace

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from pytorch_fid import fid_score

from tokenbench.metrics.frechet import frechet_distance, frechet_from_features
from tokenbench.metrics.sets import score_set

WIDTH = 2048
MANY, FEW = 5000, 500

Features = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs; {WIDTH} features")
    print("  ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "pytorch-fid")))
    fid_score.linalg = SimpleNamespace(sqrtm=sqrtm)

    moments = moments_of(*make_sets(MANY))
    theirs, expected = seconds(lambda: fid_score.calculate_frechet_distance(*moments), 1)
    print_time(f"pytorch-fid, {MANY} samples", theirs, theirs, expected, expected)
    ours, value = seconds(lambda: frechet_distance(*moments), rounds)
    print_time("TokenBench", ours, theirs, value, expected)

    x, y = make_sets(FEW)
    moments = moments_of(x, y)
    theirs, expected = seconds(lambda: fid_score.calculate_frechet_distance(*moments), 1)
    print_time(f"pytorch-fid, {FEW} samples", theirs, theirs, expected, expected)
    ours, value = seconds(lambda: frechet_distance(*moments), rounds)
    print_time("TokenBench, from moments", ours, theirs, value, expected)
    ours, value = seconds(lambda: frechet_from_features(x, y), rounds)
    print_time("TokenBench, from features", ours, theirs, value, expected)
    ours, value = seconds(lambda: score_set(x, y, np.arange(FEW)).frechet.value, rounds)
    print_time("TokenBench, with interval, KID", ours, theirs, value, expected)


def make_sets(samples: int) -> tuple[Features, Features]:
    """Two sets of samples x WIDTH."""
    random = np.random.default_rng(0)
    mixing = random.normal(size=(WIDTH, WIDTH)) * np.exp(-np.arange(WIDTH) / 300)
    x = np.maximum(random.normal(size=(samples, WIDTH)) @ mixing.T / 20, 0)
    return x, np.maximum(0.9 * x + 0.1 * random.normal(size=x.shape), 0)


def moments_of(x: Features, y: Features) -> tuple[Features, ...]:
    return x.mean(axis=0), np.cov(x.T), y.mean(axis=0), np.cov(y.T)


def sqrtm(matrix: Features, disp: bool = True) -> Features | tuple[Features, float]:
    """SciPy's, with the argument that pytorch-fid passes and SciPy 1.18 has taken away."""
    root = scipy.linalg.sqrtm(matrix)
    return root if disp else (root, 0.0)


def seconds(work: Callable[[], float], rounds: int) -> tuple[float, float]:
    """Of the best round, and the value."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        value = work()
        times.append(time.perf_counter() - start)
    return min(times), value


def print_time(name: str, time: float, reference: float, value: float, expected: float) -> None:
    difference = abs(value - expected) / expected
    print(f"{name:32} {time:8.2f} s, {reference / time:6.1f} times as fast; value {value:.4f} ({difference:.0e})")


if __name__ == "__main__":
    main()
