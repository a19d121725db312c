from __future__ import annotations

import numpy as np
import pytest

from tokenbench.statistics import duels, holm, ranks


def ranked(
    shifts: list[float], *, higher_is_better: bool = True, clips: int = 30, clusters: dict[str, str] | None = None
) -> list[int]:
    """Ranks of runs that are so much better than a common one, apart from noise that is small beside it."""
    generator = np.random.default_rng(1)
    common = generator.normal(30, 3, clips)
    runs = [
        {f"clip-{i}": value for i, value in enumerate(common + shift + generator.normal(0, 0.3, clips))}
        for shift in shifts
    ]
    tested = duels(runs, clusters)
    return ranks(
        len(runs), tested, holm([duel.significance.p_value for duel in tested]), higher_is_better=higher_is_better
    )


def test_clear_differences_are_ranked_by_size() -> None:
    assert ranked([0.0, 2.0, 1.0]) == [3, 1, 2]


def test_the_direction_of_the_metric_turns_the_ranks() -> None:
    assert ranked([0.0, 2.0, 1.0], higher_is_better=False) == [1, 3, 2]


def test_runs_that_do_not_differ_share_a_rank_and_the_next_one_is_left_out() -> None:
    assert ranked([1.0, 1.0, 0.0, 1.0]) == [1, 1, 4, 1]


def test_identical_runs_share_the_first_rank() -> None:
    runs = [{"a": 1.0, "b": 2.0}] * 3
    tested = duels(runs)
    assert ranks(3, tested, [duel.significance.p_value for duel in tested], higher_is_better=True) == [1, 1, 1]


def test_five_clips_are_too_few_to_rank_by() -> None:
    assert ranked([0.0, 2.0], clips=5) == [1, 1]


def test_clips_of_one_source_do_not_make_up_for_more_sources() -> None:
    assert ranked([0.0, 0.5]) == [2, 1]
    assert ranked([0.0, 0.5], clusters={f"clip-{i}": str(i % 4) for i in range(30)}) == [1, 1]


def test_pairs_are_compared_on_the_clips_that_both_have() -> None:
    common = {f"clip-{i}": 30.0 + i for i in range(8)}
    other = {clip: value + 1 + 0.01 * value for clip, value in common.items()} | {"alone": 0.0}
    (duel,) = duels([common, other])
    assert duel.significance.p_value == pytest.approx(2 / 2**8)
    assert duel.significance.direction == 1
    assert duels([common, {"elsewhere": 1.0}]) == []


def test_a_run_that_cannot_be_compared_is_not_beaten() -> None:
    assert ranks(2, [], [], higher_is_better=True) == [1, 1]
