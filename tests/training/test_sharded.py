"""Weights that several processes share out among themselves: a run goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from training_support import HALF, STEADY, curve, follow, torchrun, write_recipe

from tokenbench.errors import TokenBenchError


@pytest.mark.slow
def test_sharded_weights_go_on_where_they_were(folder: Path, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, folder)
    settings = ("parallel=fsdp", *STEADY, *HALF)
    out = tmp_path / "two"
    for steps in (4, 6):
        made = torchrun(2, recipe, out, *settings, f"steps={steps}")
        assert made.returncode == 0, made.stderr
    follow(recipe, tmp_path / "one", *STEADY)
    assert np.abs(curve(out, "l1") / curve(tmp_path / "one", "l1") - 1).max() < 1e-5
    # One process would go on with other samples.
    assert json.loads((out / "training.json").read_text())["processes"] == 2
    with pytest.raises(TokenBenchError, match="number of processes has changed"):
        follow(recipe, out, *settings)
