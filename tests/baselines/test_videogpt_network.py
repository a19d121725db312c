"""VideoGPT's blocks, each computed a second time from its definition."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from lightning_support import State, held, listed, liven, needs_facts
from torch import Tensor

from tokenbench_baselines.videogpt.cards import CARDS
from tokenbench_baselines.videogpt.codebook import Codebook
from tokenbench_baselines.videogpt.network import (
    AxialAttention,
    ResidualBlock,
    SameConv3d,
    SameConvTranspose3d,
    Triple,
    VideoGpt,
    strides_of,
)

COMPRESSIONS = [card.info.compression for card in CARDS]


@needs_facts
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_tensors_are_those_of_the_released_state_dict(compression: Triple) -> None:
    with torch.device("meta"):
        assert held(VideoGpt(compression)) == listed("videogpt")


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.info.name)
def test_the_card_counts_the_parameters(card) -> None:
    with torch.device("meta"):
        module = VideoGpt(card.info.compression)
    assert sum(parameter.numel() for parameter in module.parameters()) == card.info.parameters


def test_time_is_halved_once_or_twice() -> None:
    assert strides_of((4, 4, 4)) == [(2, 2, 2), (2, 2, 2)]
    assert strides_of((2, 4, 4)) == [(2, 2, 2), (1, 2, 2)]
    assert strides_of((4, 2, 2)) == [(2, 2, 2), (2, 1, 1)]


@pytest.mark.parametrize(("kernel", "stride"), [(4, (2, 2, 2)), (4, (1, 2, 2)), (4, (2, 1, 1)), (3, (1, 1, 1))])
def test_a_convolution_has_the_larger_half_of_its_zeros_in_front(kernel: int, stride: Triple) -> None:
    torch.manual_seed(0)
    conv = SameConv3d(2, 3, kernel, stride)
    x = torch.randn(1, 2, 4, 6, 4)
    front = [math.ceil((kernel - step) / 2) for step in stride]
    expected = conv.conv.bias[:, None, None, None].repeat(
        1, *(n // s for n, s in zip(x.shape[2:], stride, strict=True))
    )
    for place in itertools.product(*(range(n) for n in expected.shape[1:])):
        for tap in itertools.product(range(kernel), repeat=3):
            at = [p * s + k - f for p, s, k, f in zip(place, stride, tap, front, strict=True)]
            if all(0 <= a < n for a, n in zip(at, x.shape[2:], strict=True)):
                expected[(slice(None), *place)] += conv.conv.weight[(..., *tap)] @ x[(0, slice(None), *at)]
    torch.testing.assert_close(conv(x)[0], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("stride", [(2, 2, 2), (1, 2, 2), (2, 1, 1)])
def test_a_transposed_convolution_has_them_around_its_input(stride: Triple) -> None:
    torch.manual_seed(0)
    conv = SameConvTranspose3d(2, 3, 4, stride)
    x = torch.randn(1, 2, 3, 2, 3)
    front = [math.ceil((4 - step) / 2) for step in stride]
    expected = conv.convt.bias[:, None, None, None].repeat(
        1, *(n * s for n, s in zip(x.shape[2:], stride, strict=True))
    )
    for place in itertools.product(*(range(n) for n in x.shape[2:])):
        for tap in itertools.product(range(4), repeat=3):
            at = [(p + f) * s + k - 3 for p, s, k, f in zip(place, stride, tap, front, strict=True)]
            if all(0 <= a < n for a, n in zip(at, expected.shape[1:], strict=True)):
                expected[(slice(None), *at)] += x[(0, slice(None), *place)] @ conv.convt.weight[(..., *tap)]
    torch.testing.assert_close(conv(x)[0], expected, rtol=0, atol=1e-5)


def axial(state: State, prefix: str, x: Tensor) -> Tensor:
    """The sum of three attentions, B x C x T x H x W."""
    total = torch.zeros_like(x)
    for axis, letters in (("w", "bcthw"), ("h", "bctwh"), ("t", "bchwt")):
        weights = {name: state[f"{prefix}attn_{axis}.{name}.weight"] for name in ("w_qs", "w_ks", "w_vs", "fc")}
        lines = torch.einsum(f"bcthw->{letters}", x)
        q, k, v = (
            torch.einsum("bcpql,dc->bdpql", lines, weights[name]).unflatten(1, (2, 120))
            for name in ("w_qs", "w_ks", "w_vs")
        )
        logits = torch.einsum("bndpqi,bndpqj->bnpqij", q, k) / math.sqrt(120)
        mixed = torch.einsum("bnpqij,bndpqj->bndpqi", logits.softmax(-1), v).flatten(1, 2)
        mixed = torch.einsum("bcpql,dc->bdpql", mixed, weights["fc"])
        mixed = mixed + state[f"{prefix}attn_{axis}.fc.bias"][:, None, None, None]
        total += torch.einsum(f"{letters}->bcthw", mixed)
    return total


def normalised(state: State, prefix: str, x: Tensor) -> Tensor:
    """Batch normalisation by what was seen in training."""
    mean, var, weight, bias = (
        state[f"{prefix}.{name}"][:, None, None, None] for name in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / torch.sqrt(var + 1e-5) * weight + bias


def block(state: State, prefix: str, x: Tensor) -> Tensor:
    """A residual block."""
    y = normalised(state, f"{prefix}block.0", x).relu()
    y = F.conv3d(y, state[f"{prefix}block.2.conv.weight"], padding=1)
    y = normalised(state, f"{prefix}block.3", y).relu()
    y = torch.einsum("bcthw,dc->bdthw", y, state[f"{prefix}block.5.conv.weight"].flatten(1))
    y = normalised(state, f"{prefix}block.6", y).relu()
    return x + axial(state, f"{prefix}block.8.", y)


def stack(state: State, half: str, x: Tensor) -> Tensor:
    for index in range(4):
        x = block(state, f"{half}.res_stack.{index}.", x)
    return normalised(state, f"{half}.res_stack.4", x).relu()


def margins(stride: Triple) -> list[int]:
    return [side for step in reversed(stride) for side in ((1, 1) if step == 2 else (2, 1))]


def features_by_definition(state: State, strides: list[Triple], x: Tensor) -> Tensor:
    for index, stride in enumerate(strides):
        name = f"encoder.convs.{index}.conv"
        x = F.conv3d(F.pad(x, margins(stride)), state[f"{name}.weight"], state[f"{name}.bias"], stride).relu()
    x = F.conv3d(x, state["encoder.conv_last.conv.weight"], state["encoder.conv_last.conv.bias"], padding=1)
    x = stack(state, "encoder", x)
    return F.conv3d(x, state["pre_vq_conv.conv.weight"], state["pre_vq_conv.conv.bias"])


def pixels_by_definition(state: State, strides: list[Triple], codes: Tensor) -> Tensor:
    x = state["codebook.embeddings"][codes].permute(0, 4, 1, 2, 3)
    x = F.conv3d(x, state["post_vq_conv.conv.weight"], state["post_vq_conv.conv.bias"])
    x = stack(state, "decoder", x)
    for index, stride in enumerate(strides):
        x = x if index == 0 else x.relu()
        weight, bias = (state[f"decoder.convts.{index}.convt.{name}"] for name in ("weight", "bias"))
        x = F.conv_transpose3d(F.pad(x, margins(stride)), weight, bias, stride, padding=3)
    return x


@torch.no_grad()
def test_attention_is_the_sum_of_one_along_each_axis() -> None:
    torch.manual_seed(0)
    attention = AxialAttention()
    x = torch.randn(2, 240, 2, 3, 4)
    torch.testing.assert_close(attention(x), axial(attention.state_dict(), "", x), rtol=0, atol=1e-5)


@torch.no_grad()
def test_a_block_adds_its_bottleneck_to_what_came_in() -> None:
    torch.manual_seed(0)
    module = liven(ResidualBlock())
    x = torch.randn(1, 240, 2, 3, 2)
    torch.testing.assert_close(module(x), block(module.state_dict(), "", x), rtol=0, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("compression", [(2, 4, 4), (4, 2, 2)])
def test_the_network_is_its_blocks_in_their_order(compression: Triple) -> None:
    torch.manual_seed(0)
    module = VideoGpt(compression)
    liven(module)
    state, strides = module.state_dict(), strides_of(compression)
    video = torch.rand(2, 3, 4, 8, 12) - 0.5
    features = features_by_definition(state, strides, video)
    assert features.std() > 0.1
    given = module.pre_vq_conv(module.encoder(video))
    torch.testing.assert_close(given, features, rtol=1e-4, atol=1e-4)
    # Codes of another network's features would nearly all be one and the same.
    state["codebook.embeddings"][:16] = features.movedim(1, -1).flatten(0, -2)[:16]
    codes = module.encode(video)
    distances = torch.cdist(features.movedim(1, -1).flatten(0, -2).double(), state["codebook.embeddings"].double())
    assert torch.equal(codes.flatten(), distances.argmin(1))
    assert len(codes.unique()) >= 10
    torch.testing.assert_close(module.decode(codes), pixels_by_definition(state, strides, codes), rtol=1e-4, atol=1e-4)


def test_the_lower_of_two_equally_near_codes_is_taken() -> None:
    codebook = Codebook(4, 2)
    codebook.embeddings.copy_(torch.tensor([[5.0, 0], [1, 0], [-1, 0], [1, 0]]))
    assert codebook.nearest(torch.tensor([[[1.0, 0], [0, 3], [9, 0], [-0.1, 0]]])).tolist() == [[1, 1, 0, 2]]


def test_a_long_list_of_vectors_is_looked_up_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    codebook, vectors = Codebook(32, 8), torch.randn(3, 5, 8)
    whole = codebook.nearest(vectors)
    monkeypatch.setattr("tokenbench_baselines.videogpt.codebook._DISTANCES", 64)
    assert torch.equal(codebook.nearest(vectors), whole)
    assert len(whole.unique()) > 5
