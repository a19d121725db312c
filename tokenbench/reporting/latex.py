"""Tables for papers: booktabs, with every text shown as it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tokenbench.reporting.cells import Cell, Column
from tokenbench.reporting.formats import CEILING_MARK, NOTHING, PARTIAL_MARK, TIMES

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "[": "{[}",  # behind the end of a line LaTeX would take it for an option
    "|": r"\textbar{}",
    "·": r"\textperiodcentered{}",
    TIMES: r"$\times$",
    "∞": r"$\infty$",
    PARTIAL_MARK: r"\textdagger{}",
    CEILING_MARK: r"\textdaggerdbl{}",
    NOTHING: "--",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
}


def latex_text(text: str) -> str:
    """Text that LaTeX shows as it is."""
    return "".join(_SPECIAL.get(character, character) for character in " ".join(text.split()))


def latex_table(
    caption: str, label: str, headers: Sequence[str], numeric: Sequence[bool], body: Iterable[Sequence[str] | str]
) -> str:
    r"""A table with its caption; needs ``\usepackage{booktabs}`` in the preamble.

    Args:
        caption: plain text.
        label: behind ``tab:``, for references.
        headers: plain text.
        numeric: whether a column holds numbers, which stand to the right.
        body: lines of cells, which are LaTeX already; a text stands between lines, such as a rule.
    """
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{latex_text(caption)}}}",
        rf"\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{{''.join('r' if right else 'l' for right in numeric)}}}",
        r"\toprule",
        " & ".join(map(latex_text, headers)) + r" \\",
        r"\midrule",
        *(line if isinstance(line, str) else " & ".join(line) + r" \\" for line in body),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines)


def latex_cells(caption: str, label: str, columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> str:
    """A table of the page in this form, notes in small print."""
    titles, numeric = [column.title for column in columns], [column.numeric for column in columns]
    return latex_table(caption, label, titles, numeric, [[_cell(cell) for cell in row] for row in rows])


def with_note(text: str, note: str) -> str:
    """LaTeX with small print behind it, which is plain text."""
    return rf"{text} {{\scriptsize {latex_text(note)}}}" if note else text


def _cell(cell: Cell) -> str:
    return with_note(latex_text(cell.text or NOTHING), cell.note)
