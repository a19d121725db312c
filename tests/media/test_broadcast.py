from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tokenbench.errors import ClipError
from tokenbench.media.broadcast import broadcast


def test_every_reader_gets_every_item_in_order() -> None:
    readers = broadcast(range(100), 3)
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(list, readers)) == [list(range(100))] * 3


def test_the_source_is_read_only_a_little_ahead_of_the_slowest_reader() -> None:
    taken = []

    def source() -> Iterator[int]:
        for number in range(50):
            taken.append(number)
            yield number

    fast, slow = broadcast(source(), 2, depth=2)
    with ThreadPoolExecutor(1) as threads:
        whole = threads.submit(list, fast)
        for number in range(50):
            assert next(slow) == number
            # Two wait for the slow reader, and one is in the thread's hand; the one just taken makes room for it.
            assert len(taken) <= number + 4
        assert whole.result() == list(range(50))


def test_an_error_of_the_source_reaches_every_reader_after_the_items_before_it() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise ClipError("the file ends early")

    for reader in broadcast(source(), 2):
        assert next(reader) == 1
        with pytest.raises(ClipError, match="ends early"):
            next(reader)


def test_a_reader_that_is_closed_holds_up_nobody() -> None:
    first, second = broadcast(range(100), 2)
    assert next(first) == 0
    first.close()
    assert list(second) == list(range(100))
    assert list(first) == []


def test_the_thread_ends_when_all_readers_are_closed() -> None:
    ended = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            ended.set()

    readers = broadcast(endless(), 2)
    next(readers[0])
    for reader in readers:
        reader.close()
    assert ended.wait(10)
