"""RAFT against torchvision's own, with random weights."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from networks_support import raft_file
from numpy.typing import NDArray
from torch import nn
from torchvision.models.optical_flow import RAFT, raft_large, raft_small

from tokenbench.errors import TokenBenchError
from tokenbench.networks import find_network, raft
from tokenbench.networks.load import load_network


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    path = raft_file(tmp_path_factory.mktemp("raft"))
    return path, load_network(find_network("raft-small", path))


@pytest.fixture
def few_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough to tell one flow from another."""
    monkeypatch.setattr(raft, "UPDATES", 2)


@pytest.mark.parametrize(("size", "make"), [("small", raft_small), ("large", raft_large)])
def test_flow_of_frames_that_need_no_padding_is_torchvisions(
    few_updates: None, size: str, make: Callable[..., nn.Module], tmp_path: Path, carphone: NDArray[np.uint8]
) -> None:
    path = raft_file(tmp_path, size)
    reference = make(weights=None).eval()
    reference.load_state_dict(torch.load(path, weights_only=True))
    x, y = (torch.from_numpy(carphone[index : index + 1, :128, :136]) for index in (0, 8))
    images = (side.permute(0, 3, 1, 2).double().div(127.5).sub(1).float() for side in (x, y))
    with torch.no_grad():
        expected = reference(*images, num_flow_updates=raft.UPDATES)[-1]
    flow = load_network(find_network(f"raft-{size}", path))(x, y)
    assert flow.shape == (1, 2, 128, 136)
    assert flow.dtype == torch.float32
    torch.testing.assert_close(flow, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())


def test_as_many_updates_as_torchvision_makes() -> None:
    assert inspect.signature(RAFT.forward).parameters["num_flow_updates"].default == raft.UPDATES


@pytest.mark.parametrize("shape", [(61, 83), (130, 9), (1, 1)])
def test_any_size_is_padded_and_cropped_back(
    few_updates: None, small: tuple[Path, Any], carphone: NDArray[np.uint8], shape: tuple[int, int]
) -> None:
    _, network = small
    height, width = shape
    x, y = (torch.from_numpy(carphone[index : index + 1, :height, :width]) for index in (0, 8))
    flow = network(x, y)
    assert flow.shape == (1, 2, height, width)
    rows, columns = (max(128, -(-side // 8) * 8) - side for side in (height, width))
    pads = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
    padded = (
        F.pad(side.permute(0, 3, 1, 2).float(), pads, mode="replicate").permute(0, 2, 3, 1).to(torch.uint8)
        for side in (x, y)
    )
    whole = network(*padded)
    assert torch.equal(flow, whole[:, :, pads[2] : pads[2] + height, pads[0] : pads[0] + width])


def test_gradients_pass_to_both_frames_and_to_no_weight(
    few_updates: None, small: tuple[Path, Any], carphone: NDArray[np.uint8]
) -> None:
    _, network = small
    x, y = (torch.from_numpy(carphone[index : index + 1, :64, :72]) for index in (0, 8))
    images = [(side.permute(0, 3, 1, 2) / 127.5 - 1).requires_grad_() for side in (x, y)]
    flow = network.flow(*images)
    assert torch.equal(flow.detach(), network(x, y))
    flow.square().sum().backward()
    for image in images:
        assert image.grad is not None
        assert image.grad.isfinite().all()
        assert image.grad.abs().sum() > 0
    assert not any(weight.requires_grad for weight in network._network.parameters())


def test_a_file_of_the_other_size_is_refused(small: tuple[Path, Any]) -> None:
    with pytest.raises(TokenBenchError, match="does not fit its network"):
        load_network(find_network("raft-large", small[0]))
