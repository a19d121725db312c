"""Differences between two runs over the same clips."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap, wilcoxon

from tokenbench.errors import TokenBenchError
from tokenbench.statistics import Significance, paired, significance

VALUE = st.one_of(st.floats(0, 60), st.integers(0, 5).map(float))
PAIRS = st.lists(st.tuples(VALUE, VALUE, st.sampled_from("abcd")), min_size=1, max_size=25)


@pytest.fixture(scope="module")
def two_runs() -> tuple[list[float], list[float]]:
    generator = np.random.default_rng(1)
    a = generator.normal(32, 4, 40)
    return a.tolist(), (a + generator.normal(0.2, 0.5, 40)).tolist()


# An example is some hundred calls of scipy's test where ranks are tied.
@settings(deadline=None, max_examples=40)
@given(pairs=PAIRS, clustered=st.booleans())
def test_exchanging_a_and_b_negates_the_difference_and_keeps_p(
    pairs: list[tuple[float, float, str]], clustered: bool
) -> None:
    a, b, labels = map(list, zip(*pairs, strict=True))
    clusters = labels if clustered else None
    forth, back = (paired(*sides, clusters=clusters, resamples=200) for sides in ((a, b), (b, a)))
    assert back.difference == -forth.difference
    assert back.ci95 == (-forth.ci95[1], -forth.ci95[0])
    assert back.significance.p_value == forth.significance.p_value
    assert back.significance.direction == -forth.significance.direction
    assert (back.mean_a, back.mean_b) == (forth.mean_b, forth.mean_a)


@settings(deadline=None)
@given(pairs=PAIRS, order=st.randoms(use_true_random=False), clustered=st.booleans())
def test_the_order_of_the_clips_makes_no_difference(
    pairs: list[tuple[float, float, str]], order: Random, clustered: bool
) -> None:
    def of(clips: list[tuple[float, float, str]]) -> object:
        a, b, labels = map(list, zip(*clips, strict=True))
        return paired(a, b, clusters=labels if clustered else None, resamples=100)

    shuffled = list(pairs)
    order.shuffle(shuffled)
    assert of(shuffled) == of(pairs)


@settings(deadline=None, max_examples=50)
@given(pairs=PAIRS)
def test_p_is_a_probability_and_the_interval_in_order(pairs: list[tuple[float, float, str]]) -> None:
    a, b, labels = map(list, zip(*pairs, strict=True))
    for clusters in (None, labels):
        result = paired(a, b, clusters=clusters, resamples=100)
        assert 0 < result.significance.p_value <= 1
        assert result.ci95[0] <= result.ci95[1]


@pytest.mark.parametrize("clusters", [None, ["x", "x", "y"]])
def test_identical_runs_do_not_differ(clusters: list[str] | None) -> None:
    result = paired([30.1, 31.7, 29.0], [30.1, 31.7, 29.0], clusters=clusters)
    assert (result.difference, result.ci95) == (0.0, (0.0, 0.0))
    assert (result.significance.p_value, result.significance.direction) == (1.0, 0)


def test_the_interval_matches_scipys_paired_bootstrap(two_runs: tuple[list[float], list[float]]) -> None:
    def difference(x: np.ndarray, y: np.ndarray, axis: int) -> np.ndarray:
        return np.mean(y, axis=axis) - np.mean(x, axis=axis)

    expected = bootstrap(
        two_runs, difference, paired=True, n_resamples=50_000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    result = paired(*two_runs)
    assert result.ci95 == pytest.approx((expected.low, expected.high), abs=0.006)
    assert result.difference == pytest.approx(np.mean(two_runs[1]) - np.mean(two_runs[0]))


def test_what_makes_clips_hard_for_both_does_not_widen_the_interval(two_runs: tuple[list[float], list[float]]) -> None:
    a, b = two_runs
    harder = 10 * np.random.default_rng(3).normal(size=40)
    result = paired((np.array(a) + harder).tolist(), (np.array(b) + harder).tolist())
    assert result.ci95 == pytest.approx(paired(a, b).ci95)


def test_p_of_single_clips_is_that_of_scipys_signed_ranks(two_runs: tuple[list[float], list[float]]) -> None:
    result = paired(*two_runs).significance
    assert result == Significance(result.p_value, 1, "Wilcoxon signed-rank test")
    assert result.p_value == pytest.approx(wilcoxon(*two_runs).pvalue)


def test_p_of_five_clips_that_all_gain_is_exact() -> None:
    assert significance([0.1, 0.2, 0.3, 0.4, 0.5]).p_value == 2 / 2**5


def test_clips_without_a_difference_are_left_out_of_the_ranks() -> None:
    changed = [0.1, -0.2, 0.3, 0.4, 0.5, 0.6]
    assert significance([0.0] * 9 + changed) == significance(changed)


def test_a_test_that_contradicts_the_mean_has_no_direction() -> None:
    """Most clips lose a little, few gain a lot: the mean is above zero, the ranks are below."""
    result = significance([-0.1 - 0.001 * i for i in range(40)] + [5.0, 6.0])
    assert result.p_value < 0.001
    assert result.direction == 0


def test_a_difference_of_nothing_is_seldom_called_significant() -> None:
    """Under the null hypothesis p is below 0.05 about one time in twenty, with clusters too."""
    generator = np.random.default_rng(6)
    labels = [str(i // 3) for i in range(36)]
    found = 0
    for _ in range(300):
        values = np.repeat(generator.normal(size=12), 3) + generator.normal(size=36)
        found += significance(values, clusters=labels).p_value < 0.05
    assert 4 <= found <= 29
    # To overlook that the clips belong together makes false claims of many.
    assert (
        sum(
            significance(np.repeat(generator.normal(size=12), 3) + 0.3 * generator.normal(size=36)).p_value < 0.05
            for _ in range(100)
        )
        > 15
    )


@pytest.mark.parametrize(("a", "b"), [([1.0], [1.0, 2.0]), ([], [])])
def test_only_the_same_clips_are_compared(a: list[float], b: list[float]) -> None:
    with pytest.raises(TokenBenchError, match=f"the same clips on both sides, got {len(a)} and {len(b)}"):
        paired(a, b)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(TokenBenchError, match="not finite"):
        paired([bad, 1.0], [bad, 1.0])
