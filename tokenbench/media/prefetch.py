"""Read ahead in a thread, so that decoding overlaps with the work on what was decoded."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

Item = TypeVar("Item")


class _End:
    """Marks the end of the source, and carries the error that ended it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def prefetch(source: Iterable[Item], depth: int = 2) -> Generator[Item, None, None]:
    """The items of `source`, read ahead by at most `depth` in a thread.

    An error of the source is raised here, after the items before it. Closing this iterator early stops the thread.
    """
    items: queue.Queue[Item | _End] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def put(item: Item | _End) -> bool:
        while not stopped.is_set():
            try:
                items.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def read() -> None:
        try:
            for item in source:
                if not put(item):
                    return
        except BaseException as error:  # handed over whole: the consumer raises it
            put(_End(error))
        else:
            put(_End())

    thread = threading.Thread(target=read, name="prefetch", daemon=True)
    thread.start()
    try:
        while not isinstance(item := items.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        thread.join()
