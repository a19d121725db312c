from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tokenbench.errors import TokenBenchError
from tokenbench.metrics import mmd
from tokenbench.metrics.mmd import kernel_distance, kernel_estimate
from tokenbench.metrics.paired_samples import paired_samples

Array = NDArray[np.float64]


def pair(samples: int, width: int = 5, seed: int = 0) -> tuple[Array, Array]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(samples, width))
    return x, 0.8 * x + 0.4 * random.normal(size=x.shape) + 0.2


def by_loops(x: Array, y: Array) -> float:
    """The definition, pair by pair."""

    def k(a: Array, b: Array) -> float:
        return (float(a @ b) / len(a) + 1) ** 3

    pairs = [(i, j) for i in range(len(x)) for j in range(len(x)) if i != j]
    return float(np.mean([k(x[i], x[j]) + k(y[i], y[j]) - k(x[i], y[j]) - k(y[i], x[j]) for i, j in pairs]))


@settings(deadline=None, max_examples=25)
@given(samples=st.integers(2, 9), width=st.integers(1, 6), seed=st.integers(0, 99))
def test_the_distance_is_its_definition(samples: int, width: int, seed: int) -> None:
    x, y = pair(samples, width, seed)
    assert kernel_distance(x, y) == pytest.approx(by_loops(x, y), rel=1e-9, abs=1e-12)


def test_it_is_torchmetrics_distance_but_for_pairs_of_a_clip_and_its_own_reconstruction() -> None:
    from torchmetrics.image.kid import poly_mmd

    x, y = pair(60)
    theirs = float(poly_mmd(torch.from_numpy(x), torch.from_numpy(y)))
    across = (x @ y.T / 5 + 1) ** 3
    without_own = (across.sum() - np.trace(across)) / (60 * 59)
    assert kernel_distance(x, y) == pytest.approx(theirs + 2 * across.mean() - 2 * without_own, rel=1e-9)


def test_identical_sets_have_no_distance() -> None:
    x, _ = pair(80, 400)
    estimate = kernel_estimate(paired_samples(x, x.copy(), np.arange(80)))
    assert abs(estimate.value) < 1e-12
    assert estimate.standard_error < 1e-12


def test_the_mean_over_subsets_comes_close_to_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = pair(40)
    whole = kernel_distance(x, y)
    monkeypatch.setattr(mmd, "SUBSETS", 2000)
    monkeypatch.setattr(mmd, "SUBSET_SIZE", 20)
    estimate = kernel_estimate(paired_samples(x, y, np.arange(40)))
    assert estimate.value != whole
    assert estimate.value == pytest.approx(whole, rel=0.03)


def test_many_samples_are_drawn_by_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mmd, "SUBSETS", 3)
    x, y = pair(1005, 2)
    assert kernel_distance(x, y) == kernel_distance(x, y, seed=0) != kernel_distance(x, y, seed=1)
    assert kernel_distance(x, y) == pytest.approx(kernel_distance(x[:1000], y[:1000]), rel=0.1)


@pytest.mark.parametrize("clusters", [np.arange(12), np.repeat([0, 1, 2, 3], [1, 5, 2, 4])])
def test_the_standard_error_is_the_jackknife_of_the_definition(clusters: NDArray[np.int64]) -> None:
    x, y = pair(12)
    left = [by_loops(x[clusters != name], y[clusters != name]) for name in np.unique(clusters)]
    expected = np.sqrt((len(left) - 1) * np.var(left))
    estimate = kernel_estimate(paired_samples(x, y, clusters))
    assert estimate.standard_error == pytest.approx(expected, rel=1e-9)
    low, high = estimate.ci95
    assert (low + high) / 2 == pytest.approx(estimate.value)
    assert high - low == pytest.approx(2 * 1.96 * expected, rel=1e-4)


def test_the_standard_error_is_that_of_many_sets() -> None:
    estimates = [kernel_estimate(paired_samples(*pair(60, seed=seed), np.arange(60))) for seed in range(200)]
    spread = np.std([estimate.value for estimate in estimates])
    assert np.mean([estimate.standard_error for estimate in estimates]) == pytest.approx(spread, rel=0.25)


def test_two_samples_have_a_value_but_no_interval() -> None:
    x, y = pair(2)
    estimate = kernel_estimate(paired_samples(x, y, [3, 4]))
    assert estimate.value == pytest.approx(by_loops(x, y))
    assert estimate.standard_error is None
    assert estimate.ci95 is None
    assert "too few" in estimate.method


def test_one_sample_is_refused() -> None:
    with pytest.raises(TokenBenchError, match="at least two samples, got 1"):
        kernel_distance(*pair(1))
