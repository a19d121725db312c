from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tokenbench.errors import TokenBenchError
from tokenbench.metrics import mmd, paired_samples
from tokenbench.metrics.frechet import frechet_from_features
from tokenbench.metrics.mmd import kernel_distance
from tokenbench.metrics.paired_samples import PairedSamples
from tokenbench.metrics.sets import score_set

Features = NDArray[np.float32]

FEW, MANY = (24, 40), (60, 8)


def pair(samples: int, width: int, seed: int = 0) -> tuple[Features, Features]:
    random = np.random.default_rng(seed)
    x = np.maximum(random.normal(size=(samples, width)), 0) * np.linspace(0.5, 2, width)
    y = 0.8 * x + 0.2 * random.normal(size=x.shape) + 0.1
    return x.astype(np.float32), y.astype(np.float32)


@pytest.mark.parametrize("size", [FEW, MANY])
def test_values_are_those_of_the_whole_sets(size: tuple[int, int]) -> None:
    x, y = pair(*size)
    score = score_set(x, y, np.arange(len(x)))
    assert score.frechet.value == pytest.approx(frechet_from_features(x, y), rel=1e-9)
    assert score.kernel.value == pytest.approx(kernel_distance(x, y), rel=1e-9)
    assert (score.samples, score.features, score.clusters) == (*size, len(x))


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 9999))
@pytest.mark.parametrize("size", [FEW, MANY])
def test_the_order_of_the_clips_makes_no_difference(size: tuple[int, int], seed: int) -> None:
    x, y = pair(*size)
    clusters = np.arange(len(x)) // 2
    order = np.random.default_rng(seed).permutation(len(x))
    assert score_set(x[order], y[order], clusters[order]) == score_set(x, y, clusters)


def test_clusters_may_have_any_numbers() -> None:
    x, y = pair(*FEW)
    clusters = np.arange(24) // 3
    assert score_set(x, y, clusters * 7 - 50) == score_set(x, y, clusters)


@pytest.mark.parametrize("size", [FEW, MANY, (2, 3), (3, 2)])
def test_identical_sets_have_no_distance_and_no_interval(size: tuple[int, int]) -> None:
    x, _ = pair(*size)
    score = score_set(x, x, np.arange(len(x)))
    assert score.frechet.value < 1e-6
    assert score.frechet.ci95 == pytest.approx((0, 0), abs=1e-9)
    assert score.kernel.value == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("size", [(16, 24), (100, 6)])
def test_the_standard_error_is_that_of_many_sets(size: tuple[int, int]) -> None:
    scores = [score_set(*pair(*size, seed=seed), np.arange(size[0])).frechet for seed in range(60)]
    spread = np.std([score.value for score in scores])
    assert np.mean([score.standard_error for score in scores]) == pytest.approx(spread, rel=0.35)


@pytest.mark.parametrize("size", [(12, 60), (80, 6)])
def test_samples_of_one_cluster_are_not_counted_as_independent(size: tuple[int, int]) -> None:
    x, y = (np.repeat(side, 4, axis=0) for side in pair(*size))
    clusters = np.repeat(np.arange(size[0]), 4)
    together = score_set(x, y, clusters).frechet
    apart = score_set(x, y, np.arange(len(x))).frechet
    assert together.value == pytest.approx(apart.value)
    assert together.standard_error > 1.5 * apart.standard_error


@pytest.mark.parametrize("size", [FEW, MANY])
def test_the_interval_lies_about_the_value_and_never_below_zero(size: tuple[int, int]) -> None:
    x, y = pair(*size)
    frechet = score_set(x, y, np.arange(len(x))).frechet
    low, high = frechet.ci95
    assert 0 <= low < frechet.value < high
    assert high - frechet.value == pytest.approx(1.96 * frechet.standard_error, rel=1e-4)
    wild = score_set(x, np.where(np.arange(len(x))[:, None] == 0, 30 * x, x), np.arange(len(x))).frechet
    assert wild.ci95[0] == 0


def test_the_extrapolation_comes_closer_to_infinitely_many_samples() -> None:
    width, samples = 12, 400
    errors, better = [], []
    for seed in range(20):
        random = np.random.default_rng(seed)
        x = random.normal(size=(samples, width))
        y = random.normal(size=(samples, width)) * 1.5
        true = width * 0.25
        score = score_set(x, y, np.arange(samples))
        errors.append(score.frechet.value - true)
        better.append(score.infinity - true)
    assert np.mean(errors) > 0.1
    assert abs(np.mean(better)) < np.mean(errors) / 3


@pytest.mark.parametrize("size", [FEW, MANY])
def test_the_extrapolation_needs_eight_clusters(size: tuple[int, int]) -> None:
    x, y = pair(*size)
    seven = score_set(x, y, np.arange(len(x)) % 7)
    assert seven.infinity is None
    assert seven.infinity_missing == "needs at least 8 clusters, got 7"
    eight = score_set(x, y, np.arange(len(x)) % 8)
    assert eight.infinity < eight.frechet.value
    assert eight.infinity_missing is None


def test_a_set_smaller_than_its_features_is_warned_of() -> None:
    few, more, many = (score_set(*pair(n, 8), np.arange(n)) for n in (8, 9, 40))
    assert few.warning == (
        "8 samples <= 8 features: the value is biased by about 1/n; compare it only with values of the same n"
    )
    assert few.rank == 7
    assert "bootstrap over 8 clusters" in few.frechet.method
    assert more.warning.startswith("9 samples are fewer than 5 times 8 features: the value is biased")
    assert more.rank == 8
    assert "jackknife over 9 parts of 9 clusters" in more.frechet.method
    assert many.warning is None


def test_the_seed_moves_the_interval_but_not_the_value() -> None:
    x, y = pair(*FEW)
    first, second = (score_set(x, y, np.arange(24), seed=seed) for seed in (0, 1))
    assert first.frechet.value == second.frechet.value
    assert first.frechet.standard_error != second.frechet.standard_error
    assert first.infinity != second.infinity


@pytest.mark.parametrize("size", [FEW, MANY])
def test_strided_views_of_a_file_give_the_same_score(size: tuple[int, int], tmp_path: Path) -> None:
    x, y = pair(*size)
    np.stack([x, y], axis=1).tofile(tmp_path / "features")
    features = np.memmap(tmp_path / "features", np.float32, "r", shape=(size[0], 2, size[1]))
    clusters = np.arange(len(x)) // 2
    assert score_set(features[:, 0], features[:, 1], clusters) == score_set(x, y, clusters)


def test_more_samples_than_features_are_read_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = pair(500, 4)
    whole = score_set(x, y, np.arange(500) // 50)
    monkeypatch.setattr(paired_samples, "BLOCK", 7)
    monkeypatch.setattr(mmd, "SUBSET_SIZE", 5)
    taken = []
    take = PairedSamples.take
    monkeypatch.setattr(PairedSamples, "take", lambda self, rows: taken.append(len(rows)) or take(self, rows))
    blocks = score_set(x, y, np.arange(500) // 50)
    assert max(taken) == 7
    assert blocks.frechet.value == pytest.approx(whole.frechet.value, rel=1e-9)
    assert blocks.frechet.standard_error == pytest.approx(whole.frechet.standard_error, rel=1e-9)


@pytest.mark.parametrize("size", [FEW, MANY, (3, 5)])
def test_a_score_is_plain_json(size: tuple[int, int]) -> None:
    x, y = pair(*size)
    score = score_set(x, y, np.arange(len(x)))
    written = json.loads(json.dumps(score.as_dict(), allow_nan=False))
    assert written["frechet"]["value"] == score.frechet.value
    assert written["kernel"]["standard_error"] == score.kernel.standard_error
    assert set(written) == set(score.__dataclass_fields__)


def test_two_samples_have_a_score() -> None:
    score = score_set(*pair(2, 5), [0, 1])
    assert score.frechet.standard_error > 0
    assert score.kernel.standard_error is None


@pytest.mark.parametrize("samples", [0, 1])
def test_fewer_than_two_samples_are_refused(samples: int) -> None:
    with pytest.raises(TokenBenchError, match=f"at least two samples, got {samples}"):
        score_set(*pair(samples, 5), np.arange(samples))


def test_one_cluster_is_refused() -> None:
    with pytest.raises(TokenBenchError, match="at least two clusters, got 1 with 5 samples"):
        score_set(*pair(5, 5), np.zeros(5, int))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", [0, 1])
def test_features_that_are_not_finite_are_refused(side: int, value: float) -> None:
    sets = pair(*FEW)
    sets[side][5, 3] = value
    sets[side][9, 0] = -value
    sets[side][9, 1] = value
    with pytest.raises(TokenBenchError, match=f"2 of 24 samples in {'xy'[side]} are NaN or infinite, .* sample 5"):
        score_set(*sets, np.arange(24))


def test_unfit_shapes_are_refused() -> None:
    x, y = pair(*FEW)
    with pytest.raises(TokenBenchError, match="must both have the shape n x d"):
        score_set(x, y[1:], np.arange(24))
    with pytest.raises(TokenBenchError, match="must both have the shape n x d"):
        score_set(x[0], y[0], np.arange(24))
    for clusters in (np.arange(23), np.linspace(0, 1, 24), np.zeros((24, 1), int)):
        with pytest.raises(TokenBenchError, match="the cluster of each of 24 samples"):
            score_set(x, y, clusters)
