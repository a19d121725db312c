"""One part of a work that is shared out among commands, each of which may run on a machine of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from tokenbench.engine.contract import Task
from tokenbench.errors import TokenBenchError

# Ranks wait for the slowest of them, which may have hours of work left.
_PATIENCE = timedelta(days=7)


@dataclass(frozen=True)
class Shard:
    """One part of a work.

    Args:
        number: from 1.
        count: of all parts.
        launched: whether it is that of a rank of torchrun, all of which run at the same time.
    """

    number: int
    count: int
    launched: bool = False

    def of(self, items: Sequence[Task]) -> list[Task]:
        """Its items: every `count`th, so that long and short clips are spread evenly."""
        return list(items[self.number - 1 :: self.count])

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def folder_name(self) -> str:
        """As `2-of-8`."""
        return f"{self.number}-of-{self.count}"


def parse_shard(text: str) -> Shard:
    """`2/8` as a shard.

    Raises:
        TokenBenchError: it is not of that form, or its number is not within its count.
    """
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise TokenBenchError(f"{text!r} is no shard; give I/N with I from 1 to N, as in 2/8")
    return Shard(int(match[1]), int(match[2]))


def launched_shard() -> Shard | None:
    """The shard of a rank that `torchrun` has started among others; None where it has not.

    Source:
        The environment of torchrun: RANK and WORLD_SIZE.
    """
    size = os.environ.get("WORLD_SIZE", "1")
    if "TORCHELASTIC_RUN_ID" not in os.environ or size == "1":
        return None
    return Shard(int(os.environ["RANK"]) + 1, int(size), launched=True)


def device_of_rank(device: str) -> str:
    """The device of a rank: where torchrun has started it and no GPU of several was named, its own.

    Source:
        The environment of torchrun: LOCAL_RANK.
    """
    return f"cuda:{os.environ['LOCAL_RANK']}" if device == "cuda" and launched_shard() else device


def is_to_merge(shard: Shard) -> bool:
    """Whether this process is to put all shards together now.

    Of torchrun's ranks it is the first, once all have come this far; torchrun itself ends them all when one fails.
    Otherwise a later command does it.
    """
    if not shard.launched:
        return False
    import torch.distributed as distributed

    distributed.init_process_group("gloo", timeout=_PATIENCE)
    try:
        distributed.barrier()
    finally:
        distributed.destroy_process_group()
    return shard.number == 1
