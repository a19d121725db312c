"""Go through a machine, or through what one planned evaluation needs of it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenbench.doctor.line import Line, Section
from tokenbench.errors import TokenBenchError, printable


@dataclass(frozen=True, kw_only=True)
class Plan:
    """An evaluation that somebody wants to run; what is not planned is looked at in general.

    Args:
        tokenizers: names, as `eval` takes them.
        metrics: names.
        dataset: a name, manifest, folder, or "davis:FOLDER" and the like.
        device: torch device.
        out: folder for results.
    """

    tokenizers: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    dataset: str | None = None
    device: str | None = None
    out: Path | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is planned."""
        return self == Plan()


def examine(plan: Plan) -> Iterator[Section]:
    """Sections as they are found: all of the machine, or of a plan only what it needs."""
    general = plan.is_empty
    yield _section("python", "software:python")
    yield _section("torch", "torch_devices:devices", plan.device)
    if general:
        yield _section("extras", "software:extras")
        yield _section("media", "media:media")
    if general or plan.tokenizers:
        yield _section("tokenizers", "models:tokenizers", plan.tokenizers)
    if general or plan.metrics:
        yield _section("metrics", "measuring:metrics", plan.metrics, plan.dataset)
    if general or plan.dataset:
        yield _section("data sets", "clips:datasets", plan.dataset)
    yield _section("machine", "disk:machine", plan.out, plan.tokenizers)
    yield _section("hub", "disk:hub")


def _section(title: str, look: str, *arguments: Any) -> Section:
    """What "module:function" of this room finds; where it cannot look, that is the finding.

    Each module is loaded here, with what it looks at: a broken package must not keep the others from being looked at.
    """
    module, _, function = look.partition(":")
    lines: list[Line] = []
    try:
        lines.extend(getattr(importlib.import_module(f"{__package__}.{module}"), function)(*arguments))
    except TokenBenchError as error:
        lines.append(Line("missing", title, "cannot be told", str(error), needed=True))
    except (ImportError, OSError) as error:
        remedy = f"{printable(error)}; type pip install --force-reinstall tokenbench"
        lines.append(Line("missing", title, "cannot be looked at", remedy, needed=True))
    return Section(title, tuple(lines))
