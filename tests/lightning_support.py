"""What the tests of networks from Lightning checkpoints share: the published names, and files of the true format."""

from __future__ import annotations

import argparse
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tokenbench import TokenBenchError
from tokenbench.tokenizer import Card

STATE_DICTS = Path(__file__).parents[2] / "shared/facts/statedict"
needs_facts = pytest.mark.skipif(
    not STATE_DICTS.is_dir(), reason=f"lists of published tensors are not part of the repository: no {STATE_DICTS}"
)

State = dict[str, Tensor]


def listed(name: str) -> dict[str, tuple[tuple[int, ...], str]]:
    """Name -> shape and dtype of the tensors of a released state dict."""
    rows = [line.split("\t") for line in (STATE_DICTS / f"{name}.tsv").read_text().splitlines()[1:]]
    return {key: (() if shape == "scalar" else tuple(map(int, shape.split("x"))), dtype) for key, shape, dtype in rows}


def held(module: nn.Module) -> dict[str, tuple[tuple[int, ...], str]]:
    """The same of a network."""
    return {
        key: (tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
        for key, tensor in module.state_dict().items()
    }


def liven(module: nn.Module, seed: int = 0) -> nn.Module:
    """Give norms, scales, biases and tables values that a slip would not leave unseen."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point() or (tensor.dim() > 1 and "table" not in name):
            continue
        noise = torch.rand(tensor.shape, generator=generator)
        is_shift = any(name.endswith(end) for end in ("bias", "running_mean", "beta", "table"))
        tensor.copy_(noise - 0.5 if is_shift else noise + 0.5)
    return module.eval().requires_grad_(False)


def save_lightning(path: Path, state: State, **more: Any) -> None:
    """A file as Lightning writes it: hyper-parameters and callbacks of classes that nobody has here."""
    stranger = types.ModuleType("a_trainer_nobody_has")
    for name in ("ModelCheckpoint", "Settings"):
        setattr(stranger, name, type(name, (), {"__module__": stranger.__name__}))
    sys.modules[stranger.__name__] = stranger
    settings = stranger.Settings()
    settings.learning_rate = 3e-4
    content = {
        "epoch": 3,
        "state_dict": state,
        "callbacks": {stranger.ModelCheckpoint: {"best": torch.tensor(1.0), "path": Path("best.ckpt")}},
        "optimizer_states": [{"state": {0: {"step": 3, "exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 3e-4}]}],
        "hyper_parameters": {"args": argparse.Namespace(n_codes=7, settings=settings)},
        **more,
    }
    try:
        torch.save(content, path)
    finally:
        del sys.modules[stranger.__name__]


def hollow(state: State) -> State:
    """Zeros of the same names, shapes and kinds, which take no space in a file; whole numbers as they are."""
    return {
        key: tensor.new_zeros(()).expand(tensor.shape) if tensor.is_floating_point() else tensor
        for key, tensor in state.items()
    }


def refusal(card: Card, weights: object, **settings: Any) -> str:
    """The one line of a tokenizer that cannot be loaded."""
    with pytest.raises(TokenBenchError) as error:
        card.load(weights=str(weights), **settings)
    assert "\n" not in str(error.value)
    return str(error.value)


def assert_holds(module: nn.Module, state: State) -> None:
    """Whether a network has exactly these tensors."""
    loaded = module.state_dict()
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[key], tensor) for key, tensor in state.items())
