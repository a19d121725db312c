"""The paper's numbers, as they lie in `reports/paper/`: a value with what it is of, its source and its confidence."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, fields
from pathlib import Path

from tokenbench.errors import TokenBenchError


@dataclass(frozen=True, kw_only=True)
class Published:
    """One value, as it is printed.

    Args:
        version: of the paper that has it ("v1, v2", "v3"), or the month of the older leaderboard.
        section: data set, or what else the table puts above its columns; "all" where it belongs to the whole row.
        tokenizer: under its published name.
        kind, modality, compression, formulation: of the tokenizer; several are joined by "|".
        metric: under its published name.
        value: with the digits that are printed; "n/a" where the paper says so.
        source: where it stands.
        confidence: whether one source has it, or more.
    """

    version: str
    section: str
    tokenizer: str
    kind: str
    modality: str
    compression: str
    formulation: str
    metric: str
    value: str
    source: str
    confidence: str

    @property
    def number(self) -> float:
        """The value as a number.

        Raises:
            TokenBenchError: it is none.
        """
        try:
            return float(self.value)
        except ValueError as error:
            raise TokenBenchError(
                f"{self.metric} of {self.tokenizer} is {self.value!r}, expected a number; mend reports/paper"
            ) from error


def paper_folder() -> Path:
    """Where the paper's numbers lie: inside the installed package, or in the `reports` of a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "paper"
    return installed if installed.is_dir() else package.parent / "reports" / "paper"


def published(name: str) -> tuple[Published, ...]:
    """The values of one table, in its order.

    Args:
        name: "table4" to "table9", "figure8", or "leaderboard-2024-11" (which is not the paper's).

    Raises:
        TokenBenchError: there is no such table, or its file is damaged.
    """
    path = paper_folder() / f"{name}.csv"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise TokenBenchError(f"{path} cannot be read: {error.strerror}; install tokenbench again") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    columns = [field.name for field in fields(Published)]
    lines = list(reader)
    if reader.fieldnames != columns or any(None in line or None in line.values() for line in lines):
        raise TokenBenchError(f"{path}: expected the columns {', '.join(columns)}; install tokenbench again")
    return tuple(Published(**line) for line in lines)
