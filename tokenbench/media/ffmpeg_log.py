"""What FFmpeg logs, kept away from Python."""

from __future__ import annotations

import av.logging


def silence() -> None:
    """Let FFmpeg's messages go nowhere, as PyAV has it by default.

    With a log level PyAV takes each message in Python. A decoder's thread that has one then waits for the interpreter
    while whoever closes that decoder, and holds the interpreter, waits for the thread: neither ever goes on. Importing
    torchvision 0.21 (`torchvision.io`) sets a level, so this is said before every use and not once.
    """
    av.logging.set_level(None)
