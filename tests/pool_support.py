"""Tasks for worker processes, which import them by name."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def square(number: int) -> int:
    return number * number


def die_of_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def sleep(path: Path) -> int:
    path.touch()
    time.sleep(600)
    return 0


def die_once(task: tuple[int, Path, Path]) -> int:
    """Of the second task, once there is a first file; the next try finds another, and lives."""
    number, asked, dead = task
    if number == 1 and not dead.exists():
        while not asked.exists():
            time.sleep(0.01)
        dead.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number
