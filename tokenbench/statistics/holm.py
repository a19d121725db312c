"""p-values of several comparisons at once."""

from __future__ import annotations

from collections.abc import Sequence

from tokenbench.errors import TokenBenchError


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm-Bonferroni adjusted p-values, in the order given.

    Calling everything below 0.05 significant makes a single false claim in at most 5 % of all such families of
    comparisons, however they depend on each other.

    Args:
        p_values: of all comparisons of the family, each in [0, 1].

    Raises:
        TokenBenchError: a value is no probability.

    Source:
        Holm, A simple sequentially rejective multiple test procedure (1979).
    """
    if not all(0 <= p <= 1 for p in p_values):
        raise TokenBenchError("a p-value must lie in [0, 1]: leave out comparisons that have none")
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted
