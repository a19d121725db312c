"""Intervals and tests where several clips come from one source."""

from __future__ import annotations

from itertools import product
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap, permutation_test

from tokenbench.errors import TokenBenchError
from tokenbench.statistics import Summary, significance, summarise

CLUSTERED = st.lists(st.tuples(st.floats(-100, 200), st.sampled_from("abcdef")), min_size=1, max_size=30)


@settings(deadline=None)
@given(clips=CLUSTERED, order=st.randoms(use_true_random=False))
def test_neither_the_order_of_clips_nor_the_names_of_clusters_matter(
    clips: list[tuple[float, str]], order: Random
) -> None:
    values, labels = zip(*clips, strict=True)
    shuffled = list(clips)
    order.shuffle(shuffled)
    moved, renamed = zip(*((value, chr(300 - ord(label))) for value, label in shuffled), strict=True)
    one = summarise(values, "dB", clusters=labels, resamples=100)
    assert summarise(moved, "dB", clusters=renamed, resamples=100) == one
    assert significance(moved, clusters=renamed) == significance(values, clusters=labels)


@settings(deadline=None)
@given(values=st.lists(st.floats(-100, 200), max_size=30))
def test_clusters_of_one_clip_each_change_no_bit(values: list[float]) -> None:
    labels = [str(i) for i in range(len(values))]
    assert summarise(values, "dB", clusters=labels, resamples=100) == summarise(values, "dB", resamples=100)
    assert "clusters" not in summarise(values, "dB", clusters=labels, resamples=100).as_dict()


@settings(deadline=None)
@given(clips=CLUSTERED)
def test_the_interval_lies_within_the_values(clips: list[tuple[float, str]]) -> None:
    values, labels = zip(*clips, strict=True)
    low, high = summarise(values, "dB", clusters=labels, resamples=100).ci95
    assert low is not None
    assert high is not None
    assert min(values) <= low <= high <= max(values)


def test_the_interval_matches_scipys_bootstrap_over_clusters_of_different_size() -> None:
    generator = np.random.default_rng(1)
    sizes = generator.integers(1, 9, 25)
    groups = [generator.normal(32, 2) + generator.normal(0, 0.5, size) for size in sizes]
    sums = np.array([group.sum() for group in groups])

    def mean_over_clips(index: np.ndarray, axis: int) -> np.ndarray:
        return sums[index].sum(axis=axis) / sizes[index].sum(axis=axis)

    expected = bootstrap(
        (np.arange(25),), mean_over_clips, n_resamples=100_000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    labels = [str(i) for i, size in enumerate(sizes) for _ in range(size)]
    result = summarise(np.concatenate(groups).tolist(), "dB", clusters=labels)
    assert result.ci95 == pytest.approx((expected.low, expected.high), abs=0.03)
    assert result.value == pytest.approx(np.concatenate(groups).mean())
    assert (result.n, result.clusters) == (sum(sizes), 25)


def test_clips_that_repeat_their_source_are_worth_no_more_than_one() -> None:
    values = np.random.default_rng(1).normal(32, 3, 30).tolist()
    repeated = summarise(values * 4, "dB", clusters=[str(i) for i in range(30)] * 4)
    assert repeated.ci95 == pytest.approx(summarise(values, "dB").ci95)
    naive = summarise(values * 4, "dB")
    assert np.ptp(np.array(naive.ci95)) / np.ptp(np.array(repeated.ci95)) == pytest.approx(0.5, abs=0.03)


def test_a_single_cluster_has_a_degenerate_interval() -> None:
    assert summarise([30.0, 31.0], "dB", clusters=["a", "a"]) == Summary(30.5, (30.5, 30.5), 2, "dB", 1)


def test_the_dictionary_counts_clusters_where_they_are_fewer_than_clips() -> None:
    result = summarise([1.0, 1.0, 1.0], "1", clusters=["a", "a", "b"]).as_dict()
    assert result == {"value": 1.0, "unit": "1", "ci95": [1.0, 1.0], "n": 3, "clusters": 2}


def test_a_cluster_must_be_named_for_every_clip() -> None:
    with pytest.raises(TokenBenchError, match="got 2 values and 1 clusters"):
        summarise([1.0, 2.0], "1", clusters=["a"])


@settings(deadline=None)
@given(clips=CLUSTERED)
def test_few_clusters_are_flipped_in_every_way(clips: list[tuple[float, str]]) -> None:
    values, labels = zip(*((float(round(value)), label) for value, label in clips), strict=True)
    sums = [sum(v for v, own in clips_of(values, labels) if own == label) for label in sorted(set(labels))]
    ways = [abs(np.dot(signs, sums)) for signs in product((-1, 1), repeat=len(sums))]
    expected = np.mean([way >= abs(sum(sums)) for way in ways])
    result = significance(values, clusters=labels)
    if len(set(labels)) < len(labels):
        assert result.p_value == pytest.approx(expected)
        assert result.test == "sign-flip permutation test over clusters"
        assert result.direction == np.sign(sum(sums))


def clips_of(values: tuple[float, ...], labels: tuple[str, ...]) -> list[tuple[float, str]]:
    return list(zip(values, labels, strict=True))


def test_many_clusters_are_flipped_at_random_as_scipy_does() -> None:
    generator = np.random.default_rng(4)
    values = np.repeat(generator.normal(0.2, 0.6, 30), 2) + generator.normal(0, 0.1, 60)
    sums = values.reshape(30, 2).sum(axis=1)
    expected = permutation_test(
        (sums,), np.mean, permutation_type="samples", n_resamples=50_000, vectorized=True, rng=np.random.default_rng(5)
    ).pvalue
    assert 0.01 < expected < 0.5
    result = significance(values, clusters=[str(i // 2) for i in range(60)])
    assert result.p_value == pytest.approx(expected, rel=0.1)


def test_random_flips_do_not_depend_on_how_many_are_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    values = np.random.default_rng(1).normal(0.3, 1, 60)
    labels = [str(i // 2) for i in range(60)]
    whole = significance(values, clusters=labels)
    monkeypatch.setattr(sys.modules[significance.__module__], "_SIGNS_AT_ONCE", 777)
    assert significance(values, clusters=labels) == whole


def test_flips_are_needed() -> None:
    with pytest.raises(TokenBenchError, match="at least one of them, got 0"):
        significance([1.0], resamples=0)
