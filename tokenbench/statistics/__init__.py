"""Statistics of clips' values: what a mean is worth, and whether two runs differ. No torch, no files."""

from __future__ import annotations

from tokenbench.statistics.all_pairs import Pair, all_pairs
from tokenbench.statistics.holm import holm
from tokenbench.statistics.paired import Paired, paired
from tokenbench.statistics.ranks import Duel, duels, ranks
from tokenbench.statistics.significance import LEVEL, Significance, significance
from tokenbench.statistics.summary import Summary, summarise

__all__ = [
    "LEVEL",
    "Duel",
    "Pair",
    "Paired",
    "Significance",
    "Summary",
    "all_pairs",
    "duels",
    "holm",
    "paired",
    "ranks",
    "significance",
    "summarise",
]
