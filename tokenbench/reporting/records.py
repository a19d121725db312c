"""JSON objects that know where they stand, so that a bad value can be named in one line."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tokenbench.errors import TokenBenchError
from tokenbench.sealed import checked

# What to do about a file that is damaged or was made by something else.
WRITE_AGAIN = "write it again with 'tokenbench eval'"


@dataclass(frozen=True)
class Record:
    """One JSON object of a file.

    Args:
        file: the file that it was read from.
        data: its keys and values.
        where: dotted path of the object within the file, empty at the top.
    """

    file: Path
    data: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""

    def text(self, key: str) -> str:
        """A text that must be there."""
        value = self.data.get(key)
        if not isinstance(value, str) or not value:
            raise self.bad(key, "a text")
        return value

    def optional_text(self, key: str) -> str | None:
        """A text, or None where it is absent or null."""
        return None if self.data.get(key) in (None, "") else self.text(key)

    def number(self, key: str) -> float | None:
        """A number, or None where it is absent, null or not a number (NaN); infinity stays."""
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not _fits(value):
            raise self.bad(key, "a number or null")
        return None if math.isnan(value) else float(value)

    def whole(self, key: str) -> int | None:
        """A whole number, or None where it is absent or null."""
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.bad(key, "a whole number or null")
        return value

    def numbers(self, key: str, length: int) -> tuple[float | None, ...] | None:
        """A list of `length` numbers, or None where it is absent or null."""
        value = self.data.get(key)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) != length:
            raise self.bad(key, f"a list of {length} numbers")
        parts = Record(self.file, {f"{key}[{i}]": item for i, item in enumerate(value)}, self.where)
        return tuple(parts.number(name) for name in parts.data)

    def child(self, key: str, required: bool = False) -> Record:
        """The object under `key`; an empty one where it may be, and is, absent."""
        value = self.data.get(key)
        if value is None and not required:
            value = {}
        if not isinstance(value, dict):
            raise self.bad(key, "an object")
        return Record(self.file, value, self._path(key))

    def children(self, key: str) -> list[Record]:
        """The objects of the list under `key`; none where it is absent."""
        value = self.data.get(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.bad(key, "a list of objects")
        return [Record(self.file, item, f"{self._path(key)}[{i}]") for i, item in enumerate(value)]

    def bad(self, key: str, expected: str) -> TokenBenchError:
        """The one line for a value that is missing or of the wrong kind."""
        found = f"is {json.dumps(self.data[key])[:60]}" if key in self.data else "is missing"
        place = f"{self.file}: {self._path(key)}"
        return TokenBenchError(f"{place} {found}, expected {expected}; {WRITE_AGAIN}")

    def _path(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key


def _fits(value: float) -> bool:
    """JSON's whole numbers may be larger than any float."""
    return isinstance(value, float) or abs(value) <= sys.float_info.max


def read_record(file: Path) -> Record:
    """The object that a JSON file holds.

    Raises:
        TokenBenchError: the file cannot be read, holds no JSON object, or has another checksum than its own.
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        # Half of a surrogate pair is valid JSON, but no text that could be written again.
        json.dumps(data, ensure_ascii=False).encode()
    except OSError as error:
        raise TokenBenchError(f"{file} cannot be read: {error.strerror}; check its permissions") from error
    except UnicodeDecodeError as error:
        raise TokenBenchError(f"{file} is not UTF-8 text (byte {error.start}); {WRITE_AGAIN}") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise TokenBenchError(f"{file} is not valid JSON ({place}); {WRITE_AGAIN}") from error
    except (ValueError, RecursionError) as error:
        # A number of thousands of digits, or thousands of brackets.
        raise TokenBenchError(f"{file} is no JSON that a run writes ({error}); {WRITE_AGAIN}") from error
    if not isinstance(data, dict):
        raise TokenBenchError(f"{file} holds a {type(data).__name__}, expected a JSON object; {WRITE_AGAIN}")
    try:
        return Record(file, checked(data))
    except ValueError as error:
        raise TokenBenchError(f"{file} was changed after it was written ({error}); {WRITE_AGAIN}") from error
