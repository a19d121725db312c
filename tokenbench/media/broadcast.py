"""One source for several readers at once, in bounded memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

Item = TypeVar("Item")


class _Shared(Generic[Item]):
    """What the reading thread and its readers have in common; `changed` holds all of it."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.open: set[Reader[Item]] = set()
        self.ended = False
        self.error: BaseException | None = None


class Reader(Generic[Item]):
    """Reads what `broadcast` gives. It is waited for until it is closed or has come to the end."""

    def __init__(self, shared: _Shared[Item]) -> None:
        self._shared = shared
        self.waiting: deque[Item] = deque()

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        shared = self._shared
        with shared.changed:
            shared.changed.wait_for(lambda: self.waiting or shared.ended or self not in shared.open)
            if self.waiting:
                shared.changed.notify_all()
                return self.waiting.popleft()
            if shared.error is not None:
                raise shared.error
            raise StopIteration

    def close(self) -> None:
        """Read no more."""
        with self._shared.changed:
            self._shared.open.discard(self)
            self.waiting.clear()
            self._shared.changed.notify_all()


def broadcast(source: Iterable[Item], readers: int, depth: int = 2) -> list[Reader[Item]]:
    """The items of `source`, given to each of several readers.

    The source is read in a thread, at most `depth` items ahead of the slowest reader; the thread ends when all readers
    are closed. An error of the source is raised in every reader, after the items before it.
    """
    shared: _Shared[Item] = _Shared()
    given = [Reader(shared) for _ in range(readers)]
    shared.open.update(given)
    threading.Thread(target=_read, args=(source, shared, depth), name="broadcast", daemon=True).start()
    return given


def _read(source: Iterable[Item], shared: _Shared[Item], depth: int) -> None:
    error = None
    try:
        for item in source:
            with shared.changed:
                shared.changed.wait_for(lambda: all(len(reader.waiting) < depth for reader in shared.open))
                if not shared.open:
                    return
                for reader in shared.open:
                    reader.waiting.append(item)
                shared.changed.notify_all()
    except BaseException as caught:  # handed over whole: the readers raise it
        error = caught
    finally:
        with shared.changed:
            shared.ended, shared.error = True, error
            shared.changed.notify_all()
