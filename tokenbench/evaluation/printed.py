"""Recognise a number in somebody's paper: the conventions under which a pair would be printed like that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from tokenbench.errors import TokenBenchError

if TYPE_CHECKING:
    from tokenbench.evaluation.drift import DriftRow


@dataclass(frozen=True)
class Printed:
    """A number as it is printed, which stands for all numbers that round to it.

    Args:
        value: of the number.
        half: of a step of its last digit: 0.05 for 31.8, 0.005 for 31.80.
    """

    value: float
    half: float

    @classmethod
    def parse(cls, text: str) -> Printed:
        """The number that a text shows.

        Raises:
            TokenBenchError: the text is no finite decimal number.
        """
        try:
            number = Decimal(text.strip())
        except InvalidOperation as error:
            raise TokenBenchError(f"{text!r} is not a number; write it as it is printed, such as 31.8") from error
        exponent = number.as_tuple().exponent
        if not isinstance(exponent, int):
            raise TokenBenchError(f"{text!r} is not a finite number; write it as it is printed, such as 31.8")
        return cls(float(number), 0.5 * 10.0**exponent)

    def distance(self, value: float) -> float:
        """In halves of a step: up to 1, `value` may be printed like this."""
        return abs(value - self.value) / self.half


def ranked(rows: Iterable[DriftRow], printed: Mapping[str, Printed]) -> list[tuple[DriftRow, float]]:
    """Rows with their distance to printed numbers, closest first; infinite for rows without values.

    Args:
        rows: of a drift.
        printed: by metric; the distance is that of the metric that is farthest off, in halves of its last digit.
    """

    def distance(row: DriftRow) -> float:
        return max(
            number.distance(row.values[metric]) if metric in row.values else float("inf")
            for metric, number in printed.items()
        )

    return sorted(((row, distance(row)) for row in rows), key=lambda pair: pair[1])
