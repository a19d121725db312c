"""A function in a process of its own: it starts with nothing in memory, and may be killed without harm."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any


class ProcessDied(Exception):
    """The process ended without an answer.

    Args:
        exit_code: negative where a signal ended it.
    """

    def __init__(self, exit_code: int | None) -> None:
        code = exit_code or 0
        super().__init__(f"its process was ended by signal {-code}" if code < 0 else f"its process exited with {code}")
        self.was_killed = exit_code == -signal.SIGKILL


def in_fresh_process(function: Callable[..., Any], *arguments: Any, say: Callable[[str], None] | None = None) -> Any:
    """What a function gives in a new process; whatever is printed there goes to stderr.

    Args:
        function: of a module, so that the other process can find it.
        arguments: that can be pickled.
        say: where given, the function gets one as its last argument, and what it says there is heard here.

    Raises:
        ProcessDied: it was killed, or crashed.
        Exception: what the function raised.
    """
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, function, arguments, say is not None))
    process.start()
    sender.close()
    try:
        return _listen(receiver, say)
    except EOFError:
        process.join()
        raise ProcessDied(process.exitcode) from None
    finally:
        # It has answered, or nobody waits for its answer any more.
        process.kill()
        process.join()
        receiver.close()


def _listen(receiver: Connection, say: Callable[[str], None] | None) -> Any:
    while True:
        kind, content = receiver.recv()
        if kind == "says" and say is not None:
            say(content)
        elif kind == "raises":
            raise content
        elif kind == "gives":
            return content


def _answer(sender: Connection, function: Callable[..., Any], arguments: tuple[Any, ...], says: bool) -> None:
    # The parent hears an interrupt too, and ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(2, 1)
    more = (lambda text: sender.send(("says", text)),) if says else ()
    try:
        answer = ("gives", function(*arguments, *more))
    except Exception as error:  # it is raised again in the parent
        answer = ("raises", error)
    sender.send(answer)
