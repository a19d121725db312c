"""How alike values must be depends on where the run was made."""

from __future__ import annotations

import math

import pytest

from tokenbench.evaluation.environment import environment
from tokenbench.verification.likeness import likeness

HERE = environment(dtype="float32")


def test_a_run_of_this_machine_must_be_matched_exactly() -> None:
    alike = likeness(HERE | {"command": "another", "inputs": {"weights": "elsewhere"}}, HERE)
    assert (alike.exact, alike.differences) == (True, ())
    assert alike.holds(30.0, 30.0, "dB")
    assert not alike.holds(30.0, math.nextafter(30.0, 31), "dB")


def test_a_gpu_is_never_exact() -> None:
    there = HERE | {"device": "cuda:0"}
    assert not likeness(there, there).exact


@pytest.mark.parametrize(
    ("recorded", "measured", "unit", "holds"),
    [
        (30.0, 30.019, "dB", True),
        (30.0, 30.021, "dB", False),
        (0.9, 0.9008, "1", True),
        (0.9, 0.9010, "1", False),
        (0.01, 0.01009, "1", True),
        (0.01, 0.01011, "1", False),
        (math.inf, math.inf, "dB", True),
        (math.inf, 186.6, "dB", False),
    ],
)
def test_other_versions_leave_room_for_rounding(recorded: float, measured: float, unit: str, holds: bool) -> None:
    alike = likeness(HERE | {"torch": "1.0"}, HERE)
    assert alike.differences == (f"torch: 1.0 in the run, {HERE['torch']} here",)
    assert alike.holds(recorded, measured, unit) is holds
