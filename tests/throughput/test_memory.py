"""Memory that is held, its peak, and the errors that say that there is no more."""

from __future__ import annotations

import pytest
import torch
from throughput_support import hold_for_a_moment, take_beyond_the_limit

from tokenbench.errors import TokenBenchError, is_out_of_memory
from tokenbench.throughput import memory
from tokenbench.throughput.process import in_fresh_process

CPU = torch.device("cpu")
MIB = 2**20


def test_the_peak_is_that_of_what_was_held_for_a_moment() -> None:
    if not memory.can_be_measured(CPU):
        pytest.skip("this system does not tell what a process holds")
    # In a process of its own: one that ran other tests may hold as much that is free, and give it out again.
    peak, held, peak_after_reset = in_fresh_process(hold_for_a_moment, 96 * MIB)
    assert peak >= 90 * MIB
    assert held < 60 * MIB
    assert peak_after_reset < 60 * MIB


def test_more_than_the_machine_has_is_refused_and_not_killed() -> None:
    assert in_fresh_process(take_beyond_the_limit) is True


def test_errors_of_allocation_are_known_wherever_they_come_from() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(1 << 50)
    assert is_out_of_memory(raised.value)
    for error in (
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ):
        assert is_out_of_memory(error)
    wrapped = TokenBenchError("cannot be made")
    wrapped.__cause__ = MemoryError()
    assert is_out_of_memory(wrapped)


def test_other_errors_are_other_errors() -> None:
    for error in (RuntimeError("shapes do not match"), ValueError("out of memory"), TokenBenchError("no such file")):
        assert not is_out_of_memory(error)
