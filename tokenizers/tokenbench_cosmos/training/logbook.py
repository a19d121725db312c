"""What a run says on its way: `log.jsonl`, TensorBoard's curves and pictures, and a bar."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from tokenbench.errors import TokenBenchError
from tokenbench.files import cannot_write, write_text
from tokenbench_cosmos.training.recipe import LoggingSettings

LOG, EVENTS = "log.jsonl", "tensorboard"


class Logbook:
    """Of one run; the first process alone has one.

    `log.jsonl` has a line for every step and for every evaluation, in order. Where a run goes on, lines and events
    after that step are dropped first, so that they are those of a run that was never interrupted.

    Args:
        settings: of the recipe.
        out: folder of the run.
        step: that was done last; 0 where the run begins.

    Raises:
        TokenBenchError: TensorBoard is asked for and not installed.
        OutputError: the folder cannot be written.
    """

    def __init__(self, settings: LoggingSettings, out: Path, step: int) -> None:
        self._every = settings.every
        self._path = out / LOG
        self._events: Any = _open_events(out / EVENTS, step) if settings.tensorboard else None
        kept = [line for line in read_log(out) if line["step"] <= step] if step else []
        write_text(self._path, "".join(json.dumps(line) + "\n" for line in kept))
        self._lines: IO[str] = self._path.open("a")

    def step(self, step: int, values: Mapping[str, Any]) -> None:
        """Note a step.

        Args:
            step: that was done, counted from 1.
            values: plain data; floats also become curves.
        """
        self._write({"step": step, **values})
        if step % self._every == 0:
            self._curves(step, {f"train/{name}": value for name, value in _numbers(values).items()})

    def evaluation(self, step: int, values: Mapping[str, float], pictures: Mapping[str, NDArray[np.uint8]]) -> None:
        """Note how good the weights are.

        Args:
            step: after which; 0 is before the first.
            values: by name.
            pictures: by name, uint8 H x W x 3.
        """
        self._write({"step": step, "evaluation": dict(values)})
        self._curves(step, {f"evaluation/{name}": value for name, value in values.items()})
        for name, picture in pictures.items() if self._events else ():
            self._events.add_image(f"reconstruction/{name}", picture, step, dataformats="HWC")
        self.flush()

    def flush(self) -> None:
        """Put everything on the disk.

        Raises:
            OutputError: it is full.
        """
        try:
            self._lines.flush()
            if self._events:
                self._events.flush()
        except OSError as error:
            raise cannot_write(self._path, error) from error

    def close(self) -> None:
        """Nothing more is noted.

        Raises:
            OutputError: what was noted last cannot be written.
        """
        try:
            self._lines.close()
            if self._events:
                self._events.close()
        except OSError as error:
            raise cannot_write(self._path, error) from error

    def _write(self, line: Mapping[str, Any]) -> None:
        try:
            self._lines.write(json.dumps(line) + "\n")
        except OSError as error:
            raise cannot_write(self._path, error) from error

    def _curves(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items() if self._events else ():
            self._events.add_scalar(name, value, step)


def read_log(out: Path) -> list[dict[str, Any]]:
    """The lines of a run's `log.jsonl`; a last one that was cut off by a crash is left out."""
    path = out / LOG
    if not path.is_file():
        return []
    lines = path.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _open_events(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise TokenBenchError(
            "TensorBoard is not installed; type 'pip install tokenbench[training]', or --set logging.tensorboard=false"
        ) from error
    return SummaryWriter(str(folder), purge_step=step + 1 if step else 0)


def _numbers(values: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    numbers: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            numbers |= _numbers(value, f"{prefix}{name}/")
        elif isinstance(value, float):
            numbers[prefix + name] = value
    return numbers
