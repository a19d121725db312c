"""All pairs at once say what each of them says alone."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from tokenbench.errors import TokenBenchError
from tokenbench.statistics import all_pairs, paired


def scores(seed: int, clips: int, runs: int) -> list[dict[str, float]]:
    generator = np.random.default_rng(seed)
    hardness = generator.normal(30, 3, clips)
    return [
        {f"clip-{i:03}": float(value) for i, value in enumerate(hardness + 0.1 * k + generator.normal(0, 0.4, clips))}
        for k in range(runs)
    ]


@pytest.mark.parametrize("clips", [9, 70])
@pytest.mark.parametrize("a_source", [1, 3])
def test_p_and_difference_are_those_of_the_pair_alone(clips: int, a_source: int) -> None:
    runs = scores(1, clips, 4)
    clusters = {clip: f"source-{int(clip[5:]) // a_source}" for clip in runs[0]}
    found = all_pairs(runs, clusters)
    assert [(pair.one, pair.other) for pair in found] == list(combinations(range(4), 2))
    for pair in found:
        names = sorted(clusters)
        sides = [[runs[k][name] for name in names] for k in (pair.one, pair.other)]
        alone = paired(*sides, clusters=[clusters[name] for name in names])
        assert pair.n == clips
        assert pair.difference == pytest.approx(alone.difference, abs=1e-12)
        assert pair.significance == alone.significance
        # Fewer and other draws: a fifth of the interval's width is far beyond what those can change.
        width = alone.ci95[1] - alone.ci95[0]
        assert pair.ci95 == pytest.approx(alone.ci95, abs=0.2 * width)


def test_zeros_and_ties_are_tested_as_the_pair_alone() -> None:
    one = {f"c{i}": float(value) for i, value in enumerate([3, 3, 5, 6, 9, 9, 12])}
    other = {name: value + step for (name, value), step in zip(one.items(), [0, 1, 1, 2, -1, 3, 4], strict=True)}
    (pair,) = all_pairs([one, other])
    assert pair.significance == paired(list(one.values()), list(other.values())).significance
    (same,) = all_pairs([one, one])
    assert (same.difference, same.ci95, same.significance.p_value) == (0.0, (0.0, 0.0), 1.0)


def test_each_pair_is_compared_on_its_own_common_clips() -> None:
    whole = scores(2, 60, 2)
    short = {name: value for name, value in whole[1].items() if name < "clip-040"}
    foreign = {"elsewhere": 1.0}
    found = all_pairs([*whole, short, foreign])
    assert [(pair.one, pair.other, pair.n) for pair in found] == [(0, 1, 60), (0, 2, 40), (1, 2, 40)]
    assert found[2].difference == 0.0


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(TokenBenchError, match="not finite"):
        all_pairs([{"a": float("inf")}, {"a": 1.0}])
