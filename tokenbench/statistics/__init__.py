"""Statistics of clips' values: what a mean is worth, and whether two runs differ. No torch, no files."""

from __future__ import annotations

from tokenbench.statistics.summary import Summary, summarise

__all__ = ["Summary", "summarise"]
