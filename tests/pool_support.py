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
