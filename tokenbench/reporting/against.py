"""Every row against the one that the reader named, as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from tokenbench.errors import TokenBenchError
from tokenbench.reporting.comparisons import SAME, Comparison, Comparisons
from tokenbench.reporting.formats import NOTHING, media_title, quantity
from tokenbench.reporting.leaderboard import Group, Row, Table
from tokenbench.reporting.tables import markdown_table, markdown_text

NOTE = (
    "Mean differences over the clips that both have [95 % interval], those of rows of the same storage alone. In bold "
    "where significant: p below 0.05, corrected (Holm) for all comparisons with this row in its table."
)

_COLUMNS = (
    *("dataset", "manifest_sha256", "protocol", "media", "storage", "baseline", "name", "metric", "n"),
    *("difference", "low", "high", "p", "adjusted_p", "verdict"),
)


def find_baselines(groups: Sequence[Group], name: str) -> dict[tuple[str, str], list[int]]:
    """The rows of that name: a title, a label, a tokenizer or a run's folder.

    Returns:
        Positions in each table, by slug of the group and kind of media: one for each storage at most.

    Raises:
        TokenBenchError: there is none, or there are several of one storage in a table.
    """
    found = {
        (group.slug, table.media): [place for place, row in enumerate(table.rows) if name in _names(row)]
        for group in groups
        for table in group.tables
    }
    if not any(found.values()):
        known = sorted({row.entry.title for group in groups for table in group.tables for row in table.rows})
        raise TokenBenchError(f"no row {name!r} to compare with: the rows are {', '.join(known)}")
    for group in groups:
        for table in group.tables:
            rows = [table.rows[place] for place in found[group.slug, table.media]]
            if len({row.run.storage for row in rows}) < len(rows):
                titles = ", ".join(row.entry.title for row in rows)
                raise TokenBenchError(f"{name!r} names several rows: {titles}; give one of these")
    return found


def _names(row: Row) -> set[str]:
    return {row.entry.title, row.entry.label, row.run.tokenizer.title, row.run.tokenizer.name, row.run.name}


def markdown(groups: Sequence[Group], comparisons: Comparisons, baselines: dict[tuple[str, str], list[int]]) -> str:
    """One table for each baseline in each leaderboard."""
    parts = ["# Against one row", NOTE]
    for group, table, baseline, found in _each(groups, comparisons, baselines):
        metrics = [name for name in table.qualities if any(each.metric == name for each in found)]
        of = {(each.row, each.metric): each for each in found}
        rows = [
            [markdown_text(table.rows[place].entry.title), *(_cell(of.get((place, name))) for name in metrics)]
            for place in dict.fromkeys(each.row for each in found)
        ]
        title = " · ".join((table.rows[baseline].entry.title, media_title(table.media), group.heading))
        headers = ["Tokenizer", *(markdown_text(quantity(name).header) for name in metrics)]
        parts += [f"## Against {markdown_text(title)}", markdown_table(headers, [False] + [True] * len(metrics), rows)]
    return "\n\n".join(parts) + "\n"


def _cell(each: Comparison | None) -> str:
    if each is None:
        return NOTHING
    shown = quantity(each.metric)
    text = signed(each.difference, each.metric)
    text = text if each.verdict == SAME else f"**{text}**"
    return f"{text} [{shown.format(each.low)}, {shown.format(each.high)}]"


def signed(value: float, metric: str) -> str:
    """A difference, with its sign."""
    text = quantity(metric).format(value)
    return text if text.startswith("-") else f"+{text}"


def csv_text(groups: Sequence[Group], comparisons: Comparisons, baselines: dict[tuple[str, str], list[int]]) -> str:
    """One comparison a line, in full precision."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for group, table, baseline, found in _each(groups, comparisons, baselines):
        common = {
            "dataset": group.dataset.name,
            "manifest_sha256": group.dataset.manifest_sha256,
            "protocol": group.dataset.protocol,
            "media": table.media,
            "storage": table.rows[baseline].run.storage,
            "baseline": table.rows[baseline].entry.title,
        }
        writer.writerows(common | _line(table, each) for each in found)
    return text.getvalue()


def _line(table: Table, each: Comparison) -> dict[str, Any]:
    return {
        "name": table.rows[each.row].entry.title,
        "metric": each.metric,
        "n": each.n,
        "difference": each.difference,
        "low": each.low,
        "high": each.high,
        "p": each.p,
        "adjusted_p": each.adjusted,
        "verdict": each.verdict,
    }


def _each(
    groups: Sequence[Group], comparisons: Comparisons, baselines: dict[tuple[str, str], list[int]]
) -> Iterator[tuple[Group, Table, int, list[Comparison]]]:
    for group in groups:
        for table in group.tables:
            for baseline in baselines[group.slug, table.media]:
                found = [each for each in comparisons[group.slug, table.media] if each.baseline == baseline]
                found.sort(key=lambda each: each.row)
                if found:
                    yield group, table, baseline, found
