"""A filled table as Markdown for people, CSV for programs and LaTeX for papers: published above measured."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from tokenbench.reporting.formats import NOTHING, TIMES
from tokenbench.reporting.latex import latex_text
from tokenbench.reporting.tables import markdown_table, markdown_text
from tokenbench.reproduction.filled import FilledRow, FilledTable
from tokenbench.reproduction.plan import Row
from tokenbench.reproduction.verdict import Cell, allowed

_COLUMNS = {"frames": "Frames", "height": "Height", "resolution_HxW": "Resolution"}


@dataclass(frozen=True)
class _Style:
    """How a markup language says things: text as it is, in bold, and numbers of footnotes."""

    text: Callable[[str], str]
    bold: Callable[[str], str]
    notes: Callable[[str], str]


_MARKDOWN = _Style(markdown_text, lambda text: f"**{text}**", lambda numbers: rf" \[{numbers}\]")
_LATEX = _Style(latex_text, lambda text: rf"\textbf{{{text}}}", lambda numbers: rf"\textsuperscript{{{numbers}}}")


def markdown(filled: FilledTable) -> str:
    """The table, the reasons of its verdicts, the tolerances, and what one must know."""
    headers = [markdown_text(header) for header in _headers(filled)]
    numeric = [index >= len(headers) - len(filled.heads) for index in range(len(headers))]
    parts = [
        f"# {title(filled)}",
        *([f"**{markdown_text(filled.remark)}**"] if filled.remark else []),
        markdown_text(f"{filled.how} {summary(filled)}"),
        markdown_table(headers, numeric, [line for row in filled.rows for line in _lines(filled, row, _MARKDOWN)]),
        *_listed("Reasons", [f"{number}. {markdown_text(why)}" for number, why in enumerate(filled.reasons, 1)]),
        *_listed("Tolerances", [f"- {markdown_text(text)}" for text in _tolerances(filled)]),
        *_listed("Rows", [f"- {markdown_text(text)}" for text in _notes_of_rows(filled)]),
        *_listed("Notes", [f"- {markdown_text(text)}" for text in filled.table.notes]),
    ]
    return "\n\n".join(parts) + "\n"


def latex(filled: FilledTable) -> str:
    r"""A booktabs table, what is off in bold, with the reasons of its verdicts below.

    Needs ``\usepackage{booktabs}`` in the preamble.
    """
    words = len(_headers(filled)) - len(filled.heads)
    caption = " ".join(filter(None, [f"{title(filled)}.", filled.remark, filled.how, summary(filled)]))
    paper = [line for row in filled.rows if row.row.paper for line in _lines(filled, row, _LATEX)]
    others = [line for row in filled.rows if not row.row.paper for line in _lines(filled, row, _LATEX)]
    below = [rf"\textsuperscript{{{number}}} {latex_text(why)}\\" for number, why in enumerate(filled.reasons, 1)]
    lines = [
        r"% Needs \usepackage{booktabs}. Written by 'tokenbench reproduce'.",
        r"\begin{table*}",
        r"\centering",
        r"\scriptsize",
        r"\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{latex_text(caption)}}}",
        rf"\label{{tab:reproduction-{filled.table.number}}}",
        rf"\begin{{tabular}}{{{'l' * words}{'r' * len(filled.heads)}}}",
        r"\toprule",
        *_latex_headers(filled, words),
        r"\midrule",
        *(" & ".join(line) + r" \\" for line in paper),
        *([r"\midrule"] if others else []),
        *(" & ".join(line) + r" \\" for line in others),
        r"\bottomrule",
        r"\end{tabular}",
        *([r"\par\smallskip\raggedright", *below] if below else []),
        r"\end{table*}",
    ]
    return "\n".join(lines) + "\n"


def csv_text(filled: FilledTable) -> str:
    """A line for each cell, in full precision; empty where something is unknown."""
    lines = [_csv_line(filled, row.row, cell) for row in filled.rows for cell in row.cells if cell is not None]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def title(filled: FilledTable) -> str:
    """The table's heading."""
    return f"Table {filled.table.number}: {filled.table.title}"


def summary(filled: FilledTable) -> str:
    """How many values have each verdict, in a sentence."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in filled.verdicts.items())
    return f"Of {len(filled.cells)} values: {counts}."


def _listed(heading: str, items: Sequence[str]) -> list[str]:
    return [f"## {heading}", "\n".join(items)] if items else []


def _headers(filled: FilledTable) -> list[str]:
    words = ["Tokenizer", "Compression", "Formulation", *(_COLUMNS[name] for name in filled.table.columns), "Value"]
    # A table about time has one section, which its title speaks of.
    return [
        *words,
        *(f"{head} {metric.title}" if _is_grouped(filled) else metric.title for head, metric in filled.heads),
    ]


def _latex_headers(filled: FilledTable, words: int) -> list[str]:
    """Sections above the columns of their metrics, as in the paper."""
    titles = [*_headers(filled)[:words], *(metric.title for _, metric in filled.heads)]
    lines = [" & ".join(map(latex_text, titles)) + r" \\"]
    if not _is_grouped(filled):
        return lines
    sections = list(dict.fromkeys(section for section, _ in filled.heads))
    width = len(filled.table.metrics)
    spans = [rf"\multicolumn{{{width}}}{{c}}{{{latex_text(section)}}}" for section in sections]
    starts = [words + 1 + width * place for place in range(len(sections))]
    rules = " ".join(rf"\cmidrule(lr){{{start}-{start + width - 1}}}" for start in starts)
    return [" & ".join([*[""] * words, *spans]).lstrip() + r" \\", rules, *lines]


def _is_grouped(filled: FilledTable) -> bool:
    return bool(filled.table.datasets)


def _lines(filled: FilledTable, row: FilledRow, style: _Style) -> Iterator[list[str]]:
    """A published line, for a row that the paper has, and a measured one."""
    said = row.row
    if said.paper:
        columns = (said.columns.get(name, "n/a").replace("n/a", NOTHING) for name in filled.table.columns)
        version = f" ({said.version})" if said.version == "v3" else ""
        words = [said.paper + version, said.compression, said.formulation, *columns, "published"]
        values = (cell.published.value if cell and cell.published else NOTHING for cell in row.cells)
        yield [
            style.text(text)
            for text in (*(word.replace("x", TIMES) if word[:1].isdigit() else word for word in words), *values)
        ]
    blanks = [""] * (2 + len(filled.table.columns))
    yield [style.text(said.tokenizer), *blanks, "measured", *(_measured(filled, cell, style) for cell in row.cells)]


def _measured(filled: FilledTable, cell: Cell | None, style: _Style) -> str:
    """Value, difference, verdict and the numbers of its reasons."""
    if cell is None:
        return style.text(NOTHING)
    decimals = cell.metric.decimals
    value = "" if cell.measured is None else f"{cell.measured:.{decimals}f} "
    difference = "" if cell.difference is None else f"({cell.difference:+.{decimals}f}) "
    verdict = style.text(cell.verdict)
    numbers = ", ".join(map(str, sorted(filled.reasons.index(reason) + 1 for reason in cell.reasons)))
    return (
        style.text(value + difference).strip()
        + (" " if value else "")
        + (style.bold(verdict) if cell.verdict == "off" else verdict)
        + (style.notes(numbers) if numbers else "")
    )


def _tolerances(filled: FilledTable) -> Iterator[str]:
    for metric in filled.table.metrics:
        size = f"{metric.tolerance:.0%} of the published value" if metric.relative else f"{metric.tolerance:g}"
        yield f"{metric.title}: {size}; {metric.reason}."


def _notes_of_rows(filled: FilledTable) -> Iterable[str]:
    noted = [row.row for row in filled.rows if row.row.note]
    return dict.fromkeys(f"{row.paper} {row.compression} ({row.tokenizer}): {row.note}." for row in noted)


def _csv_line(filled: FilledTable, row: Row, cell: Cell) -> dict[str, object]:
    published = cell.published
    return {
        "table": filled.table.number,
        "version": row.version,
        "published_name": row.paper,
        "tokenizer": row.tokenizer,
        "compression": row.compression,
        "formulation": row.formulation,
        **{name: row.columns.get(name, "") for name in filled.table.columns},
        "section": cell.section,
        "metric": cell.metric.paper,
        "published": published.value if published else None,
        "measured": cell.measured,
        "difference": cell.difference,
        "allowed": allowed(cell.metric, published) if published else None,
        "verdict": cell.verdict,
        "reasons": "; ".join(cell.reasons),
        "protocol": cell.protocol,
        "run": cell.run,
        "source": published.source if published else None,
        "confidence": published.confidence if published else None,
    }
