"""Where weights are published: a repository of the Hugging Face hub."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tokenbench.errors import TokenBenchError

# Writes a repository where a path could stand: "hf:owner/name", or "hf:owner/name@revision".
HUB_PREFIX = "hf:"

_HUB_NAME = re.compile(r"hf:(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>\S+))?")

# Git abbreviates a commit to seven digits; fewer could as well be a branch's name.
_COMMIT = re.compile(r"[0-9a-f]{7,40}")


@dataclass(frozen=True, kw_only=True)
class HubSource:
    """A repository of the Hugging Face hub.

    Args:
        repository: "owner/name".
        revision: the pinned commit, whole or its first digits; None where no commit is known, and the newest is taken.
        file_sets: what makes up the weights together, best first; the parts that an index names belong to its set.
        inside: pattern that the names of the needed tensors begin with, where they are parts of a larger model; empty
            where all are needed.
    """

    repository: str
    revision: str | None = None
    file_sets: tuple[tuple[str, ...], ...] = ()
    inside: str = ""


def parse_hub_name(text: str) -> tuple[str, str | None]:
    """Repository and revision of "hf:owner/name[@revision]".

    Raises:
        TokenBenchError: it is not written so.
    """
    match = _HUB_NAME.fullmatch(text)
    if match is None:
        raise TokenBenchError(f"{text!r} names no repository of the hub; write hf:owner/name or hf:owner/name@commit")
    return match["repository"], match["revision"]


def is_commit(revision: str | None) -> bool:
    """Whether a revision is a commit id or its first digits, and so always means the same files."""
    return revision is not None and _COMMIT.fullmatch(revision) is not None
