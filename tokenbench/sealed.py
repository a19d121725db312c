"""JSON objects with a checksum: what a disk or a hand has changed in a file that is read again is seen."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

_SEAL = "crc32"
_WRONG = "its checksum is wrong"


def seal(values: Mapping[str, Any], **layout: Any) -> str:
    """The text of an object, its checksum at the end.

    Args:
        values: plain data.
        layout: as `json.dumps` takes it.
    """
    return json.dumps({**values, _SEAL: _checksum(values)}, **layout)


def unseal(text: str | bytes) -> dict[str, Any]:
    """The object in a text that `seal` made.

    Raises:
        ValueError: it is not as it was written.
    """
    try:
        values = json.loads(text)
    except RecursionError as error:
        raise ValueError("brackets without end") from error
    if not isinstance(values, dict) or _SEAL not in values:
        raise ValueError(_WRONG)
    return checked(values)


def checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """A parsed object without its checksum, which it need not have.

    Raises:
        ValueError: it has one, and is not as it was written.
    """
    content = {name: value for name, value in values.items() if name != _SEAL}
    if _SEAL in values and values[_SEAL] != _checksum(content):
        raise ValueError(_WRONG)
    return content


def _checksum(values: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(values, sort_keys=True).encode()):08x}"
