"""The game against a discriminator: hand-worked losses, the slope of the discriminator, and the adaptive weight."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tokenbench_cosmos.training.losses import Adversarial, LossSettings, build_losses
from tokenbench_cosmos.training.losses.adversarial import (
    adaptive_weight,
    discriminator_loss,
    generator_loss,
    r1_penalty,
)


def game(**changes: Any) -> Adversarial:
    fields = {"kind": "hinge", "weight": 0.5, "start": 4, "adaptive": False, "r1_weight": 10.0, "r1_every": 3}
    return Adversarial(**(fields | changes))


class Mean(nn.Module):
    """Scores a clip by a multiple of its mean."""

    def __init__(self, slope: float = 2.0) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope))

    def forward(self, video: Tensor) -> Tensor:
        return self.slope * video.flatten(1).mean(dim=1)


def clip(value: float, batch: int = 1) -> Tensor:
    return torch.full((batch, 3, 2, 4, 4), value)


REAL, FALSE = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 0.25])


def test_hinge_losses_by_hand() -> None:
    # Real: (0 + 0.5) / 2; false: (0 + 1.25) / 2.
    assert discriminator_loss("hinge", REAL, FALSE).item() == pytest.approx(0.25 + 0.625)
    assert generator_loss("hinge", FALSE).item() == pytest.approx(-(-3 + 0.25) / 2)


def test_non_saturating_losses_by_hand() -> None:
    def cross_entropy(scores: list[float]) -> float:
        return sum(-math.log(1 / (1 + math.exp(-score))) for score in scores) / len(scores)

    expected = cross_entropy([2, 0.5]) + cross_entropy([3, -0.25])
    assert discriminator_loss("non-saturating", REAL, FALSE).item() == pytest.approx(expected)
    assert generator_loss("non-saturating", FALSE).item() == pytest.approx(cross_entropy([-3, 0.25]))


@pytest.mark.parametrize("kind", ["hinge", "non-saturating"])
def test_either_side_wins_what_the_other_loses(kind: Any) -> None:
    better, worse = torch.tensor([1.5]), torch.tensor([-1.5])
    assert discriminator_loss(kind, better, worse) < discriminator_loss(kind, worse, better)
    assert generator_loss(kind, better) < generator_loss(kind, worse)


def test_r1_is_half_the_squared_slope_and_moves_the_discriminator() -> None:
    # D is 2 times the mean of n pixels: its slope is 2 / n in n places, squared and summed 4 / n.
    discriminator = Mean(2.0)
    real = clip(0.3, batch=2).requires_grad_()
    pixels = real[0].numel()
    penalty = r1_penalty(discriminator(real), real)
    assert penalty.item() == pytest.approx(4 / pixels / 2)
    penalty.backward()
    assert discriminator.slope.grad is not None
    assert discriminator.slope.grad.item() == pytest.approx(2 / pixels)


def test_r1_does_not_grow_with_the_number_of_patches() -> None:
    weight = torch.randn(1, 3, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    for size in (2, 4, 8):
        real = torch.zeros(2, 3, 3, size, size, requires_grad=True)
        scores = nn.functional.conv3d(real, weight, stride=(1, 2, 2))
        assert r1_penalty(scores, real).item() == pytest.approx(weight.square().sum().item() / 2, rel=1e-5)


def test_adaptive_weight_is_the_ratio_of_gradients() -> None:
    last = torch.tensor([1.0, 2.0], requires_grad=True)
    others, adversarial = 3 * last[0] + 4 * last[1], 0.5 * last[0]
    weight = adaptive_weight(others, adversarial, last)
    assert weight.item() == pytest.approx(5 / (0.5 + 1e-6))
    assert not weight.requires_grad
    assert adaptive_weight(others, 0 * last[0], last).item() == 1e4
    (others + weight * adversarial).backward()


def test_the_generators_term_is_weighted_and_leaves_the_discriminator_alone() -> None:
    discriminator = Mean(2.0)
    last = torch.tensor(0.25, requires_grad=True)
    reconstruction = clip(1.0) * last
    others = 3 * reconstruction.mean()
    # D(x) = 0.5, so the loss is -0.5; its slope at the last layer is -2, that of the others 3.
    plain = game().generator_term(discriminator, reconstruction, others, last)
    assert plain.item() == pytest.approx(0.5 * -0.5)
    adapted = game(adaptive=True).generator_term(discriminator, reconstruction, others, last)
    assert adapted.item() == pytest.approx(0.5 * 1.5 * -0.5, rel=1e-5)
    adapted.backward()
    assert last.grad is not None
    assert last.grad.item() == pytest.approx(0.5 * 1.5 * -2, rel=1e-5)
    assert discriminator.slope.grad is None
    assert discriminator.slope.requires_grad


def test_the_discriminators_terms_have_a_penalty_every_few_steps() -> None:
    discriminator = Mean(2.0)
    reconstruction, target = clip(0.25).requires_grad_(), clip(-0.5)
    for step, due in ((4, True), (5, False), (6, False), (7, True)):
        terms = game().discriminator_terms(discriminator, reconstruction, target, step)
        # D is -1 for the real one and 0.5 for the false one.
        assert terms["discriminator"].item() == pytest.approx(2 + 1.5)
        assert ("r1" in terms) == due
        if due:
            assert terms["r1"].item() == pytest.approx(10 * 3 * 4 / 96 / 2)
    torch.stack(list(terms.values())).sum().backward()
    assert discriminator.slope.grad is not None
    assert reconstruction.grad is None
    assert not target.requires_grad
    assert game(r1_weight=0.0).discriminator_terms(discriminator, reconstruction, target, 4).keys() == {"discriminator"}


def test_the_game_begins_at_its_step() -> None:
    assert [game().active(step) for step in (0, 3, 4, 5)] == [False, False, True, True]


def test_a_recipe_has_the_game_it_asks_for() -> None:
    settings = LossSettings(perceptual="none", adversarial="non-saturating", adversarial_start=7, r1_weight=0.0)
    assert build_losses(settings, "cpu").adversarial == Adversarial(
        kind="non-saturating", weight=1.0, start=7, adaptive=True, r1_weight=0.0, r1_every=16
    )
    assert build_losses(LossSettings(perceptual="none"), "cpu").adversarial is None


TWO = """
import sys
import torch
from torch import distributed
from tokenbench_cosmos.training.losses.adversarial import adaptive_weight

rank = int(sys.argv[1])
distributed.init_process_group("gloo", init_method=f"file://{sys.argv[2]}", rank=rank, world_size=2)
last = torch.tensor([1.0, 1.0], requires_grad=True)
print(adaptive_weight(last @ torch.tensor([[6.0, 0.0], [0.0, 8.0]][rank]), last[0] * [1, 3][rank], last).item())
distributed.destroy_process_group()
"""


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch has no torch.distributed here")
def test_processes_share_one_adaptive_weight(tmp_path: Path) -> None:
    # Mean gradients (3, 4) and (2, 0): 5 / 2. Alone they would say 6 and 8 / 3.
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TWO, str(rank), str(tmp_path / "meet")],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        for rank in range(2)
    ]
    for process in processes:
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        assert float(out) == pytest.approx(2.5, rel=1e-5)
