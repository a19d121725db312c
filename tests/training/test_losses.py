"""Each term against numbers worked out by hand, on maps and flows that are written down."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from tokenbench.datasets.table import read_table
from tokenbench.errors import Problems, TokenBenchError
from tokenbench_cosmos.training.losses import Losses, LossSettings, build_losses
from tokenbench_cosmos.training.losses.flow import Flow
from tokenbench_cosmos.training.losses.gram import Gram
from tokenbench_cosmos.training.losses.perceptual import Perceptual
from tokenbench_cosmos.training.losses.pixels import L1, Decibels, Rmse


def frames(*values: float) -> Tensor:
    """A clip of frames of one value each, 1 x 3 x T x 4 x 6."""
    return torch.tensor(values).view(1, 1, -1, 1, 1).expand(1, 3, len(values), 4, 6).clone()


def test_rmse_is_the_mean_root_over_samples() -> None:
    # Samples with squared differences 0.25 and 0, and with 0.04 twice: roots of their means, mean of both.
    ours, theirs = torch.cat([frames(0.5, 0), frames(0.2, -0.2)]), torch.zeros(2, 3, 2, 4, 6)
    assert Rmse()(ours, theirs).item() == pytest.approx((0.125**0.5 + 0.2) / 2, rel=1e-5)
    same = theirs.clone().requires_grad_(True)
    Rmse()(same, theirs).backward()
    assert same.grad is not None
    assert same.grad.abs().max() == 0


def test_decibels_count_from_the_error_of_rounding_and_alike_in_all_samples() -> None:
    # Squared errors of 999 and of 9 times that of rounding: 30 and 10 dB.
    rounding = (2 / 255) ** 2 / 12
    ours = torch.cat([frames((999 * rounding) ** 0.5), frames((9 * rounding) ** 0.5)]).requires_grad_(True)
    found = Decibels()(ours, torch.zeros(2, 3, 1, 4, 6))
    assert found.item() == pytest.approx(20, rel=1e-5)
    found.backward()
    assert ours.grad is not None
    # 20 / ln 10 * d / (d^2 + rounding) over all values: relative changes count alike, but near the floor.
    slopes = (ours.grad * ours).detach().flatten(1).sum(1)
    assert slopes.tolist() == pytest.approx([10 / math.log(10) * 0.999, 10 / math.log(10) * 0.9], rel=1e-4)


def test_the_watch_sees_decibels_on_a_linear_scale() -> None:
    settings = LossSettings(decibels_weights=(0.01, 0.02), decibels_boundaries=(5,))
    assert settings.size_of_error("decibels", 0.4, 4) == pytest.approx(100)
    assert settings.size_of_error("decibels", 0.4, 5) == pytest.approx(10)
    assert settings.size_of_error("rmse", 0.4, 5) == 0.4


def test_l1_is_the_mean_difference() -> None:
    # |0.5 - 0| and |-0.5 - 0.25|, mean 0.625.
    assert L1()(frames(0.5, -0.5), frames(0, 0.25)).item() == pytest.approx(0.625)


# Two depths, one sample, two frames, one or two channels, 1 x 2 and 1 x 1 pixels.
FIRST_X = torch.tensor([[1.0, 2.0], [3.0, 5.0]]).view(1, 2, 1, 1, 2)
FIRST_Y = torch.tensor([[1.0, 4.0], [3.0, 1.0]]).view(1, 2, 1, 1, 2)
SECOND_X = torch.tensor([[1.0, 2.0], [0.0, 1.0]]).view(1, 2, 2, 1, 1)
SECOND_Y = torch.tensor([[1.0, 0.0], [2.0, 1.0]]).view(1, 2, 2, 1, 1)
WEIGHTS = (0.5, 3.0)


def test_perceptual_weighs_the_mean_difference_of_every_depth() -> None:
    # First depth: (0 + 2 + 0 + 4) / 4 = 1.5; second: (0 + 2 + 2 + 0) / 4 = 1. Weighted: 0.75 + 3.
    maps = (FIRST_X, SECOND_X), (FIRST_Y, SECOND_Y)
    assert Perceptual("code", WEIGHTS)(*maps).item() == pytest.approx(3.75)
    # Two frames summed, two depths averaged: times 2 / 2; of one frame alone, (0 + 2) / 2 and (0 + 2) / 2, halved.
    assert Perceptual("paper", WEIGHTS)(*maps).item() == pytest.approx(3.75)
    alone = [[side[:, :1] for side in sides] for sides in maps]
    assert Perceptual("paper", WEIGHTS)(*alone).item() == pytest.approx((0.5 * 1 + 3 * 1) / 2)


def test_gram_of_a_clip_is_squared_and_of_frames_absolute() -> None:
    # First depth, G = mean of squares by frame: x (1 + 4) / 2 = 2.5, (9 + 25) / 2 = 17; y 8.5, 5: differences -6, 12.
    # Clip: (-6 + 12) / 2 = 3, squared 9. Frames: 6 + 12 = 18.
    # Second depth, outer products: x [[1, 2], [2, 4]], [[0, 0], [0, 1]]; y [[1, 0], [0, 0]], [[4, 2], [2, 1]].
    # Differences [[0, 2], [2, 4]], [[-4, -2], [-2, 0]]. Clip: [[-2, 0], [0, 2]], squared mean 2. Frames: 2 + 2 = 4.
    maps = (FIRST_X, SECOND_X), (FIRST_Y, SECOND_Y)
    assert Gram("code", WEIGHTS)(*maps).item() == pytest.approx(0.5 * 9 + 3 * 2)
    assert Gram("paper", WEIGHTS)(*maps).item() == pytest.approx((0.5 * 18 + 3 * 4) / 2)


def test_gram_does_not_mind_where_features_are() -> None:
    x = torch.rand(2, 3, 4, 5, 6, generator=torch.Generator().manual_seed(0))
    shuffled = x.flatten(3)[..., torch.randperm(30, generator=torch.Generator().manual_seed(1))].view_as(x)
    for form in ("code", "paper"):
        assert Gram(form, [1.0])([shuffled], [x]).item() < 1e-6
        assert Perceptual(form, [1.0])([shuffled], [x]).item() > 0.1


class Brightening:
    """Takes the rise of the first two channels for motion."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, ...]] = []

    def flow(self, x: Tensor, y: Tensor) -> Tensor:
        self.sizes.append(tuple(x.shape))
        return (y - x)[:, :2]


def test_flow_compares_both_directions_at_half_size() -> None:
    # Rises 0.1, 0.2 and 0.1, 0.1: differences 0, 0.1, and backwards 0, -0.1; doubled, their mean size is 0.1.
    network: Any = Brightening()
    x, y = frames(0, 0.1, 0.3), frames(0, 0.1, 0.2)
    assert Flow("code", network)(x, y).item() == pytest.approx(0.1)
    assert Flow("paper", network)(x, y).item() == pytest.approx(0.2)
    assert set(network.sizes) == {(4, 3, 2, 3)}


def test_flow_has_gradients_to_the_reconstruction_only() -> None:
    network: Any = Brightening()
    x, y = frames(0, 0.1, 0.3).requires_grad_(), frames(0, 0.1, 0.2).requires_grad_()
    Flow("code", network)(x, y).backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    assert y.grad is None


def test_a_weight_is_the_first_before_its_boundary_and_then_the_next() -> None:
    settings = LossSettings(l1_weights=(1.0, 0.5, 0.25), l1_boundaries=(3, 5), perceptual="none")
    assert [settings.weights(step)["l1"] for step in range(7)] == [1, 1, 1, 0.5, 0.5, 0.25, 0.25]


def test_defaults_are_those_of_the_published_code() -> None:
    settings = replace(LossSettings(), flow="raft-large")
    assert settings.weights(0) == {"l1": 1, "perceptual": 0.1}
    assert settings.weights(249_999) == {"l1": 1, "perceptual": 0.1}
    assert settings.weights(250_000) == {"l1": 1, "perceptual": 0.1, "flow": 0.01}
    assert settings.weights(500_000) == {"l1": 1, "perceptual": 0.073, "gram": 0.062, "flow": 0.01}
    assert settings.layer_weights == pytest.approx((0.384615, 0.208333, 0.270270, 0.178571, 6.666667), abs=1e-6)


class Counted:
    """Maps that are the pixels; counts its calls, and those with gradients."""

    def __init__(self) -> None:
        self.calls: list[bool] = []

    def __call__(self, frames: Tensor) -> list[Tensor]:
        self.calls.append(torch.is_grad_enabled())
        return [frames]


def losses_of(settings: LossSettings, features: Any = None, flow: Any = None) -> Losses:
    return Losses(
        settings=settings,
        l1=L1(),
        rmse=Rmse(),
        decibels=Decibels(),
        features=features,
        perceptual=Perceptual(settings.form, [1.0]),
        gram=Gram(settings.form, [1.0]),
        flow=flow and Flow(settings.form, flow),
        adversarial=None,
    )


STAGES = LossSettings(
    perceptual_weights=(0, 0.5, 0),
    perceptual_boundaries=(10, 20),
    gram_weights=(0, 2.0),
    gram_boundaries=(15,),
    flow="raft-large",
    flow_weights=(0, 3.0),
    flow_boundaries=(20,),
)


def test_only_terms_with_a_weight_are_computed() -> None:
    features, motion = Counted(), Brightening()
    losses = losses_of(STAGES, features, motion)
    x, y = frames(0, 0.1, 0.3), frames(0, 0.1, 0.2)
    for step, expected, calls in (
        (9, {"l1"}, 0),
        (10, {"l1", "perceptual"}, 2),
        (15, {"l1", "perceptual", "gram"}, 2),
        (20, {"l1", "gram", "flow"}, 2),
    ):
        features.calls.clear()
        motion.sizes.clear()
        assert losses.terms(x, y, step).keys() == expected
        assert features.calls == [False, True][: calls or 0], "of the target without gradients, once for both terms"
        assert bool(motion.sizes) == ("flow" in expected)


def test_terms_are_weighted_and_scalars_of_float32() -> None:
    x, y = frames(0, 0.1, 0.3), frames(0, 0.1, 0.2)
    terms = losses_of(STAGES, Counted(), Brightening()).terms(x, y, 20)
    # G is v^2 in all nine places; 0.09 - 0.04 = 0.05 in the last of three frames, their mean squared.
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(
        {"l1": 0.1 / 3, "gram": 2 * (0.05 / 3) ** 2, "flow": 3 * 0.1}, rel=1e-4
    )
    for term in terms.values():
        assert term.shape == ()
        assert term.dtype == torch.float32


def test_a_single_frame_has_no_flow() -> None:
    motion = Brightening()
    terms = losses_of(STAGES, Counted(), motion).terms(frames(0.5), frames(0.25), 20)
    assert terms.keys() == {"l1", "gram"}
    assert not motion.sizes


def test_another_size_than_the_target_is_refused() -> None:
    with pytest.raises(ValueError, match="reconstruction of"):
        losses_of(STAGES).terms(frames(0, 1), frames(0), 0)


def problems(**values: Any) -> tuple[str, ...]:
    with pytest.raises(Problems) as error:
        build_losses(LossSettings(**values), "cpu")
    return error.value.lines


def test_settings_that_mean_nothing_are_named() -> None:
    assert problems(l1_weights=(1.0, 2.0), gram_boundaries=(5, 5), gram_weights=(0.0, 1.0, 2.0)) == (
        "losses.l1_weights has 2 values and l1_boundaries 0, expected one weight more than boundaries",
        "losses.gram_boundaries is [5, 5], expected rising steps",
    )
    assert problems(l1_weights=()) == (
        "losses.l1_weights has 0 values and l1_boundaries 0, expected one weight more than boundaries",
    )
    assert problems(layer_weights=(1.0,), r1_every=0, discriminator_layers=0) == (
        "losses.layer_weights has 1 values, expected 5",
        "losses.r1_every is 0, expected 1 or more",
        "losses.discriminator_layers is 0, expected 1 or more",
    )
    (line,) = problems(l1_weights=(1.0, 0.0), l1_boundaries=(7,), perceptual="none", flow="raft-large")
    assert line.startswith("losses: nothing is left to minimise at step 7 ")


def test_a_table_with_an_unknown_network_is_refused_with_the_choices() -> None:
    settings = read_table(LossSettings, {"perceptual": "none", "l1_weights": [2], "adversarial": "hinge"}, "losses")
    assert settings.weights(0) == {"l1": 2}
    with pytest.raises(TokenBenchError, match="expected 'vgg19' or 'vgg16' or 'hed-vgg16' or 'st-lpips-vgg' or 'none'"):
        read_table(LossSettings, {"perceptual": "vgg"}, "losses")
