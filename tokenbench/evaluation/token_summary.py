"""What the tokens of all clips of a run are like."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tokenbench.evaluation.attachments import Attachments
from tokenbench.evaluation.record import ClipRecord
from tokenbench.metrics.tokens import TokenCounts, TokenSummary


def summarise_tokens(records: Iterable[ClipRecord], attachments: Attachments, kind: str) -> dict[str, Any] | None:
    """Statistics of all tokens of a run's clips of one kind; None where none were seen.

    Args:
        records: of these clips, in the order in which they were journalled.
        attachments: of the run.
        kind: of media.

    Raises:
        TokenBenchError: the clips' tokens are not of one kind and size, or damaged.
    """
    name = f"tokens-{kind}"
    summary = TokenSummary()
    offset = 0
    for record in records:
        if attached := record.attached.get(name):
            counts = TokenCounts.from_bytes(attachments.read(name, offset, attached))
            summary.add(counts, pixels=record.frames * record.height * record.width)
            offset += attached.length
    return summary.as_dict() if offset else None
