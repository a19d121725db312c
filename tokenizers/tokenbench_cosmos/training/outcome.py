"""What a run leaves: the averaged weights, and where they come from."""

from __future__ import annotations

import json
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from tokenbench.files import sha256_of_file, write_text
from tokenbench_cosmos.autoencoder import CosmosAutoencoder
from tokenbench_cosmos.export import export, write_tensors
from tokenbench_cosmos.loading import TRAINED
from tokenbench_cosmos.trained import TRAINING
from tokenbench_cosmos.training.loop import Run

_PACKAGES = ("tokenbench", "torch", "numpy", "av")


def write_weights(run: Run, folder: Path) -> None:
    """Write `autoencoder.safetensors`, the average of the weights, and `training.json` beside it.

    Raises:
        OutputError: they cannot be written.
    """
    module = run.state.average.module
    path = _write_small(module, folder) if run.machine.recipe.weights == "float16" else _write_whole(module, folder)
    write_text(folder / TRAINING, json.dumps(provenance(run, path), indent=2) + "\n")


def provenance(run: Run, path: Path) -> dict[str, Any]:
    """What is known of trained weights.

    Args:
        run: that made them.
        path: of their file.
    """
    recipe, state, world = run.machine.recipe, run.state, run.machine.world
    return {
        "sha256": sha256_of_file(path),
        "tokenizer": recipe.network.card().info.name,
        "network": recipe.network.overrides(),
        "step": state.step,
        "evaluation": {**run.evaluator.dataset, **run.scores} if run.evaluator else None,
        **run.facts,
        "began_as": _record_of(recipe.start),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "seconds": round(state.seconds),
        "device": torch.cuda.get_device_name(world.device) if world.device.type == "cuda" else _processor(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
    }


def _write_whole(module: CosmosAutoencoder, folder: Path) -> Path:
    (path,) = export(module, "safetensors", folder)
    return path


def _write_small(module: CosmosAutoencoder, folder: Path) -> Path:
    """Half precision, and without the tables that are the same in every network, as training checkpoints are."""
    path = folder / "autoencoder.safetensors"
    write_tensors(path, {TRAINED + name: weight.half() for name, weight in module.named_parameters()})
    return path


def _record_of(start: str) -> dict[str, Any] | None:
    """What the training of the weights that a run started from said of them; None where they are not of a training."""
    path = Path(start) / TRAINING
    if not start or not path.is_file():
        return None
    record: dict[str, Any] = json.loads(path.read_text())
    return record


def _processor() -> str:
    return f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"
