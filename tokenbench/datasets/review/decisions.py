"""What a person decided of built clips: `decisions.json` in a build's folder, which the next build reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock

from tokenbench.datasets.table import read_table
from tokenbench.errors import TokenBenchError
from tokenbench.files import write_text

SCHEMA = "tokenbench.decisions/1"
FILE_NAME = "decisions.json"

Choice = Literal["keep", "drop"]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Of one clip.

    Args:
        choice: whether the clip stays.
        sha256: of the file that was looked at.
        reason: in the reviewer's words, may be empty.
    """

    choice: Choice
    sha256: str
    reason: str = ""


@dataclass(frozen=True)
class Decisions:
    """Of a build.

    Args:
        sets: decisions by set and clip id.
    """

    sets: Mapping[str, Mapping[str, Decision]] = field(default_factory=dict)

    def of(self, set_name: str, clip: str) -> Decision | None:
        """The decision of a clip, if there is one."""
        return self.sets.get(set_name, {}).get(clip)

    def dropped(self, set_name: str) -> dict[str, str]:
        """The clips of a set that a build must leave out, and why."""
        decisions = self.sets.get(set_name, {})
        return {clip: decision.reason for clip, decision in decisions.items() if decision.choice == "drop"}

    def with_decision(self, set_name: str, clip: str, decision: Decision | None) -> Decisions:
        """These decisions with another one of a clip; None takes its decision back."""
        clips = {**self.sets.get(set_name, {})}
        clips.pop(clip, None)
        if decision is not None:
            clips[clip] = decision
        return Decisions({**self.sets, set_name: clips})

    def write(self, folder: Path) -> None:
        """Write `decisions.json`, whole or not at all.

        Raises:
            OutputError: the folder cannot be written, or the disk is full.
        """
        sets = {
            name: {clip: asdict(decision) for clip, decision in sorted(clips.items())}
            for name, clips in sorted(self.sets.items())
            if clips
        }
        write_text(folder / FILE_NAME, json.dumps({"schema": SCHEMA, "decisions": sets}, indent=1) + "\n")


def read_decisions(folder: Path) -> Decisions:
    """The decisions that lie in a build's folder; none where there is no such file.

    Raises:
        TokenBenchError: the file is damaged, or is another kind of file.
    """
    path = folder / FILE_NAME
    try:
        table = json.loads(path.read_bytes().decode())
        # Half of a surrogate pair is valid JSON, but no text that could be printed or written.
        json.dumps(table, ensure_ascii=False).encode()
    except FileNotFoundError:
        return Decisions()
    except (OSError, ValueError, RecursionError) as error:
        raise TokenBenchError(f"{path}: not a readable file of decisions ({error}); repair or remove it") from error
    if (schema := _table(table, f"{path}: the file").get("schema")) != SCHEMA:
        raise TokenBenchError(f"{path}: schema is {schema!r}, expected {SCHEMA!r}; repair or remove the file")
    sets = _table(table.get("decisions"), f"{path}: decisions")
    return Decisions({name: _clips(clips, f"{path}: set {name!r}") for name, clips in sets.items()})


def decide(folder: Path, set_name: str, clip: str, decision: Decision | None) -> None:
    """Change the decision of one clip in `decisions.json`; others that came into the file meanwhile stay.

    Args:
        folder: of the build.
        set_name: of the clip.
        clip: its id.
        decision: None takes it back.

    Raises:
        TokenBenchError: the file that is there cannot be read, or not be written.
    """
    with FileLock(folder / ".decisions.lock"):
        read_decisions(folder).with_decision(set_name, clip, decision).write(folder)


def _clips(clips: Any, where: str) -> dict[str, Decision]:
    return {
        clip: read_table(Decision, values, f"{where}: clip {clip!r}") for clip, values in _table(clips, where).items()
    }


def _table(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TokenBenchError(f"{where} is not a table; repair or remove the file")
    return value
