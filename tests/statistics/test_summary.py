from __future__ import annotations

import json
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap

from tokenbench.errors import TokenBenchError
from tokenbench.statistics import Summary, summarise, summary

CLIP_VALUES = st.lists(st.floats(-100, 200), min_size=2, max_size=40)


@settings(deadline=None)
@given(values=CLIP_VALUES, order=st.randoms(use_true_random=False))
def test_the_order_of_the_clips_makes_no_difference(values: list[float], order: Random) -> None:
    shuffled = list(values)
    order.shuffle(shuffled)
    assert summarise(shuffled, "dB", resamples=100) == summarise(values, "dB", resamples=100)


@settings(deadline=None)
@given(values=CLIP_VALUES)
def test_the_interval_lies_within_the_values(values: list[float]) -> None:
    low, high = summarise(values, "dB", resamples=100).ci95
    assert low is not None
    assert high is not None
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9


def test_the_value_is_the_plain_mean_over_clips() -> None:
    assert summarise([30.0, 31.0, 35.0], "dB").value == 32.0


def test_the_interval_matches_scipys_percentile_bootstrap() -> None:
    values = np.random.default_rng(1).normal(32, 3, 60).tolist()
    expected = bootstrap(
        (values,), np.mean, n_resamples=100_000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    assert summarise(values, "dB").ci95 == pytest.approx((expected.low, expected.high), abs=0.03)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    values = np.random.default_rng(1).normal(32, 3, 50).tolist()
    assert summarise(values, "dB", seed=3) == summarise(values, "dB", seed=3)
    assert summarise(values, "dB", seed=3).ci95 != summarise(values, "dB", seed=4).ci95


def test_the_interval_does_not_depend_on_how_many_draws_are_held_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = np.random.default_rng(1).normal(32, 3, 50).tolist()
    whole = summarise(values, "dB")
    monkeypatch.setattr(summary, "_DRAWS_AT_ONCE", 777)
    assert summarise(values, "dB") == whole


def test_one_clip_has_a_degenerate_interval() -> None:
    assert summarise([31.5], "dB") == Summary(31.5, (31.5, 31.5), 1, "dB")


def test_no_clips_have_no_value() -> None:
    assert summarise([], "1") == Summary(None, (None, None), 0, "1")
    assert summarise([], "1").as_dict() == {"value": None, "unit": "1", "ci95": [None, None], "n": 0}


def test_equal_clips_have_an_interval_without_width() -> None:
    assert summarise([0.1] * 7, "1").ci95 == pytest.approx((0.1, 0.1), abs=1e-15)


def test_the_dictionary_is_json_of_plain_floats() -> None:
    result = summarise(list(np.array([0.5, 0.75], np.float32)), "1").as_dict()
    assert json.loads(json.dumps(result)) == result
    assert [type(end) for end in (result["value"], *result["ci95"])] == [float] * 3
    assert (result["unit"], result["n"]) == ("1", 2)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(TokenBenchError, match="not finite"):
        summarise([30.0, bad], "dB")


def test_a_bootstrap_without_resamples_is_refused() -> None:
    with pytest.raises(TokenBenchError, match="at least one resample, got 0"):
        summarise([30.0], "dB", resamples=0)
