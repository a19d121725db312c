"""The machine that times belong to."""

from __future__ import annotations

import pytest
import torch

from tokenbench.errors import TokenBenchError
from tokenbench.throughput.machine import machine


def test_the_machine_is_what_decides_the_time() -> None:
    here = machine("cpu")
    assert here["device"] == "cpu"
    assert here["name"]
    assert (here["threads"], here["torch"]) == (torch.get_num_threads(), torch.__version__)
    assert (here["cuda"], here["cudnn"], here["tf32"]) == (None, None, False)


@pytest.mark.parametrize(("device", "message"), [("abacus", "'abacus' cannot be used"), ("meta", "on cpu and on cuda")])
def test_devices_without_a_clock_are_refused(device: str, message: str) -> None:
    with pytest.raises(TokenBenchError, match=message):
        machine(device)
