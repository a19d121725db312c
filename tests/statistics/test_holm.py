from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenbench.errors import TokenBenchError
from tokenbench.statistics import holm

P_VALUES = st.lists(st.floats(0, 1), max_size=12)


def test_an_example_worked_by_hand() -> None:
    # Sorted: 0.005 x 4 = 0.02; 0.01 x 3 = 0.03; 0.03 x 2 = 0.06; 0.04 x 1 = 0.04, raised to 0.06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(p_values=P_VALUES)
def test_adjusted_values_lie_between_p_and_bonferronis(p_values: list[float]) -> None:
    for p, adjusted in zip(p_values, holm(p_values), strict=True):
        assert p <= adjusted <= min(1.0, len(p_values) * p)


@given(p_values=P_VALUES)
def test_the_order_of_significance_is_kept(p_values: list[float]) -> None:
    pairs = sorted(zip(p_values, holm(p_values), strict=True))
    assert [adjusted for _, adjusted in pairs] == sorted(adjusted for _, adjusted in pairs)


@given(p_values=P_VALUES)
def test_what_is_rejected_is_what_holms_steps_reject(p_values: list[float]) -> None:
    """The procedure itself: from the smallest on, stop at the first that exceeds 0.05 / (how many are left)."""
    rejected = set()
    for step, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if (len(p_values) - step) * p_values[i] >= 0.05:
            break
        rejected.add(i)
    assert {i for i, adjusted in enumerate(holm(p_values)) if adjusted < 0.05} == rejected


@pytest.mark.parametrize("bad", [float("nan"), -0.1, 1.1])
def test_what_is_no_probability_is_refused(bad: float) -> None:
    with pytest.raises(TokenBenchError, match=r"must lie in \[0, 1\]"):
        holm([0.5, bad])
